"""Rate limits: fixed windows for each token and operation, a short one and, where it is asked for, one of a day."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

RATE_LIMIT = 900
RATE_WINDOW_SECONDS = 900
DAILY_WINDOW_SECONDS = 86400


@dataclass(frozen=True)
class Limit:
    """A number of requests in a time, and how an answer tells what is left.

    :param name: what to call it in an error.
    :param headers: what the names of its three headers begin with.
    :param most: requests a window allows; 0 refuses every request.
    :param seconds: the length of a window. It opens with its first request and ends on a whole epoch second,
        because the header that announces the end has no fractions.
    :raises ValueError: for a negative number, or a time that is not longer than 0.
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
    """Name the limits of a sandbox.

    :param rate_limit: requests in a window.
    :param rate_window: the length of that window in seconds.
    :param daily_limit: requests in a day; None for as many as one likes, and no headers about it.
    :param daily_window: the length of that day in seconds.
    :returns: the limits.
    :raises ValueError: for a negative number, or a time that is not longer than 0.
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
    def exceeded(self) -> bool:
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
    """What the windows had left after a request.

    :param headers: what tells a client about the windows, three headers for each.
    :param refused_until: when the request may come again, in epoch seconds; None if it may be answered.
    """

    headers: dict[str, str]
    refused_until: int | None = None


class RateLimits:
    """The windows of all tokens and operations.

    :param limits: the limits that hold for each of them.
    """

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._limits = tuple(limits)
        self._windows: dict[tuple[str, str, str], _Window] = {}

    def take(self, token: str, operation_id: str) -> Quota:
        """Count a request in all windows, unless one of them is used up already: then in none.

        :param token: the token's value.
        :param operation_id: the operation that was called.
        :returns: what is left; with ``refused_until`` if the request must be refused.
        """
        windows = [self._window(limit, token, operation_id) for limit in self._limits]
        refused_until = max((window.reset_at for window in windows if window.exceeded), default=None)
        if refused_until is None:
            for window in windows:
                window.used += 1
        return Quota(_headers(windows), refused_until)

    def untouched(self) -> Quota:
        """Describe windows nobody has used, for a request without a known token.

        :returns: the full quota; nothing is counted.
        """
        return Quota(_headers(map(_opened, self._limits)))

    def reset(self) -> None:
        """Forget all windows."""
        self._windows.clear()

    def _window(self, limit: Limit, token: str, operation_id: str) -> _Window:
        key = (limit.name, token, operation_id)
        window = self._windows.get(key)
        if window is None or time.time() >= window.reset_at:
            window = self._windows[key] = _opened(limit)
        return window


def _opened(limit: Limit) -> _Window:
    return _Window(limit, math.ceil(time.time() + limit.seconds))


def _headers(windows: Iterable[_Window]) -> dict[str, str]:
    return {name: value for window in windows for name, value in window.headers.items()}
