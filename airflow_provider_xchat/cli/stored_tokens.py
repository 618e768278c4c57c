"""The latest token of a connection in its token store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import XChatError, XChatTokenStoreError
from airflow_provider_xchat.sending.factory import rotating_tokens
from airflow_provider_xchat.tokens.lease import lease_key
from airflow_provider_xchat.tokens.model import Token
from airflow_provider_xchat.tokens.stores import make_token_store

__all__ = ["delete_tokens", "latest_token"]


def latest_token(settings: ConnectionSettings, conn_id: str) -> Token:
    """
    Load the latest token, and change nothing.

    :param settings: the settings of the connection
    :param conn_id: its id, for messages
    :return: the store's token; the connection's if the store has none
    :raises XChatError: when the store cannot be created or read
    """
    with _store_errors():
        tokens = rotating_tokens(settings, conn_id)
        return Token(settings.access_token) if tokens is None else tokens.stored()


def delete_tokens(settings: ConnectionSettings) -> None:
    """
    Delete the token of a sign-in and its lease from the token store.

    :param settings: the settings of the connection
    :raises XChatError: when the store cannot be created or written
    """
    if settings.grant is None:
        return
    with _store_errors():
        store = make_token_store(settings.store, settings.store_kwargs)
        for key in (settings.grant.key, lease_key(settings.grant.key)):
            store.delete(key)


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except XChatError:
        raise
    except Exception as error:  # noqa: BLE001  a user's store may raise anything, and the text may contain a secret
        raise XChatTokenStoreError(f"the token store cannot be used: {type(error).__name__}") from None
