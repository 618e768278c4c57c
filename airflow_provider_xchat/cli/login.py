"""``xchat login``: sign in at X in a browser, and write the connection."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import threading
import webbrowser
from contextlib import suppress

from airflow_provider_xchat.advice import problem_text
from airflow_provider_xchat.cli.connections import (
    ConnectionFields,
    FoundConnection,
    change,
    environment_variable,
    find,
    sharing,
)
from airflow_provider_xchat.cli.kept_tokens import forget_tokens
from airflow_provider_xchat.cli.loopback import LoopbackListener
from airflow_provider_xchat.cli.sign_in import OFFLINE_SCOPE, SCOPES, SignIn, scopes_of
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

# In place of a token, to hear before the sign-in what is wrong with the rest of the connection.
_NO_TOKEN = Token("not-signed-in-yet", "not-signed-in-yet")


def login(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """
    Sign in at X.

    :param arguments: as cli.py declares them
    :param terminal: where to write
    :raises XChatError: when there is no token in the end; then nothing was changed
    """
    found = _found(arguments, terminal)
    client_id, client_secret = _client(arguments, found, terminal)
    # The connection that is there is read again when it is written: a sign-in takes its time.
    before = found.fields if found else ConnectionFields(arguments.conn_id)
    fields = before.with_client(client_id, client_secret, arguments.host)
    settings = ConnectionSettings.of(fields.with_token(_NO_TOKEN))
    scopes = scopes_of(arguments.scope) if arguments.scope else (*SCOPES, OFFLINE_SCOPE)
    sign_in = SignIn(settings.base_url, client_id, arguments.redirect_uri, scopes, arguments.pages)
    endpoint = TokenEndpoint(
        settings.base_url, client_id, client_secret, settings.timeout, arguments.conn_id, settings.verify
    )
    ssl_context(settings.verify, arguments.conn_id)  # a code is good for 30 seconds: too short to fix the certificates

    token = _exchanged(endpoint, sign_in, _code(arguments, sign_in, terminal))
    granted = token.scope.split() or list(scopes)
    _warn_of_what_is_missing(token, granted, terminal)
    try:
        if arguments.print:
            terminal.result(_printed(arguments.print, fields.with_token(token)))
        else:
            change(
                arguments.conn_id,
                lambda stored: (
                    stored.with_client(client_id, client_secret, arguments.host).with_token(token).with_port()
                ),
            )
    except XChatError:
        # Nobody will ever use this token.
        with suppress(XChatError):
            endpoint.revoke(token.refresh_token or token.access_token or "")
        raise
    if arguments.print:
        terminal.say("Signed in. The connection is printed, and nothing was written.")
        return
    if found:
        _forget(found.fields, terminal)
    terminal.result(_summary(arguments.conn_id, settings, client_secret, granted, token))


def _found(arguments: argparse.Namespace, terminal: Terminal) -> FoundConnection | None:
    if arguments.print == "env" and not re.fullmatch(r"\w+", arguments.conn_id, re.ASCII):
        raise XChatInputError(
            f"no shell takes {environment_variable(arguments.conn_id)} for the name of an environment variable;"
            " expected a connection id of letters, digits and underscores, or --print json"
        )
    try:
        found = find(arguments.conn_id)
    except XChatInputError:
        raise
    except XChatError as error:
        # A connection can be printed where no Airflow runs.
        if not arguments.print:
            raise
        terminal.warn(f"{error}. Going on without looking at the connection that may be there")
        return None
    if found and not found.in_database and not arguments.print:
        raise XChatInputError(
            f"connection {arguments.conn_id!r} comes from {found.source}, which wins over the Airflow database, so that"
            " what login writes there would never be used. Remove it there, or use --print and put what it prints"
            " there"
        )
    return found


def _client(arguments: argparse.Namespace, found: FoundConnection | None, terminal: Terminal) -> tuple[str, str | None]:
    known = str(found.fields.login or "").strip() if found else ""
    client_id = (arguments.client_id or "").strip() or known
    if not client_id:
        there = "has no client id (its login is empty)" if found else "does not exist yet"
        raise XChatInputError(
            f"connection {arguments.conn_id!r} {there}; expected --client-id with the client id of your app, from X's"
            " developer portal"
        )
    secret: str | None = os.environ.get(CLIENT_SECRET_VARIABLE, "").strip()
    if not secret and arguments.confidential:
        secret = _asked_for_secret(terminal)
    if not secret and found and client_id == known:
        secret = found.fields.client_secret
    return client_id, secret or None


def _asked_for_secret(terminal: Terminal) -> str:
    secret = terminal.ask_secretly("Client secret (not shown): ")
    if not secret:
        raise XChatInputError(
            f"no client secret was given; expected the one of your app, here or in {CLIENT_SECRET_VARIABLE}. A public"
            " client has none: leave out --confidential"
        )
    return secret


def _code(arguments: argparse.Namespace, sign_in: SignIn, terminal: Terminal) -> str:
    if arguments.no_browser:
        terminal.say(
            "Open this URL in a browser, on any machine, and allow access there:\n\n"
            f"  {sign_in.url}\n\n"
            f"The browser then ends at a URL that begins with {sign_in.redirect_uri}; it does not matter whether it can"
            " show it. Paste the whole URL here at once, as it is good for 30 seconds only."
        )
        pasted = terminal.ask("URL: ")
        if not pasted:
            raise XChatSignInError("no URL was pasted, so there is no token")
        return sign_in.code(pasted)
    with LoopbackListener(sign_in.redirect_uri, sign_in.is_of_this) as listener:
        terminal.say(
            "Allow access in the browser that opens now. If none does, open this URL on this machine; from another one,"
            f" use --no-browser.\n\n  {sign_in.url}\n"
        )
        # Some browsers come back only when they are closed.
        threading.Thread(target=_open_browser, args=(sign_in.url, terminal), daemon=True).start()
        return sign_in.code(listener.redirected(arguments.timeout))


def _open_browser(url: str, terminal: Terminal) -> None:
    try:
        opened = webbrowser.open(url)
    except (OSError, webbrowser.Error):
        opened = False
    if not opened:
        terminal.say("No browser could be opened here: open the URL above yourself. Waiting for it.")


def _exchanged(endpoint: TokenEndpoint, sign_in: SignIn, code: str) -> Token:
    try:
        token = endpoint.exchange(code, sign_in.redirect_uri, sign_in.verifier)
    except XChatAuthError as error:
        said = "; ".join(problem_text(problem) for problem in error.problems) or "no details"
        if any(problem.get("error") in ("invalid_client", "unauthorized_client") for problem in error.problems):
            advice = (
                "Compare the client id with the one in X's developer portal. A confidential client needs its secret, in"
                f" {CLIENT_SECRET_VARIABLE} or asked for by --confidential; a public client has none"
            )
        else:
            advice = "An authorization code is good once, and for 30 seconds: run the command again, without a pause"
        raise XChatSignInError(f"X answered {error.status} to the authorization code: {said}. {advice}") from None
    except XChatAnswerError as error:
        raise XChatSignInError(f"{error}. Is the API URL right?") from None
    if token.access_token is None:
        raise XChatSignInError("X issued no access token that can be used: expected a bearer token")
    return token


def _warn_of_what_is_missing(token: Token, granted: list[str], terminal: Terminal) -> None:
    missing = [scope for scope in SCOPES if scope not in granted]
    if missing:
        terminal.warn(
            f"scopes that were not granted: {', '.join(missing)}. Reading needs dm.read, marking as read dm.write, and"
            " both tweet.read and users.read"
        )
    if token.refresh_token is None:
        end = "" if token.expires_at is None else f" It expires {relative(token.expires_at)}."
        terminal.warn(
            f"X issued no refresh token, as {OFFLINE_SCOPE} was not granted: the access token cannot be refreshed.{end}"
        )


def _printed(form: str, fields: ConnectionFields) -> str:
    if form == "uri":
        return fields.to_uri()
    if form == "json":
        return fields.to_json()
    # What reads .env files may know single quotes, but not the shell's way to have one inside of them.
    value = fields.to_json().replace("'", "\\u0027")
    return f"{environment_variable(fields.conn_id)}={shlex.quote(value)}"


def _forget(replaced: ConnectionFields, terminal: Terminal) -> None:
    try:
        settings = ConnectionSettings.of(replaced)
        if settings.grant is not None and not sharing(settings.grant, replaced.conn_id):
            forget_tokens(settings)
    except XChatInputError:
        # What could not be used has left nothing behind.
        return
    except XChatError as error:
        terminal.warn(f"what the token store has of the sign-in before this one was not removed: {error}")


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
    return "\n".join([*lines, "Tasks refresh the token by themselves." if token.refresh_token else ""]).rstrip()
