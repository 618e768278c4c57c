"""Connections that are closed without an answer, which ASGI by itself has no word for."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_EXTENSION = "xchat_sandbox.abort"


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 that lets the application close the connection of a request, and logs nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the parent
        """Offer the closing of a new connection to the application.

        :param transport: the connection.
        """
        super().connection_made(transport)
        # Queries have codes in them. That uvicorn is told to log no requests is not enough: it goes by whether its
        # logger has a handler, and pytest 9 gives it one.
        self.access_log = False
        app = self.app

        async def with_extension(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), _EXTENSION: transport.abort}
            try:
                await app({**scope, "extensions": extensions}, receive, send)
            except asyncio.CancelledError:
                # The sandbox stops and waits no longer, for instance for a fault that holds a request up.
                await _close(transport.abort)

        self.app = with_extension


async def drop(request: Request) -> NoReturn:
    """Close the connection of a request without an answer.

    :param request: the request.
    :raises ClientDisconnect: always; as if the client had gone, nobody is left to read an answer.
    :raises RuntimeError: if the sandbox is not served by its own server.
    """
    abort = request.scope.get("extensions", {}).get(_EXTENSION)
    if abort is None:
        raise RuntimeError("only the sandbox's own server can drop a connection")
    await _close(abort)
    raise ClientDisconnect


async def _close(abort: Callable[[], None]) -> None:
    abort()
    # Lets the server see the end of the connection before it sees a request without an answer.
    await asyncio.sleep(0)
