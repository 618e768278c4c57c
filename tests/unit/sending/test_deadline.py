"""Requests of threads that end at their deadline, whatever the server sends until then."""

from __future__ import annotations

import socketserver
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from airflow_provider_xchat.sending.deadline import ends_at, enforce_deadlines

TIMEOUT = 20
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n"


@pytest.fixture
def dripping():
    """URLs of a server that sends a byte now and then: of the head, of the body, or nothing at all."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            path = self.rfile.readline().split()[1]
            sent = {b"/head": HEAD, b"/body": HEAD + b"\r\n", b"/nothing": b""}[path]
            with suppress(ConnectionError):
                while not over.wait(0.05):
                    self.wfile.write(sent or (b"" if path == b"/nothing" else b"x"))
                    sent = b""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    over = threading.Event()
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def client():
    with httpx.Client(timeout=TIMEOUT) as made:
        enforce_deadlines(made)
        yield made


def asked(client, url, seconds):
    """Ask, and return how long it took until the request was ended."""
    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout), ends_at(began + seconds):
        client.get(url)
    return time.monotonic() - began


@pytest.mark.parametrize("path", ["/head", "/body", "/nothing"])
def test_it_ends_in_time(client, dripping, path):
    assert 0.3 <= asked(client, dripping + path, 0.3) < TIMEOUT / 4


def test_a_deadline_that_has_passed_ends_it_at_once(client, dripping):
    assert asked(client, dripping + "/body", -1) < TIMEOUT / 4


def test_one_that_ends_breaks_off_no_other_one(client, dripping):
    with ThreadPoolExecutor(2) as threads:
        longer = threads.submit(asked, client, dripping + "/body", 1.5)
        assert asked(client, dripping + "/body", 0.3) < 1.2
        assert longer.result() >= 1.5


def test_outside_of_a_context_there_is_none(client, wire):
    wire.says(200, {})
    asked(client, wire.url, -1)
    assert client.get(wire.url).status_code == 200
