"""The members of faults, of whatever endpoint: what each may be, and how a fault is read."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from xchat_sandbox.json_wire import is_json_object

NO_BODY = frozenset({204, 205, 304})

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

Checks = Mapping[str, Callable[[Any], bool]]
# For each kind, its members and whether they are needed.
Kinds = Mapping[str, Mapping[str, bool]]


def is_text(value: Any) -> bool:
    """Tell whether a value can stand in a header.

    :param value: anything.
    :returns: whether it is printable ASCII without spaces around it.
    """
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()


def is_header_name(value: Any) -> bool:
    """Tell whether a header can have a name.

    :param value: anything.
    :returns: whether it is a token of RFC 9110.
    """
    return isinstance(value, str) and _HEADER_NAME.fullmatch(value) is not None


def is_whole_number(value: Any, least: int, most: int) -> bool:
    """Tell whether a value is a whole number within bounds; JSON's true and false are none.

    :param value: anything.
    :param least: the smallest one.
    :param most: the greatest one.
    :returns: whether it is.
    """
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


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
    "status": lambda value: is_whole_number(value, 200, 599),
    "seconds": _is_duration,
    "body": _is_body,
    "content_type": is_text,
    "headers": _is_headers,
    "set": is_json_object,
    "remove": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
}


def read_fault(members: Any, what: str, kinds: Kinds, checks: Checks) -> dict[str, Any]:
    """Read the members of a fault.

    :param members: a dict with ``kind`` and its members.
    :param what: what to call the fault in an error.
    :param kinds: the kinds, each with its members and whether they are needed.
    :param checks: for each member, whether a value is good.
    :returns: the members, ``kind`` among them.
    :raises ValueError: if it is no fault.
    """
    kind = members.get("kind") if isinstance(members, Mapping) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"the kind of {what} must be one of {', '.join(kinds)}")
    given = {name: value for name, value in members.items() if name != "kind"}
    if unknown := sorted(map(str, given.keys() - kinds[kind].keys())):
        raise ValueError(f"{what} of the kind {kind} has no {', '.join(unknown)}")
    if missing := [name for name, needed in kinds[kind].items() if needed and name not in given]:
        raise ValueError(f"{what} of the kind {kind} needs {', '.join(missing)}")
    if wrong := [name for name, value in given.items() if not checks[name](value)]:
        raise ValueError(f"{what} of the kind {kind} has a value out of range: {', '.join(wrong)}")
    if given.get("body") and given.get("status") in NO_BODY:
        raise ValueError(f"{what} with the status {given['status']} has no body")
    return {"kind": kind, **given}
