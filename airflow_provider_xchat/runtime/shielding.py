"""Shield refreshes from signals, and start none after the end of the task."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from airflow_provider_xchat.runtime.threads import in_event_loop

__all__ = ["Interruption", "run_shielded"]

Result = TypeVar("Result")

_CURRENT: contextvars.ContextVar[Interruption | None] = contextvars.ContextVar("xchat_interruption", default=None)


class Interruption:
    """Interruption of shielded work in other threads by the main thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_interrupted = False
        self._unfinished = 0

    def context(self) -> contextvars.Context:
        """Return a copy of the current context, with this interruption for :func:`run_shielded`."""
        context = contextvars.copy_context()
        context.run(_CURRENT.set, self)
        return context

    def interrupt(self) -> None:
        """Let no shielded work start from now on, and wait for the running work."""
        with self._changed:
            self._is_interrupted = True
            self._changed.wait_for(lambda: not self._unfinished)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """
        Have :meth:`interrupt` wait until the context ends.

        :raises CancelledError: after an interruption
        """
        with self._changed:
            if self._is_interrupted:
                raise asyncio.CancelledError("the task has ended, so no refresh starts")
            self._unfinished += 1
        try:
            yield
        finally:
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()


def run_shielded(work: Callable[[], Result]) -> Result:
    """
    Run a function that signals cannot interrupt.

    Airflow ends a task by an exception in its main thread, which would lose the token between response and save. A
    main thread with an event loop is a trigger's, or that of a coroutine that calls a blocking function: it gets no
    signals, and must not wait for a thread that may need the loop.

    :param work: the function
    :return: its result
    :raises CancelledError: when the task has ended before
    """
    if threading.current_thread() is not threading.main_thread() or in_event_loop():
        interruption = _CURRENT.get()
        if interruption is None:
            return work()
        with interruption.waiting():
            return work()
    with ThreadPoolExecutor(1, thread_name_prefix="xchat-refresh") as executor:
        # The end of the context waits for the thread.
        return executor.submit(contextvars.copy_context().run, work).result()
