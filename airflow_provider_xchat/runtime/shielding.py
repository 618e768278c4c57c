"""Refreshes that no signal cuts off, and that none begins after the task has ended."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["Interruption", "run_shielded"]

Result = TypeVar("Result")

_CURRENT: contextvars.ContextVar[Interruption | None] = contextvars.ContextVar("xchat_interruption", default=None)


class Interruption:
    """The end of work in other threads, which the main thread may call for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._called_for = False
        self._unfinished = 0

    def context(self) -> contextvars.Context:
        """Return a copy of the current context in which :func:`run_shielded` obeys this interruption."""
        context = contextvars.copy_context()
        context.run(_CURRENT.set, self)
        return context

    def call_for(self) -> None:
        """Let no uninterrupted work begin from now on, and wait for the work that has begun."""
        with self._changed:
            self._called_for = True
            self._changed.wait_for(lambda: not self._unfinished)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """
        Have :meth:`call_for` wait until the context ends.

        :raises CancelledError: when the interruption was called for before
        """
        with self._changed:
            if self._called_for:
                raise asyncio.CancelledError("the task has ended, so no refresh begins")
            self._unfinished += 1
        try:
            yield
        finally:
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()


def run_shielded(work: Callable[[], Result]) -> Result:
    """
    Do something that signals cannot break off.

    Airflow ends a task that takes too long, or that is to be stopped, by an exception in its main thread. Between X's
    answer and the end of saving it would cost the token. A main thread with an event loop is a trigger's, or that of a
    coroutine that calls what is not one: no signals there, and a thread may need the loop that would wait for it.

    :param work: what to do
    :return: what it returns
    :raises CancelledError: when the task has ended before the work began
    """
    if threading.current_thread() is not threading.main_thread() or _has_event_loop():
        interruption = _CURRENT.get()
        if interruption is None:
            return work()
        with interruption.waiting():
            return work()
    with ThreadPoolExecutor(1, thread_name_prefix="xchat-refresh") as executor:
        # Leaving waits for the thread, whatever happens here.
        return executor.submit(contextvars.copy_context().run, work).result()


def _has_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
