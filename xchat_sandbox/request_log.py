"""Request log: paths and queries as received, JSON bodies, and no credentials."""

import time
from collections import deque
from typing import Any
from urllib.parse import unquote, unquote_plus

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xchat_sandbox.wire.json_documents import strict_loads

CONTROL_PATH = "/_sandbox"
REDACTED = "REDACTED"

_ENTRY = "xchat_sandbox.log_entry"

# Query parameters to redact: RFC 6750 allows an access token in the query, a sign-in has secrets there, and a client
# may put a parameter of the token endpoint there by mistake.
_SECRETS = frozenset(
    {
        "access_token",
        "client_secret",
        "code",
        "code_challenge",
        "code_verifier",
        "refresh_token",
        "state",
        "token",
    }
)
# Bodies of requests to paths that contain this, even misspelled ones, are never logged.
_AUTHORIZATION_SERVER = "oauth2/"

# Bounds the memory of a sandbox that runs for long.
_MAX_ENTRIES = 10_000


class RequestLog:
    """The latest 10,000 requests, in the order in which they arrived."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MAX_ENTRIES)

    def open_entry(self, method: str, raw_path: str, query: str) -> dict[str, Any]:
        """Add an entry for a request that has arrived.

        :param method: the HTTP method.
        :param raw_path: the path as received, percent-escapes kept.
        :param query: the query string as received, without the question mark.
        :return: the entry; the caller sets ``status``, ``body`` and ``transaction_id``.
        """
        path = unquote(raw_path)
        entry: dict[str, Any] = {"method": method, "path": path, "query": redacted_query(query)}
        if raw_path != path:
            entry["path_raw"] = raw_path
        entry.update(status=None, body=None, transaction_id=None, time=round(time.monotonic() - self._start, 6))
        self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        """Return a copy of the log.

        :return: a dict for each request: method, path, path_raw if it differs, query, status, body,
            transaction_id, time.
        """
        return [dict(entry) for entry in list(self._entries)]

    def clear(self) -> None:
        """Remove all entries; times still count from the start of the sandbox."""
        self._entries.clear()


class RequestLogMiddleware:
    """Middleware that logs all requests except those to the control endpoints; it never reads headers.

    :param app: the wrapped application.
    :param log: the log to write to.
    """

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log a request and its status.

        :param scope: the ASGI scope.
        :param receive: the ASGI receive channel.
        :param send: the ASGI send channel.
        """
        path: str = scope.get("path", "")
        if scope["type"] != "http" or path == CONTROL_PATH or path.startswith(f"{CONTROL_PATH}/"):
            await self._app(scope, receive, send)
            return
        entry = self._log.open_entry(scope["method"], path, scope["query_string"].decode("latin-1"))

        async def send_and_log(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)

        try:
            body = await Request(scope, receive).body()
            if _AUTHORIZATION_SERVER not in entry["path"].lower():
                entry["body"] = _json_or_none(body)
            await self._app({**scope, _ENTRY: entry}, _replayed(body, receive), send_and_log)
        except ClientDisconnect:
            # The client is gone: no response is sent, and the status stays None.
            return
        except Exception:
            entry["status"] = 500
            raise


def log_entry(scope: Scope) -> dict[str, Any]:
    """Return the log entry of a request.

    :param scope: the ASGI scope of the request.
    :return: the entry; the caller may change it.
    """
    entry: dict[str, Any] = scope[_ENTRY]
    return entry


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        return next(messages, None) or await receive()

    return replay


def redacted_query(query: str) -> str:
    """Redact the secrets in a query string.

    :param query: a raw query string.
    :return: the same string with the values of secret parameters replaced.
    """
    return "&".join(_redacted_pair(pair) for pair in query.split("&"))


def _redacted_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={REDACTED}" if equals and is_secret(unquote_plus(name)) else pair


def is_secret(parameter: str) -> bool:
    """Return whether a query parameter is secret.

    :param parameter: its name, decoded.
    :return: whether it carries a token or a value that leads to one.
    """
    return parameter.strip().lower() in _SECRETS


def _json_or_none(body: bytes) -> Any:
    try:
        return strict_loads(body)
    except ValueError:
        return None
