"""What a hook sends with: one sender for all threads, and one for each event loop."""

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
    from airflow_provider_xchat.sending.sender import Attempts

__all__ = ["Senders"]

# Not of an instance: one with a lock could not be copied, and Airflow copies operators with what they hold.
_MAKING = threading.RLock()

# Errors that a connection which somebody has changed meanwhile may cure, such as a new sign-in.
_OF_THE_CONNECTION = (XChatAuthError, XChatCreditsError, XChatTokenStoreError)


class _Made(NamedTuple):
    """A sender, and what it was made of."""

    sender: Attempts
    settings: ConnectionSettings


@dataclass
class _OfLoop:
    """The sender of one event loop, the one that takes its place, and those that others may still be sending with."""

    made: asyncio.Task[_Made] | None = None
    renewing: asyncio.Task[_Made] | None = None
    replaced: list[Attempts] = field(default_factory=list)


class Senders:
    """
    Makes senders when they are needed, makes them again for a connection that has changed, and closes them.

    :param look_up: looks the connection up
    :param make: makes a sender out of it; takes a while
    """

    def __init__(
        self, look_up: Callable[[], ConnectionSettings], make: Callable[[ConnectionSettings], Attempts]
    ) -> None:
        self._look_up = look_up
        self._make = make
        self._of_threads: _Made | None = None
        # Others may still be sending with these.
        self._replaced_of_threads: list[Attempts] = []
        # Threads may each run an event loop.
        self._of_loops: dict[asyncio.AbstractEventLoop, _OfLoop] = {}

    def send(self, call: Call) -> dict[str, Any]:
        """
        Send a call; once more when it failed for a connection that has changed since it was looked up.

        :param call: the call
        :return: the answer's JSON
        :raises XChatError: as :meth:`Attempts.send` says, and when the connection cannot be used
        """
        made = self._for_threads()
        try:
            return made.sender.send(call)
        except _OF_THE_CONNECTION:
            renewed = self._renewed(made)
            if renewed is made:
                raise
        return renewed.sender.send(call)

    async def asend(self, call: Call) -> dict[str, Any]:
        """Do what :meth:`send` does, as a coroutine."""
        made = await self._for_loop()
        try:
            return await made.sender.asend(call)
        except _OF_THE_CONNECTION:
            renewed = await self._arenewed(made)
            if renewed is made:
                raise
        return await renewed.sender.asend(call)

    def of_threads(self) -> Attempts:
        """
        Give the sender of all threads.

        :raises XChatInputError: when the connection cannot be used
        """
        return self._for_threads().sender

    def _for_threads(self) -> _Made:
        with _MAKING:  # threads that start together share one
            if self._of_threads is None:
                self._of_threads = self._connected(self._look_up())
            return self._of_threads

    def _connected(self, settings: ConnectionSettings) -> _Made:
        sender = self._make(settings)
        sender.connect()
        return _Made(sender, settings)

    def _renewed(self, made: _Made) -> _Made:
        """Look the connection up again; give the same when nothing has changed, or nobody can tell."""
        with _MAKING:
            if self._of_threads is made:
                with suppress(Exception):
                    settings = self._look_up()
                    if settings != made.settings:
                        self._of_threads = self._connected(settings)
                        self._replaced_of_threads.append(made.sender)
            return self._of_threads or made

    async def of_loop(self) -> Attempts:
        """Return the sender of the running event loop."""
        return (await self._for_loop()).sender

    async def _for_loop(self) -> _Made:
        """Return the sender of the running event loop: connections of one loop are of no use in another."""
        loop = asyncio.get_running_loop()
        for closed in [other for other in self._of_loops if other.is_closed()]:
            self._of_loops.pop(closed, None)
        here = self._of_loops.setdefault(loop, _OfLoop())
        if here.made is None or _failed(here.made):
            # A task of its own: coroutines that start together share one look-up, and one that is cancelled takes it
            # from none of the others.
            here.made = loop.create_task(self._looked_up())
        return await asyncio.shield(here.made)

    async def _arenewed(self, made: _Made) -> _Made:
        current = await self._for_loop()
        if current is not made:
            return current
        loop = asyncio.get_running_loop()
        here = self._of_loops[loop]
        renewing = here.renewing
        if renewing is None or renewing.done():
            renewing = here.renewing = loop.create_task(self._looked_up(made))
        await asyncio.wait([renewing])
        if _failed(renewing):
            return made
        renewed = renewing.result()
        if renewed is not made and here.made is not renewing:
            here.made = renewing
            here.replaced.append(made.sender)
        return renewed

    async def _looked_up(self, before: _Made | None = None) -> _Made:
        # In a thread: imports and certificates take a tenth of a second, and secrets are registered on the way. In
        # Airflow 3.2 telling the supervisor so from the event loop, as Airflow's own look-up for coroutines does, would
        # wait forever for another coroutine's request.
        def look_up() -> _Made:
            settings = self._look_up()
            if before is not None and settings == before.settings:
                return before
            return _Made(self._make(settings), settings)

        return await in_thread(look_up)

    def close(self) -> None:
        """Close the connections of threads."""
        if self._of_threads is not None:
            self._replaced_of_threads.append(self._of_threads.sender)
            self._of_threads = None
        while self._replaced_of_threads:
            self._replaced_of_threads.pop().client.get_httpx_client().close()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        here = self._of_loops.pop(asyncio.get_running_loop(), None)
        if here is None:
            return
        if here.made is not None and here.made.done() and not _failed(here.made):
            here.replaced.append(here.made.result().sender)
        while here.replaced:
            await here.replaced.pop().aclose()


def _failed(task: asyncio.Task[_Made]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
