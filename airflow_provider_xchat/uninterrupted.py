"""Work that no signal cuts off."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["uninterrupted"]

Result = TypeVar("Result")


def uninterrupted(work: Callable[[], Result]) -> Result:
    """
    Do something that signals cannot break off.

    Airflow ends a task that takes too long, or that is to be stopped, by an exception in its main thread. Between X's
    answer and the end of saving it would cost the token. A main thread with an event loop is a trigger's, or that of a
    coroutine that calls what is not one: no signals there, and a thread may need the loop that would wait for it.

    :param work: what to do
    :return: what it returns
    """
    if threading.current_thread() is not threading.main_thread() or _has_event_loop():
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
