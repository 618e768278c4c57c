"""Base classes of the operators: the connection, and waiting for a rate limit without a worker slot."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_xchat.api.inputs import checked_seconds
from airflow_provider_xchat.api.known_names import checked_known_names
from airflow_provider_xchat.runtime.compat import (
    IS_AIRFLOW_2,
    date_time_trigger,
    reschedule_exception,
    reschedule_operators,
)
from airflow_provider_xchat.runtime.ending import EndsWhenKilled
from airflow_provider_xchat.runtime.literal_arguments import check_literal, is_literal

# Every DAG file with an operator imports this module each time it is parsed, so the hook is imported when a task runs.
if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_xchat.exceptions import XChatRateLimitError
    from airflow_provider_xchat.hooks.xchat import XChatHook

__all__ = ["ConversationFieldsOperator", "XChatCallOperator", "XChatOperator"]

_LISTS_OF_NAMES = ("chat_conversation_fields", "expansions", "user_fields")
_FIELDS = (*_LISTS_OF_NAMES, "allow_unknown")


# If a task is rescheduled before the scheduler has seen its worker exit, the scheduler treats the task as killed and
# fails it. A busy scheduler takes seconds.
_SCHEDULER_LAG = timedelta(seconds=20)


class XChatOperator(EndsWhenKilled, BaseOperator):
    """
    Base class for operators that call the X API through an Airflow connection.

    Subclasses implement :meth:`call_api`. While a rate limit lasts, the task releases its worker slot and runs again
    after the reset, without using up a retry: deferred to the triggerer if it is deferrable, else rescheduled.

    :param xchat_conn_id: id of a connection of type ``xchat``
    :param deferrable: whether to wait in the triggerer; ``[operators] default_deferrable`` by default
    """

    template_fields: Sequence[str] = ("xchat_conn_id",)
    ui_color = "#e8f1fa"

    #: read by the scheduler of Airflow 2.11
    reschedule = True

    def __init__(
        self,
        *,
        xchat_conn_id: str = "xchat_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.xchat_conn_id = xchat_conn_id
        self.deferrable = deferrable

    @cached_property
    def hook(self) -> XChatHook:
        """The hook for ``xchat_conn_id``."""
        from airflow_provider_xchat.hooks.xchat import XChatHook

        hook = XChatHook(self.xchat_conn_id, **self.hook_arguments)
        hook.may_block_event_loop = True
        return hook

    @property
    def hook_arguments(self) -> dict[str, Any]:
        """Further arguments of the hook."""
        return {}

    def call_api(self, context: Context) -> Any:
        """
        Call the X API; implemented by each operator.

        :param context: the context of the task
        :return: the value for XCom
        """
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Call the X API, now or after the rate limit; see :meth:`call_api`."""
        from airflow_provider_xchat.exceptions import XChatRateLimitError

        with self._executing():
            try:
                return self.call_api(context)
            except XChatRateLimitError as error:
                self._wait_for_reset(error)
            finally:
                self.hook.close()

    def execute_after_rate_limit(self, context: Context, event: Any = None) -> Any:
        """Resume the task after the rate limit."""
        return self.execute(context)

    def _wait_for_reset(self, error: XChatRateLimitError) -> NoReturn:
        if error.retry_at is None:
            raise error
        until = _resume_time(error.retry_at)
        self.log.info("%s Until %s, this task holds no worker slot.", error, until.isoformat(timespec="seconds"))
        # Airflow 2.11 counts the time in the triggerer towards execution_timeout.
        if self.deferrable and not (IS_AIRFLOW_2 and self.execution_timeout):
            self.defer(trigger=date_time_trigger(until), method_name="execute_after_rate_limit")
        raise reschedule_exception(until)

    @classmethod
    def get_serialized_fields(cls) -> Any:
        """Pass ``reschedule`` to the scheduler of Airflow 2.11."""
        fields = super().get_serialized_fields()  # type: ignore[no-untyped-call]
        return fields | {"reschedule"} if IS_AIRFLOW_2 else fields


reschedule_operators(XChatOperator)


class XChatCallOperator(XChatOperator):
    """
    Base class for operators whose requests have a deadline and wait for a rate limit.

    :param deadline: how long a call with all its attempts may take, as a timedelta, a number of seconds, or a text with
        one
    :param rate_limit_wait: how long to hold the worker slot while a rate limit lasts, in the same forms; for a longer
        time the task releases it
    """

    template_fields: Sequence[str] = (*XChatOperator.template_fields, "deadline", "rate_limit_wait")

    def __init__(
        self,
        *,
        deadline: timedelta | float | str = 60.0,
        rate_limit_wait: timedelta | float | str = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deadline = deadline
        self.rate_limit_wait = rate_limit_wait
        for argument in ("deadline", "rate_limit_wait"):
            check_literal(self, argument, partial(checked_seconds, argument))

    @property
    def hook_arguments(self) -> dict[str, Any]:
        """The deadline, and how long the hook waits for a rate limit."""
        return {"deadline": self.deadline, "rate_limit_wait": self.rate_limit_wait}


class ConversationFieldsOperator(XChatCallOperator):
    """
    Base class for operators that fetch conversations.

    :param chat_conversation_fields: fields of a conversation, as a list or a text that contains one
    :param expansions: lists of user ids to expand to users in ``includes.users``
    :param user_fields: fields of those users
    :param allow_unknown: additional field or expansion names to accept even if they are not in X's OpenAPI document
    """

    template_fields: Sequence[str] = (*_FIELDS, *XChatCallOperator.template_fields)

    def __init__(
        self,
        *,
        chat_conversation_fields: Collection[str] | str | None = None,
        expansions: Collection[str] | str | None = None,
        user_fields: Collection[str] | str | None = None,
        allow_unknown: Collection[str] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.chat_conversation_fields = chat_conversation_fields
        self.expansions = expansions
        self.user_fields = user_fields
        self.allow_unknown = allow_unknown
        if allow_unknown is None or is_literal(self, allow_unknown):
            for argument in _LISTS_OF_NAMES:
                check = partial(checked_known_names, "get_chat_conversation", argument, allow_unknown=allow_unknown)
                check_literal(self, argument, check)

    @property
    def fields(self) -> dict[str, Any]:
        """The keyword arguments of these fields for the hook."""
        return {name: getattr(self, name) for name in _FIELDS}


def _resume_time(reset: datetime) -> datetime:
    """Return a resume time after the reset, with jitter so that tasks do not all wake up at once."""
    now = datetime.now(UTC)
    wait = max(reset - now, _SCHEDULER_LAG)
    return now + wait + random.random() * min(timedelta(seconds=1) + wait / 10, timedelta(seconds=30))
