"""Trigger that waits for a conversation to be updated."""

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
from airflow_provider_xchat.triggers.polling import Failure, Poll, PollKey, PollResult
from airflow_provider_xchat.triggers.updates import fields_to_request

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger
else:
    BaseEventTrigger = event_trigger_class()

__all__ = ["ChatConversationUpdatedTrigger"]

# Arguments that do not change the trigger's identity.
_TUNING = {"poll_interval", "max_failures", "longest_interval"}


class ChatConversationUpdatedTrigger(BaseEventTrigger):
    """
    Fire when an X Chat conversation was updated: when its ``updated_at`` is later than before.

    As the trigger of an ``AssetWatcher``, it fires once for each observed update, also across restarts of the
    triggerer. On its first run without ``updated_since``, the first response only sets the starting point. Triggers of
    one triggerer with the same request share it.

    The payload of an event has ``conversation_id``, ``updated_at`` (ISO 8601, UTC) and ``conversation``, the JSON of
    the response. With ``once``, a permanent error is an event, too, with ``error`` in its payload.

    :param conversation_id: the id of a group; X does not report updates of other conversations
    :param updated_since: fire for updates after this time; a datetime or a text in ISO 8601
    :param poll_interval: how often to poll, in seconds; each poll is a request, which costs money
    :param max_failures: the trigger fails after this many consecutive failures; the pauses between them double up to
        15 minutes
    :param xchat_conn_id: id of a connection of type ``xchat``
    :param once: whether to end after the first event and save nothing, for a deferred task
    :param chat_conversation_fields: fields of the conversation; by default those that all versions of X's document
        list
    :param polled_at: when the task has polled last, so that the first request can wait; ISO 8601
    :param longest_interval: the interval doubles with each request up to this one (seconds); 0 for a constant interval
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
            # None is kept, so that the trigger's identity does not depend on the default fields of this version.
            given = chat_conversation_fields is not None
            self.chat_conversation_fields = fields_to_request(chat_conversation_fields) if given else None
            self.polled_at = None if polled_at is None else checked_moment("polled_at", polled_at)
        except XChatInputError as error:
            raise _InvalidArgumentError(str(error)) from None
        self.longest_interval = longest_interval
        self.xchat_conn_id = str(xchat_conn_id)
        self.once = once
        if once:
            # Any triggerer runs watchers, but a task's trigger runs in the triggerer of the task's queue.
            self.supports_triggerer_queue = True

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's class and arguments: identifiers and times, and no secret."""
        # Only if it is set, as the key of a stored cursor depends on the arguments.
        optional = {"longest_interval": self.longest_interval} if self.longest_interval else {}
        return f"{__name__}.{type(self).__name__}", {
            **optional,
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
    def _poll_key(self) -> PollKey:
        fields = fields_to_request(self.chat_conversation_fields)
        return PollKey(self.xchat_conn_id, self.conversation_id, tuple(fields))

    def shared_stream_key(self) -> Hashable:
        """Return the key of the triggers that share requests in Airflow 3.3: the request, without its interval."""
        return self._poll_key

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncGenerator[PollResult]:
        """
        Poll the conversation, for all triggers with the same key.

        :param kwargs: the arguments of one of them
        :return: updates and failures, without end
        """
        async with aclosing(Poll.for_key(cls(**kwargs)._poll_key).results()) as results:  # noqa: SLF001  of this class
            async for result in results:
                yield result

    async def filter_shared_stream(self, shared_stream: AsyncIterator[PollResult]) -> AsyncGenerator[TriggerEvent]:
        """
        Convert updates to this trigger's events.

        :param shared_stream: the stream of :meth:`open_shared_stream`
        :return: the events
        :raises Exception: the last error, when it is permanent, or after too many consecutive failures
        """
        cursor, failures = self._cursor(), 0
        with Poll.for_key(self._poll_key).listen(self.poll_interval, self.polled_at, self.longest_interval):
            async for result in shared_stream:
                if isinstance(result, Failure):
                    if self.once and result.is_permanent:
                        # An error raised here would reach the task as one that can be retried.
                        yield _event({"error": to_payload(result.error)})
                        return
                    failures = self._failures_after(result, failures)
                    continue
                try:
                    is_update = await cursor.advance(result.updated_at)
                except Exception as error:  # noqa: BLE001  Airflow raises anything when it cannot save
                    next_at = datetime.now(UTC) + timedelta(seconds=self.poll_interval)
                    failures = self._failures_after(Failure(error, next_at, error.__traceback__), failures)
                    continue
                failures = 0
                if is_update:
                    yield _event(
                        {
                            "conversation_id": self.conversation_id,
                            "updated_at": result.updated_at.isoformat(),
                            "conversation": result.conversation,
                        }
                    )
                    if self.once:
                        return

    async def run(self) -> AsyncGenerator[TriggerEvent]:
        """Poll and fire without sharing, in Airflow before 3.3."""
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
        # The state belongs to one asset, so its key can do without the interval; Variables are shared by all triggers.
        identity = {name: value for name, value in kwargs.items() if name not in _TUNING}
        # Set by Airflow 3.3.
        state = getattr(self, "asset_state_store", None)
        return StoredCursor(_key(path, identity), _key(path, kwargs), self.updated_since, state)

    def _failures_after(self, failure: Failure, before: int) -> int:
        """Count a failure and log it, or raise it."""
        failures = before + failure.counts_as_failure
        error, next_at = failure.error, failure.next_at.isoformat(timespec="seconds")
        if not failure.counts_as_failure:
            self.log.info("Conversation %s: %s Next request not before %s.", self.conversation_id, error, next_at)
        elif failure.is_permanent or failures >= self.max_failures:
            self.log.error(
                "Conversation %s: giving up after %d consecutive failures; a new trigger waits until %s",
                *(self.conversation_id, failures, next_at),
            )
            raise failure.to_raise()
        else:
            self.log.warning(
                "Conversation %s: failure %d of %d (%s: %s); next request at %s",
                *(self.conversation_id, failures, self.max_failures, type(error).__name__, error, next_at),
            )
        return failures


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


class _InvalidArgumentError(XChatInputError, TypeError):
    """Invalid argument. A TypeError ends the trigger; any other error would end the triggerer."""


def _key(path: str, kwargs: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([path, kwargs], sort_keys=True).encode()).hexdigest()
    return f"xchat_updates_{digest[:32]}"


def _checked_interval(poll_interval: Any) -> float:
    seconds = checked_seconds("poll_interval", poll_interval)
    if not seconds:
        raise XChatInputError("Invalid poll_interval 0: expected a positive number, as each request costs money")
    return seconds
