"""Servers that tests talk to over real sockets, and what processes with an Airflow of their own need."""

from __future__ import annotations

import atexit
import base64
import fcntl
import json
import os
import secrets
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xchat_sandbox import Sandbox

# Airflow reads its settings when it is first imported: none of the person's who runs the tests, and a home to leave.
for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[name]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="xchat-tests-")
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)


class ByResource(LoadScopeScheduling):
    """Keeps tests that share something expensive, such as an Airflow, in one process; all others go to any process."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.partition("::")[0])
        if file.parts[1] in {"system", "benchmarks"}:
            return str(file.parent)
        return str(file) if file.parts[1] == "docs" or file.name == "test_fault_matrix.py" else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByResource:
    """Have pytest-xdist use it; its own groups do not work with pytest 9."""
    return ByResource(config, log)


@dataclass(frozen=True)
class WireRequest:
    """A request as it came over the socket."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("ascii")

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        """Path and query, byte for byte."""
        return self.line.split(" ")[1]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


@dataclass
class WireServer:
    """A server that answers whatever bytes it is told to, and keeps what it received."""

    url: str = ""
    requests: list[WireRequest] = field(default_factory=list)
    answer: bytes = b""
    delay: float = 0.0

    def says(
        self,
        status: int,
        body: Any = b"",
        content_type: str | None = "application/json",
        headers: dict[str, str] | None = None,
        reason: str = "Said",
    ) -> None:
        """Answer with a status and a body; anything but bytes goes out as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} {reason}", f"content-length: {len(data)}", "connection: close"]
        lines += [f"content-type: {content_type}"] if content_type else []
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + data

    @property
    def request(self) -> WireRequest:
        (request,) = self.requests
        return request


@pytest.fixture(scope="session")
def airflow_environment() -> Callable[..., dict[str, str]]:
    """A function that gives the environment of processes with an AIRFLOW_HOME of theirs; one call for each home."""
    return environment_of


def environment_of(home: Path, **settings: str) -> dict[str, str]:
    # What the caller has set for an Airflow or a Python of his own stays outside.
    foreign = ("AIRFLOW", "PYTHON", "VIRTUAL_ENV", "XCHAT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    return {**kept, **own, **settings}


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that nothing was written to since its migration; homes get a copy, as a migration takes long."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which all workers share
    home = folder / "migrated"
    with (folder / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "done").exists():
            home.mkdir()
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            environment = environment_of(home)
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
            assert done.returncode == 0, done.stdout + done.stderr
            (home / "done").touch()
    return home / "airflow.db"


@pytest.fixture
def sandbox(xchat_sandbox: Sandbox) -> Sandbox:
    """The sandbox of the pytest plugin, under the name that our tests have for it."""
    return xchat_sandbox


@pytest.fixture
def wire() -> Iterator[WireServer]:
    wire_server = WireServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b""
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                head += line
            if not head:
                return  # connected, and gone again
            request = WireRequest(head, b"")
            length = int(request.headers.get("content-length", 0))
            wire_server.requests.append(WireRequest(head, self.rfile.read(length)))
            time.sleep(wire_server.delay)
            with suppress(ConnectionError):
                self.wfile.write(wire_server.answer)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        wire_server.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield wire_server
        server.shutdown()
        thread.join()
