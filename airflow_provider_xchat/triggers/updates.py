"""What is asked of a conversation to see whether it has changed, and how the answer is read. Pure: no network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_xchat.advice import problem_text
from airflow_provider_xchat.api.answers import problems_of
from airflow_provider_xchat.api.inputs import checked_names, moment_of
from airflow_provider_xchat.exceptions import XChatAnswerError, XChatInputError

__all__ = ["fields_to_ask_for", "updated_at"]

_UPDATED_AT = "updated_at"

# Names that all of X's documents list; no answer costs more for them. The lists of ids are not among them: since
# version 2.167 they can only be expanded, and X bills each user that an expansion adds.
_FIELDS = (
    "created_at",
    "group_avatar_url",
    "group_name",
    "id",
    "is_muted",
    "screen_capture_blocking_enabled",
    "screen_capture_detection_enabled",
    "type",
    _UPDATED_AT,
)


def fields_to_ask_for(names: Any) -> list[str]:
    """
    Complete a list of fields by the one that tells when a conversation has changed.

    :param names: a list of names, a text that holds one, or None for all
    :return: the names; which of them there are is checked when they are sent
    :raises XChatInputError: when it is no list of names
    """
    wanted = checked_names("chat_conversation_fields", names, None)
    return sorted({*(wanted or _FIELDS), _UPDATED_AT})


def updated_at(answer: Mapping[str, Any]) -> datetime:
    """
    Tell when a conversation was last changed.

    :param answer: the answer of getChatConversation, as the hook gives it
    :return: the time, in UTC
    :raises XChatInputError: when X does not tell that of this conversation
    :raises XChatAnswerError: when the answer has no conversation, or the time is none
    """
    problems = "; ".join(problem_text(problem) for problem in problems_of(answer))
    conversations = answer.get("data")
    if not isinstance(conversations, list) or not conversations or not isinstance(conversations[0], Mapping):
        raise XChatAnswerError(f"the answer has no conversation in it: {problems or 'and does not say why'}", 200)
    told = conversations[0].get(_UPDATED_AT)
    if told is None and problems:
        raise XChatAnswerError(f"the answer does not say when the conversation was updated: {problems}", 200)
    if told is None:
        raise XChatInputError(
            f"X does not say when conversation {conversations[0].get('id')!r} was updated (its type is"
            f" {conversations[0].get('type')!r}): it says so of groups only, whose ids begin with 'g'."
        )
    try:
        return moment_of(str(told))
    except (ValueError, OverflowError):
        raise XChatAnswerError(
            f"the conversation has updated_at {told!r} ({type(told).__name__}); expected a time in ISO 8601", 200
        ) from None
