"""
Run a coroutine in an event loop in its own thread, so that Airflow can end the task.

Airflow ends a task by a signal whose handler raises an exception in the main thread. An event loop there may run the
handler in any callback: asyncio swallows the exception, loses a task, or ends one coroutine and continues.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, TypeVar

from airflow_provider_xchat.runtime.shielding import Interruption

__all__ = ["run_in_own_loop"]

Result = TypeVar("Result")

# How long a task that ends waits for its coroutine to clean up; Airflow kills a process some 5 s after its signal.
_CLEAN_UP_SECONDS = 4.0
# How often the main thread wakes up, as a signal that reaches another thread does not wake it.
_POLL_SECONDS = 0.1


def run_in_own_loop(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """
    Run a coroutine in an event loop in its own thread.

    An exception in the calling thread, such as the timeout of a task, cancels the coroutine. It is raised when the
    coroutine has cleaned up, or after 4 s; a running refresh is completed first.

    :param coroutine: the coroutine
    :return: its result
    """
    interruption, outcome = Interruption(), Future[Result]()
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    loop = runner.get_loop()
    task = loop.create_task(coroutine, context=interruption.context())

    def work() -> None:
        with runner:
            try:
                outcome.set_result(runner.run(_finished(task)))
            except BaseException as error:  # noqa: BLE001  raised in the calling thread
                outcome.set_exception(error)

    # A daemon, as Python would wait for another thread without limit when the process ends.
    thread = threading.Thread(target=work, name="xchat-event-loop", daemon=True)
    try:
        thread.start()
        while not outcome.done():
            wait([outcome], _POLL_SECONDS)
        return outcome.result()
    except BaseException:
        with suppress(RuntimeError):  # the loop is closed: the coroutine has raised the exception
            loop.call_soon_threadsafe(task.cancel)
        interruption.interrupt()
        raise
    finally:
        thread.join(_CLEAN_UP_SECONDS)


async def _finished(task: asyncio.Task[Result]) -> Result:
    return await task
