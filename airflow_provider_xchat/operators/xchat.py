"""The operators: each asks X by the hook, and returns to XCom what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_xchat.api.inputs import checked_conversation_id, checked_seconds, checked_sequence_id
from airflow_provider_xchat.operators.base import ConversationFieldsOperator, XChatCallOperator, XChatOperator
from airflow_provider_xchat.operators.bulk import GetChatConversationsOperator
from airflow_provider_xchat.runtime.literal_arguments import check_literal

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = [
    "GetChatConversationOperator",
    "GetChatConversationsOperator",
    "MarkConversationReadOperator",
    "RefreshXChatTokenOperator",
]


class GetChatConversationOperator(ConversationFieldsOperator):
    """
    Fetch the metadata of an X Chat conversation: its type, members, name, settings and times.

    Returns the answer's JSON to XCom, lossless; ``data`` is always a list. Problems that X reports beside the data
    are logged as warnings. Bad input, a token that is not good, missing credits or rights, and an unknown conversation
    fail the task at once, without retries; see :mod:`airflow_provider_xchat.exceptions`.

    :param conversation_id: the other participant's user id, two user ids joined by a dash or a colon, or a group id
        (templated)
    :param chat_conversation_fields: members that the conversation should have, as a list or a text that holds one
        (templated)
    :param expansions: lists of user ids whose users ``includes.users`` should have (templated)
    :param user_fields: members that those users should have (templated)
    :param allow_unknown: names in the three lists to send although X's document does not list them (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` (templated)
    :param deadline: how long a call may take with all its attempts, as a timedelta, a number of seconds, or text with
        one (templated)
    :param rate_limit_wait: for how long a worker slot is held while a rate limit lasts, likewise; beyond that, the task
        gives it back and comes again after the reset (templated)
    :param deferrable: whether to wait for that in the triggerer; ``[operators] default_deferrable`` by default
    """

    template_fields: Sequence[str] = ("conversation_id", *ConversationFieldsOperator.template_fields)

    def __init__(self, *, conversation_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conversation_id = conversation_id
        check_literal(self, "conversation_id", checked_conversation_id)

    def call_api(self, context: Context) -> dict[str, Any]:
        """Make the call; see :meth:`airflow_provider_xchat.hooks.xchat.XChatHook.get_conversation`."""
        answer = self.hook.get_conversation(self.conversation_id, **self.fields)
        _warn_of_problems(self, answer)
        return answer


class MarkConversationReadOperator(XChatCallOperator):
    """
    Mark an X Chat conversation as read, up to a message event.

    The other participants can see it as a read receipt, and it cannot be undone. A retry of the task with the same
    sequence id changes nothing. Returns the answer's JSON to XCom; fails when X does not confirm the mark.

    Mapped tasks each send their mark, in no order, also where several have the same one.

    :param conversation_id: as in :class:`GetChatConversationOperator` (templated)
    :param seen_until_sequence_id: id of the last message event that counts as read: digits (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` (templated)
    :param deadline: how long a call may take with all its attempts, as a timedelta, a number of seconds, or text with
        one (templated)
    :param rate_limit_wait: for how long a worker slot is held while a rate limit lasts, likewise; beyond that, the task
        gives it back and comes again after the reset (templated)
    :param deferrable: whether to wait for that in the triggerer; ``[operators] default_deferrable`` by default
    """

    template_fields: Sequence[str] = (
        "conversation_id",
        "seen_until_sequence_id",
        *XChatCallOperator.template_fields,
    )

    def __init__(self, *, conversation_id: str, seen_until_sequence_id: str | int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conversation_id = conversation_id
        self.seen_until_sequence_id = seen_until_sequence_id
        check_literal(self, "conversation_id", checked_conversation_id)
        check_literal(self, "seen_until_sequence_id", checked_sequence_id)

    def call_api(self, context: Context) -> dict[str, Any]:
        """Make the call; see :meth:`airflow_provider_xchat.hooks.xchat.XChatHook.mark_conversation_read`."""
        answer = self.hook.mark_conversation_read(self.conversation_id, self.seen_until_sequence_id)
        _warn_of_problems(self, answer)
        return answer


class RefreshXChatTokenOperator(XChatOperator):
    """
    Keep the token of a connection fresh, for fleets that would rather have one place refresh.

    Every task refreshes the token by itself, some 5 to 10 minutes before it expires. Where a DAG runs this operator
    more often than that, none of the others ever has to. Gets a new token unless the one there is lasts long enough,
    and returns ``{"expires_at": …}`` to XCom, in ISO 8601 and UTC, or None where X did not say; never a token.

    :param min_remaining: how long the token must last, as a timedelta, a number of seconds, or text with one
        (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` that has a refresh token (templated)
    :param deferrable: whether to wait in the triggerer while X's rate limit lasts; ``[operators]
        default_deferrable`` by default
    """

    template_fields: Sequence[str] = ("min_remaining", *XChatOperator.template_fields)

    def __init__(self, *, min_remaining: timedelta | float | str = timedelta(minutes=90), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_remaining = min_remaining
        check_literal(self, "min_remaining", partial(checked_seconds, "min_remaining"))

    def call_api(self, context: Context) -> dict[str, str | None]:
        """Refresh; see :meth:`airflow_provider_xchat.hooks.xchat.XChatHook.refresh_access_token`."""
        from airflow_provider_xchat.api.inputs import checked_seconds

        expires_at = self.hook.refresh_access_token(checked_seconds("min_remaining", self.min_remaining))
        return {"expires_at": None if expires_at is None else expires_at.isoformat("T", "seconds")}


def _warn_of_problems(operator: XChatOperator, answer: dict[str, Any]) -> None:
    from airflow_provider_xchat.advice import problem_text
    from airflow_provider_xchat.api.answers import problems_of

    for problem in problems_of(answer):
        operator.log.warning("X reports a problem beside its answer: %s", problem_text(problem))
