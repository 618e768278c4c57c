"""An Airflow of each version that waits for conversations to change, and a sandbox where they do."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xchat_sandbox import Sandbox, running_sandbox

HERE = Path(__file__).parent

GROUP = "g910000000000000000{}"
AWAITED = [GROUP.format(number) for number in (1, 2, 3)]
WATCHED = GROUP.format(5)
WATCHERS = 2
DAGS = {"waiting_poke", "waiting_reschedule", "waiting_deferrable", "in_vain"}

SETTINGS = {
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
    # So that a triggerer that was killed is soon known to be dead.
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
}

# How long all that is waited for may take (seconds).
PATIENCE = 240


@dataclass
class Deployment:
    """An Airflow, and the sandbox that its default connection leads to."""

    home: Any
    sandbox: Sandbox
    token: str

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        path = f"file:{self.home.path / 'airflow.db'}?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                logs = {path.name: path.read_text(errors="replace")[-3000:] for path in self.home.path.glob("*.log")}
                pytest.fail("waited in vain\n" + "\n".join(f"{name}:\n{log}" for name, log in logs.items()))
            time.sleep(0.2)

    def run_states(self, *dag_ids: str) -> list[str]:
        marks = ", ".join("?" * len(dag_ids))
        return [state for (state,) in self.rows(f"select state from dag_run where dag_id in ({marks})", *dag_ids)]

    def all_ended(self) -> bool:
        states = self.run_states(*DAGS)
        return len(states) == len(DAGS) and set(states) <= {"success", "failed"}

    def task(self, dag_id: str, task_id: str = "wait") -> tuple[str, int]:
        """Tell its state and which try it was."""
        query = "select state, try_number from task_instance where dag_id = ? and task_id = ?"
        ((state, try_number),) = self.rows(query, dag_id, task_id)
        return state, try_number

    def returned(self, dag_id: str, task_id: str = "wait") -> list[Any]:
        query = "select value from xcom where dag_id = ? and task_id = ? and key = 'return_value'"
        return [json.loads(value) for (value,) in self.rows(query, dag_id, task_id)]

    def log(self, dag_id: str, task_id: str = "wait") -> str:
        paths = sorted(self.home.path.glob(f"logs/dag_id={dag_id}/*/task_id={task_id}/*.log*"))
        return "".join(path.read_text(encoding="utf-8") for path in paths)

    def fired(self) -> dict[str, list[str]]:
        """What the asset events of each asset say was the group's name, oldest first."""
        query = "select asset.name, extra from asset_event join asset on asset.id = asset_id order by asset_event.id"
        names: dict[str, list[str]] = {}
        for asset, event in self.rows(query.replace("extra", "asset_event.extra")):
            conversation = json.loads(event)["payload"]["conversation"]["data"][0]
            names.setdefault(asset, []).append(conversation["group_name"])
        return names

    def asked(self, conversation_id: str) -> list[dict[str, Any]]:
        return [request for request in self.sandbox.requests() if request["path"].endswith(conversation_id)]


@pytest.fixture(scope="session", params=["latest", "oldest"])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The Airflow of each version, after all has happened that tests look at."""
    return request.getfixturevalue(f"waiting_on_{request.param}")


@pytest.fixture(scope="session")
def waiting_on_latest(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_database: Path,
    new_home: Callable[..., Any],
    latest_settings: Callable[..., Any],
    wait_for: Callable[..., None],
) -> Iterator[Deployment]:
    url, settings = latest_settings(4, **SETTINGS)
    path = _with_dags(tmp_path_factory.mktemp("waiting-on-latest"))
    shutil.copytree(HERE / "more_dags", path / "dags", dirs_exist_ok=True)
    with _deployment(new_home(path, migrated_database, Path(sys.executable), settings)) as deployment:
        with ExitStack() as running:
            server = ["api-server", "--apps", "execution", "--host", "127.0.0.1", "--port", url.rpartition(":")[2]]
            running.enter_context(deployment.home.running(*server, "--workers", "1"))
            triggerer = running.enter_context(closing(Triggerer(deployment.home)))
            running.enter_context(deployment.home.running("dag-processor"))
            wait_for(f"{url}/execution/health")
            running.enter_context(deployment.home.running("scheduler", "--skip-serve-logs"))
            _change_the_watched_one(deployment, triggerer)
            deployment.until(deployment.all_ended)
            dags = ("watched_by_one", "watched_by_another")
            deployment.until(lambda: deployment.run_states(*dags).count("success") == 3 * WATCHERS)
        yield deployment


@pytest.fixture(scope="session")
def waiting_on_oldest(
    tmp_path_factory: pytest.TempPathFactory, oldest_home: Callable[..., Any]
) -> Iterator[Deployment]:
    home = oldest_home(_with_dags(tmp_path_factory.mktemp("waiting-on-oldest")), **SETTINGS)
    with _deployment(home) as deployment:
        with ExitStack() as running:
            for command in ("triggerer", "scheduler"):
                running.enter_context(home.running(command, "--skip-serve-logs"))
            deployment.until(deployment.all_ended)
        yield deployment


def _with_dags(path: Path) -> Path:
    shutil.copytree(HERE / "dags", path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    return path


@contextmanager
def _deployment(home: Any) -> Iterator[Deployment]:
    token = secrets.token_hex()
    with running_sandbox(tokens=[token], rate_limit=1_000_000, conversations=5) as sandbox:
        connection = {"conn_type": "xchat", "host": sandbox.url, "password": token}
        home.settings["AIRFLOW_CONN_XCHAT_DEFAULT"] = json.dumps(connection)
        deployment = Deployment(home, sandbox, token)
        with _changes(deployment):
            yield deployment


@contextmanager
def _changes(deployment: Deployment) -> Iterator[None]:
    """Change each conversation that a sensor waits for, once it has been asked for and found unchanged."""
    over = threading.Event()

    def change() -> None:
        left = list(AWAITED)
        while not over.wait(0.2):
            for each in [each for each in left if len(deployment.asked(each)) >= 2]:
                left.remove(each)
                deployment.sandbox.change_conversation(each, group_name=f"{each} has changed")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Triggerer:
    """A triggerer that can be killed, and started again."""

    def __init__(self, home: Any) -> None:
        self._home = home
        self._starts = 0
        self.start()

    def start(self) -> None:
        self._starts += 1
        with (self._home.path / f"triggerer-{self._starts}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._home.python, "-m", "airflow", "triggerer", "--skip-serve-logs"],
                env=self._home.environment,
                cwd=self._home.path,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Let it do nothing more, not even say that it ends."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()


def _change_the_watched_one(deployment: Deployment, triggerer: Triggerer) -> None:
    """Change it while a triggerer runs, while none runs, and while the next one does."""

    def fired(name: str) -> bool:
        return [names[-1] for names in deployment.fired().values()] == [name] * WATCHERS

    deployment.until(lambda: len(deployment.rows("select * from asset_state_store")) == WATCHERS)
    deployment.sandbox.change_conversation(WATCHED, group_name="first")
    deployment.until(lambda: fired("first"))
    triggerer.kill()
    deployment.sandbox.change_conversation(WATCHED, group_name="second")
    triggerer.start()
    deployment.until(lambda: fired("second"))
    asked = len(deployment.asked(WATCHED))
    deployment.until(lambda: len(deployment.asked(WATCHED)) >= asked + 3)
    deployment.sandbox.change_conversation(WATCHED, group_name="third")
    deployment.until(lambda: fired("third"))
    asked = len(deployment.asked(WATCHED))
    deployment.until(lambda: len(deployment.asked(WATCHED)) >= asked + 3)
