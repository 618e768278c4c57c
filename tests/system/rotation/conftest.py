"""Fleets: an Airflow with a scheduler, workers and a triggerer, whose connections have tokens that rotate."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import sqlite3
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_xchat.tokens import Grant
from demo.sandbox import asked
from xchat_sandbox import PUBLIC_CLIENT_ID, Client, Sandbox, running_sandbox

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent.parent / "airflow_provider_xchat" / "example_dags" / "example_xchat_token_refresh.py"

CONFIDENTIAL = "a-confidential-client"

# How long all DAG runs may take (seconds); Airflow 2.11 works off one task after the other.
PATIENCE = 240

DAGS = {"operators", "triggers", "refresher", "failures", "example_xchat_token_refresh"}
MORE_DAGS = {"coroutines", "endpoint_failures"}
SETTINGS = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
# What is asked of a fleet before and after its tokens have rotated.
COLD, ROTATED = "xchat_cold", "xchat_operators"


@dataclass(frozen=True)
class Rotating:
    """A connection whose tokens rotate, and its grant's number in the sandbox."""

    sandbox: Sandbox
    number: int
    grant: Grant
    host: str

    @property
    def chain(self) -> dict[str, Any]:
        return self.sandbox.chains()[self.number]

    @property
    def connection(self) -> dict[str, Any]:
        """As it is stored."""
        extra = {"refresh_token": self.grant.refresh_token, "expires_at": round(self.grant.expires_at)}
        if self.grant.client_secret:
            extra["client_secret"] = self.grant.client_secret
        return {
            "conn_type": "xchat",
            "host": self.host,
            "login": self.grant.client_id,
            "password": self.grant.access_token,
            "extra": json.dumps(extra),
        }


@dataclass(frozen=True)
class Task:
    """How a task instance ended."""

    state: str
    returned: Any
    rendered: Any
    log: str


@dataclass
class Fleet:
    """What is there after all DAGs have run."""

    home: Any
    sandbox: Sandbox
    quiet: Sandbox
    rotating: dict[str, Rotating]
    #: what a connection test answered, by connection and by the way it was asked
    tests: dict[tuple[str, str], str] = field(default_factory=dict)
    printed: str = ""

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        path = f"file:{self.home.path / 'airflow.db'}?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def run_states(self) -> dict[str, str]:
        return dict(self.rows("select dag_id, state from dag_run"))

    def task(self, dag_id: str, task_id: str) -> Task:
        where = "where dag_id = ? and task_id = ?"
        ((state,),) = self.rows(f"select state from task_instance {where}", dag_id, task_id)
        returned = self.rows(f"select value from xcom {where} and key = 'return_value'", dag_id, task_id)
        rendered = self.rows(f"select rendered_fields from rendered_task_instance_fields {where}", dag_id, task_id)
        logs = sorted(self.home.path.glob(f"logs/dag_id={dag_id}/*/task_id={task_id}/*.log*"))
        return Task(
            state,
            json.loads(returned[0][0]) if returned else None,
            json.loads(rendered[0][0]) if rendered else None,
            "".join(log.read_text(encoding="utf-8") for log in logs),
        )

    def variable(self, connection: str) -> dict[str, Any] | None:
        """The token that is kept for a connection, decrypted."""
        stored = self.rows("select val, is_encrypted from variable where key = ?", self.rotating[connection].grant.key)
        if not stored:
            return None
        ((value, encrypted),) = stored
        assert encrypted
        return json.loads(Fernet(self.home.settings["AIRFLOW__CORE__FERNET_KEY"]).decrypt(value))


