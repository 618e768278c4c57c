"""The senders of a hook: one for all threads, and one for each event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_xchat.exceptions import XChatAuthError, XChatCreditsError, XChatTokenStoreError
from airflow_provider_xchat.runtime.threads import in_thread

if TYPE_CHECKING:
    from airflow_provider_xchat.api.calls import Call
    from airflow_provider_xchat.connection import ConnectionSettings
    from airflow_provider_xchat.sending.sender import Sender

__all__ = ["Senders"]

# Not of an instance: one with a lock could not be copied, and Airflow copies operators with their hooks.
_MAKING = threading.RLock()

# Errors that a connection changed in the meantime may cure, such as by a new sign-in.
_CONNECTION_ERRORS = (XChatAuthError, XChatCreditsError, XChatTokenStoreError)


class _Made(NamedTuple):
    """A sender, and the settings that it was made from."""

    sender: Sender
    settings: ConnectionSettings


@dataclass
class _LoopSenders:
    """The sender of an event loop, its successor, and replaced ones that requests may still be using."""

    current: asyncio.Task[_Made] | None = None
    successor: asyncio.Task[_Made] | None = None
    replaced: list[Sender] = field(default_factory=list)


class Senders:
    """
    Makes senders when they are needed, replaces them when the connection has changed, and closes them.

    :param look_up: looks up the connection
    :param make: makes a sender from its settings; takes a while
    """

    def __init__(self, look_up: Callable[[], ConnectionSettings], make: Callable[[ConnectionSettings], Sender]) -> None:
        self._look_up = look_up
        self._make = make
        self._of_threads: _Made | None = None
        self._replaced: list[Sender] = []
        # Threads may each run an event loop, and a loop cannot use the sockets of another one.
        self._of_loops: dict[asyncio.AbstractEventLoop, _LoopSenders] = {}

    def send(self, call: Call) -> dict[str, Any]:
        """
        Send a call; once more if it failed and the connection has changed in the meantime.

        :param call: the call
        :return: the response's JSON
        :raises XChatError: as :meth:`Sender.send` says, and when the connection is invalid
        """
        made = self._made_for_threads()
        try:
            return made.sender.send(call)
        except _CONNECTION_ERRORS:
            successor = self._successor(made)
            if successor is made:
                raise
        return successor.sender.send(call)

    async def asend(self, call: Call) -> dict[str, Any]:
        """Do the same as :meth:`send`, as a coroutine."""
        made = await self._made_for_running_loop()
        try:
            return await made.sender.asend(call)
        except _CONNECTION_ERRORS:
            successor = await self._asuccessor(made)
            if successor is made:
                raise
        return await successor.sender.asend(call)

    def for_threads(self) -> Sender:
        """
        Return the sender of all threads.

        :raises XChatInputError: when the connection is invalid
        """
        return self._made_for_threads().sender

    async def for_running_loop(self) -> Sender:
        """Return the sender of the running event loop."""
        return (await self._made_for_running_loop()).sender

    def _made_for_threads(self) -> _Made:
        with _MAKING:  # threads that start together share one
            if self._of_threads is None:
                self._of_threads = self._make_from(self._look_up())
            return self._of_threads

    def _make_from(self, settings: ConnectionSettings) -> _Made:
        return _Made(self._make(settings), settings)

    def _successor(self, made: _Made) -> _Made:
        """Look up the connection again; return the same sender if nothing has changed or the look-up failed."""
        with _MAKING:
            if self._of_threads is made:
                with suppress(Exception):
                    settings = self._look_up()
                    if settings != made.settings:
                        self._of_threads = self._make_from(settings)
                        self._replaced.append(made.sender)
            return self._of_threads or made

    async def _made_for_running_loop(self) -> _Made:
        loop = asyncio.get_running_loop()
        for closed in [other for other in self._of_loops if other.is_closed()]:
            self._of_loops.pop(closed, None)
        here = self._of_loops.setdefault(loop, _LoopSenders())
        if here.current is None or _has_failed(here.current):
            # A task of its own: coroutines that start together share one look-up, and cancelling one of them does not
            # cancel it for the others.
            here.current = loop.create_task(self._amade())
        return await asyncio.shield(here.current)

    async def _asuccessor(self, made: _Made) -> _Made:
        current = await self._made_for_running_loop()
        if current is not made:
            return current
        loop = asyncio.get_running_loop()
        here = self._of_loops[loop]
        successor = here.successor
        if successor is None or successor.done():
            successor = here.successor = loop.create_task(self._amade(made))
        await asyncio.wait([successor])
        if _has_failed(successor):
            return made
        renewed = successor.result()
        if renewed is not made and here.current is not successor:
            here.current = successor
            here.replaced.append(made.sender)
        return renewed

    async def _amade(self, before: _Made | None = None) -> _Made:
        # In a thread: imports and certificates take a tenth of a second, and secrets are registered on the way. In
        # Airflow 3.2, registering them from the event loop could wait for ever for another coroutine's request.
        def make() -> _Made:
            settings = self._look_up()
            if before is not None and settings == before.settings:
                return before
            return self._make_from(settings)

        return await in_thread(make)

    def close(self) -> None:
        """Close the sockets of threads."""
        if self._of_threads is not None:
            self._replaced.append(self._of_threads.sender)
            self._of_threads = None
        while self._replaced:
            self._replaced.pop().close()

    async def aclose(self) -> None:
        """Close the sockets of this event loop."""
        here = self._of_loops.pop(asyncio.get_running_loop(), None)
        if here is None:
            return
        if here.current is not None and here.current.done() and not _has_failed(here.current):
            here.replaced.append(here.current.result().sender)
        while here.replaced:
            await here.replaced.pop().aclose()


def _has_failed(task: asyncio.Task[_Made]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
