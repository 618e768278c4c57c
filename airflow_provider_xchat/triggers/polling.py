"""
Asks for conversations again and again, once for all triggers of an event loop that want to hear the same.

What a :class:`Poll` knows outlives the triggers that listen to it. Airflow makes a watcher that has failed again within
a second or two, for as long as the DAG has it; what is to be waited for after a failure must hold for that one, too.
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

__all__ = ["Failure", "Heard", "Poll", "Question", "Update"]

# How long (seconds) nothing is asked after failures, at most.
_LONGEST = 900.0
# What starts together, as after a restart of the triggerer, asks within this time (seconds), not at once.
_SPREAD = 10.0
# How long (seconds) nothing is asked when X said that there were too many requests, but not until when.
_UNTOLD = 60.0
# Errors that a connection looked up again would change nothing about.
_NOT_OF_THE_CONNECTION = (XChatRateLimitError, XChatServerError, XChatAnswerError)


class Question(NamedTuple):
    """What is asked, and with which connection."""

    xchat_conn_id: str
    conversation_id: str
    fields: tuple[str, ...]


class Update(NamedTuple):
    """
    An answer.

    :param answer: its JSON, which all who hear it share
    :param updated_at: when the conversation was last changed
    """

    answer: dict[str, Any]
    updated_at: datetime


class Failure(NamedTuple):
    """
    An answer that did not come.

    :param error: what came in its place
    :param next_at: when it is asked for again
    :param traceback: where the error came from
    """

    error: Exception
    next_at: datetime
    traceback: TracebackType | None = None

    @property
    def counts(self) -> bool:
        """Whether it says that something is wrong: a rate limit only says when to ask again."""
        return not isinstance(self.error, XChatRateLimitError)

    @property
    def lasts(self) -> bool:
        """Whether it would be the same the next time."""
        return isinstance(self.error, AirflowFailException)

    def raised(self) -> Exception:
        """Give the error to raise; as several raise the same one, each with nothing of the others in its traceback."""
        return self.error.with_traceback(self.traceback)


Heard = Update | Failure


class _Listener:
    def __init__(self, interval: float, longest: float, due: float) -> None:
        self.interval = interval
        self.due = due
        self._longest = longest

    def was_asked_at(self, asked_at: float) -> None:
        self.due = asked_at + self.interval
        self.interval = max(self.interval, min(2 * self.interval, self._longest))


class Poll:
    """
    Asks one question for as long as there are listeners, as often as the one of them who wants it most often.

    :param question: the question
    """

    _by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Question, Poll]]] = WeakKeyDictionary()

    def __init__(self, question: Question) -> None:
        self._question = question
        self._listeners: set[_Listener] = set()
        self._changed = asyncio.Event()
        self._asking = asyncio.Lock()
        self._askers = 0
        self._shared: SharedHook | None = None
        self._latest: Heard | None = None
        self._asked = 0
        self._asked_at = -inf
        self._not_before = -inf
        self._failures = 0

    @classmethod
    def of(cls, question: Question) -> Poll:
        """
        Find the poll of a question.

        :param question: the question
        :return: the poll that the running event loop has for it
        """
        polls = cls._by_loop.setdefault(asyncio.get_running_loop(), {})
        if question not in polls:
            for forgettable in [other for other, poll in polls.items() if poll.forgettable]:
                del polls[forgettable]
            polls[question] = cls(question)
        return polls[question]

    @contextmanager
    def listening(self, interval: float, asked_at: datetime | None = None, longest: float = 0.0) -> Iterator[None]:
        """
        Want to hear the answers, while the context lasts.

        :param interval: how often to ask (seconds)
        :param asked_at: when somebody else has asked last on behalf of this listener
        :param longest: to how long (seconds) the interval grows, which doubles with each time
        """
        listener = _Listener(interval, longest, self._first_due(interval, asked_at))
        self._listeners.add(listener)
        self._changed.set()
        try:
            yield
        finally:
            self._listeners.discard(listener)

    def _first_due(self, interval: float, asked_at: datetime | None) -> float:
        now = _now()
        known = self._asked_at
        if asked_at is not None:
            known = max(known, now - max((datetime.now(UTC) - asked_at).total_seconds(), 0.0))
        return known + interval if known + interval > now else now + random.random() * min(interval, _SPREAD)

    async def answers(self) -> AsyncGenerator[Heard]:
        """
        Ask without end, and give each answer or failure; several who do so at once ask in turn, and all hear the same.

        :return: the answers from now on
        """
        heard = self._asked
        self._askers += 1
        try:
            while True:
                await self._time_to_ask(heard)
                async with self._asking:
                    if self._latest is None or self._asked == heard:
                        self._latest = await self._ask()
                        self._asked += 1
                        self._changed.set()
                    heard, latest = self._asked, self._latest
                yield latest
        finally:
            self._askers -= 1
            if not self._askers:
                await self._give_hook_back()

    async def _time_to_ask(self, heard: int) -> None:
        """Wait until it is time, or somebody else has asked."""
        while self._asked == heard and (seconds := self._next_at() - _now()) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds if seconds < inf else None):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _next_at(self) -> float:
        return max(self._not_before, min((listener.due for listener in self._listeners), default=inf))

    async def _ask(self) -> Heard:
        try:
            answer = await self._answer()
            heard = Update(answer, updated_at(answer))
        except Exception as error:  # noqa: BLE001  Airflow raises anything when it cannot look a connection up
            pause = self._pause_after(error)
            self._rescheduled()
            self._not_before = self._asked_at + pause
            if not isinstance(error, _NOT_OF_THE_CONNECTION):
                await self._give_hook_back(spoiled=True)
            return Failure(error, datetime.now(UTC) + timedelta(seconds=pause), error.__traceback__)
        self._failures = 0
        self._rescheduled()
        return heard

    async def _answer(self) -> dict[str, Any]:
        if self._shared is None:
            self._shared = await SharedHook.borrowed(self._question.xchat_conn_id)
        return await self._shared.hook.aget_conversation(
            self._question.conversation_id, chat_conversation_fields=self._question.fields
        )

    def _rescheduled(self) -> None:
        self._asked_at = _now()
        for listener in self._listeners:
            listener.was_asked_at(self._asked_at)

    def _pause_after(self, error: Exception) -> float:
        """Tell how long (seconds) nobody asks after an error, whoever wants to."""
        if isinstance(error, XChatRateLimitError):
            known = error.retry_at or error.reset_at
            wait = _UNTOLD if known is None else _seconds_until(known)
            return wait + random.random() * min(self._interval(), _SPREAD)
        self._failures += 1
        doubled = self._interval() * 2.0 ** min(self._failures - 1, 16) * (1 + random.random() / 4)
        told = _seconds_until(error.retry_at) if isinstance(error, XChatServerError) and error.retry_at else 0.0
        return max(self._interval(), min(doubled, _LONGEST), told)

    def _interval(self) -> float:
        return min((listener.interval for listener in self._listeners), default=_UNTOLD)

    async def _give_hook_back(self, *, spoiled: bool = False) -> None:
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.give_back(spoiled=spoiled)

    @property
    def forgettable(self) -> bool:
        """Whether nobody listens, and nothing is known that would matter to those who will."""
        idle_since = max(self._asked_at, self._not_before)
        return not self._listeners and not self._askers and idle_since + _LONGEST < _now()


def _seconds_until(moment: datetime) -> float:
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _now() -> float:
    return asyncio.get_running_loop().time()
