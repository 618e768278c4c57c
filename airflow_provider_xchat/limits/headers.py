"""Read X's rate-limit headers. Pure: no clock, no network, no Airflow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, NamedTuple, Self

__all__ = [
    "MAX_DAY_SECONDS",
    "MAX_WAIT_SECONDS",
    "ROUNDING_SECONDS",
    "DayLimit",
    "RateLimitHeaders",
    "reported_reset",
    "retry_after",
]

#: length of X's windows; nobody waits longer, except for a daily limit
MAX_WAIT_SECONDS = 900.0
#: longest wait for a daily limit: a day, and a minute more as clocks differ
MAX_DAY_SECONDS = 86_460.0
#: how much farther ahead a reset is still believed, as clocks tell whole seconds
ROUNDING_SECONDS = 5.0
#: wait in place of a reset that is not believed; with jitter it stays below MAX_WAIT_SECONDS
_FALLBACK_WAIT_SECONDS = 840.0

_RESET = "x-rate-limit-reset"
_DAILY = [(f"{family}-remaining", f"{family}-reset") for family in ("x-user-limit-24hour", "x-app-limit-24hour")]


class DayLimit(NamedTuple):
    """
    Daily limit of a user or an app.

    :param left: requests that may still be sent in the day
    :param resets_at: when the day ends (epoch seconds of our clock)
    """

    left: int
    resets_at: float


@dataclass(frozen=True)
class RateLimitHeaders:
    """
    The rate-limit headers of a response, as far as they can be believed.

    :param limit: requests that a window allows
    :param left: requests that may still be sent in it
    :param resets_at: when it ends (epoch seconds of our clock)
    :param closed_until: until when nothing may be sent at all (epoch seconds of our clock)
    :param is_guess: whether ``closed_until`` is our own choice, as X sent no time that can be right
    :param day: the daily limit with the fewest requests left; None when X sent none
    """

    limit: int | None = None
    left: int | None = None
    resets_at: float | None = None
    closed_until: float | None = None
    is_guess: bool = False
    day: DayLimit | None = None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], now: float, *, refused: bool) -> Self:
        """
        Read the headers of a response.

        :param headers: by names in any case
        :param now: when the response came (epoch seconds)
        :param refused: whether X refused the request because of a limit
        :return: the values
        """
        headers = dict(headers.items())  # read up to ten times; httpx searches its list each time
        limit, left = _count(headers.get("x-rate-limit-limit")), _count(headers.get("x-rate-limit-remaining"))
        resets_at = _moment(headers, _RESET, now, MAX_WAIT_SECONDS)
        days = _days(headers, now)
        closed = [day.resets_at for day in days if day.left == 0]
        used_up = left == 0 or (refused and left is None)
        if used_up and resets_at is not None:
            closed.append(resets_at)
        wait = retry_after(headers, now) if refused or used_up else None
        if wait is not None:
            closed.append(wait)
        closed_until = max(closed, default=None)
        is_guess = closed_until == now + _FALLBACK_WAIT_SECONDS
        return cls(limit, left, resets_at, closed_until, is_guess, min(days, default=None))


def reported_reset(headers: Mapping[str, str]) -> datetime | None:
    """
    Return the reset time as X sent it, plausible or not.

    :param headers: by names in any case
    :return: None when X sent no time
    """
    try:
        return datetime.fromtimestamp(int(headers.get(_RESET, "")), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """
    Read ``retry-after`` (RFC 9110, section 10.2.3), which X may or may not send.

    :param headers: by names in any case
    :param now: when the response came (epoch seconds)
    :return: when to come back (epoch seconds of our clock), within 15 minutes; None when nothing usable was sent
    """
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is None:
        date = _date(text)
        seconds = None if date is None else date - (_date(headers.get("date")) or now)
    if seconds is None or seconds <= 0:
        return None
    return now + (seconds if seconds <= MAX_WAIT_SECONDS else _FALLBACK_WAIT_SECONDS)


def _days(headers: Mapping[str, str], now: float) -> list[DayLimit]:
    read = [
        (_count(headers.get(remaining)), _moment(headers, reset, now, MAX_DAY_SECONDS)) for remaining, reset in _DAILY
    ]
    return [DayLimit(left, resets_at) for left, resets_at in read if left is not None and resets_at is not None]


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    number = _number(text)
    return int(number) if number is not None and number >= 0 else None


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _moment(headers: Mapping[str, str], name: str, now: float, longest: float) -> float | None:
    """Convert a time of X's clock to our clock; None if the header is missing, invalid or in the past."""
    moment = _number(headers.get(name))
    if moment is None:
        return None
    wait = moment - (_date(headers.get("date")) or now)
    if wait <= 0:
        return None
    return now + (wait if wait <= longest + ROUNDING_SECONDS else _FALLBACK_WAIT_SECONDS)


@lru_cache(maxsize=64)  # the same for all responses of a second
def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
