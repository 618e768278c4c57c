"""
A listener on the loopback address, which waits for the browser that X sends back (RFC 8252, section 7.3).

It logs nothing, as a request line holds the code.
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

# Where each of them listens: no browser depends on IPv6 for localhost.
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>xchat login</title></head>
<body><p>{}</p></body></html>
"""
_THANKS = "X has answered. Go back to the terminal, which says how it went; this page can be closed."
_ANOTHER = "This belongs to another sign-in. Close this tab, and go on in the one that xchat login has opened last."
_NOT_HERE = "There is nothing here but the end of a sign-in with xchat login."


class LoopbackListener:
    """
    Takes the port when it is made, and gives it back when its context is left.

    :param redirect_uri: an http URL on loopback
    :param is_expected: tells whether a redirect with this state is the one to wait for; any page can send another one
    :raises XChatInputError: when it is anything else, or its port cannot be had
    """

    def __init__(self, redirect_uri: str, is_expected: Callable[[str], bool]) -> None:
        parts = urlsplit(redirect_uri)
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
            raise XChatInputError(
                f"the redirect URI {redirect_uri!r} is not on this machine; expected http on 127.0.0.1, such as"
                " http://127.0.0.1:8723/callback. Any other one works with --no-browser"
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

    def redirected(self, seconds: float) -> str:
        """
        Wait for the browser.

        :param seconds: how long
        :return: the whole URL to which X has sent it
        :raises XChatSignInError: when it does not come
        """
        try:
            return self._server.redirected.get(timeout=seconds)
        except queue.Empty:
            raise XChatSignInError(
                f"no browser came to {self._redirect_uri} within {seconds:.0f} s. If X's page said that something went"
                " wrong: the client id and this redirect URI must stand in X's developer portal exactly like this. If"
                " the browser runs on another machine: --no-browser"
            ) from None


class _Server(socketserver.ThreadingTCPServer):
    # A browser opens connections in advance, so that one must not wait for another.
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
        """Say nothing: a browser that breaks off is none of the reader's business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != self.server.path or not parse_qs(parts.query).keys() & {"code", "error"}:
            self._answer(HTTPStatus.NOT_FOUND, _NOT_HERE)
            return
        states = parse_qs(parts.query).get("state", [""])
        if len(states) > 1 or not self.server.is_expected(states[0]):
            self._answer(HTTPStatus.BAD_REQUEST, _ANOTHER)
            return
        self._answer(HTTPStatus.OK, _THANKS)
        # Last: the process may end right after it.
        self.server.redirected.put(self.server.base + self.path)

    def _answer(self, status: HTTPStatus, sentence: str) -> None:
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
        """Say nothing: a request line holds the code."""


def _listen(parts: SplitResult, is_expected: Callable[[str], bool]) -> _Server:
    host, port = str(parts.hostname), parts.port or 80
    instead = (
        "Free it, or give --redirect-uri with another port that is registered in X's developer portal, or sign in with"
        " --no-browser"
    )
    try:
        return _Server((_LOOPBACK[host], port), parts, is_expected)
    except PermissionError:
        raise XChatInputError(f"port {port} is not for this user to listen on. {instead}") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise XChatInputError(f"port {port} of {host} is taken by another process. {instead}") from None
        raise XChatInputError(f"port {port} of {host} cannot be listened on: {error.strerror}. {instead}") from None
