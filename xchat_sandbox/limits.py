"""Rate limits: a fixed window for each token and operation."""

import math
import time
from dataclasses import dataclass

RATE_LIMIT = 900
RATE_WINDOW_SECONDS = 900


@dataclass(frozen=True)
class Quota:
    """What a window had left after a request.

    :param limit: requests the window allows.
    :param remaining: requests still allowed in it.
    :param reset_at: when it ends, in epoch seconds.
    :param exceeded: whether the request went over the limit.
    """

    limit: int
    remaining: int
    reset_at: int
    exceeded: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The three headers that tell a client about the window."""
        return {
            "x-rate-limit-limit": str(self.limit),
            "x-rate-limit-remaining": str(self.remaining),
            "x-rate-limit-reset": str(self.reset_at),
        }


@dataclass
class _Window:
    reset_at: int
    used: int = 0


class RateLimits:
    """The windows of all tokens and operations.

    :param limit: requests a window allows; 0 refuses every request.
    :param window: the length of a window in seconds. It opens with its first request and ends on a whole
        epoch second, because the header that announces the end has no fractions.
    :raises ValueError: for a negative limit, or a window that is not longer than 0.
    """

    def __init__(self, limit: int, window: float) -> None:
        if limit < 0:
            raise ValueError(f"the rate limit must not be negative: {limit}")
        if not 0 < window < math.inf:
            raise ValueError(f"the rate window must be longer than 0 seconds: {window}")
        self._limit = limit
        self._length = window
        self._windows: dict[tuple[str, str], _Window] = {}

    def take(self, token: str, operation_id: str) -> Quota:
        """Count a request, unless the window is used up already.

        :param token: the token's value.
        :param operation_id: the operation that was called.
        :returns: what is left; ``exceeded`` if the request must be refused.
        """
        key = (token, operation_id)
        window = self._windows.get(key)
        if window is None or time.time() >= window.reset_at:
            window = self._windows[key] = _Window(self._end_of_window())
        exceeded = window.used >= self._limit
        if not exceeded:
            window.used += 1
        return Quota(self._limit, self._limit - window.used, window.reset_at, exceeded)

    def untouched(self) -> Quota:
        """Describe a window nobody has used, for a request without a known token.

        :returns: the full quota; nothing is counted.
        """
        return Quota(self._limit, self._limit, self._end_of_window())

    def reset(self) -> None:
        """Forget all windows."""
        self._windows.clear()

    def _end_of_window(self) -> int:
        return math.ceil(time.time() + self._length)
