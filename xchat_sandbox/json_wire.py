"""JSON as it crosses the wire: strict when read, plain ASCII when written."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from starlette.responses import JSONResponse


def strict_loads(text: bytes, **_parameters: str) -> Any:
    """Parse a JSON document, refusing what RFC 8259 does not know.

    :param text: the document's bytes.
    :param _parameters: parameters of the media type; JSON defines none, so they are ignored.
    :returns: the value.
    :raises ValueError: for text that is not JSON, for ``NaN`` and ``Infinity``, and for a document nested
        too deeply to be parsed.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None


def is_json_object(value: Any) -> bool:
    """Tell whether a value can be sent as a JSON object.

    :param value: anything.
    :returns: whether it is a mapping, and JSON has all that is in it.
    """
    try:
        return isinstance(value, Mapping) and json.dumps(value, allow_nan=False) is not None
    except (TypeError, ValueError, RecursionError):
        return False


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class AsciiJSONResponse(JSONResponse):
    """A JSON answer written in ASCII."""

    def render(self, content: Any) -> bytes:
        """Write the document.

        :param content: the value.
        :returns: its bytes.
        """
        # A request may hold a lone surrogate ("\ud800"); quoted back, it cannot be encoded as UTF-8.
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
