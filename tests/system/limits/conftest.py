"""Airflows with more tasks than X lets through, and what their task states were meanwhile."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from xchat_sandbox import Sandbox, generated_ids, running_sandbox

HERE = Path(__file__).parent
MODES = ("deferrable", "reschedule")
LIMITED = [f"limited_{mode}" for mode in MODES]
MANY = [f"many_{mode}" for mode in MODES]
KILLED = ["killed_xcom", "killed_file"]
DAGS = {*LIMITED, *MANY, *KILLED}

# How long a window of the rate limit is, and how long all DAG runs may take (seconds).
WINDOW = 30
PATIENCE = 420
# How many conversations the DAGs with one task ask for, and how many of them a window lets through.
CONVERSATIONS = 40
MANY_LIMIT = 15
# Which of them X is slow to answer, so that the worker can be killed meanwhile; as many as are asked for at a time.
SLOW = range(20, 24)
SLOWNESS = 40
# How long (seconds) what was fetched before has been there by then.
SETTLED = 3


@dataclass
class Limited:
    """An Airflow after its DAGs have run, each against a sandbox of its own."""

    home: Any
    tasks: int
    limit: int
    token: str
    sandboxes: dict[str, Sandbox]
    conversations: int = CONVERSATIONS
    slow: range = SLOW
    #: whether its Airflow has a state store for tasks
    keeps_state: bool = True
    #: the number of tasks in each state, whenever it was looked at
    samples: dict[str, list[Counter[str]]] = field(default_factory=lambda: {name: [] for name in LIMITED + MANY})
    #: for each DAG with a worker that was killed, where there was something kept in that moment
    kept: dict[str, list[str]] = field(default_factory=dict)
    _stuck_since: dict[str, float] = field(default_factory=dict)

    @property
    def slots(self) -> int:
        return int(self.home.settings["AIRFLOW__CORE__PARALLELISM"])

    @property
    def output(self) -> Path:
        return self.home.path / "out"

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        path = f"file:{self.home.path / 'airflow.db'}?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        names = [name for (name,) in self.rows("select name from sqlite_master where type = 'table'")]
        return {name: self.rows(f'select * from "{name}"') for name in names}

    def returned(self, dag_id: str, task_id: str = "get") -> list[Any]:
        query = "select value from xcom where dag_id = ? and task_id = ? and key = 'return_value' order by map_index"
        return [json.loads(value) for (value,) in self.rows(query, dag_id, task_id)]

    def ended(self, dag_id: str) -> list[tuple[str, int]]:
        """Tell the state and the try of each task."""
        return self.rows("select state, try_number from task_instance where dag_id = ?", dag_id)

    def run_states(self) -> dict[str, str]:
        return dict(self.rows("select dag_id, state from dag_run"))

    def variables(self) -> dict[str, str]:
        fernet = Fernet(self.home.settings["AIRFLOW__CORE__FERNET_KEY"])
        stored = self.rows("select key, val from variable where is_encrypted")
        return {key: fernet.decrypt(value).decode() for key, value in stored}

    def progress(self) -> list[str]:
        """Tell what tasks have kept in the database of what they have fetched."""
        kept = [key for key in self.variables() if key.startswith("xchat_progress_")]
        if self.rows("select 1 from sqlite_master where name = 'task_state_store'"):
            kept += [key for (key,) in self.rows("select dag_id || ' ' || key from task_state_store")]
        return kept

    def sample(self) -> None:
        for name, samples in self.samples.items():
            query = "select state, count(*) from task_instance where dag_id = ? and task_id = 'get'"
            counts = self.rows(f"{query} and (map_index >= 0 or dag_id like 'many_%') group by state", name)
            samples.append(Counter({state or "none": count for state, count in counts}))

    def kill(self) -> None:
        """Kill each worker that is to be killed, once all its requests are slow ones."""
        for name in KILLED:
            if name in self.kept or len(self.sandboxes[name].requests()) < SLOW.stop:
                continue
            if time.monotonic() < self._stuck_since.setdefault(name, time.monotonic()) + SETTLED:
                continue
            files = [path.name for path in self.output.glob(f"{name}*")]
            self.kept[name] = files or self.progress()
            os.kill(int((self.home.path / f"{name}.1.pid").read_text()), signal.SIGKILL)

    def wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            states = self.run_states()
            if states.keys() >= DAGS and set(states.values()) <= {"success", "failed"}:
                return
            if time.monotonic() > deadline:
                logs = {path.name: path.read_text(errors="replace")[-3000:] for path in self.home.path.glob("*.log")}
                pytest.fail(f"the DAGs have not run: {states}\n" + "\n".join(map(str, logs.items())))
            self.sample()
            self.kill()
            time.sleep(0.3)


@pytest.fixture(scope="session", params=["latest", "oldest"])
def limited(request: pytest.FixtureRequest) -> Limited:
    """The Airflow of each version, after all DAGs have run."""
    return request.getfixturevalue(f"limited_{request.param}")


@pytest.fixture(scope="session")
def limited_latest(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_database: Path,
    new_home: Callable[..., Any],
    latest_settings: Callable[..., Any],
    wait_for: Callable[..., None],
) -> Iterator[Limited]:
    url, settings = latest_settings(8, AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG="64", **_sizes(60))
    path = _with_dags(tmp_path_factory.mktemp("limited"))
    home = new_home(path, migrated_database, Path(sys.executable), settings)
    with _sandboxes(home, tasks=60, limit=15) as limited:
        with ExitStack() as running:
            server = ["api-server", "--host", "127.0.0.1", "--port", url.rpartition(":")[2], "--workers", "1"]
            running.enter_context(home.running(*server))
            wait_for(f"{url}/api/v2/monitor/health")
            for command in (["scheduler", "--skip-serve-logs"], ["triggerer", "--skip-serve-logs"], ["dag-processor"]):
                running.enter_context(home.running(*command))
            limited.wait()
        yield limited


@pytest.fixture(scope="session")
def limited_oldest(tmp_path_factory: pytest.TempPathFactory, oldest_home: Callable[..., Any]) -> Iterator[Limited]:
    settings = {
        # The executor that it has for SQLite works off one task after the other, and starts each by a command.
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
    }
    home = oldest_home(_with_dags(tmp_path_factory.mktemp("limited_oldest")), **settings, **_sizes(5))
    with _sandboxes(home, tasks=5, limit=2) as limited:
        limited.keeps_state = False
        with ExitStack() as running:
            for command in (["scheduler", "--skip-serve-logs"], ["triggerer", "--skip-serve-logs"]):
                running.enter_context(home.running(*command))
            limited.wait()
        yield limited


def _with_dags(path: Path) -> Path:
    shutil.copytree(HERE / "dags", path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    return path


def _sizes(tasks: int) -> dict[str, str]:
    """Tell the DAGs how many there are to be."""
    return {"XCHAT_CONVERSATIONS": str(CONVERSATIONS), "XCHAT_TASKS": str(tasks)}


@contextmanager
def _sandboxes(home: Any, *, tasks: int, limit: int) -> Iterator[Limited]:
    """A sandbox for each DAG, which has the account that the DAG's connection is for."""
    token = secrets.token_hex()
    limits = {**dict.fromkeys(LIMITED, limit), **dict.fromkeys(MANY, MANY_LIMIT), **dict.fromkeys(KILLED, 900)}
    with ExitStack() as running:
        sandboxes = {
            name: running.enter_context(
                running_sandbox(
                    tokens=[token], conversations=max(tasks, CONVERSATIONS), rate_limit=each, rate_window=WINDOW
                )
            )
            for name, each in limits.items()
        }
        ids = generated_ids(CONVERSATIONS)
        for name, sandbox in sandboxes.items():
            connection = {"conn_type": "xchat", "host": sandbox.url, "password": token}
            home.settings[f"AIRFLOW_CONN_XCHAT_{name.upper()}"] = json.dumps(connection)
            if name in KILLED:
                sandbox.faults(
                    [{"kind": "delay", "seconds": SLOWNESS, "conversation_id": ids[number]} for number in SLOW]
                )
        yield Limited(home, tasks, limit, token, sandboxes)
