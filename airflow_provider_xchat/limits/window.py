"""
Rate-limit window of an account and an operation. Pure: no clock, no network, no Airflow.

X counts the requests of an account to an operation in windows, and says with each response how many are left and when
the window ends; a second family of headers does the same for a day. A :class:`Window` holds what is known of both. All
who share one reserve their requests in it before they send them, so that no request is sent only to be refused.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from airflow_provider_xchat.limits.headers import (
    MAX_DAY_SECONDS,
    MAX_WAIT_SECONDS,
    ROUNDING_SECONDS,
    RateLimitHeaders,
)

__all__ = ["COUNT_BELOW", "PROBE_TIMEOUT_SECONDS", "Window"]

#: how far apart two responses may report the end of one window, as ends are whole seconds
_SAME_END_SECONDS = 2.0
#: how long the others wait for the response that says how many requests there are, or when the window ends
PROBE_TIMEOUT_SECONDS = 10.0
#: how long a request may be in flight before it counts as lost
_IN_FLIGHT_SECONDS = 60.0
#: how long to treat a window as exhausted when its end is unknown
_DEFAULT_WINDOW_SECONDS = 60.0
#: the first wait after a 429 without a reset; the next ones double
_FIRST_BACKOFF_SECONDS = 15.0
#: with more requests left than this, they are not counted one by one
COUNT_BELOW = 64


@dataclass(frozen=True)
class Window:
    """
    What is known of the requests that may be sent.

    :param limit: requests that a window allows; None when X has not reported it yet
    :param left: requests that may still be sent; None when that is unknown
    :param ends_at: when the window ends (epoch seconds); None when it is unknown whether there is one
    :param is_reported: whether X reported that end
    :param refused_since: start of the current series of refusals without a reset (epoch seconds)
    :param is_guess: whether ``ends_at`` is our own choice, as X sent no time that can be right
    :param day_left: requests that X said are left of the day; None when it has not said so
    :param day_ends_at: when the day ends (epoch seconds)
    :param in_flight: requests without a response yet; counted when few are left of the day
    :param acquired_at: when the last of them was reserved (epoch seconds)
    """

    limit: int | None = None
    left: int | None = None
    ends_at: float | None = None
    is_reported: bool = False
    refused_since: float | None = None
    is_guess: bool = False
    day_left: int | None = None
    day_ends_at: float = 0.0
    in_flight: int = 0
    acquired_at: float = 0.0

    @classmethod
    def from_json(cls, text: str | None, now: float) -> Self:
        """
        Read a stored window, which may have been written by a clock that is ahead of ours.

        :param text: the text that :meth:`to_json` returned; None for nothing
        :param now: the time (epoch seconds)
        :return: the window; an empty one when the text cannot be parsed, or its end is more than a day ahead
        """
        try:
            members = json.loads(text or "{}")
            written_at = members.pop("written_at", None)
            ahead = 0.0 if written_at is None else max(written_at - now, 0.0)
            read = cls(**members)
            if all(value is None or math.isfinite(value) for value in asdict(read).values()):
                read = read if ahead <= ROUNDING_SECONDS else read._earlier(ahead)
                latest = max(read.ends_at or 0.0, read.day_ends_at)
                return read if latest <= now + MAX_DAY_SECONDS + ROUNDING_SECONDS else cls()
        except (ValueError, TypeError, AttributeError):
            pass
        return cls()

    def to_json(self, now: float) -> str:
        """
        Write the window as a text.

        :param now: the time (epoch seconds), by which readers know how long the window still lasts
        """
        return json.dumps({**asdict(self), "written_at": now})

    def _earlier(self, seconds: float) -> Self:
        return replace(
            self,
            ends_at=None if self.ends_at is None else self.ends_at - seconds,
            refused_since=None if self.refused_since is None else self.refused_since - seconds,
            day_ends_at=self.day_ends_at - seconds,
            acquired_at=self.acquired_at - seconds,
        )

    def merged(self, shared: Self) -> Self:
        """
        Return the shared window, with the lower count of the two where both are of the same period.

        :param shared: the window that others have written
        """
        if self.ends_at is not None and shared.ends_at is not None and self.is_reported and shared.is_reported:
            same = abs(self.ends_at - shared.ends_at) <= _SAME_END_SECONDS
            if same and self.left is not None and shared.left is not None:
                shared = replace(shared, left=min(self.left, shared.left))
        same_day = abs(self.day_ends_at - shared.day_ends_at) <= _SAME_END_SECONDS
        if same_day and self.day_left is not None and shared.day_left is not None:
            shared = replace(shared, day_left=min(self.day_left, shared.day_left))
        return shared

    def has_plenty(self, now: float) -> bool:
        """
        Return whether requests need not be counted one by one.

        :param now: the time (epoch seconds)
        :return: whether so many are left, or X does not count them
        """
        day_left = self._left_of_day(now)
        return (
            self.ends_at is not None
            and now < self.ends_at
            and (self.left is None or self.left > COUNT_BELOW)
            and (day_left is None or day_left > COUNT_BELOW)
        )

    def acquire(self, now: float) -> tuple[Self, float | None]:
        """
        Reserve a request, if one is left.

        :param now: the time (epoch seconds)
        :return: the window after that, and until when to wait (epoch seconds) instead of sending; None to send
        """
        if self.ends_at is not None and now >= self.ends_at:
            return self._reopened(now).acquire(now)
        if self.left is not None and self.left <= 0:
            return self, self.ends_at if self.ends_at is not None else now + _DEFAULT_WINDOW_SECONDS
        day_left = self._left_of_day(now)
        if day_left is not None and day_left <= 0:
            return self, self.acquired_at + _IN_FLIGHT_SECONDS
        sent = self
        if self.counts_in_flight(now):
            sent = replace(self, in_flight=self._in_flight(now) + 1, acquired_at=now)
        if self.left is not None:
            return replace(sent, left=self.left - 1), None
        if self.ends_at is not None:
            return sent, None
        # The number of requests is unknown, so one goes ahead, and the others wait for its headers.
        return replace(sent, left=0, ends_at=now + PROBE_TIMEOUT_SECONDS, is_reported=False), None

    def counts_in_flight(self, now: float) -> bool:
        """
        Return whether requests in flight are counted: when few are left of the day.

        :param now: the time (epoch seconds)
        """
        return self.day_left is not None and 0 < self.day_left <= COUNT_BELOW and now < self.day_ends_at

    def landed(self) -> Self:
        """Return the window with one request in flight fewer."""
        return replace(self, in_flight=max(self.in_flight - 1, 0))

    def unprobed(self) -> Self:
        """Return the window after a request that got no response of X; another one may probe for the limit."""
        return replace(self, left=None, ends_at=None) if self.is_probing else self

    @property
    def is_awaiting_headers(self) -> bool:
        """Whether requests are in flight whose headers will say how many there are, or when the window ends."""
        if self.left == 0:
            return not self.is_reported
        return self.day_left is not None and 0 < self.day_left <= self.in_flight

    @property
    def is_probing(self) -> bool:
        """Whether one of them is the first, before which nothing is known."""
        return self.left == 0 and not self.is_reported and self.limit is None

    @property
    def has_guessed_end(self) -> bool:
        """Whether X has not given the end of the window."""
        return self.is_guess or not self.is_reported

    def updated(self, headers: RateLimitHeaders, now: float, *, refused: bool) -> Self:
        """
        Return the window after a response.

        :param headers: the rate-limit headers of the response
        :param now: when it came (epoch seconds)
        :param refused: whether X refused the request because of the limit
        """
        window = self._with_day(headers, now)
        if headers.closed_until is not None and headers.closed_until > now:
            return replace(
                window,
                limit=headers.limit or self.limit,
                left=0,
                ends_at=max(headers.closed_until, self._closed_until(now)),
                is_reported=True,
                refused_since=None,
                is_guess=headers.is_guess,
            )
        changes = self._refused_without_reset(now) if refused else self._counted(headers, now)
        return replace(window, **changes)

    def has_given_up(self, now: float) -> bool:
        """
        Return whether X has refused for so long, without a reset, that waiting is no use.

        :param now: the time (epoch seconds)
        """
        return now - self._refused_since(now) >= MAX_WAIT_SECONDS

    def _with_day(self, headers: RateLimitHeaders, now: float) -> Self:
        if headers.day is None:
            return self
        known = self.day_left if now < self.day_ends_at else None
        is_older = headers.day.resets_at < self.day_ends_at + _SAME_END_SECONDS
        if known is not None and is_older and headers.day.left > known:
            return self  # a response that came late
        return replace(self, day_left=headers.day.left, day_ends_at=headers.day.resets_at)

    def _left_of_day(self, now: float) -> int | None:
        """Requests left of the day, if all that are in flight are counted; None when X does not count."""
        if not self.day_left or now >= self.day_ends_at:  # a day that is used up closes the window
            return None
        return self.day_left - self._in_flight(now)

    def _in_flight(self, now: float) -> int:
        return self.in_flight if now - self.acquired_at < _IN_FLIGHT_SECONDS else 0

    def _counted(self, headers: RateLimitHeaders, now: float) -> dict[str, Any]:
        is_over = self.ends_at is None or now >= self.ends_at
        if headers.left is None or headers.resets_at is None:
            # X does not count. A window that is known from others stays.
            uncounted = {"left": None, "ends_at": now + MAX_WAIT_SECONDS, "is_reported": True, "refused_since": None}
            return uncounted if is_over or self.is_probing else {}
        ends_at = self.ends_at or 0.0
        if not is_over and self.is_reported and headers.resets_at < ends_at - _SAME_END_SECONDS:
            return {}  # of the window before
        is_newer = is_over or (self.is_reported and headers.resets_at > ends_at + _SAME_END_SECONDS)
        # Others may have reserved requests that X has not seen yet.
        known = None if is_newer or self.is_probing else self.left
        return {
            "limit": headers.limit or self.limit,
            "left": headers.left if known is None else min(headers.left, known),
            "ends_at": headers.resets_at,
            "is_reported": True,
            "refused_since": None,
            "is_guess": False,
        }

    def _refused_without_reset(self, now: float) -> dict[str, Any]:
        since = self._refused_since(now)
        if now - since >= MAX_WAIT_SECONDS:
            since = now  # later requests start a new series of waits
        # All waits together take no longer than one with a reset.
        wait = min(max(_FIRST_BACKOFF_SECONDS, now - since), since + MAX_WAIT_SECONDS - now)
        ends_at = max(now + wait, self._closed_until(now))
        return {"left": 0, "ends_at": ends_at, "is_reported": True, "refused_since": since, "is_guess": True}

    def _refused_since(self, now: float) -> float:
        """Start of the current series of refusals; a series that ended more than 15 minutes ago is ignored."""
        goes_on = self.ends_at is not None and now - self.ends_at < MAX_WAIT_SECONDS
        return self.refused_since if self.refused_since is not None and goes_on else now

    def _reopened(self, now: float) -> Self:
        if self.limit is None:
            return replace(self, left=None, ends_at=None, is_reported=False)
        return replace(self, left=self.limit, ends_at=now + _DEFAULT_WINDOW_SECONDS, is_reported=False)

    def _closed_until(self, now: float) -> float:
        """Until when the window is known to be closed, so that a late response opens nothing."""
        is_closed = self.is_reported and self.left == 0 and self.ends_at is not None and self.ends_at > now
        return self.ends_at if is_closed and self.ends_at is not None else now
