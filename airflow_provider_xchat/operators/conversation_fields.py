"""What the operators that fetch conversations share: which members of a conversation and of its users to ask for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from airflow_provider_xchat.known_names import checked_known_names
from airflow_provider_xchat.literal_arguments import check_literal, is_literal
from airflow_provider_xchat.operators.rate_limited import RateLimitedOperator

__all__ = ["ConversationFieldsOperator"]

_LISTS_OF_NAMES = ("chat_conversation_fields", "expansions", "user_fields")
_FIELDS = (*_LISTS_OF_NAMES, "allow_unknown")


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
