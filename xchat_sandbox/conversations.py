"""Conversations: how one is addressed, who may see it, how it changes, and how far each user has read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from xchat_sandbox.generated_conversations import generated_conversations
from xchat_sandbox.json_wire import is_json_object
from xchat_sandbox.problems import conversation_forbidden, conversation_not_found
from xchat_sandbox.seed import CONVERSATIONS, MAIN_USER_ID, USERS
from xchat_sandbox.timestamps import now_after


@dataclass(frozen=True)
class Conversation:
    """A conversation.

    :param members: what the API tells about it, named as in the contract.
    :param sequence_ids: the ids of its message events, oldest first.
    """

    members: Mapping[str, Any]
    sequence_ids: tuple[str, ...]

    @property
    def id(self) -> str:
        """The canonical id."""
        return str(self.members["id"])

    @property
    def participant_ids(self) -> list[str]:
        """The ids of the users who are part of it."""
        return list(self.members["participant_ids"])


class UnknownConversationError(ValueError):
    """There is no conversation of this id."""


class Conversations:
    """The conversations and users.

    :param generated: how many conversations there are beyond the seed.
    :raises ValueError: if that is less than none, or more than a million.
    """

    def __init__(self, generated: int = 0) -> None:
        self.users: dict[str, Mapping[str, Any]] = {user["id"]: user for user in USERS}
        seed: list[tuple[dict[str, Any], tuple[str, ...]]] = [*CONVERSATIONS, *generated_conversations(generated)]
        self._seed = {members["id"]: Conversation(members, sequence_ids) for members, sequence_ids in seed}
        self._by_id: dict[str, Conversation] = dict(self._seed)
        # A test changes them from its own thread, and over HTTP from the sandbox's.
        self._changing = Lock()

    def find(self, address: str, user_id: str) -> Conversation:
        """Find the conversation that a user means.

        :param address: a group id, two user ids joined by a dash in either order, or the recipient's user
            id alone.
        :param user_id: the user who asks.
        :returns: the conversation.
        :raises ProblemError: 404 if there is none, 403 if the user is not part of it.
        """
        conversation = self._by_id.get(_canonical_id(address, user_id))
        if conversation is None:
            raise conversation_not_found(address)
        if user_id not in conversation.participant_ids:
            raise conversation_forbidden(address)
        return conversation

    def change(self, address: str, members: Mapping[str, Any]) -> dict[str, Any]:
        """Change a conversation, so that a client sees it as updated.

        :param address: the conversation, as the main user may address it.
        :param members: the members to set, to any value that JSON has; unless ``updated_at`` is one of them, it
            becomes the present time, and is later than before even within a millisecond.
        :returns: all members that the conversation has now.
        :raises UnknownConversationError: if there is no such conversation.
        :raises ValueError: for what is no JSON object, another id, or participants who are no list of ids.
        """
        if not is_json_object(members):
            raise ValueError("the members of a conversation must be a JSON object")
        conversation_id = _canonical_id(address, MAIN_USER_ID)
        if members.get("id", conversation_id) != conversation_id:
            raise ValueError("a conversation keeps its id")
        participants = members.get("participant_ids", [])
        if not isinstance(participants, list) or not all(isinstance(each, str) for each in participants):
            raise ValueError("participant_ids must be a list of strings: it decides who may see the conversation")
        with self._changing:
            old = self._by_id.get(conversation_id)
            if old is None:
                raise UnknownConversationError(f"there is no conversation {address}")
            changed = {**old.members, "updated_at": now_after(old.members.get("updated_at")), **members}
            # A copy, all the way down: what the caller does with its own members later is nothing to us.
            changed = json.loads(json.dumps(changed))
            self._by_id[conversation_id] = Conversation(changed, old.sequence_ids)
        return {**changed}

    def reset(self) -> None:
        """Put the seed back."""
        with self._changing:
            self._by_id = dict(self._seed)

    def overview(self) -> list[dict[str, Any]]:
        """List what can be asked for.

        :returns: one entry for each conversation: its id, type and name, who is in it, the latest message
            event's id, and whether the default token may see it.
        """
        return [
            {
                "id": conversation.id,
                "type": conversation.members["type"],
                "group_name": conversation.members.get("group_name"),
                "participant_ids": conversation.participant_ids,
                "latest_sequence_id": conversation.sequence_ids[-1],
                "open_to_default_token": MAIN_USER_ID in conversation.participant_ids,
            }
            for conversation in list(self._by_id.values())
        ]


class ReadMarks:
    """How far each user has read each conversation."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], str] = {}

    def mark(self, user_id: str, conversation_id: str, sequence_id: str) -> None:
        """Move a mark forward; one that is already further stays.

        :param user_id: the user who has read.
        :param conversation_id: the canonical id of the conversation.
        :param sequence_id: the id of the last message event that was read.
        """
        key = (user_id, conversation_id)
        if key not in self._marks or int(sequence_id) > int(self._marks[key]):
            self._marks[key] = sequence_id

    def furthest(self) -> dict[str, str]:
        """Tell how far each marked conversation has been read by anyone.

        :returns: the sequence id for each conversation id.
        """
        furthest: dict[str, str] = {}
        for (_, conversation_id), sequence_id in list(self._marks.items()):
            if int(sequence_id) > int(furthest.get(conversation_id, -1)):
                furthest[conversation_id] = sequence_id
        return furthest

    def reset(self) -> None:
        """Forget all marks."""
        self._marks.clear()


def _canonical_id(address: str, user_id: str) -> str:
    if address.startswith("g"):
        return address
    pair = address.split("-") if "-" in address else [address, user_id]
    try:
        return "-".join(sorted(pair, key=int))
    except ValueError:
        # A contract without a pattern for the id lets any text through; it names no conversation.
        return address
