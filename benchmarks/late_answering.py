"""
The answering server, as late as it is told to be; it tells how many requests there were, on how many connections.

A process of its own: ``python -m benchmarks.late_answering SECONDS`` prints its URL, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys

from benchmarks.answering import Answering, canned, conversation


class LateAnswering(Answering):
    """Answers one connection, each request after a while."""

    # No expansions are asked for, so no users come.
    got = canned({"data": conversation(users=2)["data"]})
    latency = float(sys.argv[1])
    requests = 0
    connections = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        super().connection_made(transport)
        LateAnswering.connections += 1

    def data_received(self, data: bytes) -> None:
        """Answer the request that it is; who measures sends one at a time on a connection."""
        if data.startswith(b"GET /counts"):
            # Without the connection that asks.
            counts = {"requests": self.requests, "connections": self.connections - 1}
            self._transport.write(canned(counts))
            LateAnswering.requests = LateAnswering.connections = 0
            return
        LateAnswering.requests += 1
        asyncio.get_running_loop().call_later(self.latency, super().data_received, data)


async def main() -> None:
    """Answer until nobody holds the other end of standard input."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(LateAnswering, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
