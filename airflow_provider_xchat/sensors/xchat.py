"""Sensor that waits for a conversation to be updated."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_xchat.api.inputs import checked_conversation_id, checked_count, checked_moment
from airflow_provider_xchat.api.known_names import checked_known_names
from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.runtime.ending import EndsWhenKilled
from airflow_provider_xchat.runtime.literal_arguments import check_literal

# Every DAG file with the sensor imports this module each time it is parsed, so the hook and the trigger are imported
# when a task runs.
if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["ChatConversationUpdatedSensor"]


class ChatConversationUpdatedSensor(EndsWhenKilled, BaseSensorOperator):
    """
    Wait until an X Chat group was updated after a point in time, and return its metadata.

    Returns the JSON of the response to XCom, as ``GetChatConversationOperator`` does. Each poke is a request, which
    costs money; deferred sensors of one triggerer with the same conversation share theirs. During a rate limit, the
    sensor keeps waiting. A deferred sensor retries transient failures; otherwise they fail the task, which may be
    retried.

    :param conversation_id: the id of a group; X does not report updates of other conversations (templated)
    :param updated_since: succeed if it was updated after this time; a datetime or a text in ISO 8601 (templated)
    :param chat_conversation_fields: fields of the conversation; by default those that all versions of X's document
        list (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` (templated)
    :param max_failures: how many consecutive requests may fail while the sensor is deferred
    :param deferrable: whether to poke once in the worker, then wait in the triggerer; ``[operators]
        default_deferrable`` by default
    """

    template_fields: Sequence[str] = ("conversation_id", "updated_since", "chat_conversation_fields", "xchat_conn_id")

    ui_color = "#e8f1fa"

    def __init__(
        self,
        *,
        conversation_id: str,
        updated_since: datetime | str,
        chat_conversation_fields: Collection[str] | str | None = None,
        xchat_conn_id: str = "xchat_default",
        max_failures: int | str = 5,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conversation_id = conversation_id
        self.updated_since = updated_since
        self.chat_conversation_fields = chat_conversation_fields
        self.xchat_conn_id = xchat_conn_id
        self.max_failures = checked_count("max_failures", max_failures)
        self.deferrable = deferrable
        check_literal(self, "conversation_id", checked_conversation_id)
        check_literal(self, "updated_since", partial(checked_moment, "updated_since"))
        names = "chat_conversation_fields"
        check_literal(self, names, partial(checked_known_names, "get_chat_conversation", names))
        if deferrable and not self.poke_interval:
            raise XChatInputError(
                "Invalid poke_interval 0: expected a positive number if deferrable, as each request costs money"
            )

    def execute(self, context: Context) -> Any:
        """Poke until the conversation was updated; see :meth:`poke`."""
        with self._executing():
            return super().execute(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once; if the conversation was not updated and the sensor is deferrable, defer."""
        from airflow_provider_xchat.api.answers import log_partial_errors
        from airflow_provider_xchat.exceptions import XChatRateLimitError
        from airflow_provider_xchat.hooks.xchat import XChatHook
        from airflow_provider_xchat.triggers.updates import fields_to_request, updated_at

        since = checked_moment("updated_since", self.updated_since)
        fields = fields_to_request(self.chat_conversation_fields)
        try:
            with XChatHook(self.xchat_conn_id) as hook:
                hook.may_block_event_loop = True
                result = hook.get_conversation(self.conversation_id, chat_conversation_fields=fields)
        except XChatRateLimitError as error:
            self.log.info("Not updated yet: %s", error)
        else:
            updated = updated_at(result)
            if updated > since:
                log_partial_errors(self.log, result)
                return PokeReturnValue(is_done=True, xcom_value=result)
            self.log.info("Not updated yet: updated_at is %s, not after %s", updated.isoformat(), since.isoformat())
        if self.deferrable:
            # Within poke, so that soft_fail and similar arguments apply to it.
            self._wait_in_triggerer(since)
        return PokeReturnValue(is_done=False)

    def _wait_in_triggerer(self, since: datetime) -> None:
        from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger

        trigger = ChatConversationUpdatedTrigger(
            conversation_id=self.conversation_id,
            updated_since=since,
            poll_interval=self.poke_interval,
            # At most the sensor's timeout, as JSON in the database has no infinity.
            longest_interval=self._max_wait() if self.exponential_backoff else 0.0,
            max_failures=self.max_failures,
            xchat_conn_id=str(self.xchat_conn_id),
            once=True,
            chat_conversation_fields=self.chat_conversation_fields,
            polled_at=datetime.now(UTC),
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def _max_wait(self) -> float:
        wait = self.timeout if self.max_wait is None else self.max_wait
        return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """
        Return the result of the trigger.

        :raises XChatError: the permanent error of the trigger
        """
        from airflow_provider_xchat.api.answers import log_partial_errors

        if "error" in event:
            from airflow_provider_xchat.triggers.errors import from_payload

            error = from_payload(event["error"])
            if self.soft_fail:
                raise AirflowSkipException("Skipping due to soft_fail is set to True.") from error
            raise error
        result: dict[str, Any] = event["conversation"]
        self.log.info("Updated at %s", event["updated_at"])
        log_partial_errors(self.log, result)
        return result

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Convert a deferral timeout into AirflowSensorTimeout, which is not retried."""
        # Airflow 3 does so itself; 2.11 would retry.
        timed_out = next_method == "__fail__" and (next_kwargs or {}).get("error") == "Trigger/execution timeout"
        if timed_out and not self.soft_fail:
            raise AirflowSensorTimeout(f"Conversation not updated within {self.timeout} seconds")
        return super().resume_execution(next_method, next_kwargs, context)
