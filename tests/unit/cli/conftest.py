"""``xchat`` in processes of its own, with an Airflow database and a sandbox; and what none of them may show."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from xchat_sandbox import CONFIDENTIAL_CLIENT_SECRET, PUBLIC_CLIENT_ID, Sandbox, running_sandbox
from xchat_sandbox import GROUP_ID as CONVERSATION

HERE = Path(__file__).parent

STORE = """
import json, sys
from airflow.models.connection import Connection
from airflow.utils.session import create_session

with create_session() as session:
    session.add(Connection(**json.load(sys.stdin)))
"""
READ = """
import json, sys
from airflow.models.connection import Connection
from airflow.utils.session import create_session

with create_session() as session:
    found = session.query(Connection).filter_by(conn_id=sys.stdin.read()).one_or_none()
    names = ("conn_type", "description", "host", "login", "password", "schema", "port")
    found = found and {**{name: getattr(found, name) for name in names}, "extra": found.extra_dejson}
    print(json.dumps(found))
"""
USE = """
import json, sys
from airflow_provider_xchat.hooks.xchat import XChatHook

conn_id, conversation_id = sys.stdin.read().split()
with XChatHook(conn_id) as hook:
    print(json.dumps(hook.get_conversation(conversation_id)))
"""
ROTATE = """
import sys
from airflow_provider_xchat.hooks.xchat import XChatHook

XChatHook(sys.stdin.read()).refresh_access_token(10 ** 6)
"""
VARIABLES = """
import json
from airflow.models.variable import Variable
from airflow.utils.session import create_session

with create_session() as session:
    print(json.dumps(sorted(variable.key for variable in session.query(Variable))))
"""


class Finished(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that says why a command failed."""
        lines = [line for line in self.err.splitlines() if line.startswith("xchat: error: ")]
        assert self.status == 1 and len(lines) == 1 and "Traceback" not in self.err, self
        assert self.out == ""
        return lines[0]


