"""Airflow on several machines: Celery workers with work folders of their own, Redis, and Postgres."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from demo.sandbox import asked
from xchat_sandbox import PUBLIC_CLIENT_ID, Sandbox, generated_ids, running_sandbox

HERE = Path(__file__).parent
POSTGRES = os.environ.get("XCHAT_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("XCHAT_TEST_REDIS", "redis://127.0.0.1:6379/9")

# Each conversation is got, and marked as read.
CONVERSATIONS = int(os.environ.get("XCHAT_FLEET_CONVERSATIONS", "100"))
SOAK_MINUTES = float(os.environ.get("XCHAT_SOAK_MINUTES", "0"))
# How many tasks run at a time, half of them on each worker.
CONCURRENCY = 8
TOKEN_LIFETIME = 20
# How many requests of each operation X lets through, and how long (seconds) its window is.
LIMIT, WINDOW = 50, 30
# How long (seconds) a run may take.
PATIENCE = 900


@dataclass
class Round:
    """What a DAG run came to."""

    number: int
    ids: list[str]
    seen_until: str
    state: str = ""
    took: float = 0.0
    #: state and try of each task, by its id and map index
    tasks: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    refreshes: int = 0
    marks: dict[str, str] = field(default_factory=dict)
    #: the tasks that ran on the worker when it was killed
    killed: list[tuple[str, int]] = field(default_factory=list)

    @property
    def retried(self) -> list[tuple[str, int]]:
        return [key for key, (_, tries) in self.tasks.items() if tries > 1]

    @property
    def refused_by_window(self) -> Counter[tuple[str, int]]:
        """How many 429s there were, by operation and window."""
        return Counter(
            (request["method"], int(request["time"] // WINDOW)) for request in self.requests if request["status"] == 429
        )

    @property
    def row(self) -> str:
        refused = sum(self.refused_by_window.values())
        return (
            f"{self.number:5} {len(self.tasks):6} {self.took:8.0f} {len(self.retried):8} {self.refreshes:10}"
            f" {len(self.requests):9} {refused:6}  {self.state}"
        )


HEADER = f"{'round':>5} {'tasks':>6} {'seconds':>8} {'retried':>8} {'refreshes':>10} {'requests':>9} {'429s':>6}  state"


@dataclass
class Worker:
    """A machine: a folder for its files, one for what is temporary there, and a Celery worker."""

    name: str
    home: Any
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["celery", "worker", "--celery-hostname", self.name, "--skip-serve-logs"]
        with (self.home.path / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.home.python, "-m", "airflow", *command],
                env=self.home.environment,
                cwd=self.home.path,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def has_log_of(self, run_id: str, task_id: str, map_index: int, try_number: int) -> bool:
        folder = self.home.path / "logs" / "dag_id=fleet" / f"run_id={run_id}" / f"task_id={task_id}"
        return (folder / (f"map_index={map_index}" if map_index >= 0 else "") / f"attempt={try_number}.log").exists()

    def kill(self) -> None:
        """As a machine that loses power: every process, at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class Cluster:
    """The running machines."""

    home: Any
    workers: list[Worker]
    sandbox: Sandbox
    url: str
    database: str
    secrets: list[str]
    rounds: list[Round] = field(default_factory=list)
    _token: str = field(default="", repr=False)

    def rest(self, path: str, body: Any = None) -> Any:
        if not self._token:
            self._token = asked(f"{self.url}/auth/token")["access_token"]
        return asked(f"{self.url}/api/v2/{path}", body, self._token)

    def tasks(self, run_id: str) -> dict[tuple[str, int], Any]:
        found: list[Any] = []
        while len(found) % 100 == 0:
            page = self.rest(f"dags/fleet/dagRuns/{run_id}/taskInstances?limit=100&offset={len(found)}")
            found += page["task_instances"]
            if len(found) >= page["total_entries"]:
                break
        return {(task["task_id"], task["map_index"]): task for task in found}

    def run(self) -> Round:
        """Have all conversations read and marked, and kill a worker when a good part of it is done."""
        number = len(self.rounds) + 1
        round_ = Round(number, list(generated_ids(CONVERSATIONS)), str(1_000_000_000_000_000_000 + number))
        self.rounds.append(round_)
        before, refreshed = len(self.sandbox.requests()), self.sandbox.chains()[0]["refreshes"]
        began = time.monotonic()
        conf = {"ids": round_.ids, "seen_until": round_.seen_until}
        run_id = self.rest("dags/fleet/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"]
        while (state := self.rest(f"dags/fleet/dagRuns/{run_id}")["state"]) not in {"success", "failed"}:
            if time.monotonic() - began > PATIENCE:
                pytest.fail(f"the round has not ended\n{self.logs()}")
            time.sleep(1)
            if not round_.killed and len(self.sandbox.requests()) - before > CONVERSATIONS * 0.6:
                round_.killed = self._kill_busy(self.workers[number % 2], run_id)
        round_.state = state
        round_.took = time.monotonic() - began
        round_.tasks = {key: (task["state"], task["try_number"]) for key, task in self.tasks(run_id).items()}
        round_.requests = self.sandbox.requests()[before:]
        round_.refreshes = self.sandbox.chains()[0]["refreshes"] - refreshed
        round_.marks = self.sandbox.read_marks()
        self.workers[number % 2].start()
        return round_

    def _kill_busy(self, worker: Worker, run_id: str) -> list[tuple[str, int]]:
        """Kill a worker that has tasks; tell which it had, as nobody else can have changed their state since."""

        def running() -> list[tuple[str, int]]:
            return [
                key
                for key, task in self.tasks(run_id).items()
                if task["state"] == "running" and worker.has_log_of(run_id, *key, task["try_number"])
            ]

        while not running():
            time.sleep(0.1)
        worker.kill()
        # What it had told the API server before that may come a little later.
        time.sleep(1)
        killed = running()
        if not killed:
            worker.start()
        return killed

    def logs(self) -> str:
        homes = [self.home, *(worker.home for worker in self.workers)]
        files = [path for home in homes for path in sorted(home.path.glob("*.log"))]
        return "\n".join(f"{path.name}:\n{path.read_text(errors='replace')[-3000:]}" for path in files)

    def dump(self) -> str:
        """Tell everything that stands in the metadata database."""
        return subprocess.run(["pg_dump", self.database], capture_output=True, text=True, check=True).stdout


