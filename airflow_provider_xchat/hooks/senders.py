"""What a hook sends with: one sender for all threads, and one for each event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_xchat.threads import in_thread

if TYPE_CHECKING:
    from airflow_provider_xchat.attempts import Attempts

__all__ = ["Senders"]

# Not of an instance: one with a lock could not be copied, and Airflow copies operators with what they hold.
_MAKING = threading.RLock()


class Senders:
    """
    Makes senders when they are needed, and closes them.

    :param make: makes one out of the connection; takes a while
    """

    def __init__(self, make: Callable[[], Attempts]) -> None:
        self._make = make
        self._of_threads: Attempts | None = None
        # By the event loop, of which threads may each run one.
        self._of_loops: dict[asyncio.AbstractEventLoop, asyncio.Task[Attempts]] = {}

    def of_threads(self) -> Attempts:
        """
        Give the sender of all threads.

        :raises XChatInputError: when the connection cannot be used
        """
        with _MAKING:  # threads that start together share one
            if self._of_threads is None:
                made = self._make()
                made.connect()
                self._of_threads = made
            return self._of_threads

    async def of_loop(self) -> Attempts:
        """Give the sender of the running event loop: connections of one loop are of no use in another."""
        loop = asyncio.get_running_loop()
        made = self._of_loops.get(loop)
        if made is None or _failed(made):
            for closed in [other for other in self._of_loops if other.is_closed()]:
                self._of_loops.pop(closed, None)
            # A task of its own: coroutines that start together share one look-up, and one that is cancelled takes it
            # from none of the others.
            made = self._of_loops[loop] = loop.create_task(self._connected())
        return await asyncio.shield(made)

    async def _connected(self) -> Attempts:
        # In a thread: imports and certificates take a tenth of a second, and secrets are registered on the way. In
        # Airflow 3.2 telling the supervisor so from the event loop, as Airflow's own look-up for coroutines does, would
        # wait forever for another coroutine's request.
        return await in_thread(self._make)

    def close(self) -> None:
        """Close the connections of threads."""
        if self._of_threads is not None:
            self._of_threads.client.get_httpx_client().close()
            self._of_threads = None

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        made = self._of_loops.pop(asyncio.get_running_loop(), None)
        if made is not None and made.done() and not _failed(made):
            await made.result().aclose()


def _failed(task: asyncio.Task[Attempts]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
