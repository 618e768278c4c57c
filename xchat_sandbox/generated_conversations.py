"""Generated groups in addition to the seed; the default token may see all of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from xchat_sandbox.seed import MAIN_USER_ID, UNRESTRICTED, USERS
from xchat_sandbox.wire.timestamps import to_text

MAX_CONVERSATIONS = 1_000_000

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_OTHER_USER_ID = USERS[1]["id"]


def generated_ids(count: int) -> list[str]:
    """Return the ids of generated conversations.

    :param count: their number.
    :return: the ids, from ``g9100000000000000001`` on.
    :raises ValueError: for a negative number, or more than a million.
    """
    if not 0 <= count <= MAX_CONVERSATIONS:
        raise ValueError(f"the number of generated conversations must be from 0 to {MAX_CONVERSATIONS}: {count}")
    return [f"g91{number:017}" for number in range(1, count + 1)]


def generated_conversations(count: int) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Generate conversations in the form of the seed, each created a minute after the previous one.

    :param count: their number.
    :return: the members and the sequence ids of each.
    :raises ValueError: for a negative number, or more than a million.
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
