"""
What is checked before anything is sent: a wrong request costs money and says little.

Pure functions; each takes what a user gave, whether from Python, a template or an XCom, and returns what goes
into the request, or raises :class:`XChatInputError` with what was given and what is expected.
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
    "moment_of",
    "wrong_conversation_ids",
]

# The pattern that X publishes for the path parameter of markChatConversationRead; [0-9] as \d takes any script's
# digits. Elsewhere X joins the two ids by a colon.
_CONVERSATION_ID = re.compile(r"[0-9]{1,19}|[0-9]{1,19}[-:][0-9]{1,19}|g[0-9]{1,19}")
_EXPECTED_CONVERSATION_ID = (
    "the other participant's user id ('123'), two user ids joined by a dash ('123-456'), or a group id ('g789'), with"
    " ids of 1 to 19 digits"
)
# How many of several wrong ids an error shows.
_MOST_SHOWN = 10
_SEQUENCE_ID = re.compile(r"[0-9]{1,19}")

#: names that X's documents listed up to version 2.166, and the way out
_OLDER_NAMES = {
    "chat_conversation_fields": {
        **{name: f'use expansions=["{name}"]' for name in ("admin_ids", "member_ids", "participant_ids")},
        "message_ttl_msec": 'use "message_ttl_ms"',
    },
    "user_fields": dict.fromkeys(("affiliation", "most_recent_tweet_id", "pinned_tweet_id"), "X has removed it"),
}


def checked_conversation_id(value: Any) -> str:
    """
    Check the id of a conversation, and return the one spelling of it that is used everywhere.

    A lone user id stays as it is: the conversation's other user is the account, whose own id is not known here.

    :param value: a user id, two user ids joined by a dash (or by a colon, as X writes them elsewhere), or a group
        id; a user id may be an int
    :return: the id as it goes into the path; of two user ids, the smaller one stands first, and a dash joins them
    :raises XChatInputError: when it is none of these
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _CONVERSATION_ID.fullmatch(text):
        raise XChatInputError(f"conversation_id is {_shown(value)}; expected {_EXPECTED_CONVERSATION_ID}")
    return "-".join(sorted(text.replace(":", "-").split("-"), key=int)) if text[0] != "g" else text


def wrong_conversation_ids(values: Iterable[Any]) -> list[Any]:
    """
    Find the values that cannot be ids of conversations.

    :param values: the ids
    :return: those that :func:`checked_conversation_id` refuses, in their order
    """
    wrong = []
    for value in values:
        try:
            checked_conversation_id(value)
        except XChatInputError:
            wrong.append(value)
    return wrong


def checked_conversation_ids(value: Any) -> list[Any]:
    """
    Check a list of ids of conversations.

    :param value: as :func:`checked_list` takes it
    :return: its items, as they were given
    :raises XChatInputError: when it is not a list, or items cannot be ids: it shows the first ten of those
    """
    items = checked_list("conversation_ids", value)
    if wrong := wrong_conversation_ids(items):
        more = f" and {len(wrong) - _MOST_SHOWN} more" if len(wrong) > _MOST_SHOWN else ""
        raise XChatInputError(
            f"conversation_ids has {_listed(wrong[:_MOST_SHOWN])}{more} in it; expected of each"
            f" {_EXPECTED_CONVERSATION_ID}"
        )
    return items


