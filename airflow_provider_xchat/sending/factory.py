"""Make the sender, the client and the tokens of a connection."""

from __future__ import annotations

import httpx
from xchat_client import Client
from xchat_client.client import BearerToken

from airflow_provider_xchat.api.calls import Secrets
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.limits.shared import SharedLimits
from airflow_provider_xchat.runtime.http_environment import proxy_errors, ssl_context
from airflow_provider_xchat.runtime.supervisor import mask
from airflow_provider_xchat.sending.deadline import enforce_deadlines
from airflow_provider_xchat.sending.sender import Sender
from airflow_provider_xchat.tokens import stores
from airflow_provider_xchat.tokens.auth import XChatAuth
from airflow_provider_xchat.tokens.rotation import RotatingTokens

__all__ = ["make_sender", "rotating_tokens", "secrets_of", "static_client"]


def static_client(settings: ConnectionSettings, conn_id: str, access_token: str | None) -> Client:
    """
    Make a client with a token that is not refreshed.

    :param settings: the settings of the connection
    :param conn_id: its id, for messages
    :param access_token: the token
    :return: the client
    :raises XChatInputError: when the token, or a setting for certificates or proxies, is invalid
    """
    return _make_client(settings, conn_id, _bearer(access_token or ""))


def make_sender(settings: ConnectionSettings, conn_id: str, *, deadline: float, rate_limit_wait: float) -> Sender:
    """
    Make the sender of a connection; it refreshes the token if the connection has a refresh token.

    :param settings: the settings of the connection
    :param conn_id: its id, for messages
    :param deadline: seconds that all attempts of a call may take together
    :param rate_limit_wait: seconds that a call waits for a rate limit at most
    :return: the sender
    :raises XChatInputError: when the access token, the token store or an environment variable is invalid
    """
    tokens = rotating_tokens(settings, conn_id)
    auth = None if tokens is None else XChatAuth(tokens)
    client = _make_client(settings, conn_id, auth or _bearer(settings.access_token or ""))
    enforce_deadlines(client.get_httpx_client())
    # Connections with the same sign-in share their limits.
    account = settings.access_token if settings.grant is None else settings.grant.key
    limits = SharedLimits(f"{settings.base_url} {account}")
    return Sender(
        client, limits, auth, secrets_of(settings, tokens), deadline=deadline, rate_limit_wait=rate_limit_wait
    )


def secrets_of(settings: ConnectionSettings, tokens: RotatingTokens | None) -> Secrets:
    """
    Return the secrets in the requests of a connection.

    :param settings: the settings of the connection
    :param tokens: its tokens; None for a static token
    :return: a function that returns them, so that no list of attributes shows them
    """
    static = [settings.access_token or ""]
    return (lambda: static) if tokens is None else tokens.secrets


def rotating_tokens(settings: ConnectionSettings, conn_id: str) -> RotatingTokens | None:
    """
    Return the tokens of a connection with a refresh token.

    :param settings: the settings of the connection
    :param conn_id: its id, for messages
    :return: None for a static token
    :raises XChatInputError: when the access token or the token store is invalid
    """
    if settings.grant is None:
        return None
    if settings.access_token is not None:
        _bearer(settings.access_token)
    return RotatingTokens(
        settings.grant,
        stores.make_token_store(settings.store, settings.store_kwargs),
        base_url=settings.base_url,
        timeout=settings.timeout,
        conn_id=conn_id,
        verify=settings.verify,
        secrets=stores.secrets_of(settings.store_kwargs),
    )


def _make_client(settings: ConnectionSettings, conn_id: str, auth: httpx.Auth) -> Client:
    # One SSL context, also for copies of the client: reading the certificates takes a tenth of a second.
    context = ssl_context(settings.verify, conn_id)
    client = Client(settings.base_url, auth=auth, timeout=settings.timeout, verify_ssl=context)
    with proxy_errors():
        client.get_httpx_client()
    return client


def _bearer(access_token: str) -> BearerToken:
    mask([access_token] if access_token else [])
    try:
        return BearerToken(access_token)
    except ValueError as error:
        raise XChatInputError(f"the connection's password cannot be used: {error}") from None
