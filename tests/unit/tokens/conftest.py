"""A strict sandbox, connections to it, and fleets of processes that share an Airflow database."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_xchat.tokens import FileTokenStore, Grant
from airflow_provider_xchat.tokens.rotation import RotatingTokens
from xchat_sandbox import PUBLIC_CLIENT_ID, running_sandbox

HERE = Path(__file__).parent
FILE_STORE = "airflow_provider_xchat.tokens.FileTokenStore"


@pytest.fixture(scope="session")
def xchat_sandbox_server():
    with running_sandbox(strict=True, rate_limit=1_000_000) as running:
        yield running


def connection_of(sandbox, grant, **changes: Any) -> str:
    """A connection with a grant, as JSON; extra members of None are left out."""
    extra = {"refresh_token": grant.refresh_token, "expires_at": int(grant.expires_at), **changes}
    fields = {"conn_type": "xchat", "host": sandbox.url, "login": PUBLIC_CLIENT_ID, "password": grant.access_token}
    fields |= {name: extra.pop(name) for name in ("login", "password") if name in extra}
    return json.dumps({**fields, "extra": {name: value for name, value in extra.items() if value is not None}})


@pytest.fixture
def connection_json():
    return connection_of


@pytest.fixture
def connect(monkeypatch, tmp_path):
    """A function that puts a grant into the default connection, with a file store of its own."""

    def put(sandbox, grant, **changes: Any) -> None:
        stored = {"store": FILE_STORE, "store_kwargs": {"folder": str(tmp_path / "tokens")}}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", connection_of(sandbox, grant, **{**stored, **changes}))

    return put


@pytest.fixture
def store(tmp_path):
    return FileTokenStore(tmp_path / "tokens")


def grant_of(grant, **changes: Any) -> Grant:
    fields = {
        "client_id": PUBLIC_CLIENT_ID,
        "refresh_token": grant.refresh_token,
        "access_token": grant.access_token,
        "expires_at": grant.expires_at,
    }
    return Grant(**{**fields, **changes})


@pytest.fixture
def key_of():
    """A function that gives the key under which a store keeps the tokens of a grant of the sandbox."""
    return lambda grant, **changes: grant_of(grant, **changes).key


@pytest.fixture
def rotating(sandbox, store):
    """A function that makes the rotating tokens of a grant of the sandbox."""

    def make(grant, in_store=None, *, url=sandbox.url, timeout=30.0, save_for=60.0, **changes: Any) -> RotatingTokens:
        kept = grant_of(grant, **changes)
        settings = {"base_url": url, "timeout": timeout, "save_for": save_for, "conn_id": "the_conn"}
        return RotatingTokens(kept, in_store or store, **settings)

    return make


@dataclass
class Fleet:
    """Running processes; see ``fleet.py``."""

    process: subprocess.Popen[str]
    log: Path

    def call(self, *calls: tuple[int, str]) -> list[str]:
        """Let members call X at the same time, each with a connection."""
        self.process.stdin.write(json.dumps(calls) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> list[str]:
        for line in self.process.stdout:
            if line.startswith("["):
                return json.loads(line)
        raise AssertionError(self.log.read_text())


@pytest.fixture
def run_fleet(tmp_path, migrated_database, airflow_environment):
    """A function that starts a fleet on two machines, with connections by their ids."""

    @contextmanager
    def run(size, connections):
        home, machines = tmp_path / "home", [tmp_path / "machine-1", tmp_path / "machine-2"]
        for folder in (home, *machines):
            folder.mkdir()
        shutil.copy(migrated_database, home)
        (home / "airflow.cfg").touch()
        variables = {f"AIRFLOW_CONN_{conn_id.upper()}": value for conn_id, value in connections.items()}
        log = tmp_path / "fleet.log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                [sys.executable, HERE / "fleet.py", str(size), *machines],
                env=airflow_environment(home, PYTHONPATH=str(HERE), **variables),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            fleet = Fleet(process, log)
            fleet.answer()
            yield fleet
            process.stdin.close()
            # Members log to the same stream.
            process.stdout.read()
        assert process.returncode == 0

    return run
