"""``xchat logout``: end the sign-in at X, and take the tokens out of the connection."""

from __future__ import annotations

import argparse

from airflow_provider_xchat.advice import problem_text, sign_in_command
from airflow_provider_xchat.cli.connections import ConnectionFields, FoundConnection, change, get, sharing
from airflow_provider_xchat.cli.kept_tokens import forget_tokens, latest_token
from airflow_provider_xchat.cli.terminal import Terminal
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import XChatAuthError, XChatError, XChatInputError
from airflow_provider_xchat.tokens.endpoint import TokenEndpoint

__all__ = ["logout"]


def logout(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """
    Sign out.

    :param arguments: as cli.py declares them
    :param terminal: where to write
    :raises XChatError: when X was not told, or something could not be removed
    """
    found = get(arguments.conn_id)
    fields = found.fields
    if not fields.has_tokens:
        terminal.result(f"Connection {fields.conn_id!r} has no token: it is signed out already.")
        return
    settings = ConnectionSettings.of(fields)
    revoked = _revoked(settings, fields, terminal, force=arguments.force)
    _warn_others(settings, fields, terminal)
    if found.in_database:
        change(fields.conn_id, ConnectionFields.without_tokens)
    # Later, so that a second try still knows which token to revoke.
    forgotten = _forget(settings, terminal)
    if not found.in_database:
        raise XChatInputError(_what_is_left(found, revoked=revoked))
    kept = "" if forgotten else ", other than from the token store"
    ended = f"revoked at X, and its tokens removed{kept}" if revoked else f"removed here{kept}, but not revoked at X"
    terminal.result(
        f"The sign-in of connection {fields.conn_id!r} is {ended}. To sign in again: {sign_in_command(fields.conn_id)}"
    )


def _revoked(settings: ConnectionSettings, fields: ConnectionFields, terminal: Terminal, *, force: bool) -> bool:
    try:
        _revoke(settings, fields, terminal)
    except XChatError as error:
        reason = _reason(error)
        if not force:
            raise XChatError(
                f"the token is not revoked: {reason}. Nothing was removed; --force removes it here all the same"
            ) from None
        terminal.warn(f"the token is not revoked, and may live on at X: {reason}")
        return False
    return True


def _revoke(settings: ConnectionSettings, fields: ConnectionFields, terminal: Terminal) -> None:
    client_id = str(fields.login or "").strip()
    if not client_id:
        raise XChatInputError("the connection has no login; expected the client id that the token was issued to there")
    token = latest_token(settings, fields.conn_id)
    endpoint = TokenEndpoint(
        settings.base_url, client_id, fields.client_secret, settings.timeout, fields.conn_id, settings.verify
    )
    endpoint.revoke(token.refresh_token or token.access_token or "")
    if settings.grant is not None and token.rotated_at is None and token.expires_within(0):
        # X also confirms the revocation of a refresh token that was used up.
        terminal.warn(
            "the token store has no token that came after the sign-in, and the sign-in's own was revoked. Where tasks"
            " have refreshed it into another store or database, that token lives on: run logout there"
        )


def _reason(error: XChatError) -> str:
    if isinstance(error, XChatAuthError):
        said = "; ".join(problem_text(problem) for problem in error.problems) or "no details"
        return f"X answered {error.status}: {said}"
    return str(error).rstrip(".")


def _warn_others(settings: ConnectionSettings, fields: ConnectionFields, terminal: Terminal) -> None:
    try:
        others = sharing(settings.grant, fields.conn_id) if settings.grant else []
    except XChatError:
        return
    if others:
        terminal.warn(f"these connections have lived on the same sign-in, which is over: {', '.join(others)}")


def _forget(settings: ConnectionSettings, terminal: Terminal) -> bool:
    try:
        forget_tokens(settings)
    except XChatError as error:
        terminal.warn(f"what the token store has of this sign-in was not removed: {error}")
        return False
    return True


def _what_is_left(found: FoundConnection, *, revoked: bool) -> str:
    return (
        f"the token of connection {found.fields.conn_id!r} is{'' if revoked else ' not'} revoked, but the connection"
        f" comes from {found.source}, which this command cannot change: remove it there, or its password, and"
        " refresh_token and expires_at in its extra"
    )
