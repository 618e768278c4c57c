"""The state of a sandbox, and the methods by which tests read, change and reset it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xchat_sandbox.faults.operations import OperationFaults
from xchat_sandbox.limits import RateLimits
from xchat_sandbox.oauth.authorization_server import AuthorizationServer
from xchat_sandbox.oauth.clients import PUBLIC_CLIENT_ID
from xchat_sandbox.oauth.grants import Grant
from xchat_sandbox.operations import Service
from xchat_sandbox.request_log import RequestLog
from xchat_sandbox.seed import MAIN_USER_ID


@dataclass(frozen=True)
class Sandbox:
    """Sandbox, as ``running_sandbox`` serves it.

    :param url: the URL that it is served at, without a trailing slash; empty if it is not served.
    """

    _service: Service = field(repr=False)
    _limits: RateLimits = field(repr=False)
    _log: RequestLog = field(repr=False)
    _faults: OperationFaults = field(repr=False)
    _authorization: AuthorizationServer = field(repr=False)
    url: str = ""

    def requests(self) -> list[dict[str, Any]]:
        """Return all requests so far, except those to the control endpoints.

        :return: a dict for each request, oldest first: ``method``, ``path``, ``path_raw`` if it differs,
            ``query`` as received, ``status`` (None if the connection was closed without a response), ``body`` if it
            was JSON, ``transaction_id`` as in the response of an operation, and ``time`` in seconds since the start.
        """
        return self._log.entries()

    def read_marks(self) -> dict[str, str]:
        """Return the read marks of all users.

        :return: for each conversation id, the greatest sequence id that any user has marked as read.
        """
        return self._service.read_marks.furthest()

    def conversations(self) -> list[dict[str, Any]]:
        """List the conversations.

        :return: a dict for each: ``id``, ``type``, ``group_name``, ``participant_ids``, ``latest_sequence_id`` and
            ``open_to_default_token``.
        """
        return self._service.conversations.overview()

    def change_conversation(self, conversation_id: str, /, **members: Any) -> dict[str, Any]:
        """Change a conversation, so that a client sees it as updated.

        :param conversation_id: the conversation.
        :param members: the members to set, to any JSON value. Without ``updated_at`` among them, that becomes the
            present time, and at least a millisecond later than before.
        :return: all members of the changed conversation.
        :raises ValueError: if there is no such conversation, a value is not JSON, ``id`` would change, or
            ``participant_ids`` is not a list of strings.
        """
        return self._service.conversations.change(conversation_id, members)

    def faults(self, faults: Iterable[Mapping[str, Any]] = ()) -> int:
        """Queue faults of the operations; ``xchat_sandbox.faults.operations`` lists the kinds.

        :param faults: the faults, to be queued behind those that are waiting.
        :return: the number of waiting faults; one that applies to several requests counts as one.
        :raises ValueError: if a fault is invalid; then none is queued.
        """
        return self._faults.add(faults)

    def clear_faults(self) -> None:
        """Remove all waiting faults of the operations."""
        self._faults.clear()

    def token_faults(self, faults: Iterable[Mapping[str, Any]] = ()) -> int:
        """Queue faults of the token endpoint; ``xchat_sandbox.faults.token_endpoint`` lists the kinds.

        :param faults: the faults, each for one token request, to be queued behind those that are waiting.
        :return: the number of waiting faults.
        :raises ValueError: if a fault is invalid; then none is queued.
        """
        return self._authorization.faults.add(faults)

    def grant(
        self,
        *,
        client_id: str = PUBLIC_CLIENT_ID,
        scopes: str | Iterable[str] | None = None,
        expires_in: float | None = None,
        user_id: str = MAIN_USER_ID,
    ) -> Grant:
        """Issue tokens without a browser.

        :param client_id: the OAuth client.
        :param scopes: the granted scopes, also as one string with spaces; None for all scopes.
        :param expires_in: lifetime of the access token in seconds; 0 or less for an expired one, None for the default.
        :param user_id: the user who grants access.
        :return: the tokens; a refresh token only with the scope ``offline.access``.
        :raises ValueError: for an unknown client, scope or user, or an infinite lifetime.
        """
        return self._authorization.grant(client_id=client_id, scopes=scopes, expires_in=expires_in, user_id=user_id)

    def expire_access_tokens(self) -> int:
        """Expire all issued access tokens now; refresh tokens and static tokens stay valid.

        :return: the number of tokens that were valid.
        """
        return self._authorization.grants.expire_access_tokens()

    def token_requests(self) -> list[dict[str, Any]]:
        """Return the requests to the token endpoint so far.

        :return: a dict for each request, oldest first: ``grant_type`` and ``client_id`` (None if unknown),
            ``client_authentication`` (``basic``, ``body`` or ``none``), ``status`` (None if the connection
            was closed without a response), ``error``, and ``time`` in seconds since the start.
        """
        return self._authorization.token_requests.entries()

    def chains(self) -> list[dict[str, Any]]:
        """Return the state of all grants, each a chain of refresh tokens.

        :return: a dict for each, oldest first: ``client_id``, ``alive``, ``refreshes`` and
            ``reused_dead_token``, the number of requests with a refresh token that had been used already.
        """
        return self._authorization.grants.chains()

    def reset(self) -> None:
        """Restore the initial state: conversations, read marks, rate limits, logs, grants and faults."""
        self._service.conversations.reset()
        self._service.read_marks.reset()
        self._limits.reset()
        self._log.clear()
        self._faults.clear()
        self._authorization.reset()
