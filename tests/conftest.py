"""Servers that tests talk to over real sockets."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socketserver
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

# Airflow reads its settings when it is first imported: none of the person's who runs the tests, and a home to leave.
for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[name]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="xchat-tests-")
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)


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


@pytest.fixture
def wire() -> Iterator[WireServer]:
    wire_server = WireServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b""
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                head += line
            request = WireRequest(head, b"")
            length = int(request.headers.get("content-length", 0))
            wire_server.requests.append(WireRequest(head, self.rfile.read(length)))
            time.sleep(wire_server.delay)
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
