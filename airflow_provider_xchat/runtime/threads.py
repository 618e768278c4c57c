"""Run blocking work (files, imports, supervisor requests) in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import ParamSpec, TypeVar

__all__ = ["import_in_thread", "in_event_loop", "in_thread"]

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")

_modules: dict[str, ModuleType] = {}


def in_event_loop() -> bool:
    """Return whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def in_thread(work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """
    Run a function in a thread. Cancelling the caller does not stop the thread.

    :param work: the function, followed by its arguments
    :return: its result
    """
    # Triggers of Airflow 3.1 reach the supervisor only from asgiref's threads. Imported here, as DAG files import this
    # module through the triggers, and asgiref would take a third of the time.
    from asgiref.sync import sync_to_async

    return await sync_to_async(work, thread_sensitive=False)(*args, **kwargs)


async def import_in_thread(name: str) -> ModuleType:
    """
    Import a module in a thread.

    :param name: its full name
    :return: the module
    """
    if name not in _modules:
        _modules[name] = await in_thread(import_module, name)
    return _modules[name]
