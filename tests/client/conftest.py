"""Both operations of the generated client, each as its synchronous and its asyncio function."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from xchat_client import Client
from xchat_client.api.chat import get_chat_conversation, mark_chat_conversation_read
from xchat_client.models import MarkChatConversationReadRequest
from xchat_client.types import Response

Call = Callable[..., Response[Any]]

# Reading the certificates takes longer than the call that a test is about.
SSL_CONTEXT = ssl.create_default_context()


@pytest.fixture
def connect(wire) -> Callable[..., Client]:
    """Make a client for the server that the test controls."""

    def connected(path: str = "", **settings: Any) -> Client:
        return Client(wire.url + path, verify_ssl=SSL_CONTEXT, **settings)

    return connected


def _caller(operation: Any, mode: str) -> Call:
    def call(id: str, *, client: Client, **arguments: Any) -> Response[Any]:  # noqa: A002
        if mode == "sync":
            with client:
                return operation.sync_detailed(id, client=client, **arguments)

        async def run() -> Response[Any]:
            async with client:
                return await operation.asyncio_detailed(id, client=client, **arguments)

        return asyncio.run(run())

    return call


@pytest.fixture(params=["sync", "asyncio"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def get(mode: str) -> Call:
    return _caller(get_chat_conversation, mode)


@pytest.fixture
def mark(mode: str) -> Call:
    call = _caller(mark_chat_conversation_read, mode)

    def mark_until(id: str, *, client: Client, until: str = "1") -> Response[Any]:  # noqa: A002
        return call(id, client=client, body=MarkChatConversationReadRequest(seen_until_sequence_id=until))

    return mark_until
