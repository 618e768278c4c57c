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

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xchat_sandbox.fault_members import COMMON_CHECKS, Kinds, read_fault

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
        return cls(**read_fault(members, "a token fault", _KINDS, COMMON_CHECKS))

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
