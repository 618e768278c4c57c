"""The latest token of a connection, where tasks keep it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import XChatError, XChatTokenStoreError
from airflow_provider_xchat.sending.factory import rotating_tokens
from airflow_provider_xchat.tokens.model import Token
from airflow_provider_xchat.tokens.stores import token_store

__all__ = ["forget_tokens", "latest_token"]


def latest_token(settings: ConnectionSettings, conn_id: str) -> Token:
    """
    Read the latest token, and change nothing.

    :param settings: what the connection says
    :param conn_id: its id, for messages
    :return: the store's; the connection's when it has none
    :raises XChatError: when the store cannot be made or read
    """
    with _store_errors():
        tokens = rotating_tokens(settings, conn_id)
        return Token(settings.access_token) if tokens is None else tokens.stored()


def forget_tokens(settings: ConnectionSettings) -> None:
    """
    Remove what the store has of a sign-in that is over.

    :param settings: what the connection said
    :raises XChatError: when the store cannot be made or written
    """
    if settings.grant is None:
        return
    with _store_errors():
        store = token_store(settings.store, settings.store_kwargs)
        for key in (settings.grant.key, f"{settings.grant.key}_lease"):
            store.delete(key)


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except XChatError:
        raise
    except Exception as error:  # noqa: BLE001  a user's store may raise anything, with a secret in its text
        raise XChatTokenStoreError(f"the token store cannot be used: {type(error).__name__}") from None
