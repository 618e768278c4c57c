"""
Check arguments before a request, which costs money. Pure: no network, no Airflow.

Each function takes an argument from Python, a template or an XCom, and returns the value for the request, or raises
:class:`XChatInputError` with the given and the expected value.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_xchat.exceptions import XChatInputError

__all__ = [
    "checked_choice",
    "checked_conversation_id",
    "checked_conversation_ids",
    "checked_count",
    "checked_list",
    "checked_moment",
    "checked_names",
    "checked_seconds",
    "checked_sequence_id",
    "invalid_conversation_ids",
    "utc_datetime",
]

# X's pattern for the path parameter of markChatConversationRead, and the colon that X uses elsewhere between two ids.
# [0-9], as \d matches digits of any script.
_CONVERSATION_ID = re.compile(r"[0-9]{1,19}|[0-9]{1,19}[-:][0-9]{1,19}|g[0-9]{1,19}")
_EXPECTED_CONVERSATION_ID = (
    "the other participant's user id ('123'), two user ids joined by a dash ('123-456'), or a group id ('g789'), with"
    " ids of 1 to 19 digits"
)
# How many invalid ids an error shows.
_MAX_SHOWN = 10
_SEQUENCE_ID = re.compile(r"[0-9]{1,19}")

#: names in X's documents up to version 2.166, and their replacements
_OLDER_NAMES = {
    "chat_conversation_fields": {
        **{name: f'use expansions=["{name}"]' for name in ("admin_ids", "member_ids", "participant_ids")},
        "message_ttl_msec": 'use "message_ttl_ms"',
    },
    "user_fields": dict.fromkeys(("affiliation", "most_recent_tweet_id", "pinned_tweet_id"), "X has removed it"),
}


def checked_conversation_id(value: Any) -> str:
    """
    Check a conversation id, and return it in normal form.

    A single user id is not changed: the conversation's other user is the account, whose id is unknown here.

    :param value: a user id (also as int), two user ids joined by a dash or a colon, or a group id
    :return: the id for the path; two user ids are joined by a dash, the smaller one first
    :raises XChatInputError: when the id is invalid
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _CONVERSATION_ID.fullmatch(text):
        raise XChatInputError(f"Invalid conversation_id {_shown(value)}: expected {_EXPECTED_CONVERSATION_ID}")
    return "-".join(sorted(text.replace(":", "-").split("-"), key=int)) if text[0] != "g" else text


def invalid_conversation_ids(values: Iterable[Any]) -> list[Any]:
    """
    Return the invalid conversation ids.

    :param values: the ids
    :return: those that :func:`checked_conversation_id` refuses, in their order
    """
    invalid = []
    for value in values:
        try:
            checked_conversation_id(value)
        except XChatInputError:
            invalid.append(value)
    return invalid


def checked_conversation_ids(value: Any) -> list[Any]:
    """
    Check a list of conversation ids.

    :param value: a list, as in :func:`checked_list`
    :return: its items, unchanged
    :raises XChatInputError: when it is not a list, or has invalid ids; the text shows the first ten
    """
    items = checked_list("conversation_ids", value)
    if invalid := invalid_conversation_ids(items):
        more = f" and {len(invalid) - _MAX_SHOWN} more" if len(invalid) > _MAX_SHOWN else ""
        raise XChatInputError(
            f"Invalid ids in conversation_ids: {_listed(invalid[:_MAX_SHOWN])}{more}; expected"
            f" {_EXPECTED_CONVERSATION_ID}"
        )
    return items


