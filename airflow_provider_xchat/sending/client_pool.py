"""
Clients for the coroutines of an event loop, with few sockets each.

httpcore looks at each socket of a pool when a request begins and when it ends. With twenty of them that takes as long
as the rest of a request; with a few it takes next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_xchat.runtime.http_environment import proxy_errors

if TYPE_CHECKING:
    from xchat_client import Client

__all__ = ["ClientPool"]

# How many requests a client sends at a time before another one is made, and how many clients there are at most.
_REQUESTS_PER_CLIENT = 4
_MAX_CLIENTS = 25


@dataclass
class _Member:
    client: Client
    in_flight: int = 0


class ClientPool:
    """
    Copies of a client over which requests are spread. Made for the coroutines of one event loop.

    :param client: the client to copy; with an SSL context of its own, as making one for each copy takes long
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._members: list[_Member] = []

    @contextmanager
    def client(self) -> Iterator[Client]:
        """
        Lend a client for one request.

        :return: a context manager that gives the client; the request is over when it ends
        """
        # The first that has room, so that open sockets are used before others are opened.
        member = next((each for each in self._members if each.in_flight < _REQUESTS_PER_CLIENT), None)
        if member is None and len(self._members) < _MAX_CLIENTS:
            member = self._add()
        member = member or min(self._members, key=lambda each: each.in_flight)
        member.in_flight += 1
        try:
            yield member.client
        finally:
            member.in_flight -= 1

    async def aclose(self) -> None:
        """Close all sockets."""
        members, self._members = self._members, []
        for each in members:
            await each.client.get_async_httpx_client().aclose()

    def _add(self) -> _Member:
        member = _Member(self._client.with_headers({}))
        with proxy_errors():
            member.client.get_async_httpx_client()
        self._members.append(member)
        return member
