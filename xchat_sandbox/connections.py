"""What can happen to a connection beside a whole answer; ASGI by itself has no word for most of it."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NoReturn, cast

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_EXTENSION = "xchat_sandbox.transport"
# What was sent before a connection is reset should arrive: a client that has not read it by then may lose it.
_SECONDS_BEFORE_RESET = 0.02


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 that gives the application the connection of a request, and logs nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the parent
        """Offer a new connection to the application.

        :param transport: the connection.
        """
        super().connection_made(transport)
        # Queries have codes in them. That uvicorn is told to log no requests is not enough: it goes by whether its
        # logger has a handler, and pytest 9 gives it one.
        self.access_log = False
        app = self.app

        async def with_extension(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), _EXTENSION: transport}
            try:
                await app({**scope, "extensions": extensions}, receive, send)
            except asyncio.CancelledError:
                # The sandbox stops and waits no longer, for instance for a fault that holds a request up. It says so
                # more than once.
                with suppress(asyncio.CancelledError):
                    await _close(transport)

        self.app = with_extension


async def drop(scope: Scope) -> NoReturn:
    """Close the connection of a request without an answer.

    :param scope: the ASGI scope of the request.
    :raises ClientDisconnect: always; as if the client had gone, nobody is left to read an answer.
    :raises RuntimeError: if the sandbox is not served by its own server.
    """
    await _close(_transport(scope))
    raise ClientDisconnect


async def reset(scope: Scope, response: Response, send: Send) -> NoReturn:
    """Send an answer up to the middle of its body, then reset the connection.

    :param scope: the ASGI scope of the request.
    :param response: the answer.
    :param send: the ASGI send channel.
    :raises ClientDisconnect: always; nobody is left to read more.
    :raises RuntimeError: if the sandbox is not served by its own server.
    """
    transport = _transport(scope)
    body = bytes(response.body)
    await send(_start(response))
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await asyncio.sleep(_SECONDS_BEFORE_RESET)
    connection = transport.get_extra_info("socket")
    with suppress(OSError):  # the client may have gone meanwhile
        # To linger for no time is to send RST in place of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await _close(transport)
    raise ClientDisconnect


async def drip(scope: Scope, response: Response, send: Send, size: int, seconds: float) -> None:
    """Send an answer with its body in pieces.

    :param scope: the ASGI scope of the request.
    :param response: the answer.
    :param send: the ASGI send channel.
    :param size: the length of a piece in bytes.
    :param seconds: the pause between two pieces.
    :raises RuntimeError: if the sandbox is not served by its own server.
    """
    transport = _transport(scope)
    await send(_start(response))
    async for piece in _pieces(transport, bytes(response.body), size, seconds):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def write_slowly(scope: Scope, response: Response, receive: Receive, size: int, seconds: float) -> NoReturn:
    """Send an answer in pieces, its head too, and close the connection.

    :param scope: the ASGI scope of the request.
    :param response: the answer.
    :param receive: the ASGI receive channel.
    :param size: the length of a piece in bytes.
    :param seconds: the pause between two pieces.
    :raises ClientDisconnect: always; nobody is left to read more.
    :raises RuntimeError: if the sandbox is not served by its own server.
    """
    transport = _transport(scope)
    # A reason phrase is of no meaning, and may be left out.
    lines = [b"HTTP/1.1 %d " % response.status_code, *(b"%s: %s" % pair for pair in response.raw_headers)]
    head = b"\r\n".join([*lines, b"connection: close", b"", b""])
    async for piece in _pieces(transport, head + bytes(response.body), size, seconds):
        transport.write(piece)
    transport.close()
    # The server must see the end of the connection before it sees a request without an answer of its own.
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnect


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope.get("extensions", {}).get(_EXTENSION)
    if transport is None:
        raise RuntimeError("only the sandbox's own server can do that to a connection")
    return cast(asyncio.Transport, transport)


async def _close(transport: asyncio.Transport) -> None:
    transport.abort()
    # Lets the server see the end of the connection before it sees a request without an answer.
    await asyncio.sleep(0)


def _start(response: Response) -> dict[str, object]:
    return {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}


async def _pieces(transport: asyncio.Transport, content: bytes, size: int, seconds: float) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        if start:
            await asyncio.sleep(seconds)
        if transport.is_closing():
            # The client has had enough.
            return
        yield content[start : start + size]
