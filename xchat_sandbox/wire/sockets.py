"""Close, reset or slow down the socket of a request, which ASGI itself cannot express."""

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
# Time for the client to read the bytes before a reset, which discards unread ones.
_SECONDS_BEFORE_RESET = 0.02


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 protocol that passes the transport of a request to the application, and logs nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the parent
        """Add the transport to the ASGI scope of the requests on a new socket.

        :param transport: the transport of the socket.
        """
        super().connection_made(transport)
        # Queries contain codes. uvicorn's option for no access log is not enough: it logs if its logger has a
        # handler, and pytest 9 adds one.
        self.access_log = False
        app = self.app

        async def with_extension(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), _EXTENSION: transport}
            try:
                await app({**scope, "extensions": extensions}, receive, send)
            except asyncio.CancelledError:
                # The server shuts down during a request, for instance one delayed by a fault. It may cancel twice.
                with suppress(asyncio.CancelledError):
                    await _close(transport)

        self.app = with_extension


async def drop(scope: Scope) -> NoReturn:
    """Close the socket of a request without a response.

    :param scope: the ASGI scope of the request.
    :raises ClientDisconnect: always, as if the client had disconnected.
    :raises RuntimeError: if the sandbox is not served by its own server.
    """
    await _close(_transport(scope))
    raise ClientDisconnect


async def reset(scope: Scope, response: Response, send: Send) -> NoReturn:
    """Send a response up to the middle of its body, then reset the socket.

    :param scope: the ASGI scope of the request.
    :param response: the response.
    :param send: the ASGI send channel.
    :raises ClientDisconnect: always, as if the client had disconnected.
    :raises RuntimeError: if the sandbox is not served by its own server.
    """
    transport = _transport(scope)
    body = bytes(response.body)
    await send(_start(response))
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await asyncio.sleep(_SECONDS_BEFORE_RESET)
    sock = transport.get_extra_info("socket")
    with suppress(OSError):  # the client may have disconnected
        # A linger time of 0 sends RST in place of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await _close(transport)
    raise ClientDisconnect


async def drip(scope: Scope, response: Response, send: Send, size: int, seconds: float) -> None:
    """Send a response with its body in pieces.

    :param scope: the ASGI scope of the request.
    :param response: the response.
    :param send: the ASGI send channel.
    :param size: length of a piece in bytes.
    :param seconds: pause between two pieces in seconds.
    :raises RuntimeError: if the sandbox is not served by its own server.
    """
    transport = _transport(scope)
    await send(_start(response))
    async for piece in _pieces(transport, bytes(response.body), size, seconds):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def write_slowly(scope: Scope, response: Response, receive: Receive, size: int, seconds: float) -> NoReturn:
    """Send a response in pieces, including its head, and close the socket.

    :param scope: the ASGI scope of the request.
    :param response: the response.
    :param receive: the ASGI receive channel.
    :param size: length of a piece in bytes.
    :param seconds: pause between two pieces in seconds.
    :raises ClientDisconnect: always, as if the client had disconnected.
    :raises RuntimeError: if the sandbox is not served by its own server.
    """
    transport = _transport(scope)
    # The reason phrase is optional.
    lines = [b"HTTP/1.1 %d " % response.status_code, *(b"%s: %s" % pair for pair in response.raw_headers)]
    head = b"\r\n".join([*lines, b"connection: close", b"", b""])
    async for piece in _pieces(transport, head + bytes(response.body), size, seconds):
        transport.write(piece)
    transport.close()
    # The server must notice the closed socket before it finds the request without a response.
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnect


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope.get("extensions", {}).get(_EXTENSION)
    if transport is None:
        raise RuntimeError("this fault needs the server of the sandbox: use running_sandbox or xchat-sandbox")
    return cast(asyncio.Transport, transport)


async def _close(transport: asyncio.Transport) -> None:
    transport.abort()
    # Let the server notice the closed socket before it finds the request without a response.
    await asyncio.sleep(0)


def _start(response: Response) -> dict[str, object]:
    return {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}


async def _pieces(transport: asyncio.Transport, content: bytes, size: int, seconds: float) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        if start:
            await asyncio.sleep(seconds)
        if transport.is_closing():
            # The client has disconnected.
            return
        yield content[start : start + size]
