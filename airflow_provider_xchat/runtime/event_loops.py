"""
Runs a coroutine in an event loop in a thread of its own, so that Airflow can end the task.

Airflow ends a task by a signal whose handler raises an exception in the main thread. An event loop there runs the
handler inside any callback: asyncio swallows the exception, loses a task, or ends one coroutine and goes on.
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

# How long (seconds) a task that ends waits for its coroutine to clean up, for example to save what it has. Airflow
# kills a process some 5 s after it has asked it to end.
_CLEAN_UP_SECONDS = 4.0
# How long (seconds) the main thread sleeps at a time. A signal may reach the process in another thread, and does not
# wake it then.
_LOOK_SECONDS = 0.1


def run_in_own_loop(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """
    Run a coroutine to its end, in an event loop in a thread of its own.

    An exception in the calling thread, such as the timeout of a task, cancels the coroutine. It is raised again once
    the coroutine has cleaned up, or after 4 s if that takes longer; a refresh of a token that has begun is waited for.

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
            except BaseException as error:  # noqa: BLE001  it is raised in the thread that waits
                outcome.set_exception(error)

    # Not one that Python waits for when a process ends: it is waited for here, for as long as it makes sense.
    thread = threading.Thread(target=work, name="xchat-event-loop", daemon=True)
    try:
        thread.start()
        while not outcome.done():
            wait([outcome], _LOOK_SECONDS)
        return outcome.result()
    except BaseException:
        with suppress(RuntimeError):  # the loop is closed: the coroutine has raised this
            loop.call_soon_threadsafe(task.cancel)
        interruption.call_for()
        raise
    finally:
        thread.join(_CLEAN_UP_SECONDS)


async def _finished(task: asyncio.Task[Result]) -> Result:
    return await task
