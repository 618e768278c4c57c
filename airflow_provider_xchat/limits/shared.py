"""
The rate limit of an account and an operation, shared by all tasks: kept in an Airflow Variable, and in memory.

Variables have no compare-and-swap. Among the processes of one machine a lock on a file keeps updates apart; two
machines that take the last request in the same instant may send one too many, which X answers with a 429 that all of
them learn from.
"""

from __future__ import annotations

import hashlib
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from airflow_provider_xchat.exceptions import XChatConnectionError, XChatRateLimitError
from airflow_provider_xchat.limits.window import AWAITED, Told, Window
from airflow_provider_xchat.runtime.file_locks import host_lock
from airflow_provider_xchat.runtime.variables import AirflowVariableStore

__all__ = ["SharedLimit", "SharedLimits"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_DESCRIPTION = "What X said of a rate limit; airflow-provider-xchat keeps to it. It may be deleted."
# How long (seconds) to do without Variables after they failed.
_WITHOUT = 60.0
# How long (seconds) to do without a Variable that is not there after it was written.
_UNREADABLE = 900.0
# How long (seconds) an update may keep others of this machine waiting, before they go on without it.
_LOCKED = 5.0
# How long (seconds) to wait before looking again for what the first request was told.
_LOOK_AGAIN = 0.2

_jitter = random.SystemRandom().random


class SharedLimits:
    """
    The limits of an account, one for each operation.

    :param account: what tells the account from others; only a hash of it is written anywhere
    """

    def __init__(self, account: str) -> None:
        self._account = hashlib.sha256(account.encode()).hexdigest()[:16]
        self._by_operation: dict[str, SharedLimit] = {}

    def of(self, operation_id: str) -> SharedLimit:
        """
        Give the limit of an operation.

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
    One rate limit. Made for use by many threads.

    What ends on ``_at_once`` asks nobody, and may be called in an event loop; the rest waits for files and Variables.

    :param key: the name of the Variable
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._variables = AirflowVariableStore(_DESCRIPTION)
        self._updating = threading.RLock()
        self._window = Window()
        self._shared: str | None = None
        #: what the Variable says, by the clock of who wrote it
        self._read = Window()
        self._without_until = 0.0

    def taken_at_once(self) -> bool:
        """
        Take a request where so many are left that they need not be counted one by one.

        :return: whether it may be sent; if not, :meth:`taking` has to be gone through
        """
        window = self._window
        if not window.plenty(time.time()):
            return False
        if window.left is not None:
            # Two threads may take the same one; X's next answer sets it right.
            self._window = replace(window, left=window.left - 1)
        return True

    def taking(self, request: str, patience: float, cancelled: threading.Event | None = None) -> Iterator[float]:
        """
        Take a request: once this has come to its end, it may be sent.

        :param request: method and path, for the error
        :param patience: how long to wait at most (seconds)
        :param cancelled: set by who waits for this in a thread, and does not any more: nothing is taken from then on
        :return: pauses to make meanwhile (seconds)
        :raises XChatRateLimitError: when that would take longer; ``retry_at`` says how long
        :raises XChatConnectionError: when X answers none of the requests that are under way, so that nobody knows how
            many there are
        """
        began = time.time()
        give_up_at = began + patience

        def take(window: Window) -> tuple[Window, float | None]:
            return (window, None) if cancelled is not None and cancelled.is_set() else window.take(time.time())

        while True:
            window, until = self._changed(take)
            if until is None:
                return
            if window.pending and time.time() - began < AWAITED:
                # An answer is on its way, or another request goes ahead.
                yield _LOOK_AGAIN * (0.5 + _jitter())
            elif window.pending and until > give_up_at:
                raise XChatConnectionError(
                    f"{request} was not sent: the requests that are under way have had no answer for {AWAITED:.0f} s,"
                    " so it is unknown how many X lets through",
                    nothing_sent=True,
                    request=request,
                )
            elif until > give_up_at:
                raise XChatRateLimitError.unsent(
                    request, datetime.fromtimestamp(until, UTC), is_guess=window.has_guessed_end
                )
            else:
                yield max(until - time.time(), 0.0) + _jitter()

    def learned_at_once(self, headers: Mapping[str, str]) -> bool:
        """
        Learn from an answer that nobody else needs to know of.

        :param headers: the answer's, which is no refusal
        :return: whether it was such an answer; if not, it is for :meth:`learn`
        """
        now = time.time()
        window = self._window.after(Told.by(headers, now, refused=False), now, refused=False)
        if not (self._window.plenty(now) and window.plenty(now)):
            return False
        self._window = window
        return True

    def learn(self, headers: Mapping[str, str], *, refused: bool) -> tuple[datetime | None, bool]:
        """
        Learn from an answer, for all who share the limit.

        :param headers: the answer's
        :param refused: whether it says that the limit is used up
        :return: when the next request may be sent, after a refusal, and whether X has not given that time; None when
            waiting is no use any more
        """
        now = time.time()
        told = Told.by(headers, now, refused=refused)

        def change(window: Window) -> tuple[Window, bool]:
            return window.after(told, now, refused=refused), refused and window.given_up(now)

        window, given_up = self._changed(change)
        if given_up or not refused or window.ends_at is None:
            return None, False
        return datetime.fromtimestamp(window.ends_at, UTC), window.has_guessed_end

    def untold(self) -> None:
        """Let somebody else find out how many requests there are, where this one has not."""
        with self._updating:
            if self._window.scouting:
                self._changed(lambda window: (Window() if window.scouting else window, None))

    def _changed(self, change: Callable[[Window], tuple[Window, Result]]) -> tuple[Window, Result]:
        with self._updating, host_lock(self._key, _LOCKED):
            self._load()
            self._window, result = change(self._window)
            self._save()
            return self._window, result

    def _load(self) -> None:
        if time.monotonic() < self._without_until:
            return
        try:
            found = self._variables.peek(self._key)
        except Exception as error:  # noqa: BLE001  whatever Airflow raises: what is known in this process is enough
            self._do_without(error)
            return
        if found is None and self._shared is not None:
            # It was removed, or is another team's: going on would overwrite the window of those who can read it.
            self._without_until = time.monotonic() + _UNREADABLE
            log.warning("%s cannot be read any more: the limit is not shared for %.0f s", self._key, _UNREADABLE)
        self._shared = found
        if found is not None:
            self._read = Window.from_json(found, math.inf)
            self._window = self._window.merged(Window.from_json(found, time.time()))

    def _save(self) -> None:
        if self._window == self._read or time.monotonic() < self._without_until:
            return
        text = self._window.to_json(time.time())
        try:
            self._variables.save(self._key, text)
        except Exception as error:  # noqa: BLE001  as above
            self._do_without(error)
        else:
            self._shared, self._read = text, self._window

    def _do_without(self, error: Exception) -> None:
        self._without_until = time.monotonic() + _WITHOUT
        log.debug("rate limits are not shared for now: %s", type(error).__name__)