@pytest.fixture(scope="session", params=["latest", "oldest"])
def fleet(request: pytest.FixtureRequest) -> Fleet:
    """The fleet of each version of Airflow, after all DAGs have run."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def latest(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_database: Path,
    new_home: Callable[..., Any],
    latest_settings: Callable[..., Any],
    wait_for: Callable[..., None],
    scripted: Any,
) -> Iterator[Fleet]:
    url, settings = latest_settings(4, AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="True", **SETTINGS)
    path = _with_dags(tmp_path_factory.mktemp("latest"))
    shutil.copytree(HERE / "more_dags", path / "dags", dirs_exist_ok=True)
    home = new_home(path, migrated_database, Path(sys.executable), settings)
    with _fleet(home, scripted) as fleet:
        with ExitStack() as running:
            server = ["api-server", "--host", "127.0.0.1", "--port", url.rpartition(":")[2], "--workers", "1"]
            running.enter_context(home.running(*server))
            _test_by_command(fleet, COLD)
            wait_for(f"{url}/api/v2/monitor/health")
            _test_by_server(fleet, COLD, url)
            for command in (["scheduler", "--skip-serve-logs"], ["triggerer", "--skip-serve-logs"], ["dag-processor"]):
                running.enter_context(home.running(*command))
            _wait_for_runs(fleet, DAGS | MORE_DAGS)
            _test_by_server(fleet, ROTATED, url)
            _test_by_command(fleet, ROTATED)
        yield fleet


@pytest.fixture(scope="session")
def oldest(tmp_path_factory: pytest.TempPathFactory, oldest_home: Callable[..., Any], scripted: Any) -> Iterator[Fleet]:
    home = oldest_home(_with_dags(tmp_path_factory.mktemp("oldest")), **SETTINGS)
    with _fleet(home, scripted) as fleet:
        _test_by_command(fleet, COLD)
        with ExitStack() as running:
            for command in ("scheduler", "triggerer"):
                running.enter_context(home.running(command, "--skip-serve-logs"))
            _wait_for_runs(fleet, DAGS)
        _test_by_command(fleet, ROTATED)
        yield fleet


def _with_dags(path: Path) -> Path:
    for folder in ("dags", "plugins"):
        shutil.copytree(HERE / folder, path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLE, path / "dags")
    return path


@contextmanager
def _fleet(home: Any, scripted: Any) -> Iterator[Fleet]:
    secret = f"sandbox-secret-{secrets.token_hex()}"
    clients = [Client(CONFIDENTIAL, secret)]
    with running_sandbox(strict=True, clients=clients) as sandbox, running_sandbox(strict=True) as quiet:

        def rotating(client_id: str, expires_in: float, *, of: Sandbox = sandbox, host: str | None = None) -> Rotating:
            number = len(of.chains())
            issued = of.grant(client_id=client_id, expires_in=expires_in)
            client_secret = secret if client_id == CONFIDENTIAL else None
            grant = Grant(client_id, issued.refresh_token, client_secret, issued.access_token, issued.expires_at)
            return Rotating(of, number, grant, host or of.url)

        fleet = Fleet(
            home,
            sandbox,
            quiet,
            {
                "xchat_operators": rotating(PUBLIC_CLIENT_ID, -60),
                "xchat_coroutines": rotating(PUBLIC_CLIENT_ID, -60),
                "xchat_triggers": rotating(CONFIDENTIAL, -60),
                "xchat_refresher": rotating(CONFIDENTIAL, 3600),
                "xchat_default": rotating(CONFIDENTIAL, 3600),
                "xchat_used_up": rotating(CONFIDENTIAL, -60),
                "xchat_cold": rotating(PUBLIC_CLIENT_ID, -60, of=quiet),
                "xchat_bad_gateway": rotating(CONFIDENTIAL, -60, host=f"{scripted.url}/bad_gateway"),
                "xchat_page": rotating(CONFIDENTIAL, -60, host=f"{scripted.url}/page"),
                "xchat_refusing_page": rotating(CONFIDENTIAL, 3600, host=f"{scripted.url}/refusing_page"),
            },
        )
        _use_up(fleet.rotating["xchat_used_up"])
        _store_connections(fleet)
        yield fleet


def _use_up(rotating: Rotating) -> None:
    """Refresh behind the back of Airflow, which leaves it with a refresh token that is dead."""
    form = {"grant_type": "refresh_token", "refresh_token": rotating.grant.refresh_token}
    credentials = base64.b64encode(f"{rotating.grant.client_id}:{rotating.grant.client_secret}".encode()).decode()
    request = urllib.request.Request(
        f"{rotating.sandbox.url}/2/oauth2/token",
        urllib.parse.urlencode(form).encode(),
        {"authorization": f"Basic {credentials}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def _store_connections(fleet: Fleet) -> None:
    connections = {name: rotating.connection for name, rotating in fleet.rotating.items()}
    connections["xchat_static"] = {"conn_type": "xchat", "host": fleet.sandbox.url, "password": secrets.token_hex()}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(connections, file)
        file.flush()
        stored = fleet.home.airflow("connections", "import", file.name)
    assert stored.status == 0, stored.text
    fleet.printed += stored.text


def _test_by_command(fleet: Fleet, connection: str) -> None:
    """As ``airflow connections test``."""
    tested = fleet.home.airflow("connections", "test", connection)
    fleet.tests[connection, "command"] = tested.out
    fleet.printed += tested.text


def _test_by_server(fleet: Fleet, connection: str, url: str) -> None:
    """As the connection form does it: with what the server shows of a connection, secrets hidden."""
    token = asked(f"{url}/auth/token")["access_token"]
    shown = asked(f"{url}/api/v2/connections/{connection}", token=token)
    fleet.printed += json.dumps(shown)
    answer = asked(f"{url}/api/v2/connections/test", shown, token)
    fleet.tests[connection, "server"] = json.dumps(answer)
    fleet.printed += json.dumps(answer)


def _wait_for_runs(fleet: Fleet, dag_ids: set[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        states = fleet.run_states()
        if states.keys() >= dag_ids and set(states.values()) <= {"success", "failed"}:
            return
        if time.monotonic() > deadline:
            logs = {path.name: path.read_text(errors="replace")[-3000:] for path in fleet.home.path.glob("*.log")}
            pytest.fail(
                f"the DAGs have not run: {states}\n" + "\n".join(f"{name}:\n{log}" for name, log in logs.items())
            )
        time.sleep(0.5)
