"""Rate limits shared by all tasks of an account: each request is reserved before it is sent."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from airflow_provider_xchat.exceptions import XChatConnectionError, XChatRateLimitError
from airflow_provider_xchat.limits.headers import RateLimitHeaders
from airflow_provider_xchat.limits.store import WindowStore
from airflow_provider_xchat.limits.window import PROBE_TIMEOUT_SECONDS, Window
from airflow_provider_xchat.runtime.threads import in_thread

__all__ = ["Reservation", "Reset", "SharedLimit", "SharedLimits"]

# How long to wait before looking again for the headers of a request in flight.
_LOOK_AGAIN_SECONDS = 0.2


class Reset(NamedTuple):
    """
    When the next request may be sent after a refusal.

    :param at: the time; None when waiting is no use
    :param is_guess: whether X has not given that time
    """

    at: datetime | None = None
    is_guess: bool = False


class SharedLimits:
    """
    Rate limits of an account, one for each operation.

    :param account: identifies the account; only a hash of it is written anywhere
    """

    def __init__(self, account: str) -> None:
        self._account = hashlib.sha256(account.encode()).hexdigest()[:16]
        self._by_operation: dict[str, SharedLimit] = {}

    def for_operation(self, operation_id: str) -> SharedLimit:
        """
        Return the limit of an operation.

        :param operation_id: its operationId
        :return: the limit, the same one at each call
        """
        limit = self._by_operation.get(operation_id)
        if limit is None:
            made = SharedLimit(f"xchat_rate_limit_{self._account}_{operation_id}")
            limit = self._by_operation.setdefault(operation_id, made)  # threads that start together share one
        return limit


class SharedLimit:
    """
    Rate limit shared by all tasks of an account. Made for use by many threads and coroutines.

    :param key: the key of the Airflow Variable that holds the window
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._store = WindowStore(key)

    @contextmanager
    def reserve(self, request: str, patience: float) -> Iterator[Reservation]:
        """
        Reserve a request, and wait for it if none is left. A reservation that is not settled is given back.

        :param request: method and path, for the error
        :param patience: how long to wait at most (seconds)
        :return: a context manager that gives the reservation
        :raises XChatRateLimitError: on entering, when the wait would be longer; ``retry_at`` says how long
        :raises XChatConnectionError: on entering, when X answers none of the requests in flight, so that the number
            of requests that it allows is unknown
        """
        reservation = Reservation(self._store)
        try:
            if not reservation.acquire_at_once():
                for pause in reservation.waits(request, patience):
                    time.sleep(pause)
            yield reservation
        finally:
            if reservation.close():
                reservation.give_back()

    @asynccontextmanager
    async def areserve(self, request: str, patience: float) -> AsyncIterator[Reservation]:
        """Do the same as :meth:`reserve`, as a coroutine; threads wait for files and Variables."""
        reservation = Reservation(self._store)
        try:
            if not reservation.acquire_at_once():
                waits = reservation.waits(request, patience)
                while (pause := await in_thread(next, waits, None)) is not None:  # noqa: ASYNC110  no event: X decides
                    await asyncio.sleep(pause)
            yield reservation
        finally:
            if reservation.close():
                # Also after a cancellation, so nothing is awaited.
                asyncio.get_running_loop().run_in_executor(None, reservation.give_back)


