"""
Clients for the coroutines of an event loop, with few connections each.

httpcore looks at each connection of a pool when a request begins and when it ends. With twenty of them that takes as
long as all else about a request; with a few it takes next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_xchat.runtime.http_environment import making_client

if TYPE_CHECKING:
    from xchat_client import Client

__all__ = ["Lanes"]

# How many requests run in a lane before another one is opened, and how many lanes there are at most.
_NARROW = 4
_MOST = 25


@dataclass
class _Lane:
    client: Client
    under_way: int = 0


class Lanes:
    """
    Spreads requests over copies of a client. Made for the coroutines of one event loop.

    :param client: what is copied; with an SSL context of its own, as making one for each copy would take long
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lanes: list[_Lane] = []

    @contextmanager
    def lane(self) -> Iterator[Client]:
        """
        Give a client for one request.

        :return: a context manager that gives the client; the request is over when it ends
        """
        # The first that has room, so that connections that are open are used before others are opened.
        lane = next((each for each in self._lanes if each.under_way < _NARROW), None)
        if lane is None:
            lane = self._another() if len(self._lanes) < _MOST else min(self._lanes, key=lambda each: each.under_way)
        lane.under_way += 1
        try:
            yield lane.client
        finally:
            lane.under_way -= 1

    async def aclose(self) -> None:
        """Close all connections."""
        lanes, self._lanes = self._lanes, []
        for each in lanes:
            await each.client.get_async_httpx_client().aclose()

    def _another(self) -> _Lane:
        lane = _Lane(self._client.with_headers({}))
        with making_client():
            lane.client.get_async_httpx_client()
        self._lanes.append(lane)
        return lane
