"""Test of a connection, for Airflow's Test button: it refreshes and writes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from airflow_provider_xchat.advice import sign_in_command
from airflow_provider_xchat.api import calls
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import (
    XChatAPIError,
    XChatAuthError,
    XChatCreditsError,
    XChatError,
    XChatForbiddenError,
    XChatRateLimitError,
    XChatServerError,
)
from airflow_provider_xchat.sending.factory import rotating_tokens, secrets_of, static_client

__all__ = ["run_connection_test"]

#: a user id that does not exist, so that the request returns nothing that is billed
_NONEXISTENT_USER_ID = "0"

_VALID = "X accepts the token."
_EXPIRED = (
    "The access token has expired. The next task refreshes it; this test does not, so it cannot check whether the"
    " sign-in is still valid."
)
_REFUSED = (
    "X refuses the access token: it has expired or was revoked. The next task refreshes it; this test does not, so it"
    " cannot check whether the sign-in is still valid."
)
_REFUSED_EARLY = (
    "X refuses the access token before its expiry: the sign-in may have been revoked. The next task tries to refresh"
    " it; this test does not. To sign in again: {}"
)
# Airflow's Test button copies the connection to an environment variable with such an id.
_TEMPORARY_ID = re.compile(r"(?=.*[A-Z0-9])[A-Za-z0-9]{8}")


def run_connection_test(conn_id: str, load_settings: Callable[[str], ConnectionSettings]) -> tuple[bool, str]:
    """
    Test a connection with a request for a conversation that does not exist.

    :param conn_id: id of the connection
    :param load_settings: returns the settings of the connection; takes its id for messages
    :return: whether X accepts the token, and a sentence for the user
    """
    if _TEMPORARY_ID.fullmatch(conn_id) and f"AIRFLOW_CONN_{conn_id.upper()}" in os.environ:
        conn_id = "CONN_ID"
    try:
        return _request(conn_id, load_settings(conn_id))
    except XChatRateLimitError as error:
        return True, f"The token is valid, but the rate limit is exhausted. {error}"
    except (XChatAuthError, XChatCreditsError, XChatForbiddenError, XChatServerError) as error:
        return False, str(error)
    except XChatAPIError:
        return True, _VALID  # 400 or 404, as expected
    except XChatError as error:
        return False, str(error)


def _request(conn_id: str, settings: ConnectionSettings) -> tuple[bool, str]:
    tokens = rotating_tokens(settings, conn_id)
    access_token = settings.access_token
    if tokens is not None:
        latest = tokens.stored()
        if latest.expires_within(0):
            return True, _EXPIRED
        access_token = latest.access_token
    call = calls.get_conversation(_NONEXISTENT_USER_ID)
    try:
        with static_client(settings, conn_id, access_token) as client:
            call.read(call.send(client, secrets_of(settings, tokens)))
    except XChatAuthError as error:
        if tokens is None:
            error.conn_id, error.is_static = conn_id, True
            raise
        if latest.expires_at is not None:
            return False, _REFUSED_EARLY.format(sign_in_command(conn_id))
        return True, _REFUSED
    return True, _VALID
