"""Faults of the token endpoint, queued by a test; each befalls one token request, whatever that asks for.

=====================  ================================================================  ==================
kind                   what happens                                                      members
=====================  ================================================================  ==================
``status``             an answer without a body; nothing else is done                    status, [headers]
``body``               an answer of any kind; nothing else is done                       body, [content_type,
                                                                                         status, headers]
``drop-before``        the connection is closed; nothing else is done
``delay``              a pause, then all as usual                                        seconds
``rotate-then-drop``   all as usual, but the connection is closed without an answer
``rotate-then-delay``  all as usual, then a pause before the answer                      seconds
``answer``             all as usual, then members of a good answer are set or removed    [set, remove]
=====================  ================================================================  ==================
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_NO_BODY = frozenset({204, 205, 304})

# For each kind, its members and whether they are needed.
_KINDS: dict[str, dict[str, bool]] = {
    "status": {"status": True, "headers": False},
    "body": {"body": True, "content_type": False, "status": False, "headers": False},
    "drop-before": {},
    "delay": {"seconds": True},
    "rotate-then-drop": {},
    "rotate-then-delay": {"seconds": True},
    "answer": {"set": False, "remove": False},
}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and 200 <= value <= 599


def _is_duration(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600


def _is_body(value: Any) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _is_json_object(value: Any) -> bool:
    try:
        return isinstance(value, Mapping) and json.dumps(value, allow_nan=False) is not None
    except (TypeError, ValueError):
        return False


def _is_headers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_is_text(each) for pair in value.items() for each in pair)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "status": _is_status,
    "seconds": _is_duration,
    "body": _is_body,
    "content_type": _is_text,
    "headers": _is_headers,
    "set": _is_json_object,
    "remove": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
}


@dataclass(frozen=True)
class TokenFault:
    """One fault, as the table above has it; a member that its kind does not have keeps its default.

    :param kind: the kind.
    :param status: the HTTP status.
    :param seconds: the length of the pause.
    :param body: the body; any text.
    :param content_type: the media type of the body.
    :param headers: more headers of the answer.
    :param set: members to set in a good answer.
    :param remove: members to remove from a good answer.
    """

    kind: str
    status: int = 200
    seconds: float = 0
    body: str = ""
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)
    set: Mapping[str, Any] = field(default_factory=dict)
    remove: Iterable[str] = ()

    @classmethod
    def from_dict(cls, members: Any) -> "TokenFault":
        """Read a fault.

        :param members: a dict with ``kind`` and its members.
        :returns: the fault.
        :raises ValueError: if it is none.
        """
        kind = members.get("kind") if isinstance(members, Mapping) else None
        if not isinstance(kind, str) or kind not in _KINDS:
            raise ValueError(f"the kind of a token fault must be one of {', '.join(_KINDS)}")
        given = {name: value for name, value in members.items() if name != "kind"}
        if unknown := sorted(map(str, given.keys() - _KINDS[kind].keys())):
            raise ValueError(f"a token fault of the kind {kind} has no {', '.join(unknown)}")
        if missing := [name for name, needed in _KINDS[kind].items() if needed and name not in given]:
            raise ValueError(f"a token fault of the kind {kind} needs {', '.join(missing)}")
        if wrong := [name for name, value in given.items() if not _CHECKS[name](value)]:
            raise ValueError(f"a token fault of the kind {kind} has a value out of range: {', '.join(wrong)}")
        if given.get("body") and given.get("status") in _NO_BODY:
            raise ValueError(f"a token fault with the status {given['status']} has no body")
        return cls(kind=kind, **given)

    def changed(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Set and remove members of a good answer.

        :param answer: the answer.
        :returns: the answer to send.
        """
        removed = frozenset(self.remove)
        return {name: value for name, value in {**answer, **self.set}.items() if name not in removed}


NO_FAULT = TokenFault("none")


class TokenFaults:
    """The faults that wait for token requests."""

    def __init__(self) -> None:
        self._waiting: deque[TokenFault] = deque()

    def add(self, faults: Iterable[Mapping[str, Any]]) -> int:
        """Queue more faults; all of them, or none if one is wrong.

        :param faults: the faults, in the order of the token requests they are for.
        :returns: how many wait now.
        :raises ValueError: if one is no fault.
        """
        self._waiting.extend([TokenFault.from_dict(fault) for fault in faults])
        return len(self._waiting)

    def take(self) -> TokenFault:
        """Take the next fault out of the queue.

        :returns: the fault; ``NO_FAULT`` if none waits.
        """
        # Not asked for its length first: another thread may add or clear between the two.
        try:
            return self._waiting.popleft()
        except IndexError:
            return NO_FAULT

    def clear(self) -> None:
        """Empty the queue."""
        self._waiting.clear()
