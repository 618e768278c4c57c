"""Serve a sandbox by uvicorn, in the foreground or in a thread, on a socket that is bound before uvicorn starts."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import Unpack

import uvicorn
from starlette.applications import Starlette

from xchat_sandbox.app import create_app
from xchat_sandbox.options import SandboxOptions
from xchat_sandbox.sandbox import Sandbox
from xchat_sandbox.wire.sockets import DroppableProtocol

LOOPBACK = "127.0.0.1"

_START_TIMEOUT_SECONDS = 10
# Idle connections are closed at once; this is the time for requests in progress.
_SHUTDOWN_TIMEOUT_SECONDS = 1


@contextmanager
def running_sandbox(**options: Unpack[SandboxOptions]) -> Iterator[Sandbox]:
    """Run a sandbox in a thread, on a free loopback port, for the duration of the block.

    :param options: the arguments of ``create_app``: ``answer_form``, ``tokens``, ``rate_limit``, ``rate_window``,
        ``daily_limit``, ``daily_window``, ``conversations``, ``latency``, ``document``, and the fields of
        OAuthSettings, such as ``strict``.
    :return: a context manager that returns the running sandbox.
    :raises ValueError: for an invalid argument.
    :raises OSError: if the document cannot be read.
    """
    app = create_app(**options)
    with serving(app) as url:
        yield replace(app.state.sandbox, url=url)


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve an application in a thread, on a free loopback port, for the duration of the block.

    :param app: the application.
    :return: a context manager that returns the URL.
    :raises RuntimeError: if it does not start.
    """
    listener = bind(LOOPBACK, 0)
    url = url_of(listener)
    ready = Event()
    server = _Server(app, ready.set)
    thread = Thread(target=server.run, args=([listener],), name="xchat-sandbox", daemon=True)
    thread.start()
    try:
        if not ready.wait(_START_TIMEOUT_SECONDS):
            raise RuntimeError("the sandbox did not start")
        yield url
    finally:
        server.should_exit = True
        thread.join()


def serve(app: Starlette, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve an application in the foreground, until SIGINT or SIGTERM.

    :param app: the application.
    :param listener: a listening socket; it is closed at the end.
    :param on_ready: called when the server accepts requests.
    """
    _Server(app, on_ready).run([listener])


def bind(host: str, port: int) -> socket.socket:
    """Listen on a port.

    :param host: an address or name of this machine.
    :param port: the port; 0 for a free one.
    :return: a listening socket.
    :raises OSError: if the port is in use, or the host is not this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    # Without it, a response on a kept-alive connection waits 40 ms for an acknowledgement. asyncio sets it only on
    # sockets that it opens itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket.

    :param listener: the socket.
    :return: the URL, without a trailing slash.
    """
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, app: Starlette, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            # h11 is always installed, and hands over the path as it was sent.
            http=DroppableProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT_SECONDS,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()