def checked_sequence_id(value: Any) -> str:
    """
    Check the id of the message event up to which a conversation was read.

    :param value: digits, as a str or an int
    :return: the digits
    :raises XChatInputError: when it is anything else
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _SEQUENCE_ID.fullmatch(text):
        raise XChatInputError(
            f"seen_until_sequence_id is {_shown(value)}; expected the id of a message event: 1 to 19 digits, as a str"
            " or an int"
        )
    return text


def checked_list(argument: str, value: Any) -> list[Any]:
    """
    Check that there is a list.

    :param argument: the name of the argument, for messages
    :param value: a list (or another sequence, such as what mapped tasks have returned), or a text that holds one
    :return: its items, unchecked
    :raises XChatInputError: when it is anything else
    """
    items = _parsed_list(value) if isinstance(value, str) else value
    if isinstance(items, (set, frozenset)):
        return sorted(items, key=str)
    if not isinstance(items, Sequence) or isinstance(items, (str, bytes)):
        raise XChatInputError(f"{argument} is {_shown(value)}; expected a list")
    return list(items)


def checked_choice(argument: str, value: Any, choices: Collection[str]) -> str:
    """
    Check one of a few words.

    :param argument: the name of the argument, for messages
    :param value: the word
    :param choices: what it may be
    :return: the word
    :raises XChatInputError: when it is anything else
    """
    if value not in choices:
        raise XChatInputError(f"{argument} is {_shown(value)}; expected one of {', '.join(map(repr, choices))}")
    return str(value)


def checked_count(argument: str, value: Any) -> int:
    """
    Check a number of things.

    :param argument: the name of the argument, for messages
    :param value: an int, or text with one
    :return: the number, 1 or more
    :raises XChatInputError: when it is anything else
    """
    try:
        number = 0 if isinstance(value, (bool, float)) else int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise XChatInputError(f"{argument} is {_shown(value)}; expected a whole number of 1 or more")
    return number


def checked_seconds(argument: str, value: Any) -> float:
    """
    Check a length of time.

    :param argument: the name of the argument, for messages
    :param value: a timedelta, a number of seconds, or text with one
    :return: seconds
    :raises XChatInputError: when it is none of these, or less than nothing
    """
    given = value.total_seconds() if isinstance(value, timedelta) else value
    try:
        seconds = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise XChatInputError(
            f"{argument} is {_shown(value)}; expected a timedelta or a number of seconds, 0 or more, such as"
            " timedelta(minutes=90), 5400 or '5400'"
        )
    return seconds


def checked_moment(argument: str, value: Any) -> datetime:
    """
    Check a time.

    :param argument: the name of the argument, for messages
    :param value: a datetime, or text with one in ISO 8601; without a time zone it is in UTC
    :return: the time, in UTC
    :raises XChatInputError: when it is neither
    """
    try:
        return moment_of(value if isinstance(value, datetime) else str(value))
    except ValueError:
        raise XChatInputError(
            f"{argument} is {value!r} ({type(value).__name__}); expected a datetime or text with one, such as"
            " '2026-03-02T16:20:31+00:00' or '{{ data_interval_start }}'"
        ) from None


def moment_of(value: datetime | str) -> datetime:
    """
    Read a time.

    :param value: a datetime, or text in ISO 8601; without a time zone it is in UTC
    :return: the time, in UTC
    :raises ValueError: when the text is something else
    """
    read = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def checked_names(argument: str, value: Any, known: Collection[str] | None, allow_unknown: Any = None) -> list[str]:
    """
    Check a list of field or expansion names.

    :param argument: the name of the argument, for messages
    :param value: a list (or tuple or set) of names, a text that holds a list (JSON, or what a Jinja template makes
        of a list), or None
    :param known: the names that X's document lists; None when any name is valid
    :param allow_unknown: names to accept although the document does not list them, given like ``value``
    :return: the names in their order, each once; empty for None
    :raises XChatInputError: when it is not a list of names, or a name is unknown
    """
    names = _names(argument, value)
    allowed = _names("allow_unknown", allow_unknown)
    unknown = [name for name in names if known is not None and name not in known and name not in allowed]
    if unknown:
        raise XChatInputError(
            f"{argument} has {_listed(unknown)}, which X's document does not list"
            f"{_suggestion(argument, unknown, known)}; valid are {', '.join(sorted(known or ())) or 'none'}. To send a"
            " name that is newer than this provider, name it in allow_unknown=[…] too."
        )
    return names


def _names(argument: str, value: Any) -> list[str]:
    items = _parsed_list(value) if isinstance(value, str) else value
    if items is None:
        return []
    if not isinstance(items, (list, tuple, set, frozenset)):
        parts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else []
        hint = f"; did you mean {parts}?" if parts else ""
        raise XChatInputError(f"{argument} is {_shown(value)}; expected a list of names{hint}")
    wrong = [item for item in items if not isinstance(item, str) or not item]
    if wrong:
        raise XChatInputError(f"{argument} has {_listed(wrong)} in it; expected a list of names, each a str")
    ordered: Iterable[str] = sorted(items) if isinstance(items, (set, frozenset)) else items
    return list(dict.fromkeys(ordered))


def _parsed_list(text: str) -> Any:
    """Read a list out of a text, as JSON or as the repr that a template renders a list to; else give it back."""
    for parse in (json.loads, ast.literal_eval):
        try:
            parsed = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if parsed is None or isinstance(parsed, (list, tuple, set)):
            return parsed
    return text


def _suggestion(argument: str, unknown: list[str], known: Collection[str] | None) -> str:
    import difflib  # takes a millisecond, and files of DAGs import this module

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
