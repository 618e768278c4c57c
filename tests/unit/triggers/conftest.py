"""Triggers that run in the test's own event loop, and a sandbox whose conversations change."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger
from xchat_sandbox import running_sandbox

TOKEN = "a-token-of-the-trigger-tests"

# How long a test waits for what it expects (seconds).
PATIENCE = 30


@pytest.fixture(scope="session")
def xchat_sandbox_server():
    with running_sandbox(tokens=[TOKEN], rate_limit=1_000_000, conversations=100) as running:
        yield running


@pytest.fixture(scope="session")
def database(migrated_database):
    """The database of this process, in which cursors are kept."""
    path = Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"
    shutil.copy(migrated_database, path)
    return path


@pytest.fixture(autouse=True)
def no_cursors_yet(database):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("delete from variable")


@pytest.fixture
def connect(monkeypatch):
    """A function that sets the default connection."""

    def to(url: str, password: str = TOKEN) -> None:
        fields = {"conn_type": "xchat", "host": url, "password": password}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))

    return to


@pytest.fixture(autouse=True)
def connection(sandbox, connect):
    """The default connection, to the sandbox unless the test says otherwise."""
    connect(sandbox.url)


class AssetState:
    """Stands for Airflow's accessor to the state of a watched asset, which asks the triggerer's other process."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.failures = 0

    async def aget(self, key: str, default: Any = None) -> Any:
        self._fail()
        return self.kept.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self._fail()
        self.kept[key] = value

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the supervisor has not answered")


@pytest.fixture
def asset_state():
    return AssetState()


class Running:
    """A trigger that runs, as a triggerer without shared streams runs it."""

    def __init__(self, trigger: ChatConversationUpdatedTrigger) -> None:
        self.trigger = trigger
        self.events: list[dict[str, Any]] = []
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with aclosing(self.trigger.run()) as events:
            async for event in events:
                self.events.append(event.payload)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition; an error of the trigger is raised."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                if self.task.done():
                    self.task.result()
                    assert condition(), "the trigger has ended"
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    @property
    def names(self) -> list[str]:
        """What each event said was the group's name."""
        return [event["conversation"]["data"][0]["group_name"] for event in self.events]


@pytest.fixture
async def watch(asset_state):
    """A function that starts a trigger, which ends with the test."""
    started = []

    def start(state=asset_state, **arguments) -> Running:
        trigger = ChatConversationUpdatedTrigger(**{"poll_interval": 0.1, **arguments})
        trigger.asset_state_store = state
        started.append(running := Running(trigger))
        return running

    yield start
    for running in started:
        with suppress(Exception):
            await running.stop()
