"""Operations of the contract, and the values of a valid request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GET_CONVERSATION = "getChatConversation"
MARK_READ = "markChatConversationRead"


@dataclass(frozen=True)
class Operation:
    """Operation of the contract.

    :param operation_id: its operationId.
    :param method: the HTTP method, in upper case.
    :param path: the path template.
    :param scopes: the OAuth 2.0 scopes a user's token needs.
    :param exploded: for each query parameter, whether its key is repeated for each value of a list.
    :param media_types: the media types of the request body; none if it takes no body.
    """

    operation_id: str
    method: str
    path: str
    scopes: frozenset[str]
    exploded: Mapping[str, bool]
    media_types: tuple[str, ...]


@dataclass(frozen=True)
class RequestValues:
    """Values of a request that matches the contract.

    :param path: the path parameters.
    :param query: the query parameters; lists are lists.
    :param body: the request body; None for an operation without one.
    """

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Any = None
