"""``xchat login``: sign in at X in a browser, and write the connection."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import threading
import webbrowser
from contextlib import suppress

from airflow_provider_xchat.advice import REFUSED_CLIENT, problems_text
from airflow_provider_xchat.cli.connections import (
    ConnectionFields,
    FoundConnection,
    change,
    connections_sharing,
    environment_variable,
    find,
)
from airflow_provider_xchat.cli.loopback import LoopbackListener
from airflow_provider_xchat.cli.sign_in import OFFLINE_SCOPE, SCOPES, SignIn, scopes_of
from airflow_provider_xchat.cli.stored_tokens import delete_tokens
from airflow_provider_xchat.cli.terminal import Terminal, relative
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import (
    XChatAnswerError,
    XChatAuthError,
    XChatError,
    XChatInputError,
    XChatSignInError,
)
from airflow_provider_xchat.runtime.http_environment import ssl_context
from airflow_provider_xchat.tokens.endpoint import TokenEndpoint
from airflow_provider_xchat.tokens.model import Token

__all__ = ["login"]

CLIENT_SECRET_VARIABLE = "XCHAT_CLIENT_SECRET"  # noqa: S105  a name

# Placeholder to check the rest of the connection before the sign-in.
_PLACEHOLDER = Token("not-signed-in-yet", "not-signed-in-yet")


def login(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """
    Sign in at X.

    :param arguments: the parsed arguments
    :param terminal: the terminal
    :raises XChatError: when there is no token, or the connection cannot be written; nothing was changed
    """
    found = _find_connection(arguments, terminal)
    client_id, client_secret = _client(arguments, found, terminal)
    # Only for checks and --print: the connection is read again when it is written, as a sign-in takes time.
    before = found.fields if found else ConnectionFields(arguments.conn_id)
    fields = before.with_client(client_id, client_secret, arguments.host)
    settings = ConnectionSettings.from_connection(fields.with_token(_PLACEHOLDER))
    scopes = scopes_of(arguments.scope) if arguments.scope else (*SCOPES, OFFLINE_SCOPE)
    sign_in = SignIn(settings.base_url, client_id, arguments.redirect_uri, scopes, arguments.pages)
    endpoint = TokenEndpoint(
        settings.base_url, client_id, client_secret, settings.timeout, arguments.conn_id, settings.verify
    )
    ssl_context(settings.verify, arguments.conn_id)  # before the sign-in, as a code is valid for 30 seconds only

    token = _exchange(endpoint, sign_in, _authorization_code(arguments, sign_in, terminal))
    granted = token.scope.split() or list(scopes)
    _warn_about_missing_scopes(token, granted, terminal)
    try:
        if arguments.print:
            terminal.output(_formatted(arguments.print, fields.with_token(token)))
        else:
            change(
                arguments.conn_id,
                lambda stored: (
                    stored.with_client(client_id, client_secret, arguments.host).with_token(token).with_port()
                ),
            )
    except XChatError:
        # No one can use this token.
        with suppress(XChatError):
            endpoint.revoke(token.refresh_token or token.access_token or "")
        raise
    if arguments.print:
        terminal.info("Signed in. The connection was printed and not written.")
        return
    if found:
        _delete_old_token(found.fields, terminal)
    terminal.output(_summary(arguments.conn_id, settings, client_secret, granted, token))


def _find_connection(arguments: argparse.Namespace, terminal: Terminal) -> FoundConnection | None:
    if arguments.print == "env" and not re.fullmatch(r"\w+", arguments.conn_id, re.ASCII):
        raise XChatInputError(
            f"{environment_variable(arguments.conn_id)} is not a valid environment variable name: expected a connection"
            " id of letters, digits and underscores, or use --print json"
        )
    try:
        found = find(arguments.conn_id)
    except XChatInputError:
        raise
    except XChatError as error:
        # A connection can be printed without an Airflow installation that works.
        if not arguments.print:
            raise
        terminal.warn(f"{error}. An existing connection is ignored")
        return None
    if found and not found.in_database and not arguments.print:
        raise XChatInputError(
            f"connection {arguments.conn_id!r} comes from {found.source}, which overrides the Airflow database that"
            " login writes to. Delete it there, or use --print and replace it there"
        )
    return found


def _client(arguments: argparse.Namespace, found: FoundConnection | None, terminal: Terminal) -> tuple[str, str | None]:
    known = str(found.fields.login or "").strip() if found else ""
    client_id = (arguments.client_id or "").strip() or known
    if not client_id:
        reason = "has no client id (its login is empty)" if found else "does not exist yet"
        raise XChatInputError(
            f"connection {arguments.conn_id!r} {reason}: expected --client-id with the client id of your app from X's"
            " developer portal"
        )
    secret: str | None = os.environ.get(CLIENT_SECRET_VARIABLE, "").strip()
    if not secret and arguments.confidential:
        secret = _prompted_secret(terminal)
    if not secret and found and client_id == known:
        secret = found.fields.client_secret
    return client_id, secret or None


def _prompted_secret(terminal: Terminal) -> str:
    secret = terminal.prompt_secret("Client secret (not shown): ")
    if not secret:
        raise XChatInputError(
            f"No client secret: expected the client secret of your app, here or in {CLIENT_SECRET_VARIABLE}. For a"
            " public client, omit --confidential"
        )
    return secret


def _authorization_code(arguments: argparse.Namespace, sign_in: SignIn, terminal: Terminal) -> str:
    if arguments.no_browser:
        terminal.info(
            "Open this URL in a browser on any machine, and allow access there:\n\n"
            f"  {sign_in.url}\n\n"
            f"The browser is then redirected to a URL that begins with {sign_in.redirect_uri}; the page itself may fail"
            " to load. Paste the complete URL here within 30 seconds."
        )
        pasted = terminal.prompt("URL: ")
        if not pasted:
            raise XChatSignInError("No URL was pasted, so there is no token")
        return sign_in.code(pasted)
    with LoopbackListener(sign_in.redirect_uri, sign_in.matches_state) as listener:
        terminal.info(
            "Allow access in the browser that opens now. If none opens, open this URL on this machine, or use"
            f" --no-browser for another machine.\n\n  {sign_in.url}\n"
        )
        # Some browsers return only when they are closed.
        threading.Thread(target=_open_browser, args=(sign_in.url, terminal), daemon=True).start()
        return sign_in.code(listener.wait_for_redirect(arguments.timeout))


def _open_browser(url: str, terminal: Terminal) -> None:
    try:
        opened = webbrowser.open(url)
    except (OSError, webbrowser.Error):
        opened = False
    if not opened:
        terminal.info("Cannot open a browser: open the URL above yourself. Waiting for the redirect.")


def _exchange(endpoint: TokenEndpoint, sign_in: SignIn, code: str) -> Token:
    try:
        token = endpoint.exchange(code, sign_in.redirect_uri, sign_in.verifier)
    except XChatAuthError as error:
        if any(problem.get("error") in REFUSED_CLIENT for problem in error.problems):
            advice = (
                "Compare the client id with the one in X's developer portal. A confidential client needs its secret:"
                f" set {CLIENT_SECRET_VARIABLE} or use --confidential"
            )
        else:
            advice = "An authorization code is valid once, and for 30 seconds: run the command again"
        problems = problems_text(error.problems)
        raise XChatSignInError(f"X answered {error.status} to the authorization code: {problems}. {advice}") from None
    except XChatAnswerError as error:
        raise XChatSignInError(f"{error}. Check the API URL") from None
    if token.access_token is None:
        raise XChatSignInError("X issued no valid access token: expected a bearer token")
    return token


def _warn_about_missing_scopes(token: Token, granted: list[str], terminal: Terminal) -> None:
    missing = [scope for scope in SCOPES if scope not in granted]
    if missing:
        terminal.warn(
            f"Scopes not granted: {', '.join(missing)}. Reading needs dm.read, marking as read needs dm.write, and both"
            " need tweet.read and users.read"
        )
    if token.refresh_token is None:
        expiry = "" if token.expires_at is None else f" It expires {relative(token.expires_at)}."
        terminal.warn(
            f"X issued no refresh token, as {OFFLINE_SCOPE} was not granted: tasks cannot refresh the token.{expiry}"
        )


def _formatted(form: str, fields: ConnectionFields) -> str:
    if form == "uri":
        return fields.to_uri()
    if form == "json":
        return fields.to_json()
    # Readers of .env files know single quotes, but not the shell's way to escape one.
    value = fields.to_json().replace("'", "\\u0027")
    return f"{environment_variable(fields.conn_id)}={shlex.quote(value)}"


def _delete_old_token(replaced: ConnectionFields, terminal: Terminal) -> None:
    try:
        settings = ConnectionSettings.from_connection(replaced)
        if settings.grant is not None and not connections_sharing(settings.grant, replaced.conn_id):
            delete_tokens(settings)
    except XChatInputError:
        # An invalid connection has no token in the store.
        return
    except XChatError as error:
        terminal.warn(f"token of the old sign-in not deleted from the token store: {error}")


def _summary(
    conn_id: str, settings: ConnectionSettings, client_secret: str | None, granted: list[str], token: Token
) -> str:
    lines = [
        f"Connection {conn_id!r} is signed in at {settings.base_url}.",
        f"  scopes   {' '.join(granted)}",
        f"  client   {'confidential' if client_secret else 'public'}",
    ]
    if token.expires_at is not None:
        lines.append(f"  expires  {relative(token.expires_at)}")
    return "\n".join([*lines, "Tasks refresh the token automatically." if token.refresh_token else ""]).rstrip()
