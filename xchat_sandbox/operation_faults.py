"""Faults of the two operations, queued by a test; each befalls one request that it is meant for.

================  =============================================================  ======================================
kind              what happens                                                   members
================  =============================================================  ======================================
``status``        an answer of the status; nothing else is done                  status, [problem, form, headers]
``body``          an answer of any kind; nothing else is done                    body, [content_type, status, headers]
``partial``       all as usual, but a good answer has ``errors`` beside its      [errors, data, headers]
                  ``data``, or in place of it if ``data`` is false
``delay``         a pause, then all as usual                                     seconds, [headers]
``drip``          the usual answer, its body in pieces with pauses between them  bytes, seconds, [headers]
``drip-headers``  the same for all of the answer, from its first byte on; the    bytes, seconds, [headers]
                  connection is closed behind it
``drop-before``   the connection is closed; nothing is done
``drop-after``    all as usual, but the connection is closed without an answer
``reset``         the usual answer, but the connection is reset after half of    [headers]
                  its body
``truncated``     the usual answer, whole as HTTP, but with half of its body     [headers]
================  =============================================================  ======================================

Every kind may also have these members:

``operation``, ``conversation_id``
    Only requests of this operation (``getChatConversation`` or ``markChatConversationRead``), or for this id as it
    stands in the path, are befallen. Of the faults that are meant for a request, the first in the queue befalls it.
``times``
    How many requests are befallen, 1 if it is left out; null for all, until the faults are cleared.

A ``status`` is answered with one of these bodies: a ``problem``, named by the end of its type URI (without one,
``about:blank``), or in place of a problem a ``form``: ``legacy`` is ``{"errors": [{"code": …, "message": …}]}``,
``flat`` is ``{"code": …, "message": …}``, ``html`` is a page and ``empty`` is nothing. ``headers`` are added to
an answer or replace its own, those about rate limits among them; a null removes one.

``drop-before`` and ``delay`` befall a request when it arrives: the rate limits never count it after the first, and
count it after the pause of the second. All others befall a request that was let in, and was counted as any other: one
that is refused for its token, its scopes or a limit (401, 403 ``client-forbidden``, 429) leaves them in the queue. One
that is refused later (400, 403, 404, 415) does not: this refusal is then the usual answer.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xchat_sandbox.contract import GET_CONVERSATION, MARK_READ
from xchat_sandbox.fault_members import (
    COMMON_CHECKS,
    NO_BODY,
    Checks,
    Kinds,
    is_header_name,
    is_text,
    is_whole_number,
    read_fault,
)
from xchat_sandbox.json_wire import is_json_object
from xchat_sandbox.problem_samples import SAMPLES

FORMS = ("legacy", "flat", "html", "empty")

_ON_ARRIVAL = frozenset({"drop-before", "delay"})
_OF_ALL = {"times": False, "operation": False, "conversation_id": False}
_KINDS: Kinds = {
    kind: {**_OF_ALL, **members}
    for kind, members in {
        "status": {"status": True, "problem": False, "form": False, "headers": False},
        "body": {"body": True, "content_type": False, "status": False, "headers": False},
        "partial": {"errors": False, "data": False, "headers": False},
        "delay": {"seconds": True, "headers": False},
        "drip": {"bytes": True, "seconds": True, "headers": False},
        "drip-headers": {"bytes": True, "seconds": True, "headers": False},
        "drop-before": {},
        "drop-after": {},
        "reset": {"headers": False},
        "truncated": {"headers": False},
    }.items()
}
# The server says these itself, and would break off an answer that says otherwise.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})
_MOST = 1_000_000


def _is_headers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        is_header_name(name) and name.lower() not in _FRAMING and (each is None or is_text(each))
        for name, each in value.items()
    )


_CHECKS: Checks = {
    **COMMON_CHECKS,
    "headers": _is_headers,
    "times": lambda value: value is None or is_whole_number(value, 1, _MOST),
    "operation": lambda value: value in (None, GET_CONVERSATION, MARK_READ),  # may have no hash, so no set
    "conversation_id": lambda value: value is None or isinstance(value, str),
    "problem": lambda value: isinstance(value, str) and value in SAMPLES,
    "form": lambda value: value in FORMS,
    "errors": lambda value: isinstance(value, list) and bool(value) and all(map(is_json_object, value)),
    "data": lambda value: isinstance(value, bool),
    "bytes": lambda value: is_whole_number(value, 1, _MOST),
}


@dataclass(frozen=True)
class OperationFault:
    """One fault, as the table above has it; a member that its kind does not have keeps its default.

    :param kind: the kind.
    :param times: how many requests it befalls; None for all.
    :param operation: the operation it is meant for; None for both.
    :param conversation_id: the id it is meant for, as it stands in the path; None for all.
    :param status: the HTTP status.
    :param problem: the end of a problem's type URI, or ``about:blank``.
    :param form: another form of an error.
    :param body: the body; any text.
    :param content_type: the media type of the body.
    :param errors: the errors of a partial answer; None for one that has been made up.
    :param data: whether a partial answer has data.
    :param bytes: the length of a piece.
    :param seconds: the length of a pause.
    :param headers: headers to add, replace or, with None, remove.
    """

    kind: str
    times: int | None = 1
    operation: str | None = None
    conversation_id: str | None = None
    status: int = 200
    problem: str | None = None
    form: str | None = None
    body: str = ""
    content_type: str = "text/html"
    errors: list[Mapping[str, Any]] | None = None
    data: bool = True
    bytes: int = 1
    seconds: float = 0
    headers: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, members: Any) -> "OperationFault":
        """Read a fault.

        :param members: a dict with ``kind`` and its members.
        :returns: the fault.
        :raises ValueError: if it is none.
        """
        fault = cls(**read_fault(members, "a fault", _KINDS, _CHECKS))
        if fault.problem is not None and fault.form is not None:
            raise ValueError("a fault has a problem or a form, not both")
        if fault.kind == "status" and fault.status in NO_BODY and fault.form != "empty":
            raise ValueError(f"a fault with the status {fault.status} has no body: its form must be empty")
        return fault

    def is_meant_for(self, operation_id: str, conversation_id: str) -> bool:
        """Tell whether the fault may befall a request.

        :param operation_id: the operation.
        :param conversation_id: the id in the path.
        :returns: whether it may.
        """
        return self.operation in {None, operation_id} and self.conversation_id in {None, conversation_id}


NO_FAULT = OperationFault("none")


@dataclass
class _Waiting:
    fault: OperationFault
    left: int | None


class OperationFaults:
    """The faults that wait for requests of the operations."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        # A test queues them in its own thread, and requests take them in the sandbox's.
        self._lock = threading.Lock()

    def add(self, faults: Iterable[Mapping[str, Any]]) -> int:
        """Queue more faults; all of them, or none if one is wrong.

        :param faults: the faults.
        :returns: how many wait now; one that befalls several requests counts as one.
        :raises ValueError: if one is no fault.
        """
        read = [OperationFault.from_dict(fault) for fault in faults]
        with self._lock:
            self._waiting.extend(_Waiting(fault, fault.times) for fault in read)
            return len(self._waiting)

    def take(self, operation_id: str, conversation_id: str, *, on_arrival: bool) -> OperationFault:
        """Take the next fault that is meant for a request.

        :param operation_id: the operation.
        :param conversation_id: the id in the path.
        :param on_arrival: whether the request has just arrived, or has been let in.
        :returns: the fault; ``NO_FAULT`` if none is meant for it, or the next one does not befall it now.
        """
        with self._lock:
            for place, waiting in enumerate(self._waiting):
                if waiting.fault.is_meant_for(operation_id, conversation_id):
                    if (waiting.fault.kind in _ON_ARRIVAL) != on_arrival:
                        break
                    if waiting.left is not None:
                        waiting.left -= 1
                    if waiting.left == 0:
                        del self._waiting[place]
                    return waiting.fault
        return NO_FAULT

    def clear(self) -> None:
        """Empty the queue."""
        with self._lock:
            self._waiting.clear()