@dataclass
class Commands:
    """Runs ``xchat`` and Python code with one Airflow database."""

    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[str]
    sandboxes: list[Sandbox]
    finished: list[tuple[list[str], Finished]] = field(default_factory=list)

    def xchat(self, *arguments: str, stdin: str = "", **environment: str) -> Finished:
        done = self._run({"arguments": arguments}, stdin, environment)
        self.finished.append((list(arguments), done))
        return done

    def login(self, sandbox: Sandbox, *arguments: str, stdin: str = "", **environment: str) -> Finished:
        """Sign in at a sandbox, as its public client, with a browser."""
        redirect = ("--redirect-uri", f"http://127.0.0.1:{free_port()}/callback")
        given = ("--host", sandbox.url, "--client-id", PUBLIC_CLIENT_ID, *redirect, *arguments)
        self.sandboxes.append(sandbox)
        return self.xchat("login", *given, stdin=stdin, **environment)

    def python(self, code: str, stdin: str = "", **environment: str) -> str:
        done = self._run({"code": code}, stdin, environment)
        assert done.status == 0, done
        return done.out

    def store(self, conn_id: str, **members: Any) -> None:
        """Put a connection into the database."""
        connection = {"conn_id": conn_id, "conn_type": "xchat", **members}
        self.python(STORE, json.dumps(connection))

    def stored(self, conn_id: str) -> Any:
        """Read a connection from the database."""
        return json.loads(self.python(READ, conn_id).splitlines()[-1])

    def variables(self) -> list[str]:
        """Tell the keys of all Airflow Variables."""
        keys: list[str] = json.loads(self.python(VARIABLES).splitlines()[-1])
        return keys

    def works(self, conn_id: str, **environment: str) -> bool:
        """Tell whether the hook can read a conversation with a connection."""
        answer = self.python(USE, f"{conn_id} {CONVERSATION}", **environment)
        return bool(json.loads(answer.splitlines()[-1])["data"][0]["id"] == CONVERSATION)

    def rotate(self, conn_id: str) -> None:
        """Get the next token, as a task does."""
        self.python(ROTATE, conn_id)

    @property
    def visited(self) -> str:
        """Where the browser has ended, with what it saw there."""
        log = self.folder / "visited"
        return log.read_text() if log.exists() else ""

    def secrets_in(self, text: str) -> list[str]:
        """Find what must not be shown: what the sandboxes have issued, what the browser was sent, and verifiers."""
        secrets = [CONFIDENTIAL_CLIENT_SECRET, *re.findall(r"[?&]code=([^&\s]+)", self.visited)]
        for sandbox in self.sandboxes:
            grants = sandbox._authorization.grants
            secrets += [*grants._by_access_token, *grants._by_refresh_token, *grants._codes]
        challenges = set(re.findall(r"code_challenge=([A-Za-z0-9_-]+)", text))
        verifiers = [word for word in re.findall(r"[A-Za-z0-9._~-]{43,128}", text) if s256(word) in challenges]
        return sorted({secret for secret in secrets if secret in text} | set(verifiers))

    def _run(self, job: dict[str, Any], stdin: str, environment: dict[str, str]) -> Finished:
        files = {name: self.folder / name for name in ("stdin", "out", "err")}
        for name, path in files.items():
            path.write_text(stdin if name == "stdin" else "")
        paths = {name: str(path) for name, path in files.items()}
        print(json.dumps({**job, **paths, "environment": environment}), file=self.process.stdin, flush=True)
        status = int(self.process.stdout.readline())
        return Finished(status, files["out"].read_text(), files["err"].read_text())

    def login_into_a_full_disk(self, sandbox: Sandbox) -> Finished:
        """Have a printed connection go where there is no room for it."""
        code = (
            "import os, sys; from airflow_provider_xchat.cli.definition import main\n"
            "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n"
            f"main(['login', '--print', 'json', '--host', '{sandbox.url}', '--client-id', '{PUBLIC_CLIENT_ID}',"
            f" '--conn-id', 'unmade', '--redirect-uri', 'http://127.0.0.1:{free_port()}/'])"
        )
        done = self._run({"code": code}, "", {})
        self.finished.append((["login"], done))
        return done


@pytest.fixture(scope="session")
def environment(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_database: Path,
    airflow_environment: Callable[..., dict[str, str]],
) -> dict[str, str]:
    """An AIRFLOW_HOME with a migrated database, and a browser."""
    home = tmp_path_factory.mktemp("cli-home")
    browser = home / "browser"
    browser.write_text(f"#!{sys.executable} -IS\n{(HERE / 'browser.py').read_text()}")
    browser.chmod(0o755)
    shutil.copy(migrated_database, home)
    settings = {
        # As Airflow's own servers have it: hooks outside of a task find what is in the database.
        "_AIRFLOW_PROCESS_CONTEXT": "server",
        "BROWSER": str(browser),
        "VISITED": str(home / "visited"),
    }
    return airflow_environment(home, **settings)


@pytest.fixture(scope="session")
def process(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, HERE / "forked.py"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        for line in running.stdout:
            if line == "ready\n":
                break
        yield running
        running.stdin.close()


@pytest.fixture
def commands(process: subprocess.Popen[str], environment: dict[str, str], sandbox: Sandbox) -> Iterator[Commands]:
    """Commands; after each test, no token, secret, code or verifier stands in what they have written."""
    commands = Commands(Path(environment["AIRFLOW_HOME"]), environment, process, [sandbox])
    (commands.folder / "visited").unlink(missing_ok=True)
    yield commands
    for arguments, finished in commands.finished:
        shown = finished.err if "--print" in arguments else finished.out + finished.err
        assert commands.secrets_in(shown) == []


@pytest.fixture
def take_port() -> Callable[[], int]:
    """A function that finds a port which nobody listens on."""
    return free_port


@pytest.fixture(scope="session")
def xchat_sandbox_server() -> Iterator[Sandbox]:
    with running_sandbox(strict=True) as running:
        yield running


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
