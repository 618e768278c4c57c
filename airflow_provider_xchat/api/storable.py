"""
Replace values in JSON that Python reads, but databases and other readers refuse. Pure.

Postgres cannot store NUL characters and unpaired surrogates, and NaN and Infinity are not JSON.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

__all__ = ["read_json", "storable_text"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Matches bodies that may contain such values; a search takes a hundredth of the time of reading the body.
_MAYBE_UNSTORABLE = re.compile(rb"\x00|\\u0000|\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|NaN|Infinity|[eE]\+?[0-9]{3}")


def read_json(content: bytes) -> tuple[Any, bool]:
    """
    Read JSON, and replace values that cannot be stored: characters by U+FFFD, NaN and Infinity by null.

    :param content: the JSON
    :return: its value, and whether anything was replaced
    :raises ValueError: when it is not JSON
    """
    value = json.loads(content)
    if not _MAYBE_UNSTORABLE.search(content):
        return value, False
    storable = _storable(value)
    return storable, repr(storable) != repr(value)


def storable_text(text: str) -> str:
    """
    Replace the characters of a text that cannot be stored.

    :param text: the text
    :return: the text with U+FFFD instead of each
    """
    return _UNSTORABLE.sub("\ufffd", text)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {storable_text(name): _storable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value
