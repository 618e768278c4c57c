"""Handlers of the two operations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xchat_sandbox.contract.document import Contract
from xchat_sandbox.contract.operation import GET_CONVERSATION, MARK_READ, RequestValues
from xchat_sandbox.conversations import Conversations, ReadMarks
from xchat_sandbox.oauth.tokens import Token
from xchat_sandbox.selection import AnswerForm, conversation_answer, expanded_ids, select


@dataclass(frozen=True)
class Service:
    """Data of the operations.

    :param contract: the contract.
    :param conversations: the seeded conversations and users.
    :param read_marks: the read marks of all users.
    :param answer_form: whether a conversation is returned as an object or in a list.
    """

    contract: Contract
    conversations: Conversations
    read_marks: ReadMarks
    answer_form: AnswerForm


Handler = Callable[[Service, Token, RequestValues], dict[str, Any]]


def get_conversation(service: Service, token: Token, request: RequestValues) -> dict[str, Any]:
    """Return a conversation.

    :param service: the data.
    :param token: the caller's token.
    :param request: the request's values.
    :return: the response document.
    :raises ProblemError: 403 or 404, if the caller cannot see the conversation.
    """
    conversation = service.conversations.find(request.path["id"], token.user_id).members
    expansions = request.query.get("expansions", [])
    fields = [*request.query.get("chat_conversation.fields", []), *expansions]
    user_fields = request.query.get("user.fields", [])
    users = [
        select(service.conversations.users[user_id], service.contract.user_members.union(user_fields))
        for user_id in expanded_ids(conversation, expansions)
        if user_id in service.conversations.users
    ]
    data = select(conversation, service.contract.conversation_members.union(fields))
    return conversation_answer(data, users, service.answer_form)


def mark_conversation_read(service: Service, token: Token, request: RequestValues) -> dict[str, Any]:
    """Move the read mark of the caller forward.

    :param service: the data.
    :param token: the caller's token.
    :param request: the request's values.
    :return: the response document, whether or not the mark has moved.
    :raises ProblemError: 403 or 404, if the caller cannot see the conversation.
    """
    conversation = service.conversations.find(request.path["id"], token.user_id)
    service.read_marks.mark(token.user_id, conversation.id, request.body["seen_until_sequence_id"])
    return {"data": {"success": True}}


HANDLERS: dict[str, Handler] = {GET_CONVERSATION: get_conversation, MARK_READ: mark_conversation_read}
