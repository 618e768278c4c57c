"""What would keep an event loop waiting goes to threads: files, imports, and requests to Airflow's supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import ParamSpec, TypeVar

__all__ = ["imported", "in_event_loop", "in_thread"]

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")

_imported: dict[str, ModuleType] = {}


def in_event_loop() -> bool:
    """Return whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def in_thread(work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """
    Do something in a thread. Who is cancelled meanwhile does not stop it.

    :param work: what to do, with its arguments
    :return: what it returns
    """
    # asgiref's threads, as triggers of Airflow 3.1 reach the supervisor only from those. Imported here, as it takes
    # a third of what our triggers' modules take, and files of DAGs import those.
    from asgiref.sync import sync_to_async

    return await sync_to_async(work, thread_sensitive=False)(*args, **kwargs)


async def imported(name: str) -> ModuleType:
    """
    Import a module that takes long, the first time in a thread.

    :param name: its full name
    :return: the module
    """
    if name not in _imported:
        _imported[name] = await in_thread(import_module, name)
    return _imported[name]
