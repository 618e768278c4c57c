"""Faults of the token endpoint. A test queues them; each applies to one token request of any kind.

=====================  ================================================================  ==================
kind                   effect                                                            members
=====================  ================================================================  ==================
``status``             a response without a body; the request has no effect              status, [headers]
``body``               any response; the request has no effect                           body, [content_type,
                                                                                         status, headers]
``drop-before``        the socket is closed; the request has no effect
``delay``              a pause before the request is handled                             seconds
``rotate-then-drop``   the request has its effect; the socket is closed
``rotate-then-delay``  the request has its effect; a pause before the response           seconds
``answer``             members of a successful response are set or removed               [set, remove]
=====================  ================================================================  ==================
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xchat_sandbox.faults.members import COMMON_CHECKS, Kinds, validated_members

_KINDS: Kinds = {
    "status": {"status": True, "headers": False},
    "body": {"body": True, "content_type": False, "status": False, "headers": False},
    "drop-before": {},
    "delay": {"seconds": True},
    "rotate-then-drop": {},
    "rotate-then-delay": {"seconds": True},
    "answer": {"set": False, "remove": False},
}


@dataclass(frozen=True)
class TokenFault:
    """Fault of the token endpoint, with the members in the table above.

    :param kind: the kind.
    :param status: the HTTP status.
    :param seconds: length of the pause.
    :param body: the body, any text.
    :param content_type: the media type of the body.
    :param headers: additional headers of the response.
    :param set: members to set in a successful response.
    :param remove: members to remove from a successful response.
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
        """Create a fault from its members.

        :param members: a dict with ``kind`` and the members of that kind.
        :return: the fault.
        :raises ValueError: if a member is unknown, missing or invalid.
        """
        return cls(**validated_members(members, "a token fault", _KINDS, COMMON_CHECKS))

    def apply_to(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Set and remove members of a successful response.

        :param answer: the response document.
        :return: the document to send.
        """
        removed = frozenset(self.remove)
        return {name: value for name, value in {**answer, **self.set}.items() if name not in removed}


NO_FAULT = TokenFault("none")


class TokenFaults:
    """Queue of faults of the token endpoint."""

    def __init__(self) -> None:
        self._waiting: deque[TokenFault] = deque()

    def add(self, faults: Iterable[Mapping[str, Any]]) -> int:
        """Queue faults; none if one of them is invalid.

        :param faults: the faults, in the order of the token requests they apply to.
        :return: the number of waiting faults.
        :raises ValueError: if a fault is invalid.
        """
        self._waiting.extend([TokenFault.from_dict(fault) for fault in faults])
        return len(self._waiting)

    def take(self) -> TokenFault:
        """Take the first fault.

        :return: the fault; ``NO_FAULT`` if the queue is empty.
        """
        # No check for an empty queue first: another thread may clear it in between.
        try:
            return self._waiting.popleft()
        except IndexError:
            return NO_FAULT

    def clear(self) -> None:
        """Remove all waiting faults."""
        self._waiting.clear()
