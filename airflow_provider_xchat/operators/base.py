"""What the operators share: a connection, and how a task waits for a rate limit without holding a worker slot."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_xchat.api.inputs import checked_seconds
from airflow_provider_xchat.api.known_names import checked_known_names
from airflow_provider_xchat.runtime.ending import EndsWhenKilled
from airflow_provider_xchat.runtime.literal_arguments import check_literal, is_literal

# Every DAG file that uses an operator imports this module each time it is parsed, so nothing heavy is imported here:
# the hook comes in when a task runs.
if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_xchat.exceptions import XChatRateLimitError
    from airflow_provider_xchat.hooks.xchat import XChatHook

__all__ = ["ConversationFieldsOperator", "RateLimitedOperator"]

_LISTS_OF_NAMES = ("chat_conversation_fields", "expansions", "user_fields")
_FIELDS = (*_LISTS_OF_NAMES, "allow_unknown")


class RateLimitedOperator(EndsWhenKilled, BaseOperator):
    """
    An operator that asks X by a connection.

    Subclasses say in :meth:`ask` what for. When the rate limit lets nothing through for longer than
    ``rate_limit_wait``, the task gives its worker slot back and comes again after the reset, without using up a retry:
    deferred to the triggerer if it is deferrable, else rescheduled.

    :param xchat_conn_id: id of a connection of type ``xchat``
    :param deadline: how long a call may take with all its attempts, as a timedelta, a number of seconds, or text with
        one
    :param rate_limit_wait: for how long a worker slot is held while a rate limit lasts, likewise
    :param deferrable: whether to wait in the triggerer; ``[operators] default_deferrable`` by default
    """

    template_fields: Sequence[str] = ("xchat_conn_id", "deadline", "rate_limit_wait")
    ui_color = "#e8f1fa"

    #: for Airflow 2.11, see below
    reschedule = True

    def __init__(
        self,
        *,
        xchat_conn_id: str = "xchat_default",
        deadline: timedelta | float | str = 60.0,
        rate_limit_wait: timedelta | float | str = 10.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.xchat_conn_id = xchat_conn_id
        self.deadline = deadline
        self.rate_limit_wait = rate_limit_wait
        self.deferrable = deferrable
        for argument in ("deadline", "rate_limit_wait"):
            check_literal(self, argument, partial(checked_seconds, argument))

    @cached_property
    def hook(self) -> XChatHook:
        """The hook for ``xchat_conn_id``."""
        from airflow_provider_xchat.hooks.xchat import XChatHook

        hook = XChatHook(self.xchat_conn_id, deadline=self.deadline, rate_limit_wait=self.rate_limit_wait)
        hook.may_block_event_loop = True
        return hook

    def ask(self, context: Context) -> Any:
        """
        Do what the task is for.

        :param context: the task's
        :return: what goes to XCom
        """
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Ask X, now or after the rate limit; see :meth:`ask`."""
        from airflow_provider_xchat.exceptions import XChatRateLimitError

        with self._executing():
            try:
                return self.ask(context)
            except XChatRateLimitError as error:
                self._come_again(error)
            finally:
                self.hook.close()

    def execute_after_rate_limit(self, context: Context, event: Any = None) -> Any:
        """Go on when the trigger has waited."""
        return self.execute(context)

    def _come_again(self, error: XChatRateLimitError) -> NoReturn:
        if error.retry_at is None:
            raise error
        until = _coming_again(error.retry_at)
        self.log.info("%s Until %s, this task holds no worker slot.", error, until.isoformat(timespec="seconds"))
        # Airflow 2.11 counts the time in the triggerer as time of the task.
        if self.deferrable and not (_HAS_DEPS and self.execution_timeout):
            from airflow_provider_xchat.triggers.xchat import XChatRateLimitTrigger

            self.defer(trigger=XChatRateLimitTrigger(until.isoformat()), method_name="execute_after_rate_limit")
        raise _reschedule_exception()(until)

    @classmethod
    def get_serialized_fields(cls) -> Any:
        """Have the scheduler of Airflow 2.11 know of ``reschedule``."""
        fields = super().get_serialized_fields()  # type: ignore[no-untyped-call]
        return fields | {"reschedule"} if _HAS_DEPS else fields


class ConversationFieldsOperator(RateLimitedOperator):
    """
    An operator that fetches conversations.

    :param chat_conversation_fields: members that a conversation should have, as a list or a text that holds one
    :param expansions: lists of user ids whose users ``includes.users`` should have
    :param user_fields: members that those users should have
    :param allow_unknown: names in the three lists to send although X's document does not list them
    """

    template_fields: Sequence[str] = (*_FIELDS, *RateLimitedOperator.template_fields)

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
        """The arguments of the hook that say so."""
        return {name: getattr(self, name) for name in _FIELDS}


# Airflow 2.11 looks at the date of a rescheduled task only when told so here; later versions always do.
_HAS_DEPS = hasattr(BaseOperator, "deps")
if _HAS_DEPS:
    from airflow.ti_deps.deps.ready_to_reschedule import ReadyToRescheduleDep

    RateLimitedOperator.deps = BaseOperator.deps | {ReadyToRescheduleDep()}  # type: ignore[attr-defined]


# The scheduler takes a task for killed, and fails it, that is in its queue again before the scheduler has noticed that
# the worker is done with it. A busy one takes seconds.
_SCHEDULER_LAG = timedelta(seconds=20)


def _coming_again(reset: datetime) -> datetime:
    """Give a time after a reset, and not the same for all tasks."""
    now = datetime.now(UTC)
    wait = max(reset - now, _SCHEDULER_LAG)
    return now + wait + random.random() * min(timedelta(seconds=1) + wait / 10, timedelta(seconds=30))


def _reschedule_exception() -> type[Exception]:
    try:
        from airflow.sdk.exceptions import AirflowRescheduleException
    except ImportError:  # before Airflow 3.2
        from airflow.exceptions import AirflowRescheduleException
    return AirflowRescheduleException