def _listens(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    with suppress(OSError), socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2):
        return True
    return False


@pytest.fixture(scope="session")
def services() -> None:
    for name, url, package in (("Postgres", POSTGRES, "postgresql"), ("Redis", REDIS, "redis-server")):
        if not _listens(url):
            where = urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
            pytest.skip(
                f"no {name} at {where}; get it with: apt-get install {package}, or set XCHAT_TEST_{name.upper()}"
            )
    if shutil.which("pg_dump") is None:
        pytest.skip("there is no pg_dump here; get it with: apt-get install postgresql-client")


@pytest.fixture(scope="session")
def celery_python(
    services: None, tmp_path_factory: pytest.TempPathFactory, new_environment: Callable[..., Path], wheel: Path
) -> Path:
    path = tmp_path_factory.mktemp("celery") / "venv"
    pins = ["--constraint", HERE / "constraints.txt"]
    return new_environment(path, [*pins, "--requirement", HERE / "requirements.in", wheel])


@pytest.fixture(scope="session")
def database(celery_python: Path) -> Iterator[str]:
    """An empty database of our own; its URL."""
    name = f"xchat_{secrets.token_hex(6)}"

    def do(statement: str) -> None:
        code = (
            "import psycopg2, sys; connection = psycopg2.connect(sys.argv[1]); connection.autocommit = True;"
            " connection.cursor().execute(sys.argv[2])"
        )
        subprocess.run([celery_python, "-c", code, POSTGRES, statement], check=True)

    do(f"create database {name}")
    yield f"{POSTGRES.rpartition('/')[0]}/{name}"
    do(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def cluster(
    tmp_path_factory: pytest.TempPathFactory,
    celery_python: Path,
    database: str,
    new_home: Callable[..., Any],
    free_port: Callable[[], int],
    wait_for: Callable[..., None],
) -> Iterator[Cluster]:
    url = f"http://127.0.0.1:{free_port()}"
    settings = _settings(url, database)

    def machine(name: str) -> Any:
        path = tmp_path_factory.mktemp(name)
        (path / "tmp").mkdir()
        shutil.copytree(HERE / "dags", path / "dags")
        # What its processes lock files in is a folder of its own, as on another machine.
        return new_home(path, None, celery_python, {**settings, "TMPDIR": str(path / "tmp")})

    home = machine("servers")
    workers = [Worker(f"worker{number}@xchat", machine(f"worker{number}")) for number in (1, 2)]
    with running_sandbox(
        strict=True,
        access_token_lifetime=TOKEN_LIFETIME,
        conversations=CONVERSATIONS,
        rate_limit=LIMIT,
        rate_window=WINDOW,
    ) as sandbox:
        migrated = home.airflow("db", "migrate")
        assert migrated.status == 0, migrated.text
        kept = _store_connection(home, sandbox)
        with ExitStack() as running:
            port = url.rpartition(":")[2]
            for command in (
                ["api-server", "--host", "127.0.0.1", "--port", port, "--workers", "2"],
                ["scheduler", "--skip-serve-logs"],
                ["triggerer", "--skip-serve-logs"],
                ["dag-processor"],
            ):
                running.enter_context(home.running(*command))
            wait_for(f"{url}/api/v2/monitor/health")
            for worker in workers:
                worker.start()
                running.callback(worker.stop)
            cluster = Cluster(home, workers, sandbox, url, database, kept)
            _wait_for_the_dag(cluster)
            yield cluster


def _settings(url: str, database: str) -> dict[str, str]:
    sqlalchemy = database.replace("postgresql://", "postgresql+psycopg2://")
    settings = {
        "API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "CELERY__BROKER_URL": REDIS,
        "CELERY__RESULT_BACKEND": f"db+{sqlalchemy}",
        "CELERY__WORKER_CONCURRENCY": str(CONCURRENCY // 2),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__EXECUTOR": "CeleryExecutor",
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "DATABASE__SQL_ALCHEMY_CONN": sqlalchemy,
        # Others may use the same Redis.
        "OPERATORS__DEFAULT_QUEUE": f"xchat-{secrets.token_hex(6)}",
        # How soon the tasks of a dead worker are noticed: those that ran, and those that it had taken but not begun.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "SCHEDULER__TASK_QUEUED_TIMEOUT": "45",
        "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    }
    return {f"AIRFLOW__{name}": value for name, value in settings.items()} | {"XCHAT_CONCURRENCY": str(CONCURRENCY)}


def _store_connection(home: Any, sandbox: Sandbox) -> list[str]:
    """Store the connection, encrypted, in the metadata database; give what must not be found anywhere."""
    grant = sandbox.grant(expires_in=0)
    connection = {
        "conn_type": "xchat",
        "host": sandbox.url,
        "login": PUBLIC_CLIENT_ID,
        "password": grant.access_token,
        "extra": json.dumps({"refresh_token": grant.refresh_token, "expires_at": round(grant.expires_at)}),
    }
    file = home.path / "connections.json"
    file.write_text(json.dumps({"xchat_default": connection}), encoding="utf-8")
    stored = home.airflow("connections", "import", file)
    assert stored.status == 0, stored.text
    file.unlink()
    return [grant.access_token, grant.refresh_token]


def _wait_for_the_dag(cluster: Cluster) -> None:
    deadline = time.monotonic() + 90
    while not cluster.rest("dags")["dags"]:
        assert time.monotonic() < deadline, cluster.logs()
        time.sleep(0.5)


@pytest.fixture(scope="session")
def rounds(cluster: Cluster, pytestconfig: pytest.Config) -> list[Round]:
    """One round; with ``make soak`` as many as there is time for, and a table."""
    end = time.monotonic() + SOAK_MINUTES * 60
    terminal = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        terminal.write_line(f"\n{HEADER}")
    while not cluster.rounds or time.monotonic() < end:
        done = cluster.run()
        if terminal is not None:
            terminal.write_line(done.row)
    return cluster.rounds
