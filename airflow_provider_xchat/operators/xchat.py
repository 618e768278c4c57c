"""The operators: each makes one call of the hook and returns to XCom what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

# Every DAG file that uses an operator imports this module each time it is parsed, so nothing heavy is imported here:
# the hook comes in when a task runs.
if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_xchat.hooks.xchat import XChatHook

__all__ = ["GetChatConversationOperator", "MarkConversationReadOperator", "RefreshXChatTokenOperator"]


class _XChatOperator(BaseOperator):
    """What the operators share: the connection, and what X says beside its data."""

    ui_color = "#e8f1fa"

    def __init__(self, *, xchat_conn_id: str = "xchat_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.xchat_conn_id = xchat_conn_id

    @cached_property
    def hook(self) -> XChatHook:
        """The hook for ``xchat_conn_id``."""
        from airflow_provider_xchat.hooks.xchat import XChatHook

        return XChatHook(xchat_conn_id=self.xchat_conn_id)

    def _warn_of_problems(self, answer: dict[str, Any]) -> None:
        from airflow_provider_xchat.answers import problems_of
        from airflow_provider_xchat.exceptions import problem_text

        for problem in problems_of(answer):
            self.log.warning("X reports a problem beside its answer: %s", problem_text(problem))


class GetChatConversationOperator(_XChatOperator):
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
    :param extra: names in the three lists that are let through although X's document does not list them (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` (templated)
    """

    template_fields: Sequence[str] = (
        "conversation_id",
        "chat_conversation_fields",
        "expansions",
        "user_fields",
        "extra",
        "xchat_conn_id",
    )

    def __init__(
        self,
        *,
        conversation_id: str,
        chat_conversation_fields: Collection[str] | str | None = None,
        expansions: Collection[str] | str | None = None,
        user_fields: Collection[str] | str | None = None,
        extra: Collection[str] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conversation_id = conversation_id
        self.chat_conversation_fields = chat_conversation_fields
        self.expansions = expansions
        self.user_fields = user_fields
        self.extra = extra

    def execute(self, context: Context) -> dict[str, Any]:
        """Make the call; see :meth:`airflow_provider_xchat.hooks.xchat.XChatHook.get_conversation`."""
        try:
            answer = self.hook.get_conversation(
                self.conversation_id,
                chat_conversation_fields=self.chat_conversation_fields,
                expansions=self.expansions,
                user_fields=self.user_fields,
                extra=self.extra,
            )
        finally:
            self.hook.close()
        self._warn_of_problems(answer)
        return answer


class MarkConversationReadOperator(_XChatOperator):
    """
    Mark an X Chat conversation as read, up to a message event.

    The other participants can see it as a read receipt, and it cannot be undone. A retry of the task with the same
    sequence id changes nothing. Returns the answer's JSON to XCom; fails when X does not confirm the mark.

    :param conversation_id: as in :class:`GetChatConversationOperator` (templated)
    :param seen_until_sequence_id: id of the last message event that counts as read: digits (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` (templated)
    """

    template_fields: Sequence[str] = ("conversation_id", "seen_until_sequence_id", "xchat_conn_id")

    def __init__(self, *, conversation_id: str, seen_until_sequence_id: str | int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conversation_id = conversation_id
        self.seen_until_sequence_id = seen_until_sequence_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Make the call; see :meth:`airflow_provider_xchat.hooks.xchat.XChatHook.mark_conversation_read`."""
        try:
            answer = self.hook.mark_conversation_read(self.conversation_id, self.seen_until_sequence_id)
        finally:
            self.hook.close()
        self._warn_of_problems(answer)
        return answer


class RefreshXChatTokenOperator(_XChatOperator):
    """
    Keep the token of a connection fresh, for fleets that would rather have one place refresh.

    Every task refreshes the token by itself, some 5 to 10 minutes before it expires. Where a DAG runs this operator
    more often than that, none of the others ever has to. Gets a new token unless the one there is lasts long enough,
    and returns ``{"expires_at": …}`` to XCom, in ISO 8601 and UTC, or None where X did not say; never a token.

    :param min_remaining: how long the token must last, as a timedelta, a number of seconds, or text with one
        (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` that has a refresh token (templated)
    """

    template_fields: Sequence[str] = ("min_remaining", "xchat_conn_id")

    def __init__(self, *, min_remaining: timedelta | float | str = timedelta(minutes=90), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_remaining = min_remaining

    def execute(self, context: Context) -> dict[str, str | None]:
        """Refresh; see :meth:`airflow_provider_xchat.hooks.xchat.XChatHook.refresh_access_token`."""
        from airflow_provider_xchat.inputs import checked_seconds

        expires_at = self.hook.refresh_access_token(checked_seconds("min_remaining", self.min_remaining))
        return {"expires_at": None if expires_at is None else expires_at.isoformat("T", "seconds")}
