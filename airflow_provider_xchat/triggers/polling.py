"""
Poll conversations, once for all triggers of an event loop with the same request.

A :class:`Poll` outlives the triggers that listen to it: Airflow restarts a failed watcher within a second or two, and
the pause after a failure must apply to the new one, too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import inf
from types import TracebackType
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_xchat.exceptions import XChatAnswerError, XChatRateLimitError, XChatServerError
from airflow_provider_xchat.triggers.shared_hooks import SharedHook
from airflow_provider_xchat.triggers.updates import updated_at

__all__ = ["Failure", "Poll", "PollKey", "PollResult", "Update"]

# Longest pause after failures.
_MAX_PAUSE_SECONDS = 900.0
# Triggers that start together, for example when the triggerer starts, send their first requests within this time.
_SPREAD_SECONDS = 10.0
# Pause after a 429 without a reset time.
_DEFAULT_PAUSE_SECONDS = 60.0
# Errors that reloading the connection cannot fix.
_NOT_OF_CONNECTION = (XChatRateLimitError, XChatServerError, XChatAnswerError)


class PollKey(NamedTuple):
    """Request and connection that triggers share."""

    xchat_conn_id: str
    conversation_id: str
    fields: tuple[str, ...]


class Update(NamedTuple):
    """
    Successful poll.

    :param conversation: the JSON of the response, shared by all listeners
    :param updated_at: when the conversation was last updated
    """

    conversation: dict[str, Any]
    updated_at: datetime


class Failure(NamedTuple):
    """
    Failed poll.

    :param error: the error
    :param next_at: when the next request is sent
    :param traceback: the traceback of the error
    """

    error: Exception
    next_at: datetime
    traceback: TracebackType | None = None

    @property
    def counts_as_failure(self) -> bool:
        """Whether it counts towards ``max_failures``; a rate limit does not."""
        return not isinstance(self.error, XChatRateLimitError)

    @property
    def is_permanent(self) -> bool:
        """Whether the next request would fail, too."""
        return isinstance(self.error, AirflowFailException)

    def to_raise(self) -> Exception:
        """Return the error with its first traceback, as several listeners raise the same object."""
        return self.error.with_traceback(self.traceback)


PollResult = Update | Failure


class _Listener:
    def __init__(self, interval: float, max_interval: float, due_at: float) -> None:
        self.interval = interval
        self.due_at = due_at
        self._max_interval = max_interval

    def schedule(self, polled_at: float) -> None:
        self.due_at = polled_at + self.interval
        self.interval = max(self.interval, min(2 * self.interval, self._max_interval))


class Poll:
    """
    Sends a request again and again while there are listeners, at the shortest of their intervals.

    :param key: the request
    """

    _by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[PollKey, Poll]]] = WeakKeyDictionary()

    def __init__(self, key: PollKey) -> None:
        self._key = key
        self._listeners: set[_Listener] = set()
        self._changed = asyncio.Event()
        self._polling = asyncio.Lock()
        self._pollers = 0
        self._shared: SharedHook | None = None
        self._latest: PollResult | None = None
        self._count = 0
        self._polled_at = -inf
        self._not_before = -inf
        self._failures = 0

    @classmethod
    def for_key(cls, key: PollKey) -> Poll:
        """
        Return the poll of a request in the running event loop.

        :param key: the request
        """
        polls = cls._by_loop.setdefault(asyncio.get_running_loop(), {})
        if key not in polls:
            for idle in [other for other, poll in polls.items() if poll.is_idle]:
                del polls[idle]
            polls[key] = cls(key)
        return polls[key]

    @contextmanager
    def listen(self, interval: float, polled_at: datetime | None = None, max_interval: float = 0.0) -> Iterator[None]:
        """
        Register a listener for the duration of the context.

        :param interval: how often to poll (seconds)
        :param polled_at: when the last request for this listener was sent elsewhere
        :param max_interval: the interval doubles with each request up to this one (seconds)
        """
        listener = _Listener(interval, max_interval, self._first_due(interval, polled_at))
        self._listeners.add(listener)
        self._changed.set()
        try:
            yield
        finally:
            self._listeners.discard(listener)

    def _first_due(self, interval: float, polled_at: datetime | None) -> float:
        now = _now()
        latest = self._polled_at
        if polled_at is not None:
            latest = max(latest, now - max((datetime.now(UTC) - polled_at).total_seconds(), 0.0))
        due_at = latest + interval
        return due_at if due_at > now else now + random.random() * min(interval, _SPREAD_SECONDS)

    async def results(self) -> AsyncGenerator[PollResult]:
        """
        Poll without end; concurrent callers take turns, and all get the same results.

        :return: the results from now on
        """
        seen = self._count
        self._pollers += 1
        try:
            while True:
                await self._wait_until_due(seen)
                async with self._polling:
                    if self._latest is None or self._count == seen:
                        self._latest = await self._poll()
                        self._count += 1
                        self._changed.set()
                    seen, latest = self._count, self._latest
                yield latest
        finally:
            self._pollers -= 1
            if not self._pollers:
                await self._release_hook()

    async def _wait_until_due(self, seen: int) -> None:
        """Wait until the next request is due, or another caller has sent it."""
        while self._count == seen and (seconds := self._next_at() - _now()) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds if seconds < inf else None):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _next_at(self) -> float:
        return max(self._not_before, min((listener.due_at for listener in self._listeners), default=inf))

    async def _poll(self) -> PollResult:
        try:
            conversation = await self._request()
            update = Update(conversation, updated_at(conversation))
        except Exception as error:  # noqa: BLE001  Airflow raises anything when it cannot look up a connection
            pause = self._pause_after(error)
            self._schedule()
            self._not_before = self._polled_at + pause
            if not isinstance(error, _NOT_OF_CONNECTION):
                await self._release_hook(discard=True)
            return Failure(error, datetime.now(UTC) + timedelta(seconds=pause), error.__traceback__)
        self._failures = 0
        self._schedule()
        return update

    async def _request(self) -> dict[str, Any]:
        if self._shared is None:
            self._shared = await SharedHook.acquire(self._key.xchat_conn_id)
        return await self._shared.hook.aget_conversation(
            self._key.conversation_id, chat_conversation_fields=self._key.fields
        )

    def _schedule(self) -> None:
        self._polled_at = _now()
        for listener in self._listeners:
            listener.schedule(self._polled_at)

    def _pause_after(self, error: Exception) -> float:
        """Return how long no listener's request is sent after an error (seconds)."""
        if isinstance(error, XChatRateLimitError):
            reset_at = error.retry_at or error.reset_at
            wait = _DEFAULT_PAUSE_SECONDS if reset_at is None else _seconds_until(reset_at)
            return wait + random.random() * min(self._interval(), _SPREAD_SECONDS)
        self._failures += 1
        backoff = self._interval() * 2.0 ** min(self._failures - 1, 16) * (1 + random.random() / 4)
        requested = _seconds_until(error.retry_at) if isinstance(error, XChatServerError) and error.retry_at else 0.0
        return max(self._interval(), min(backoff, _MAX_PAUSE_SECONDS), requested)

    def _interval(self) -> float:
        return min((listener.interval for listener in self._listeners), default=_DEFAULT_PAUSE_SECONDS)

    async def _release_hook(self, *, discard: bool = False) -> None:
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.release(discard=discard)

    @property
    def is_idle(self) -> bool:
        """Whether there is no listener, and no pause that a new one must keep."""
        idle_since = max(self._polled_at, self._not_before)
        return not self._listeners and not self._pollers and idle_since + _MAX_PAUSE_SECONDS < _now()


def _seconds_until(moment: datetime) -> float:
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _now() -> float:
    return asyncio.get_running_loop().time()
