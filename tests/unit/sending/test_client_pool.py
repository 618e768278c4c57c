"""How many connections coroutines open, and that they are used again and closed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager, suppress

import pytest

from airflow_provider_xchat.hooks.xchat import XChatHook

ANSWER = b'{"data": [{"id": "1", "type": "direct"}]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)


@asynccontextmanager
async def server(monkeypatch):
    """A server that keeps connections open until they are closed; the number of requests on each."""
    requests, opened = Counter(), set()

    async def serve(reader, writer):
        name = writer.get_extra_info("peername")
        opened.add(name)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                requests[name] += 1
                await asyncio.sleep(0.01)
                writer.write(HEAD + ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            opened.discard(name)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        connection = {"conn_type": "xchat", "host": f"http://127.0.0.1:{port}", "password": "a-token"}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(connection))
        yield requests
        async with asyncio.timeout(5):
            while opened:  # noqa: ASYNC110  the hook closes them
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("at_once", [1, 4, 5, 20, 150])
async def test_no_more_connections_than_requests_at_a_time(monkeypatch, at_once):
    async with server(monkeypatch) as requests:
        async with XChatHook() as hook:
            for _ in range(3):
                answers = await asyncio.gather(*(hook.aget_conversation(1) for _ in range(at_once)))
                assert [answer["data"][0]["id"] for answer in answers] == ["1"] * at_once
        assert requests.total() == 3 * at_once
        assert len(requests) <= at_once


async def test_what_fails_or_is_cancelled_leaves_room(monkeypatch):
    async with server(monkeypatch) as requests, XChatHook() as hook:
        await hook.aget_conversation(1)
        for _ in range(10):
            call = asyncio.create_task(hook.aget_conversation(1))
            await asyncio.sleep(0.005)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        members = (await hook._senders.for_running_loop())._clients._members
        assert [member.in_flight for member in members] == [0]
        await asyncio.gather(*(hook.aget_conversation(1) for _ in range(4)))
        assert len((await hook._senders.for_running_loop())._clients._members) == 1
    assert requests.total() > 4
