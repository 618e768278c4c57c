"""Faults of the two operations. A test queues them; each applies to the next request that it matches.

================  =============================================================  ======================================
kind              effect                                                         members
================  =============================================================  ======================================
``status``        an error response; the request has no effect                   status, [problem, form, headers]
``body``          any response; the request has no effect                        body, [content_type, status, headers]
``partial``       a successful response has ``errors`` in addition to ``data``,  [errors, data, headers]
                  or in place of it if ``data`` is false
``delay``         a pause before the request is handled                          seconds, [headers]
``drip``          the body of the response in pieces, with pauses between them   bytes, seconds, [headers]
``drip-headers``  the whole response in pieces, from the first byte of its       bytes, seconds, [headers]
                  head; the socket is closed after it
``drop-before``   the socket is closed; the request has no effect
``drop-after``    the request has its effect; the socket is closed
``reset``         the socket is reset after half of the response body            [headers]
``truncated``     a valid HTTP response with half of its body                    [headers]
================  =============================================================  ======================================

All kinds may also have these members:

``operation``, ``conversation_id``
    The fault matches only requests to this operation (``getChatConversation`` or ``markChatConversationRead``), or
    with this id in the path. The first matching fault in the queue applies.
``times``
    The number of requests that the fault applies to, 1 by default; null for all requests until the faults are cleared.

The response of a ``status`` has a ``problem``, named by the end of its type URI (``about:blank`` by default), or a
body in another ``form``: ``legacy`` is ``{"errors": [{"code": …, "message": …}]}``, ``flat`` is
``{"code": …, "message": …}``, ``html`` is a page and ``empty`` is no body. ``headers`` add, replace or, with null,
remove headers of the response, also those about rate limits.

``drop-before`` and ``delay`` apply when a request arrives: the rate limits do not count a dropped request, and count a
delayed one after the pause. All other kinds apply to requests that have passed authentication, scopes and rate limits:
a request refused there (401, 403 ``client-forbidden``, 429) leaves them in the queue. A later refusal (400, 403, 404,
415) is the response that they change.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xchat_sandbox.contract.operation import GET_CONVERSATION, MARK_READ
from xchat_sandbox.faults.members import (
    COMMON_CHECKS,
    NO_BODY,
    Checks,
    Kinds,
    is_header_name,
    is_integer,
    is_text,
    validated_members,
)
from xchat_sandbox.faults.problem_samples import SAMPLES
from xchat_sandbox.wire.json_documents import is_json_object

FORMS = ("legacy", "flat", "html", "empty")

_ON_ARRIVAL = frozenset({"drop-before", "delay"})
_COMMON_MEMBERS = {"times": False, "operation": False, "conversation_id": False}
_KINDS: Kinds = {
    kind: {**_COMMON_MEMBERS, **members}
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
# Headers that the server sets itself.
_FRAMING_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})
_MAX_NUMBER = 1_000_000


def _is_headers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        is_header_name(name) and name.lower() not in _FRAMING_HEADERS and (each is None or is_text(each))
        for name, each in value.items()
    )


_CHECKS: Checks = {
    **COMMON_CHECKS,
    "headers": _is_headers,
    "times": lambda value: value is None or is_integer(value, 1, _MAX_NUMBER),
    "operation": lambda value: value in (None, GET_CONVERSATION, MARK_READ),  # a tuple, as the value may be unhashable
    "conversation_id": lambda value: value is None or isinstance(value, str),
    "problem": lambda value: isinstance(value, str) and value in SAMPLES,
    "form": lambda value: value in FORMS,
    "errors": lambda value: isinstance(value, list) and bool(value) and all(map(is_json_object, value)),
    "data": lambda value: isinstance(value, bool),
    "bytes": lambda value: is_integer(value, 1, _MAX_NUMBER),
}


@dataclass(frozen=True)
class OperationFault:
    """Fault of the operations, with the members in the table above.

    :param kind: the kind.
    :param times: the number of requests that it applies to; None for all.
    :param operation: the operation that it matches; None for both.
    :param conversation_id: the id in the path that it matches; None for all.
    :param status: the HTTP status.
    :param problem: the end of a problem's type URI, or ``about:blank``.
    :param form: another form of the error body.
    :param body: the body, any text.
    :param content_type: the media type of the body.
    :param errors: the errors of a partial response; None for a sample.
    :param data: whether a partial response has data.
    :param bytes: length of a piece.
    :param seconds: length of a pause.
    :param headers: headers to add or replace; None removes one.
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
        """Create a fault from its members.

        :param members: a dict with ``kind`` and the members of that kind.
        :return: the fault.
        :raises ValueError: if a member is unknown, missing or invalid.
        """
        fault = cls(**validated_members(members, "a fault", _KINDS, _CHECKS))
        if fault.problem is not None and fault.form is not None:
            raise ValueError("a fault has a problem or a form, not both")
        if fault.kind == "status" and fault.status in NO_BODY and fault.form != "empty":
            raise ValueError(f"a fault with the status {fault.status} has no body: its form must be empty")
        return fault

    def matches(self, operation_id: str, conversation_id: str) -> bool:
        """Return whether the fault matches a request.

        :param operation_id: the operation.
        :param conversation_id: the id in the path.
        :return: whether it matches.
        """
        return self.operation in {None, operation_id} and self.conversation_id in {None, conversation_id}


NO_FAULT = OperationFault("none")


@dataclass
class _Waiting:
    fault: OperationFault
    left: int | None


class OperationFaults:
    """Queue of faults of the operations."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        # Tests queue faults in their own threads; the server's thread takes them.
        self._lock = threading.Lock()

    def add(self, faults: Iterable[Mapping[str, Any]]) -> int:
        """Queue faults; none if one of them is invalid.

        :param faults: the faults.
        :return: the number of waiting faults; one that applies to several requests counts as one.
        :raises ValueError: if a fault is invalid.
        """
        added = [OperationFault.from_dict(fault) for fault in faults]
        with self._lock:
            self._waiting.extend(_Waiting(fault, fault.times) for fault in added)
            return len(self._waiting)

    def take(self, operation_id: str, conversation_id: str, *, on_arrival: bool) -> OperationFault:
        """Take the first fault that matches a request.

        :param operation_id: the operation.
        :param conversation_id: the id in the path.
        :param on_arrival: whether the request has just arrived, or has passed the rate limits.
        :return: the fault; ``NO_FAULT`` if none matches, or the first match applies at the other time.
        """
        with self._lock:
            for place, waiting in enumerate(self._waiting):
                if waiting.fault.matches(operation_id, conversation_id):
                    if (waiting.fault.kind in _ON_ARRIVAL) != on_arrival:
                        break
                    if waiting.left is not None:
                        waiting.left -= 1
                    if waiting.left == 0:
                        del self._waiting[place]
                    return waiting.fault
        return NO_FAULT

    def clear(self) -> None:
        """Remove all waiting faults."""
        with self._lock:
            self._waiting.clear()
