"""
End a request of a thread at its deadline, even if the server keeps sending data slowly.

A timeout of httpx is for a single pause, so a server that sends a byte now and then keeps a request going for ever.
Each read of the connection looks at the clock here; coroutines are cancelled instead.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

__all__ = ["ends_at", "enforce_deadlines"]


class _OfThread(threading.local):
    ends_at = math.inf


_deadline = _OfThread()


@contextmanager
def ends_at(moment: float) -> Iterator[None]:
    """
    Set the deadline of the requests that this thread sends in the context.

    :param moment: the deadline (of ``time.monotonic``)
    """
    _deadline.ends_at = moment
    try:
        yield
    finally:
        _deadline.ends_at = math.inf


def enforce_deadlines(client: httpx.Client) -> None:
    """
    Have the requests of a client end at the deadline of the thread that sends them, with ``httpx.ReadTimeout``.

    :param client: the client
    """
    client.event_hooks = {"request": [_trace_connections]}


def _trace_connections(request: httpx.Request) -> None:
    # An extension of httpx: it is called with each event of a request, such as a new connection.
    request.extensions["trace"] = _on_event


def _on_event(event: str, info: dict[str, Any]) -> None:
    # Of a connection, or of a tunnel through a proxy, whose TLS has a stream of its own.
    if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
        stream = info["return_value"]
        stream.read = _read_until_deadline(stream.read)


def _read_until_deadline(read: Callable[..., bytes]) -> Callable[..., bytes]:
    def read_in_time(max_bytes: int, timeout: float | None = None) -> bytes:
        left = _deadline.ends_at - time.monotonic()
        if left <= 0:
            raise httpx.ReadTimeout("the deadline has passed")
        return read(max_bytes, timeout=left if timeout is None else min(timeout, left))

    return read_in_time
