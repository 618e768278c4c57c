"""
The API's calls, prepared but not sent: what goes into the generated function, and how its answer is read.

A :class:`Call` knows no connection and no thread or event loop, so the hook sends the same one either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from xchat_client.api.chat import get_chat_conversation, mark_chat_conversation_read
from xchat_client.models import MarkChatConversationReadRequest

from airflow_provider_xchat.api.answers import Answer, cleaned, conversation_answer, mark_answer
from airflow_provider_xchat.api.inputs import checked_conversation_id, checked_sequence_id
from airflow_provider_xchat.api.known_names import checked_known_names
from airflow_provider_xchat.exceptions import XChatConnectionError
from airflow_provider_xchat.runtime.http_environment import tls_fault
from airflow_provider_xchat.runtime.redaction import redact

if TYPE_CHECKING:
    from xchat_client import Client

__all__ = ["Call", "Secrets", "get_conversation", "mark_conversation_read"]

#: gives the secrets of a connection, which change when its token is refreshed
Secrets = Callable[[], Iterable[str]]


@dataclass(frozen=True)
class Call:
    """
    One request that can be sent.

    :param operation_id: the operationId in X's document
    :param request: method and path, for messages
    :param operation: the generated module of the operation
    :param conversation_id: the conversation, as it goes into the path
    :param arguments: the other arguments of its functions, without the client
    :param read_answer: makes the answer's dict of an answer, or raises
    :param done: what it has done when it succeeds, for the log
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
        Send it once, and wait.

        :param client: where to
        :param secrets: gives what must not be in the answer
        :return: the answer, whatever it says, without the secrets
        :raises XChatConnectionError: when no whole answer came
        :raises XChatError: when there is no good token to send it with
        """
        with _transport_errors(self.request, client.base_url, secrets):
            answer = self.operation.sync_detailed(self.conversation_id, client=client, **self.arguments)
        return cleaned(answer, secrets())

    async def asend(self, client: Client, secrets: Secrets) -> Answer:
        """Do what :meth:`send` does, as a coroutine."""
        with _transport_errors(self.request, client.base_url, secrets):
            answer = await self.operation.asyncio_detailed(self.conversation_id, client=client, **self.arguments)
        return cleaned(answer, secrets())

    def read(self, answer: Answer) -> dict[str, Any]:
        """
        Read its answer.

        :param answer: what :meth:`send` gave
        :return: the answer's JSON
        :raises XChatError: as the hook's methods say
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
    :raises XChatInputError: when an argument cannot be used
    """
    identifier = checked_conversation_id(conversation_id)
    names = {
        "chat_conversation_fields": chat_conversation_fields,
        "expansions": expansions,
        "user_fields": user_fields,
    }
    # Those that are not empty: the generated function may lack the other arguments.
    arguments = {
        argument: checked
        for argument, value in names.items()
        if (checked := checked_known_names("get_chat_conversation", argument, value, allow_unknown))
    }
    request = f"GET /2/chat/conversations/{identifier}"
    done = f"Conversation {identifier} fetched"
    return Call("getChatConversation", request, get_chat_conversation, identifier, arguments, conversation_answer, done)


def mark_conversation_read(conversation_id: Any, seen_until_sequence_id: Any) -> Call:
    """
    Prepare markChatConversationRead.

    :return: the call
    :raises XChatInputError: when an argument cannot be used
    """
    identifier = checked_conversation_id(conversation_id)
    sequence_id = checked_sequence_id(seen_until_sequence_id)
    arguments = {"body": MarkChatConversationReadRequest(seen_until_sequence_id=sequence_id)}
    request = f"POST /2/chat/conversations/{identifier}/read"
    done = f"Conversation {identifier} marked as read up to {sequence_id}"
    return Call(
        "markChatConversationRead", request, mark_chat_conversation_read, identifier, arguments, mark_answer, done
    )


@contextmanager
def _transport_errors(request: str, base_url: str, secrets: Secrets) -> Iterator[None]:
    """Turn what httpx raises into an error of ours, without its cause: h11 quotes what it could not read."""
    try:
        yield
    except httpx.TimeoutException as error:
        kind = type(error).__name__
        raise XChatConnectionError(
            f"no answer to {request} in time from {base_url} ({kind}); see timeout in the connection",
            nothing_sent=isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)),
            request=request,
        ) from None
    except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
        fault = tls_fault(error)
        said = fault or f"{type(error).__name__}: {redact(str(error), secrets())}"
        raise XChatConnectionError(
            f"no whole answer to {request} from {base_url}: {said}",
            nothing_sent=isinstance(error, (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL)),
            request=request,
            may_pass=fault is None,
        ) from None
