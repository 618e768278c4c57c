"""Validation of the members of faults."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from xchat_sandbox.wire.json_documents import is_json_object

NO_BODY = frozenset({204, 205, 304})

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

Checks = Mapping[str, Callable[[Any], bool]]
# For each kind, its members and whether they are required.
Kinds = Mapping[str, Mapping[str, bool]]


def is_text(value: Any) -> bool:
    """Return whether a value is valid in a header.

    :param value: any value.
    :return: whether it is printable ASCII without surrounding spaces.
    """
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()


def is_header_name(value: Any) -> bool:
    """Return whether a value is a valid header name.

    :param value: any value.
    :return: whether it is a token of RFC 9110.
    """
    return isinstance(value, str) and _HEADER_NAME.fullmatch(value) is not None


def is_integer(value: Any, minimum: int, maximum: int) -> bool:
    """Return whether a value is an integer within bounds; a boolean is not.

    :param value: any value.
    :param minimum: the minimum.
    :param maximum: the maximum.
    :return: whether it is.
    """
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum


def _is_duration(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600


def _is_body(value: Any) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _is_headers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(is_header_name(name) and is_text(each) for name, each in value.items())


COMMON_CHECKS: Checks = {
    "status": lambda value: is_integer(value, 200, 599),
    "seconds": _is_duration,
    "body": _is_body,
    "content_type": is_text,
    "headers": _is_headers,
    "set": is_json_object,
    "remove": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
}


def validated_members(members: Any, noun: str, kinds: Kinds, checks: Checks) -> dict[str, Any]:
    """Validate the members of a fault.

    :param members: a dict with ``kind`` and the members of that kind.
    :param noun: the name of the fault in error messages.
    :param kinds: the kinds, each with its members and whether they are required.
    :param checks: for each member, a function that returns whether a value is valid.
    :return: the members, including ``kind``.
    :raises ValueError: if a member is unknown, missing or invalid.
    """
    kind = members.get("kind") if isinstance(members, Mapping) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"invalid kind of {noun}: expected one of {', '.join(kinds)}")
    given = {name: value for name, value in members.items() if name != "kind"}
    if unknown := sorted(map(str, given.keys() - kinds[kind].keys())):
        raise ValueError(f"{noun} of the kind {kind} has no {', '.join(unknown)}")
    if missing := [name for name, needed in kinds[kind].items() if needed and name not in given]:
        raise ValueError(f"{noun} of the kind {kind} needs {', '.join(missing)}")
    if wrong := [name for name, value in given.items() if not checks[name](value)]:
        raise ValueError(f"{noun} of the kind {kind} has a value out of range: {', '.join(wrong)}")
    if given.get("body") and given.get("status") in NO_BODY:
        raise ValueError(f"{noun} with the status {given['status']} has no body")
    return {"kind": kind, **given}