def checked_sequence_id(value: Any) -> str:
    """
    Check the id of a message event.

    :param value: digits, as a str or an int
    :return: the digits
    :raises XChatInputError: when the id is invalid
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _SEQUENCE_ID.fullmatch(text):
        raise XChatInputError(
            f"Invalid seen_until_sequence_id {_shown(value)}: expected the id of a message event, 1 to 19 digits, as a"
            " str or an int"
        )
    return text


def checked_list(argument: str, value: Any) -> list[Any]:
    """
    Check a list.

    :param argument: the name of the argument, for messages
    :param value: a list or another sequence, such as the XComs of mapped tasks, or a text that contains one
    :return: its items, unchecked
    :raises XChatInputError: when it is not a list
    """
    items = _parsed_list(value) if isinstance(value, str) else value
    if isinstance(items, (set, frozenset)):
        return sorted(items, key=str)
    if not isinstance(items, Sequence) or isinstance(items, (str, bytes)):
        raise XChatInputError(f"Invalid {argument} {_shown(value)}: expected a list")
    return list(items)


def checked_choice(argument: str, value: Any, choices: Collection[str]) -> str:
    """
    Check a choice.

    :param argument: the name of the argument, for messages
    :param value: the choice
    :param choices: the valid values
    :return: the choice
    :raises XChatInputError: when it is not one of the valid values
    """
    if value not in choices:
        raise XChatInputError(f"Invalid {argument} {_shown(value)}: expected one of {', '.join(map(repr, choices))}")
    return str(value)


def checked_count(argument: str, value: Any) -> int:
    """
    Check a positive number.

    :param argument: the name of the argument, for messages
    :param value: an int, or a text with one
    :return: the number, 1 or more
    :raises XChatInputError: when it is not such a number
    """
    try:
        number = 0 if isinstance(value, (bool, float)) else int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise XChatInputError(f"Invalid {argument} {_shown(value)}: expected an integer of 1 or more")
    return number


def checked_seconds(argument: str, value: Any) -> float:
    """
    Check a duration.

    :param argument: the name of the argument, for messages
    :param value: a timedelta, a number of seconds, or a text with one
    :return: seconds
    :raises XChatInputError: when it is not a duration, or negative
    """
    given = value.total_seconds() if isinstance(value, timedelta) else value
    try:
        seconds = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise XChatInputError(
            f"Invalid {argument} {_shown(value)}: expected a timedelta or a number of seconds, 0 or more, such as"
            " timedelta(minutes=90), 5400 or '5400'"
        )
    return seconds


def checked_moment(argument: str, value: Any) -> datetime:
    """
    Check a time.

    :param argument: the name of the argument, for messages
    :param value: a datetime, or a text in ISO 8601; UTC if it has no time zone
    :return: the time, in UTC
    :raises XChatInputError: when it is not a time
    """
    try:
        return utc_datetime(value if isinstance(value, datetime) else str(value))
    except ValueError:
        raise XChatInputError(
            f"Invalid {argument} {_shown(value)}: expected a datetime or a text in ISO 8601, such as"
            " '2026-03-02T16:20:31+00:00' or '{{ data_interval_start }}'"
        ) from None


def utc_datetime(value: datetime | str) -> datetime:
    """
    Convert a time to UTC.

    :param value: a datetime, or a text in ISO 8601; UTC if it has no time zone
    :return: the time, in UTC
    :raises ValueError: when the text is not a time
    """
    read = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def checked_names(argument: str, value: Any, known: Collection[str] | None, allow_unknown: Any = None) -> list[str]:
    """
    Check a list of field or expansion names.

    :param argument: the name of the argument, for messages
    :param value: a list, tuple or set of names, a text that contains a list (JSON, or rendered by Jinja), or None
    :param known: the names in X's document; None when any name is valid
    :param allow_unknown: names to accept even if they are not in the document, in the same forms as ``value``
    :return: the names in their order, without duplicates; empty for None
    :raises XChatInputError: when the value is not a list of names, or a name is unknown
    """
    names = _names(argument, value)
    allowed = _names("allow_unknown", allow_unknown)
    unknown = [name for name in names if known is not None and name not in known and name not in allowed]
    if unknown:
        raise XChatInputError(
            f"Unknown names in {argument}: {_listed(unknown)}{_suggestion(argument, unknown, known)}; expected"
            f" {', '.join(sorted(known or ())) or 'none'}. To send a name that is newer than this provider, add it to"
            " allow_unknown=[…]"
        )
    return names


def _names(argument: str, value: Any) -> list[str]:
    items = _parsed_list(value) if isinstance(value, str) else value
    if items is None:
        return []
    if not isinstance(items, (list, tuple, set, frozenset)):
        parts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else []
        hint = f"; did you mean {parts}?" if parts else ""
        raise XChatInputError(f"Invalid {argument} {_shown(value)}: expected a list of names{hint}")
    invalid = [item for item in items if not isinstance(item, str) or not item]
    if invalid:
        raise XChatInputError(f"Invalid names in {argument}: {_listed(invalid)}; expected a list of str")
    ordered: Iterable[str] = sorted(items) if isinstance(items, (set, frozenset)) else items
    return list(dict.fromkeys(ordered))


def _parsed_list(text: str) -> Any:
    """Return the list in a text (JSON, or the repr that a template renders); the text itself if it contains none."""
    for parse in (json.loads, ast.literal_eval):
        try:
            parsed = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if parsed is None or isinstance(parsed, (list, tuple, set)):
            return parsed
    return text


def _suggestion(argument: str, unknown: list[str], known: Collection[str] | None) -> str:
    import difflib  # takes a millisecond, and DAG files import this module

    older = _OLDER_NAMES.get(argument, {})
    hints = [f"{name!r} is from an older version of X's API: {older[name]}" for name in unknown if name in older]
    close = [difflib.get_close_matches(name, known or (), n=1) for name in unknown if name not in older]
    if guesses := [repr(matches[0]) for matches in close if matches]:
        hints.append(f"did you mean {', '.join(guesses)}?")
    return f" ({'; '.join(hints)})" if hints else ""


def _listed(values: list[Any]) -> str:
    return ", ".join(_shown(value) for value in values)


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 100 else text[:97] + '…'} ({type(value).__name__})"
