"""
Does what costs requests, for ``thrift.py`` to count them: ``python -m benchmarks.spending OUTCOME NUMBER INTERVAL``.

Without Airflow around it, but with its database: what tasks share goes through Variables there.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from airflow.exceptions import TaskDeferred
from airflow.models.variable import Variable
from airflow.triggers.base import BaseTrigger
from sqlalchemy.orm import configure_mappers

from airflow_provider_xchat.api import calls
from airflow_provider_xchat.exceptions import XChatRateLimitError
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.sending import factory as clients
from airflow_provider_xchat.sending import sender as attempts
from airflow_provider_xchat.sensors.xchat import ChatConversationUpdatedSensor
from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger

GROUP, NEVER, CONVERSATIONS = "g9000000000000000201", "2100-01-01T00:00:00Z", 10


def get(_number: int, _interval: float) -> None:
    """Get a conversation."""
    XChatHook().get_conversation(GROUP)


def mark(_number: int, _interval: float) -> None:
    """Mark one as read."""
    XChatHook().mark_conversation_read(GROUP, "1987654321987654399")


def connection(_number: int, _interval: float) -> None:
    """Press "Test connection"."""
    works, said = XChatHook().test_connection()
    if not works:
        sys.exit(said)


def sensor(number: int, interval: float) -> None:
    """Wait in a sensor: first in the worker, then in the triggerer."""
    task = ChatConversationUpdatedSensor(
        task_id="wait", conversation_id=GROUP, updated_since=NEVER, poke_interval=interval, deferrable=True
    )
    try:
        task.poke({})
    except TaskDeferred as deferred:
        asyncio.run(waited([deferred.trigger], (number - 0.5) * interval))


def watchers(number: int, interval: float) -> None:
    """Watch ten conversations with fifty watchers."""
    triggers = [
        ChatConversationUpdatedTrigger(
            conversation_id=f"g91{watcher % CONVERSATIONS + 1:017}", updated_since=NEVER, poll_interval=interval
        )
        for watcher in range(50)
    ]
    # The first requests are spread over an interval, which is the one more.
    asyncio.run(waited(triggers, number * interval))


async def waited(triggers: Sequence[BaseTrigger], seconds: float) -> None:
    """Run triggers that never fire in one event loop, for a while."""

    async def run(trigger: BaseTrigger) -> None:
        async for event in trigger.run():
            sys.exit(f"fired: {event}")

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for trigger in triggers:
                group.create_task(run(trigger))


def tasks(number: int, _interval: float) -> None:
    """Get a conversation in each of many processes that start together."""
    with multiprocessing.get_context("fork").Pool(min(number, 100)) as processes:
        processes.map(one_task, range(number), chunksize=1)


def one_task(_number: int) -> None:
    """Get one, and come back when a rate limit has reset."""
    while True:
        try:
            with XChatHook(rate_limit_wait=0) as hook:
                hook.get_conversation(GROUP)
        except XChatRateLimitError as error:
            if error.retry_at is None:
                raise
            time.sleep(max(error.retry_at.timestamp() - time.time(), 0) + random.random())
        else:
            return


OUTCOMES: dict[str, Callable[[int, float], None]] = {
    each.__name__: each for each in (get, mark, connection, sensor, watchers, tasks)
}

if __name__ == "__main__":
    # Imported once, not in each of the processes.
    assert {attempts, calls, clients, Variable}  # noqa: S101
    configure_mappers()
    OUTCOMES[sys.argv[1]](int(sys.argv[2]), float(sys.argv[3]))