class Reservation:
    """
    One request that is reserved in a rate limit.

    :param store: where the window is
    """

    def __init__(self, store: WindowStore) -> None:
        self._store = store
        self._has_waited = self._is_reserved = self._is_in_flight = False
        self._is_open = True

    def settle(self, headers: Mapping[str, str], *, refused: bool) -> Reset:
        """
        Update the limit from a response, for all who share it.

        :param headers: the headers of the response
        :param refused: whether X refused the request because of the limit
        :return: when the next request may be sent after a refusal
        """
        self.close()
        if not refused and self._update_in_memory(headers):
            return Reset()
        return self._update(headers, refused=refused)

    async def asettle(self, headers: Mapping[str, str], *, refused: bool) -> Reset:
        """Do the same as :meth:`settle`, as a coroutine."""
        self.close()
        if not refused and self._update_in_memory(headers):
            return Reset()
        return await in_thread(self._update, headers, refused=refused)

    def acquire_at_once(self) -> bool:
        """Return whether so many requests are left that this one need not be counted."""
        window = self._store.window
        if not window.has_plenty(time.time()):
            return False
        if window.left is not None:
            # Two threads may take the same one; X's next response corrects it.
            self._store.window = replace(window, left=window.left - 1)
        return True

    def waits(self, request: str, patience: float) -> Iterator[float]:
        """
        Yield the pauses to make until the request is reserved; see :meth:`SharedLimit.reserve`.

        :param request: method and path, for the error
        :param patience: how long to wait at most (seconds)
        :return: seconds
        """
        self._has_waited = True
        began = time.time()
        give_up_at = began + patience
        while (until := self._store.change(self._acquire)) is not None:
            window = self._store.window
            if window.is_awaiting_headers and time.time() - began < PROBE_TIMEOUT_SECONDS:
                # A response is on its way, or another request goes ahead.
                yield _LOOK_AGAIN_SECONDS * random.uniform(0.5, 1.5)
            elif until <= give_up_at:
                yield max(until - time.time(), 0.0) + random.random()
            elif window.is_awaiting_headers:
                raise XChatConnectionError(
                    f"{request} was not sent: the requests in flight have had no answer for"
                    f" {PROBE_TIMEOUT_SECONDS:.0f} s, so it is unknown how many requests X allows",
                    nothing_sent=True,
                    request=request,
                )
            else:
                reset = datetime.fromtimestamp(until, UTC)
                raise XChatRateLimitError.unsent(request, reset, is_guess=window.has_guessed_end)

    def close(self) -> bool:
        """Return whether it was still open; from now on it reserves nothing any more."""
        was_open, self._is_open = self._is_open, False
        return was_open

    def give_back(self) -> None:
        """Let another request find out how many are left, and count this one no more for the day."""
        window = self._store.window
        if self._has_waited and (window.is_probing or window.day_left is not None or not self._is_reserved):
            # A thread may still be reserving it, so whether it is reserved is certain only under the lock.
            self._store.change(lambda window: (self._released(window), None))

    def _acquire(self, window: Window) -> tuple[Window, float | None]:
        if not self._is_open:  # cancelled while a thread waited for the lock
            return window, None
        now = time.time()
        acquired, until = window.acquire(now)
        self._is_reserved = until is None
        self._is_in_flight = self._is_reserved and window.counts_in_flight(now)
        return acquired, until

    def _released(self, window: Window) -> Window:
        if not self._is_reserved:
            return window
        return window.unprobed().landed() if self._is_in_flight else window.unprobed()

    def _update_in_memory(self, headers: Mapping[str, str]) -> bool:
        """Update the window of this process alone, where no other process needs to know; return whether it did."""
        now = time.time()
        if self._is_in_flight or not self._store.window.has_plenty(now):
            return False
        read = RateLimitHeaders.from_headers(headers, now, refused=False)
        window = self._store.window.updated(read, now, refused=False)
        if not window.has_plenty(now):
            return False
        self._store.window = window
        return True

    def _update(self, headers: Mapping[str, str], *, refused: bool) -> Reset:
        now = time.time()
        read = RateLimitHeaders.from_headers(headers, now, refused=refused)
        return self._store.change(partial(self._updated, read, now, refused))

    def _updated(self, read: RateLimitHeaders, now: float, refused: bool, window: Window) -> tuple[Window, Reset]:
        window = window.landed() if self._is_in_flight else window
        updated = window.updated(read, now, refused=refused)
        if not refused or updated.ends_at is None or window.has_given_up(now):
            return updated, Reset()
        return updated, Reset(datetime.fromtimestamp(updated.ends_at, UTC), updated.has_guessed_end)
