"""Operators for X Chat: each calls the API through the hook, and returns the result to XCom."""

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

    Returns the JSON of the response to XCom, lossless; ``data`` is always a list. Partial errors are logged.
    Invalid input, an invalid token, missing credits or permissions, and an unknown conversation fail the task without
    retries; see :mod:`airflow_provider_xchat.exceptions`.

    :param conversation_id: the other participant's user id, two user ids joined by a dash or a colon, or a group id
        (templated)
    :param chat_conversation_fields: fields of the conversation, as a list or a text that contains one (templated)
    :param expansions: lists of user ids to expand to users in ``includes.users`` (templated)
    :param user_fields: fields of those users (templated)
    :param allow_unknown: additional names to accept even if they are not in X's OpenAPI document (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` (templated)
    :param deadline: how long a call with all its attempts may take, as a timedelta, a number of seconds, or a text with
        one (templated)
    :param rate_limit_wait: how long to hold the worker slot while a rate limit lasts, in the same forms; for a longer
        time the task releases it (templated)
    :param deferrable: whether to wait in the triggerer; ``[operators] default_deferrable`` by default
    """

    template_fields: Sequence[str] = ("conversation_id", *ConversationFieldsOperator.template_fields)

    def __init__(self, *, conversation_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conversation_id = conversation_id
        check_literal(self, "conversation_id", checked_conversation_id)

    def call_api(self, context: Context) -> dict[str, Any]:
        """Call the API; see :meth:`airflow_provider_xchat.hooks.xchat.XChatHook.get_conversation`."""
        from airflow_provider_xchat.api.answers import log_partial_errors

        result = self.hook.get_conversation(self.conversation_id, **self.fields)
        log_partial_errors(self.log, result)
        return result


class MarkConversationReadOperator(XChatCallOperator):
    """
    Mark an X Chat conversation as read, up to a message event.

    The other participants see a read receipt, which cannot be undone. A retry with the same id changes nothing.
    Returns the JSON of the response to XCom; fails when X does not confirm the mark.

    Mapped tasks send their requests in any order.

    :param conversation_id: as in :class:`GetChatConversationOperator` (templated)
    :param seen_until_sequence_id: id of the last message event to mark as read: digits (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` (templated)
    :param deadline: how long a call with all its attempts may take, as a timedelta, a number of seconds, or a text with
        one (templated)
    :param rate_limit_wait: how long to hold the worker slot while a rate limit lasts, in the same forms; for a longer
        time the task releases it (templated)
    :param deferrable: whether to wait in the triggerer; ``[operators] default_deferrable`` by default
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
        """Call the API; see :meth:`airflow_provider_xchat.hooks.xchat.XChatHook.mark_conversation_read`."""
        from airflow_provider_xchat.api.answers import log_partial_errors

        result = self.hook.mark_conversation_read(self.conversation_id, self.seen_until_sequence_id)
        log_partial_errors(self.log, result)
        return result


class RefreshXChatTokenOperator(XChatOperator):
    """
    Refresh the token of a connection, to have it done in one place.

    Every task refreshes the token itself, some 5 to 10 minutes before it expires. If a DAG runs this operator often
    enough, no other task has to. Returns ``{"expires_at": …}`` to XCom, in ISO 8601 and UTC, or None if X did not
    report it; never a token.

    :param min_remaining: refresh the token unless it is valid for this long, as a timedelta, a number of seconds, or a
        text with one (templated)
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
        """Refresh the token; see :meth:`airflow_provider_xchat.hooks.xchat.XChatHook.refresh_access_token`."""
        from airflow_provider_xchat.api.inputs import checked_seconds

        expires_at = self.hook.refresh_access_token(checked_seconds("min_remaining", self.min_remaining))
        return {"expires_at": None if expires_at is None else expires_at.isoformat("T", "seconds")}
