"""Conversations beyond the seed, as many as are asked for: groups that the default token may see."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from xchat_sandbox.seed import MAIN_USER_ID, UNRESTRICTED, USERS
from xchat_sandbox.timestamps import to_text

MOST = 1_000_000

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_OTHER_USER_ID = USERS[1]["id"]


def generated_ids(count: int) -> list[str]:
    """Tell the ids of the generated conversations.

    :param count: how many there are.
    :returns: their ids, from ``g9100000000000000001`` on.
    :raises ValueError: for less than none, or more than a million.
    """
    if not 0 <= count <= MOST:
        raise ValueError(f"the number of generated conversations must be from 0 to {MOST}: {count}")
    return [f"g91{number:017}" for number in range(1, count + 1)]


def generated_conversations(count: int) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Make conversations in the form of the seed; each is a minute younger than the one before.

    :param count: how many.
    :returns: the members of each, and the ids of its message events.
    :raises ValueError: for less than none, or more than a million.
    """
    for number, conversation_id in enumerate(generated_ids(count), start=1):
        created_at = _EPOCH + timedelta(minutes=number)
        members = {
            "id": conversation_id,
            "type": "group",
            "group_name": f"Generated group {number}",
            "admin_ids": [MAIN_USER_ID],
            "member_ids": [MAIN_USER_ID, _OTHER_USER_ID],
            "participant_ids": [MAIN_USER_ID, _OTHER_USER_ID],
            "created_at": to_text(created_at),
            "updated_at": to_text(created_at),
            **UNRESTRICTED,
        }
        yield members, ("999999999999999999", "1000000000000000000")
