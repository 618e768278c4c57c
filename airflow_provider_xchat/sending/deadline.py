"""
Breaks a request off when its time is up, whatever the server sends until then.

A timeout of httpx is for a single pause, so a server that sends a byte now and then keeps a request going for ever.
Coroutines are cancelled; for a thread that reads, somebody else has to shut its socket.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import httpx

__all__ = ["Connections"]

# How long (seconds) the thread that watches the time stays when there is nothing to watch.
_STAYS = 5.0


class Connections:
    """
    The open connections of a client for threads.

    Requests of several threads at once share them: the first whose time is up breaks off the others', too. They have
    another attempt.

    :param client: the client
    """

    def __init__(self, client: httpx.Client) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        client.event_hooks = {"request": [self._watch]}
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._changed = threading.Condition(threading.Lock())
        self._under_way: set[_UnderWay] = set()
        self._over = 0
        self._watching: threading.Thread | None = None
        self._looks_at = 0.0

    @contextmanager
    def until(self, ends_at: float) -> Iterator[None]:
        """
        Break off what is still under way at a certain time.

        :param ends_at: when (of ``time.monotonic``)
        """
        if self._process != os.getpid():
            self._begin()  # forked: the thread is not there any more, and may have held the lock
        this = _UnderWay(ends_at)
        with self._changed:
            self._under_way.add(this)
            self._see_to_it(ends_at)
        try:
            yield
        finally:
            with self._changed:
                self._under_way.discard(this)
                self._over -= this.over

    def _see_to_it(self, ends_at: float) -> None:
        # One thread for all requests: starting one for each takes as long as a quarter of a request.
        if self._watching is None:
            self._looks_at = ends_at
            self._watching = threading.Thread(target=self._watch_time, name="xchat-deadline", daemon=True)
            self._watching.start()
        elif ends_at < self._looks_at:
            self._changed.notify()

    def _watch_time(self) -> None:
        with self._changed:
            watched = True
            while watched:
                now = time.monotonic()
                self._break_off([each for each in self._under_way if each.ends_at <= now and not each.over])
                ends = (each.ends_at for each in self._under_way if not each.over)
                self._looks_at = min(ends, default=now + _STAYS)
                self._changed.wait(min(self._looks_at - now, _STAYS))
                watched = bool(self._under_way)
            self._watching = None

    def _break_off(self, due: list[_UnderWay]) -> None:
        for each in due:
            each.over = True
        self._over += len(due)
        if due:
            for opened in self._sockets:
                _shut(opened)

    def _watch(self, request: httpx.Request) -> None:
        # An extension of httpx: it is called with what happens to a request, opening a connection among it.
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        # Of a connection, or of a tunnel through a proxy, whose TLS has a socket of its own.
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        opened = info["return_value"].get_extra_info("socket")
        if opened is not None:
            with self._changed:
                self._sockets.add(opened)
                if self._over:  # time was up while it was opened
                    _shut(opened)


class _UnderWay:
    """A request that is under way."""

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.over = False


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # closed, or not connected any more
        opened.shutdown(socket.SHUT_RDWR)
