"""
What X's answers say of its rate limits, and what follows for the next request. Pure: no clock, no network, no Airflow.

X counts the requests of an account to an operation in windows, and says with each answer how many are left and when
the window ends; a second family of headers does the same for a day. A :class:`Window` is what is known of that. Those
who share one take their requests from it before they send them, so that no request is sent only to be refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Self

__all__ = ["AWAITED", "LOW", "Told", "Window", "retry_after"]

#: X's windows are that long (seconds); nobody waits longer, other than for a daily limit.
LONGEST = 900.0
#: how much farther ahead (seconds) an end is still believed, as clocks tell whole seconds
_ROUNDING = 5.0
#: how far apart (seconds) two answers may tell the end of one window, as ends are whole seconds
_SAME = 2.0
#: how long (seconds) to wait in place of a time that is not believed: with what keeps tasks apart, within LONGEST
_UNBELIEVED = 840.0
# A minute more, as clocks differ.
_DAY = 86_460.0
#: how long (seconds) the others wait for the answer that says how many requests there are, or when the window ends
AWAITED = 10.0
#: how long (seconds) a window is taken for used up whose end nobody has told
_UNTOLD = 60.0
#: the first wait (seconds) after a 429 that does not say when to come back; the next ones double
_BLIND = 15.0
#: with more than that left, requests are not taken one by one
LOW = 64

_DAILY = [(f"{family}-remaining", f"{family}-reset") for family in ("x-user-limit-24hour", "x-app-limit-24hour")]


@dataclass(frozen=True)
class Told:
    """
    What an answer's headers say, as far as it can be believed.

    :param limit: requests that a window allows
    :param left: requests that may still be sent in it
    :param resets_at: when it ends (epoch seconds of our clock)
    :param closed_until: until when nothing may be sent at all (epoch seconds of our clock)
    :param is_guess: whether that is our own choice, in place of a time that cannot be right
    """

    limit: int | None = None
    left: int | None = None
    resets_at: float | None = None
    closed_until: float | None = None
    is_guess: bool = False

    @classmethod
    def by(cls, headers: Mapping[str, str], now: float, *, refused: bool) -> Self:
        """
        Read the headers of an answer.

        :param headers: by names in any case
        :param now: when it came (epoch seconds)
        :param refused: whether it says that a limit is used up
        :return: what they say
        """
        headers = dict(headers.items())  # looked into six times at least; in those of httpx each time from the top
        limit, left = _count(headers.get("x-rate-limit-limit")), _count(headers.get("x-rate-limit-remaining"))
        resets_at = _moment(headers, "x-rate-limit-reset", now, LONGEST)
        closed = [_moment(headers, reset, now, _DAY) for daily, reset in _DAILY if _count(headers.get(daily)) == 0]
        used_up = left == 0 or (refused and left is None)
        if used_up and resets_at is not None:
            closed.append(resets_at)
        if refused or used_up:
            closed.append(retry_after(headers, now))
        known = [moment for moment in closed if moment is not None]
        closed_until = max(known, default=None)
        return cls(limit, left, resets_at, closed_until, closed_until == now + _UNBELIEVED)


@dataclass(frozen=True)
class Window:
    """
    What is known of the requests that may be sent.

    :param limit: how many a window allows; None when nobody has said so yet
    :param left: how many may still be sent; None when that is not known
    :param ends_at: when the window ends (epoch seconds); None when it is not known whether there is one
    :param told: whether X said when it ends
    :param refused_since: when X began to refuse without saying for how long (epoch seconds)
    :param is_guess: whether ``ends_at`` is our own choice, in place of a time that cannot be right
    """

    limit: int | None = None
    left: int | None = None
    ends_at: float | None = None
    told: bool = False
    refused_since: float | None = None
    is_guess: bool = False

    @classmethod
    def from_json(cls, text: str | None, now: float) -> Self:
        """
        Read what :meth:`to_json` wrote, maybe by a clock that is ahead of ours.

        :param text: the text; None for nothing
        :param now: the time (epoch seconds)
        :return: the window; one of which nothing is known for any other text, and for an end beyond a day
        """
        try:
            members = json.loads(text or "{}")
            written_at = members.pop("written_at", None)
            ahead = 0.0 if written_at is None else max(written_at - now, 0.0)
            read = cls(**members)
            numbers = (read.limit, read.left, read.ends_at, read.refused_since)
            if all(value is None or (isinstance(value, (int, float)) and math.isfinite(value)) for value in numbers):
                read = read if ahead <= _ROUNDING else read._earlier(ahead)
                return read if read.ends_at is None or read.ends_at <= now + _DAY + _ROUNDING else cls()
        except (ValueError, TypeError, AttributeError):
            pass
        return cls()

    def to_json(self, now: float) -> str:
        """
        Write it as a text.

        :param now: the time (epoch seconds), by which readers tell how long the window still lasts
        """
        return json.dumps({**asdict(self), "written_at": now})

    def _earlier(self, seconds: float) -> Self:
        ends_at = None if self.ends_at is None else self.ends_at - seconds
        since = None if self.refused_since is None else self.refused_since - seconds
        return replace(self, ends_at=ends_at, refused_since=since)

    def merged(self, shared: Self) -> Self:
        """
        Take over what is shared, but no older count of the same window.

        :param shared: what others have written
        :return: what is shared, with the lower count of the two
        """
        same = self.ends_at is not None and shared.ends_at is not None and abs(self.ends_at - shared.ends_at) <= _SAME
        if same and self.told and shared.told and self.left is not None and shared.left is not None:
            return replace(shared, left=min(self.left, shared.left))
        return shared

    def plenty(self, now: float) -> bool:
        """
        Return whether requests need not be counted one by one.

        :param now: the time (epoch seconds)
        :return: whether so many are left, or X does not count them
        """
        return self.ends_at is not None and now < self.ends_at and (self.left is None or self.left > LOW)

    def take(self, now: float) -> tuple[Self, float | None]:
        """
        Take a request out of the window, if one is left.

        :param now: the time (epoch seconds)
        :return: the window after that, and until when to wait (epoch seconds) in place of sending; None to send
        """
        if self.ends_at is not None and now >= self.ends_at:
            return self._reopened(now).take(now)
        if self.left is None:
            if self.ends_at is not None:
                return self, None
            # Nobody knows how many requests there are, so one goes ahead, and the others wait for what it is told.
            return replace(self, left=0, ends_at=now + AWAITED, told=False), None
        if self.left > 0:
            return replace(self, left=self.left - 1), None
        return self, self.ends_at if self.ends_at is not None else now + _UNTOLD

    @property
    def pending(self) -> bool:
        """Whether requests are under way whose answers will say how many there are, or when the window ends."""
        return self.left == 0 and not self.told

    @property
    def has_guessed_end(self) -> bool:
        """Whether X has not given the end of the window."""
        return self.is_guess or not self.told

    @property
    def scouting(self) -> bool:
        """Whether one of them is the first, which nobody knows anything before."""
        return self.pending and self.limit is None

    def after(self, told: Told, now: float, *, refused: bool) -> Self:
        """
        Learn from an answer.

        :param told: what it said
        :param now: when it came (epoch seconds)
        :param refused: whether it was a refusal because of the limit
        :return: the window after that
        """
        if told.closed_until is not None and told.closed_until > now:
            return replace(
                self,
                limit=told.limit or self.limit,
                left=0,
                ends_at=max(told.closed_until, self._closed_until(now)),
                told=True,
                refused_since=None,
                is_guess=told.is_guess,
            )
        if refused:
            return self._refused_blindly(now)
        if told.left is None or told.resets_at is None:
            # No count at all: nothing to keep to. With a window known from others, theirs stays.
            unknown = self.scouting or self.ends_at is None or now >= self.ends_at
            return replace(self, left=None, ends_at=now + LONGEST, told=True, refused_since=None) if unknown else self
        return self._counted(told.limit, told.left, told.resets_at, now)

    def given_up(self, now: float) -> bool:
        """
        Return whether X has refused for so long, without saying for how long, that waiting is no use.

        :param now: the time (epoch seconds)
        """
        return now - self._refused_since(now) >= LONGEST

    def _counted(self, limit: int | None, left: int, resets_at: float, now: float) -> Self:
        newer = self.ends_at is None or now >= self.ends_at or (self.told and resets_at > self.ends_at + _SAME)
        if not newer and self.told and resets_at < self.ends_at - _SAME:  # type: ignore[operator]  # newer when None
            return self  # of the window before
        # Others may have taken requests that X has not seen yet.
        known = None if newer or self.scouting else self.left
        return replace(
            self,
            limit=limit or self.limit,
            left=left if known is None else min(left, known),
            ends_at=resets_at,
            told=True,
            refused_since=None,
            is_guess=False,
        )

    def _refused_blindly(self, now: float) -> Self:
        since = self._refused_since(now)
        if now - since >= LONGEST:
            since = now  # whoever asks after those who gave up waits anew
        # All of them together take no longer than one with a reset.
        wait = min(max(_BLIND, now - since), since + LONGEST - now)
        ends_at = max(now + wait, self._closed_until(now))
        return replace(self, left=0, ends_at=ends_at, told=True, refused_since=since, is_guess=True)

    def _refused_since(self, now: float) -> float:
        """When the row of refusals began; one that nobody has gone on with does not count."""
        went_on = self.ends_at is not None and now - self.ends_at < LONGEST
        return self.refused_since if self.refused_since is not None and went_on else now

    def _reopened(self, now: float) -> Self:
        if self.limit is None:
            return replace(self, left=None, ends_at=None, told=False)
        return replace(self, left=self.limit, ends_at=now + _UNTOLD, told=False)

    def _closed_until(self, now: float) -> float:
        """Until when it is known to be closed, so that an answer that came late opens nothing."""
        known = self.told and self.left == 0 and self.ends_at is not None and self.ends_at > now
        return self.ends_at if known and self.ends_at is not None else now


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """
    Read ``retry-after`` (RFC 9110, section 10.2.3), which X may or may not send.

    :param headers: by names in any case
    :param now: when the answer came (epoch seconds)
    :return: when to come back (epoch seconds of our clock), within 15 minutes; None when nothing usable was said
    """
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is None:
        date = _date(text)
        seconds = None if date is None else date - (_date(headers.get("date")) or now)
    if seconds is None or seconds <= 0:
        return None
    return now + (seconds if seconds <= LONGEST else _UNBELIEVED)


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
    """Read a time of X's clock as one of ours; None when there is none that lies ahead."""
    moment = _number(headers.get(name))
    if moment is None:
        return None
    wait = moment - (_date(headers.get("date")) or now)
    if wait <= 0:
        return None
    return now + (wait if wait <= longest + _ROUNDING else _UNBELIEVED)


@lru_cache(maxsize=64)  # the same for all answers of a second
def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
