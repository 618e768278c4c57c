"""
Prepare calls of the API: the arguments of the generated function, and the reader of its response.

A :class:`Call` depends on no connection, thread or event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xchat_client.api.chat import get_chat_conversation, mark_chat_conversation_read
from xchat_client.models import MarkChatConversationReadRequest

from airflow_provider_xchat.api.answers import Answer, read_conversation, read_mark, without_secrets
from airflow_provider_xchat.api.inputs import checked_conversation_id, checked_sequence_id
from airflow_provider_xchat.api.known_names import checked_known_names
from airflow_provider_xchat.runtime.transport_errors import transport_errors

if TYPE_CHECKING:
    from xchat_client import Client

__all__ = ["Call", "Secrets", "get_conversation", "mark_conversation_read"]

#: returns the secrets of a connection, which change with each refresh
Secrets = Callable[[], Iterable[str]]


@dataclass(frozen=True)
class Call:
    """
    Call of an operation.

    :param operation_id: the operationId in X's document
    :param request: method and path, for messages
    :param operation: the generated module of the operation
    :param conversation_id: the conversation in the path
    :param arguments: the other arguments of the generated functions, without the client
    :param read_answer: returns the JSON of a response, or raises
    :param done: the log text for a success
    """

    operation_id: str
    request: str
    operation: Any
    conversation_id: str
    arguments: Mapping[str, Any]
    read_answer: Callable[[Answer, str], dict[str, Any]]
    done: str = ""

    def send(self, client: Client, secrets: Secrets) -> Answer:
        """
        Send the request once.

        :param client: the generated client
        :param secrets: returns the secrets to redact in the response
        :return: the response, of any status
        :raises XChatConnectionError: when there is no complete response
        :raises XChatError: when there is no valid token
        """
        with transport_errors(self.request, client.base_url, secrets):
            answer = self.operation.sync_detailed(self.conversation_id, client=client, **self.arguments)
        return without_secrets(answer, secrets())

    async def asend(self, client: Client, secrets: Secrets) -> Answer:
        """Do the same as :meth:`send`, as a coroutine."""
        with transport_errors(self.request, client.base_url, secrets):
            answer = await self.operation.asyncio_detailed(self.conversation_id, client=client, **self.arguments)
        return without_secrets(answer, secrets())

    def read(self, answer: Answer) -> dict[str, Any]:
        """
        Read the response.

        :param answer: the response
        :return: the JSON
        :raises XChatError: as in the hook's methods
        """
        return self.read_answer(answer, self.request)


def get_conversation(
    conversation_id: Any,
    chat_conversation_fields: Any = None,
    expansions: Any = None,
    user_fields: Any = None,
    allow_unknown: Any = None,
) -> Call:
    """
    Prepare getChatConversation.

    :return: the call
    :raises XChatInputError: when an argument is invalid
    """
    identifier = checked_conversation_id(conversation_id)
    names = {
        "chat_conversation_fields": chat_conversation_fields,
        "expansions": expansions,
        "user_fields": user_fields,
    }
    # Without empty ones: the function that is generated from another document may lack them.
    arguments = {
        argument: checked
        for argument, value in names.items()
        if (checked := checked_known_names("get_chat_conversation", argument, value, allow_unknown))
    }
    request = f"GET /2/chat/conversations/{identifier}"
    done = f"Conversation {identifier} fetched"
    return Call("getChatConversation", request, get_chat_conversation, identifier, arguments, read_conversation, done)


def mark_conversation_read(conversation_id: Any, seen_until_sequence_id: Any) -> Call:
    """
    Prepare markChatConversationRead.

    :return: the call
    :raises XChatInputError: when an argument is invalid
    """
    identifier = checked_conversation_id(conversation_id)
    sequence_id = checked_sequence_id(seen_until_sequence_id)
    arguments = {"body": MarkChatConversationReadRequest(seen_until_sequence_id=sequence_id)}
    request = f"POST /2/chat/conversations/{identifier}/read"
    done = f"Conversation {identifier} marked as read up to {sequence_id}"
    return Call(
        "markChatConversationRead", request, mark_chat_conversation_read, identifier, arguments, read_mark, done
    )
