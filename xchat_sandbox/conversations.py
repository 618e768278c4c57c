"""Conversations: their ids, access to them, changes, and read marks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from xchat_sandbox.generated_conversations import generated_conversations
from xchat_sandbox.seed import CONVERSATIONS, MAIN_USER_ID, USERS
from xchat_sandbox.wire.json_documents import is_json_object
from xchat_sandbox.wire.problems import conversation_forbidden, conversation_not_found
from xchat_sandbox.wire.timestamps import now_after


@dataclass(frozen=True)
class Conversation:
    """Conversation with its message events.

    :param members: its members, named as in the contract.
    :param sequence_ids: the sequence ids of its message events, oldest first.
    """

    members: Mapping[str, Any]
    sequence_ids: tuple[str, ...]

    @property
    def id(self) -> str:
        """The canonical id."""
        return str(self.members["id"])

    @property
    def participant_ids(self) -> list[str]:
        """The user ids of the participants."""
        return list(self.members["participant_ids"])


class UnknownConversationError(ValueError):
    """Error for the id of a conversation that does not exist."""


class Conversations:
    """All conversations and users.

    :param generated: the number of generated conversations in addition to the seed.
    :raises ValueError: for a negative number, or more than a million.
    """

    def __init__(self, generated: int = 0) -> None:
        self.users: dict[str, Mapping[str, Any]] = {user["id"]: user for user in USERS}
        seed: list[tuple[dict[str, Any], tuple[str, ...]]] = [*CONVERSATIONS, *generated_conversations(generated)]
        self._seed = {members["id"]: Conversation(members, sequence_ids) for members, sequence_ids in seed}
        self._by_id: dict[str, Conversation] = dict(self._seed)
        # Tests change conversations from their own threads, control endpoints from the server's.
        self._lock = Lock()

    def find(self, address: str, user_id: str) -> Conversation:
        """Find a conversation.

        :param address: a group id, two user ids joined by a dash in either order, or the user id of the recipient.
        :param user_id: the user who sends the request.
        :return: the conversation.
        :raises ProblemError: 404 if it does not exist, 403 if the user is not a participant.
        """
        conversation = self._by_id.get(_canonical_id(address, user_id))
        if conversation is None:
            raise conversation_not_found(address)
        if user_id not in conversation.participant_ids:
            raise conversation_forbidden(address)
        return conversation

    def change(self, address: str, members: Mapping[str, Any]) -> dict[str, Any]:
        """Change a conversation, so that a client sees it as updated.

        :param address: the conversation, as the main user addresses it.
        :param members: the members to set, to any JSON value. Without ``updated_at`` among them, that becomes the
            present time, and at least a millisecond later than before.
        :return: all members of the changed conversation.
        :raises UnknownConversationError: if there is no such conversation.
        :raises ValueError: if a value is not JSON, ``id`` would change, or ``participant_ids`` is not a list of
            strings.
        """
        if not is_json_object(members):
            raise ValueError("the members of a conversation must be a JSON object")
        conversation_id = _canonical_id(address, MAIN_USER_ID)
        if members.get("id", conversation_id) != conversation_id:
            raise ValueError("the id of a conversation cannot be changed")
        participants = members.get("participant_ids", [])
        if not isinstance(participants, list) or not all(isinstance(each, str) for each in participants):
            raise ValueError("participant_ids must be a list of strings: it decides who may see the conversation")
        with self._lock:
            old = self._by_id.get(conversation_id)
            if old is None:
                raise UnknownConversationError(f"there is no conversation {address}")
            changed = {**old.members, "updated_at": now_after(old.members.get("updated_at")), **members}
            # A deep copy, so that later changes to the caller's objects have no effect.
            changed = json.loads(json.dumps(changed))
            self._by_id[conversation_id] = Conversation(changed, old.sequence_ids)
        return {**changed}

    def reset(self) -> None:
        """Restore the initial conversations."""
        with self._lock:
            self._by_id = dict(self._seed)

    def overview(self) -> list[dict[str, Any]]:
        """List the conversations.

        :return: a dict for each: ``id``, ``type``, ``group_name``, ``participant_ids``, ``latest_sequence_id``, and
            whether the default token may see it, ``open_to_default_token``.
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
    """Read marks of all users: how far each has read each conversation."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], str] = {}

    def mark(self, user_id: str, conversation_id: str, sequence_id: str) -> None:
        """Move a read mark forward; it never moves back.

        :param user_id: the user.
        :param conversation_id: the canonical id of the conversation.
        :param sequence_id: the sequence id of the last message event read.
        """
        key = (user_id, conversation_id)
        if key not in self._marks or int(sequence_id) > int(self._marks[key]):
            self._marks[key] = sequence_id

    def furthest(self) -> dict[str, str]:
        """Return how far any user has read each conversation.

        :return: for each marked conversation, the greatest sequence id.
        """
        furthest: dict[str, str] = {}
        for (_, conversation_id), sequence_id in list(self._marks.items()):
            if int(sequence_id) > int(furthest.get(conversation_id, -1)):
                furthest[conversation_id] = sequence_id
        return furthest

    def reset(self) -> None:
        """Remove all read marks."""
        self._marks.clear()


def _canonical_id(address: str, user_id: str) -> str:
    if address.startswith("g"):
        return address
    pair = address.split("-") if "-" in address else [address, user_id]
    try:
        return "-".join(sorted(pair, key=int))
    except ValueError:
        # A contract without a pattern for the id accepts any text; it matches no conversation.
        return address
