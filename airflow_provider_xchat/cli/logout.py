"""``xchat logout``: revoke the sign-in at X, and delete the tokens of the connection."""

from __future__ import annotations

import argparse

from airflow_provider_xchat.advice import problems_text, sign_in_command
from airflow_provider_xchat.cli.connections import ConnectionFields, FoundConnection, change, connections_sharing, get
from airflow_provider_xchat.cli.stored_tokens import delete_tokens, latest_token
from airflow_provider_xchat.cli.terminal import Terminal
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import XChatAuthError, XChatError, XChatInputError
from airflow_provider_xchat.tokens.endpoint import TokenEndpoint

__all__ = ["logout"]


def logout(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """
    Sign out.

    :param arguments: the parsed arguments
    :param terminal: the terminal
    :raises XChatError: when the tokens could not be revoked or deleted
    """
    found = get(arguments.conn_id)
    fields = found.fields
    if not fields.has_tokens:
        terminal.output(f"Connection {fields.conn_id!r} has no token: already signed out.")
        return
    settings = ConnectionSettings.from_connection(fields)
    revoked = _try_revoke(settings, fields, terminal, force=arguments.force)
    _warn_others(settings, fields, terminal)
    if found.in_database:
        change(fields.conn_id, ConnectionFields.without_tokens)
    # Last, so that a second logout still finds the token to revoke.
    is_deleted = _delete_stored(settings, terminal)
    if not found.in_database:
        raise _unwritable(found, revoked=revoked)
    exception = "" if is_deleted else ", except in the token store"
    outcome = f"revoked at X, and its tokens deleted{exception}"
    if not revoked:
        outcome = f"deleted here{exception}, but not revoked at X"
    terminal.output(
        f"Connection {fields.conn_id!r}: sign-in {outcome}. To sign in again: {sign_in_command(fields.conn_id)}"
    )


def _try_revoke(settings: ConnectionSettings, fields: ConnectionFields, terminal: Terminal, *, force: bool) -> bool:
    try:
        _revoke(settings, fields, terminal)
    except XChatError as error:
        reason = _reason(error)
        if not force:
            raise XChatError(
                f"Token not revoked: {reason}. Nothing was deleted; use --force to delete it here nevertheless"
            ) from None
        terminal.warn(f"token not revoked, it may still be valid at X: {reason}")
        return False
    return True


def _revoke(settings: ConnectionSettings, fields: ConnectionFields, terminal: Terminal) -> None:
    client_id = str(fields.login or "").strip()
    if not client_id:
        raise XChatInputError("the connection has no login: expected the client id of the token's app")
    token = latest_token(settings, fields.conn_id)
    endpoint = TokenEndpoint(
        settings.base_url, client_id, fields.client_secret, settings.timeout, fields.conn_id, settings.verify
    )
    endpoint.revoke(token.refresh_token or token.access_token or "")
    if settings.grant is not None and token.rotated_at is None and token.expires_within(0):
        # X also confirms the revocation of a used refresh token.
        terminal.warn(
            "the token store has no rotated token, so the sign-in's first token was revoked. If tasks have refreshed it"
            " into another store or database, that token is still valid: run logout there"
        )


def _reason(error: XChatError) -> str:
    if isinstance(error, XChatAuthError):
        return f"X answered {error.status}: {problems_text(error.problems)}"
    return str(error).rstrip(".")


def _warn_others(settings: ConnectionSettings, fields: ConnectionFields, terminal: Terminal) -> None:
    try:
        others = connections_sharing(settings.grant, fields.conn_id) if settings.grant else []
    except XChatError:
        return
    if others:
        terminal.warn(f"these connections have the same sign-in, which is revoked: {', '.join(others)}")


def _delete_stored(settings: ConnectionSettings, terminal: Terminal) -> bool:
    try:
        delete_tokens(settings)
    except XChatError as error:
        terminal.warn(f"token not deleted from the token store: {error}")
        return False
    return True


def _unwritable(found: FoundConnection, *, revoked: bool) -> XChatInputError:
    return XChatInputError(
        f"The token of connection {found.fields.conn_id!r} is{'' if revoked else ' not'} revoked, but logout cannot"
        f" change {found.source}: delete the connection there, or its password, refresh_token and expires_at"
    )
