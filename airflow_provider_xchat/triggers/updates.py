"""Request and response of a poll for updates. Pure: no network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_xchat.advice import problems_text
from airflow_provider_xchat.api.answers import problems_of
from airflow_provider_xchat.api.inputs import checked_names, utc_datetime
from airflow_provider_xchat.exceptions import XChatAnswerError, XChatInputError

__all__ = ["fields_to_request", "updated_at"]

_UPDATED_AT = "updated_at"

# Not all fields of X's document: only those that all of its versions list, as X may refuse a newer one, and no lists of
# ids, as X bills each user that an expansion adds.
_DEFAULT_FIELDS = (
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


def fields_to_request(names: Any) -> list[str]:
    """
    Return the fields to request, with the time of the last update.

    :param names: a list of names, a text that contains one, or None for the default fields
    :return: the names; unknown ones are refused when they are sent
    :raises XChatInputError: when it is not a list of names
    """
    fields = checked_names("chat_conversation_fields", names, None)
    return sorted({*(fields or _DEFAULT_FIELDS), _UPDATED_AT})


def updated_at(result: Mapping[str, Any]) -> datetime:
    """
    Return when a conversation was last updated.

    :param result: the result of ``XChatHook.get_conversation``
    :return: the time, in UTC
    :raises XChatInputError: when X does not report the time for this type of conversation
    :raises XChatAnswerError: when the response has no conversation, or an invalid time
    """
    problems = problems_of(result)
    conversations = result.get("data")
    if not isinstance(conversations, list) or not conversations or not isinstance(conversations[0], Mapping):
        raise XChatAnswerError(f"X's response contains no conversation: {problems_text(problems)}", 200)
    value = conversations[0].get(_UPDATED_AT)
    if value is None and problems:
        raise XChatAnswerError(f"X's response contains no updated_at: {problems_text(problems)}", 200)
    if value is None:
        raise XChatInputError(
            f"Conversation {conversations[0].get('id')!r} of type {conversations[0].get('type')!r} has no updated_at: X"
            " reports it only for groups, whose ids begin with 'g'"
        )
    try:
        return utc_datetime(str(value))
    except (ValueError, OverflowError):
        raise XChatAnswerError(
            f"Invalid updated_at {value!r} ({type(value).__name__}) in X's response: expected a time in ISO 8601", 200
        ) from None
