"""From what a connection says to what sends requests with its token."""

from __future__ import annotations

from xchat_client import Client
from xchat_client.client import BearerToken

from airflow_provider_xchat import token_stores
from airflow_provider_xchat.attempts import Attempts
from airflow_provider_xchat.auth import XChatAuth
from airflow_provider_xchat.calls import Secrets
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.http_environment import making_client, ssl_context
from airflow_provider_xchat.rotation import RotatingTokens
from airflow_provider_xchat.shared_limits import SharedLimits
from airflow_provider_xchat.supervisor import mask

__all__ = ["attempts", "rotating_tokens", "secrets_of", "static_client"]


def static_client(settings: ConnectionSettings, conn_id: str, access_token: str | None) -> Client:
    """
    Make a client that sends one token, whatever X says to it.

    :param settings: what the connection says
    :param conn_id: its id, for messages
    :param access_token: the token
    :return: the client
    :raises XChatInputError: when it cannot be a token, or the settings for certificates or proxies cannot be used
    """
    auth = _bearer(access_token or "")
    context = ssl_context(settings.verify, conn_id)
    client = Client(settings.base_url, auth=auth, timeout=settings.timeout, verify_ssl=context)
    with making_client():
        client.get_httpx_client()
    return client


def attempts(settings: ConnectionSettings, conn_id: str, *, deadline: float, rate_limit_wait: float) -> Attempts:
    """
    Make what sends calls: with a token that is refreshed when the connection has what that takes, and within limits.

    :param settings: what the connection says
    :param conn_id: its id, for messages
    :param deadline: seconds that all attempts at a call may take together
    :param rate_limit_wait: seconds that a call waits for a rate limit at most
    :return: the sender
    :raises XChatInputError: when the access token, the token store or the certificates cannot be used
    """
    tokens = rotating_tokens(settings, conn_id)
    auth = None if tokens is None else XChatAuth(tokens)
    # One context for all that are made of this client: reading the certificates takes a tenth of a second.
    client = Client(
        settings.base_url,
        auth=auth or _bearer(settings.access_token or ""),
        timeout=settings.timeout,
        verify_ssl=ssl_context(settings.verify, conn_id),
    )
    # Connections with the same sign-in share their limits.
    account = settings.access_token if settings.grant is None else settings.grant.key
    limits = SharedLimits(f"{settings.base_url} {account}")
    return Attempts(
        client, limits, auth, secrets_of(settings, tokens), deadline=deadline, rate_limit_wait=rate_limit_wait
    )


def secrets_of(settings: ConnectionSettings, tokens: RotatingTokens | None) -> Secrets:
    """
    Return the secrets that requests of a connection may hold.

    :param settings: what the connection says
    :param tokens: its tokens; None for a static one
    :return: a function that lists them, so that no list of attributes shows them
    """
    static = [settings.access_token or ""]
    return (lambda: static) if tokens is None else tokens.secrets


def rotating_tokens(settings: ConnectionSettings, conn_id: str) -> RotatingTokens | None:
    """
    Give the tokens of a connection that has a refresh token.

    :param settings: what the connection says
    :param conn_id: its id, for messages
    :return: None for a static token
    :raises XChatInputError: when the access token or the token store cannot be one
    """
    if settings.grant is None:
        return None
    if settings.access_token is not None:
        _bearer(settings.access_token)
    return RotatingTokens(
        settings.grant,
        token_stores.token_store(settings.store, settings.store_kwargs),
        base_url=settings.base_url,
        timeout=settings.timeout,
        conn_id=conn_id,
        verify=settings.verify,
        secrets=token_stores.secrets_of(settings.store_kwargs),
    )


def _bearer(access_token: str) -> BearerToken:
    mask([access_token] if access_token else [])
    try:
        return BearerToken(access_token)
    except ValueError as error:
        raise XChatInputError(f"the connection's password cannot be used: {error}") from None
