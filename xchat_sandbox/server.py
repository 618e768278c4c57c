"""Serving: uvicorn on a socket that is bound before anything starts, in the foreground or in a thread."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Unpack

import uvicorn
from starlette.applications import Starlette

from xchat_sandbox.app import create_app
from xchat_sandbox.clients import PUBLIC_CLIENT_ID
from xchat_sandbox.connections import DroppableProtocol
from xchat_sandbox.control import Control
from xchat_sandbox.grants import Grant
from xchat_sandbox.seed import MAIN_USER_ID
from xchat_sandbox.settings import SandboxOptions

LOOPBACK = "127.0.0.1"

_START_SECONDS = 10
# A connection that is idle is closed at once; this is for one in the middle of a request.
_DRAIN_SECONDS = 1


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    :param url: where it listens, without a trailing slash.
    """

    url: str
    _control: Control

    def requests(self) -> list[dict[str, Any]]:
        """Tell what was asked so far.

        :returns: a dict for each request, oldest first: ``method``, ``path``, ``path_raw`` if it differs,
            ``query`` as received, ``status`` (None if the connection was closed without an answer), ``body`` if it was
            JSON, ``transaction_id`` as the answer of an operation had it, and ``time`` in seconds since the start.
        """
        return self._control.requests()

    def read_marks(self) -> dict[str, str]:
        """Tell what was marked as read.

        :returns: the furthest sequence id for each conversation id, whoever marked it.
        """
        return self._control.read_marks()

    def conversations(self) -> list[dict[str, Any]]:
        """Tell what can be asked for.

        :returns: a dict for each conversation.
        """
        return self._control.conversations()

    def change_conversation(self, conversation_id: str, **members: Any) -> dict[str, Any]:
        """Change a conversation, so that a client sees it as updated.

        :param conversation_id: the conversation.
        :param members: the members to set, to any value that JSON has; unless ``updated_at`` is one of them, it
            becomes the present time, and is later than before even within a millisecond.
        :returns: all members that the conversation has now.
        :raises ValueError: if there is no such conversation, for what is not JSON, another id, or participants who
            are no list of ids.
        """
        return self._control.change_conversation(conversation_id, members)

    def faults(self, faults: Iterable[Mapping[str, Any]] = ()) -> int:
        """Queue faults of the two operations; the module ``operation_faults`` lists the kinds.

        :param faults: the faults, each for the next request that it is meant for, behind those that wait already.
        :returns: how many wait now; one that befalls several requests counts as one.
        :raises ValueError: if one is no fault; then none is queued.
        """
        return self._control.faults.add(faults)

    def clear_faults(self) -> None:
        """Forget the faults of the two operations that wait."""
        self._control.faults.clear()

    def reset(self) -> None:
        """Put everything back to the seed: conversations, read marks, rate limits, the logs, grants and faults."""
        self._control.reset()

    def grant(
        self,
        *,
        client_id: str = PUBLIC_CLIENT_ID,
        scopes: str | Iterable[str] | None = None,
        expires_in: float | None = None,
        user_id: str = MAIN_USER_ID,
    ) -> Grant:
        """Issue tokens without a browser.

        :param client_id: the client.
        :param scopes: what is granted, also as one string with spaces; None for all there is.
        :param expires_in: how long the access token lives, in seconds; 0 or less for one that has expired.
        :param user_id: the user who grants it.
        :returns: the tokens; a refresh token only with the scope ``offline.access``.
        :raises ValueError: for a client, scope or user that does not exist, or a time without end.
        """
        return self._control.authorization.grant(
            client_id=client_id, scopes=scopes, expires_in=expires_in, user_id=user_id
        )

    def expire_access_tokens(self) -> int:
        """End all access tokens that were issued, now; refresh tokens live on, and so do static tokens.

        :returns: how many were alive.
        """
        return self._control.authorization.grants.expire_access_tokens()

    def token_requests(self) -> list[dict[str, Any]]:
        """Tell what was asked of the token endpoint.

        :returns: a dict for each request, oldest first: ``grant_type`` and ``client_id`` (None if not known),
            ``client_authentication`` (``basic``, ``body`` or ``none``), ``status`` (None if the connection
            was closed without an answer), ``error``, and ``time`` in seconds since the start.
        """
        return self._control.authorization.token_requests.entries()

    def chains(self) -> list[dict[str, Any]]:
        """Tell how the grants are.

        :returns: a dict for each, oldest first: ``client_id``, ``alive``, ``refreshes`` and
            ``reused_dead_token``, which counts the tries with a refresh token that was dead.
        """
        return self._control.authorization.grants.chains()

    def token_faults(self, faults: Iterable[Mapping[str, Any]] = ()) -> int:
        """Queue faults of the token endpoint; the module ``token_faults`` lists the kinds.

        :param faults: the faults, each for one of the next token requests, after those that wait already.
        :returns: how many wait now.
        :raises ValueError: if one is no fault; then none is queued.
        """
        return self._control.authorization.faults.add(faults)


@contextmanager
def running_sandbox(**options: Unpack[SandboxOptions]) -> Iterator[Sandbox]:
    """Run a sandbox in a thread on a free loopback port, for as long as the block lasts.

    :param options: what ``create_app`` takes: ``answer_form``, ``tokens``, ``rate_limit``, ``rate_window``,
        ``daily_limit``, ``daily_window``, ``conversations``, ``latency`` and ``document``, and the settings of the
        authorization server, which are the fields of OAuthSettings, such as ``strict``.
    :returns: a context manager that gives the running sandbox.
    :raises ValueError: for an argument out of range.
    :raises OSError: if the document cannot be read.
    """
    app = create_app(**options)
    with serving(app) as url:
        yield Sandbox(url, app.state.control)


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve an application in a thread on a free loopback port, for as long as the block lasts.

    :param app: the application.
    :returns: a context manager that gives the URL.
    :raises RuntimeError: if it does not start.
    """
    listener = bind(LOOPBACK, 0)
    url = url_of(listener)
    ready = Event()
    server = _Server(app, ready.set)
    thread = Thread(target=server.run, args=([listener],), name="xchat-sandbox", daemon=True)
    thread.start()
    try:
        if not ready.wait(_START_SECONDS):
            raise RuntimeError("the sandbox did not start")
        yield url
    finally:
        server.should_exit = True
        thread.join()


def serve(app: Starlette, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve an application in the foreground, until SIGINT or SIGTERM.

    :param app: the application.
    :param listener: a bound socket, which is closed in the end.
    :param on_ready: called once requests are answered.
    """
    _Server(app, on_ready).run([listener])


def bind(host: str, port: int) -> socket.socket:
    """Take a port.

    :param host: an address or name of this machine.
    :param port: the port; 0 for a free one.
    :returns: a listening socket.
    :raises OSError: if the port is in use, or the host is not this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    # Without it an answer on a kept connection waits 40 ms for an acknowledgement: asyncio sees to that
    # for the sockets it makes itself, but not for one that is handed to it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Tell the URL of a listening socket.

    :param listener: the socket.
    :returns: the URL, without a trailing slash.
    """
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, app: Starlette, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            # The one parser that is always there; the path it hands over is the one that was sent.
            http=DroppableProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()
