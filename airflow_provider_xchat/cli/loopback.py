"""
Listener on the loopback address for the redirect of the browser (RFC 8252, section 7.3).

It logs nothing, as the request line contains the code.
"""

from __future__ import annotations

import errno
import queue
import socket
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

from airflow_provider_xchat.exceptions import XChatInputError, XChatSignInError

__all__ = ["LoopbackListener"]

# Hosts and their addresses to listen on; browsers need no IPv6 for localhost.
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>xchat login</title></head>
<body><p>{}</p></body></html>
"""
_DONE = "The sign-in continues in the terminal. You can close this page."
_STATE_MISMATCH = "This page belongs to a different sign-in attempt. Close it, and continue in the latest one."
_NOT_FOUND = "Page not found: xchat login uses this port for its sign-in."


class LoopbackListener:
    """
    Listener that holds its port from its creation to the end of its context.

    :param redirect_uri: an http URL on loopback
    :param is_expected: returns whether a state belongs to this sign-in; other redirects are refused
    :raises XChatInputError: when the redirect URI is another URL, or its port is not available
    """

    def __init__(self, redirect_uri: str, is_expected: Callable[[str], bool]) -> None:
        parts = urlsplit(redirect_uri)
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
            raise XChatInputError(
                f"Invalid redirect URI {redirect_uri!r}: expected an http URL on this machine, such as"
                " http://127.0.0.1:8723/callback. For any other one, use --no-browser"
            )
        self._redirect_uri = redirect_uri
        self._server = _listen(parts, is_expected)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="xchat-redirect", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_for_redirect(self, seconds: float) -> str:
        """
        Wait for the redirect.

        :param seconds: how long to wait
        :return: the complete URL
        :raises XChatSignInError: when there is no redirect in time
        """
        try:
            return self._server.redirected.get(timeout=seconds)
        except queue.Empty:
            raise XChatSignInError(
                f"No redirect to {self._redirect_uri} within {seconds:.0f} s. If X's page showed an error, compare"
                " client id and redirect URI with those in X's developer portal. If the browser runs on another"
                " machine, use --no-browser"
            ) from None


class _Server(socketserver.ThreadingTCPServer):
    # Browsers open sockets in advance, so requests must not wait for one another.
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], parts: SplitResult, is_expected: Callable[[str], bool]) -> None:
        self.is_expected = is_expected
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path or "/"
        self.redirected: queue.SimpleQueue[str] = queue.SimpleQueue()
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: a browser may close its socket at any time."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != self.server.path or not parse_qs(parts.query).keys() & {"code", "error"}:
            self._respond(HTTPStatus.NOT_FOUND, _NOT_FOUND)
            return
        states = parse_qs(parts.query).get("state", [""])
        if len(states) > 1 or not self.server.is_expected(states[0]):
            self._respond(HTTPStatus.BAD_REQUEST, _STATE_MISMATCH)
            return
        self._respond(HTTPStatus.OK, _DONE)
        # Last, as the process may end right after it.
        self.server.redirected.put(self.server.base + self.path)

    def _respond(self, status: HTTPStatus, sentence: str) -> None:
        page = _PAGE.format(sentence).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(page)))
        self.send_header("cache-control", "no-store")
        self.send_header("referrer-policy", "no-referrer")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Log nothing: the request line contains the code."""


def _listen(parts: SplitResult, is_expected: Callable[[str], bool]) -> _Server:
    host, port = str(parts.hostname), parts.port or 80
    advice = (
        "Free it, use --no-browser, or register another redirect URI in X's developer portal and use --redirect-uri"
    )
    try:
        return _Server((_LOOPBACK[host], port), parts, is_expected)
    except PermissionError:
        raise XChatInputError(f"Permission denied: cannot listen on port {port}. {advice}") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise XChatInputError(f"Port {port} of {host} is already in use. {advice}") from None
        raise XChatInputError(f"Cannot listen on port {port} of {host}: {error.strerror}. {advice}") from None
