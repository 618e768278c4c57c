"""
Breaks a request off when its time is up, whatever the server sends until then.

A timeout of httpx is for a single pause, so a server that sends a byte now and then keeps a request going for ever.
Coroutines are cancelled; for a thread that reads, somebody else has to shut its socket.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import httpx

__all__ = ["Connections"]


class Connections:
    """
    The open connections of a client for threads.

    Requests of several threads at once share them: the first whose time is up breaks off the others', too. They have
    another attempt.

    :param client: the client
    """

    def __init__(self, client: httpx.Client) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self._over = 0
        client.event_hooks = {"request": [self._watch]}

    @contextmanager
    def until(self, ends_at: float) -> Iterator[None]:
        """
        Break off what is still under way at a certain time.

        :param ends_at: when (of ``time.monotonic``)
        """
        broken_off = threading.Event()
        timer = threading.Timer(max(ends_at - time.monotonic(), 0.0), self._break_off, (broken_off,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._over -= broken_off.is_set()

    def _watch(self, request: httpx.Request) -> None:
        # An extension of httpx: it is called with what happens to a request, opening a connection among it.
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        opened = info["return_value"].get_extra_info("socket")
        if opened is not None:
            with self._lock:
                self._sockets.add(opened)
                if self._over:  # time was up while it was opened
                    _shut(opened)

    def _break_off(self, broken_off: threading.Event) -> None:
        with self._lock:
            self._over += 1
            broken_off.set()
            for each in self._sockets:
                _shut(each)


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # closed, or not connected any more
        opened.shutdown(socket.SHUT_RDWR)
