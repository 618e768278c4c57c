"""Trigger that waits for a conversation to be updated; it never writes to X."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Hashable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_xchat.api.inputs import checked_conversation_id, checked_count, checked_moment, checked_seconds
from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.runtime.compat import event_trigger_class
from airflow_provider_xchat.triggers.cursors import Cursor, StoredCursor
from airflow_provider_xchat.triggers.errors import to_payload
from airflow_provider_xchat.triggers.polling import Failure, Heard, Poll, Question
from airflow_provider_xchat.triggers.updates import fields_to_ask_for

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger
else:
    BaseEventTrigger = event_trigger_class()

__all__ = ["ChatConversationUpdatedTrigger"]

# Arguments that a trigger may be given other values of, and is still the same.
_TUNING = {"poll_interval", "max_failures", "longest_interval"}


class ChatConversationUpdatedTrigger(BaseEventTrigger):
    """
    Fire when an X Chat conversation has changed: when its ``updated_at`` is later than before.

    For event-driven scheduling, as the trigger of an ``AssetWatcher``, it fires once for each change that it sees,
    also across restarts of the triggerer. Where it has never run before, and without ``updated_since``, the first
    answer only tells where it stands. Triggers of one triggerer that want to know the same share their requests.

    An event's payload has ``conversation_id``, ``updated_at`` (ISO 8601, UTC) and ``conversation``, the answer's JSON.
    With ``once``, an error that lasts is an event, too, whose payload has ``error``.

    :param conversation_id: the id of a group; X does not say of other conversations when they were updated
    :param updated_since: fire for a change after that; a datetime or text in ISO 8601
    :param poll_interval: how often to ask, in seconds; each time costs a request
    :param max_failures: how many tries in a row may fail before the trigger does; the time between them doubles up to
        15 minutes
    :param xchat_conn_id: id of a connection of type ``xchat``
    :param once: end after the first event and remember nothing, as a task that has deferred needs it
    :param chat_conversation_fields: members that the conversation should have; all of them by default
    :param polled_at: when somebody has asked last, so that the first request of this trigger can wait; ISO 8601
    :param longest_interval: up to how many seconds the interval doubles with each request; 0 for one that stays
    """

    def __init__(
        self,
        *,
        conversation_id: str | int,
        updated_since: datetime | str | None = None,
        poll_interval: timedelta | float = 60.0,
        max_failures: int | str = 5,
        xchat_conn_id: str = "xchat_default",
        once: bool = False,
        chat_conversation_fields: Collection[str] | str | None = None,
        polled_at: datetime | str | None = None,
        longest_interval: float = 0.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        try:
            self.conversation_id = checked_conversation_id(conversation_id)
            self.updated_since = None if updated_since is None else checked_moment("updated_since", updated_since)
            self.poll_interval = _checked_interval(poll_interval)
            self.max_failures = checked_count("max_failures", max_failures)
            self.chat_conversation_fields = fields_to_ask_for(chat_conversation_fields)
            self.polled_at = None if polled_at is None else checked_moment("polled_at", polled_at)
        except XChatInputError as error:
            raise _WrongArgumentError(str(error)) from None
        self.longest_interval = longest_interval
        self.xchat_conn_id = str(xchat_conn_id)
        self.once = once
        if once:
            # Airflow has watchers run by any triggerer, but those of tasks by the one that the task's queue names.
            self.supports_triggerer_queue = True

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Tell Airflow how to make this trigger again: identifiers and times, and nothing secret."""
        # Only where there is one: what a watcher has stored goes by its arguments.
        growing = {"longest_interval": self.longest_interval} if self.longest_interval else {}
        return f"{__name__}.{type(self).__name__}", {
            **growing,
            "conversation_id": self.conversation_id,
            "updated_since": None if self.updated_since is None else self.updated_since.isoformat(),
            "poll_interval": self.poll_interval,
            "max_failures": self.max_failures,
            "xchat_conn_id": self.xchat_conn_id,
            "once": self.once,
            "chat_conversation_fields": self.chat_conversation_fields,
            "polled_at": None if self.polled_at is None else self.polled_at.isoformat(),
        }

    @property
    def _question(self) -> Question:
        return Question(self.xchat_conn_id, self.conversation_id, tuple(self.chat_conversation_fields))

    def shared_stream_key(self) -> Hashable:
        """Tell Airflow 3.3 which triggers share their requests: those that ask the same, however often."""
        return self._question

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncGenerator[Heard]:
        """
        Ask for the conversation, for all triggers with the same key.

        :param kwargs: the arguments of one of them
        :return: answers and failures, without end
        """
        async with aclosing(Poll.of(cls(**kwargs)._question).answers()) as answers:  # noqa: SLF001  it is our own
            async for heard in answers:
                yield heard

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Heard]) -> AsyncGenerator[TriggerEvent]:
        """
        Make this trigger's events of the answers.

        :param shared_stream: what :meth:`open_shared_stream` gives
        :return: the events
        :raises Exception: the last error, when it lasts or too many came in a row
        """
        cursor, failures = self._cursor(), 0
        with Poll.of(self._question).listening(self.poll_interval, self.polled_at, self.longest_interval):
            async for heard in shared_stream:
                if isinstance(heard, Failure):
                    if self.once and heard.lasts:
                        # An error raised here would reach the task as one that can be tried again.
                        yield _event({"error": to_payload(heard.error)})
                        return
                    failures = self._failures_after(heard, failures)
                    continue
                try:
                    fires = await cursor.passes(heard.updated_at)
                except Exception as error:  # noqa: BLE001  whatever Airflow raises where it keeps things
                    next_at = datetime.now(UTC) + timedelta(seconds=self.poll_interval)
                    failures = self._failures_after(Failure(error, next_at, error.__traceback__), failures)
                    continue
                failures = 0
                if fires:
                    yield _event(
                        {
                            "conversation_id": self.conversation_id,
                            "updated_at": heard.updated_at.isoformat(),
                            "conversation": heard.answer,
                        }
                    )
                    if self.once:
                        return

    async def run(self) -> AsyncGenerator[TriggerEvent]:
        """Do the same where Airflow shares nothing among triggers: in versions before 3.3."""
        async with (
            aclosing(self.open_shared_stream(self.serialize()[1])) as stream,
            aclosing(self.filter_shared_stream(stream)) as events,
        ):
            async for event in events:
                yield event

    def _cursor(self) -> Cursor:
        if self.once:
            return Cursor(self.updated_since)
        path, kwargs = self.serialize()
        # An asset's state is its own, and so outlives other intervals; Variables are for all triggers there are.
        identity = {name: value for name, value in kwargs.items() if name not in _TUNING}
        # Airflow 3.3 has given the trigger its asset's state, if it has one.
        state = getattr(self, "asset_state_store", None)
        return StoredCursor(_key(path, identity), _key(path, kwargs), self.updated_since, state)

    def _failures_after(self, failure: Failure, before: int) -> int:
        """Count a failure and log it, or raise it."""
        failures = before + failure.counts
        asked, error, next_at = self.conversation_id, failure.error, failure.next_at.isoformat(timespec="seconds")
        if not failure.counts:
            self.log.info("Conversation %s: %s Next request not before %s.", asked, error, next_at)
        elif failure.lasts or failures >= self.max_failures:
            self.log.error("Conversation %s: giving up after %d failures in a row.", asked, failures)
            self.log.error("A trigger that asks for it again will wait until %s.", next_at)
            raise failure.raised()
        else:
            self.log.warning(
                "Conversation %s: failure %d of %d (%s: %s); next try at %s.",
                *(asked, failures, self.max_failures, type(error).__name__, error, next_at),
            )
        return failures


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


class _WrongArgumentError(XChatInputError, TypeError):
    """An argument that cannot be right. At any error but a TypeError, the triggerer ends itself, not the trigger."""


def _key(path: str, kwargs: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([path, kwargs], sort_keys=True).encode()).hexdigest()
    return f"xchat_updates_{digest[:32]}"


def _checked_interval(poll_interval: Any) -> float:
    seconds = checked_seconds("poll_interval", poll_interval)
    if not seconds:
        raise XChatInputError("poll_interval is 0; expected more, as each request costs money")
    return seconds
