"""What the operators that fetch conversations share: which members of a conversation and of its users to ask for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from airflow_provider_xchat.operators.rate_limited import RateLimitedOperator

__all__ = ["ConversationFieldsOperator"]

_FIELDS = ("chat_conversation_fields", "expansions", "user_fields", "allow_unknown")


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

    @property
    def fields(self) -> dict[str, Any]:
        """The arguments of the hook that say so."""
        return {name: getattr(self, name) for name in _FIELDS}
