"""Rate limits: fixed windows for each token and operation, a short one and optionally one of a day."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

RATE_LIMIT = 900
RATE_WINDOW_SECONDS = 900
DAILY_WINDOW_SECONDS = 86400


@dataclass(frozen=True)
class Limit:
    """Number of requests per window, with the headers that report it.

    :param name: its name in error messages.
    :param headers: the prefix of its three headers.
    :param most: requests per window; 0 refuses all requests.
    :param seconds: length of a window, which starts with its first request and ends on a whole epoch second,
        because the header with the reset time has no fractions.
    :raises ValueError: for a negative number of requests, or a length that is not greater than 0.
    """

    name: str
    headers: str
    most: int
    seconds: float

    def __post_init__(self) -> None:
        if self.most < 0:
            raise ValueError(f"the {self.name} limit must not be negative: {self.most}")
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"the {self.name} window must be longer than 0 seconds: {self.seconds}")


def all_limits(rate_limit: int, rate_window: float, daily_limit: int | None, daily_window: float) -> list[Limit]:
    """Return the limits of a sandbox.

    :param rate_limit: requests per window.
    :param rate_window: length of that window in seconds.
    :param daily_limit: requests per day; None for no daily limit and no headers about it.
    :param daily_window: length of that day in seconds.
    :return: the limits.
    :raises ValueError: for a negative number of requests, or a length that is not greater than 0.
    """
    short = Limit("rate", "x-rate-limit", rate_limit, rate_window)
    daily = Limit("daily", "x-user-limit-24hour", 0 if daily_limit is None else daily_limit, daily_window)
    return [short] if daily_limit is None else [short, daily]


@dataclass
class _Window:
    limit: Limit
    reset_at: int
    used: int = 0

    @property
    def is_exhausted(self) -> bool:
        return self.used >= self.limit.most

    @property
    def headers(self) -> dict[str, str]:
        return {
            f"{self.limit.headers}-limit": str(self.limit.most),
            f"{self.limit.headers}-remaining": str(self.limit.most - self.used),
            f"{self.limit.headers}-reset": str(self.reset_at),
        }


@dataclass(frozen=True)
class Quota:
    """Remaining requests after a request.

    :param headers: three rate-limit headers for each window.
    :param refused_until: when the request may be repeated, in epoch seconds; None if it is allowed.
    """

    headers: dict[str, str]
    refused_until: int | None = None


class RateLimits:
    """Rate-limit windows of all tokens and operations.

    :param limits: the limits of each token and operation.
    """

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._limits = tuple(limits)
        self._windows: dict[tuple[str, str, str], _Window] = {}

    def take(self, token: str, operation_id: str) -> Quota:
        """Count a request in all windows, or in none if one of them is exhausted.

        :param token: the token's value.
        :param operation_id: the operation that was called.
        :return: the remaining requests; with ``refused_until`` if the request must be refused.
        """
        windows = [self._window(limit, token, operation_id) for limit in self._limits]
        refused_until = max((window.reset_at for window in windows if window.is_exhausted), default=None)
        if refused_until is None:
            for window in windows:
                window.used += 1
        return Quota(_headers(windows), refused_until)

    def untouched(self) -> Quota:
        """Return the quota of unused windows, for a request without a valid token.

        :return: the full quota; nothing is counted.
        """
        return Quota(_headers(map(_new_window, self._limits)))

    def reset(self) -> None:
        """Remove all windows."""
        self._windows.clear()

    def _window(self, limit: Limit, token: str, operation_id: str) -> _Window:
        key = (limit.name, token, operation_id)
        window = self._windows.get(key)
        if window is None or time.time() >= window.reset_at:
            window = self._windows[key] = _new_window(limit)
        return window


def _new_window(limit: Limit) -> _Window:
    return _Window(limit, math.ceil(time.time() + limit.seconds))


def _headers(windows: Iterable[_Window]) -> dict[str, str]:
    return {name: value for window in windows for name, value in window.headers.items()}
