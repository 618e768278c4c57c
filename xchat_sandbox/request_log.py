"""The request log: what was asked of the sandbox, byte for byte where it matters, and without credentials."""

import time
from collections import deque
from typing import Any
from urllib.parse import unquote, unquote_plus

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xchat_sandbox.json_wire import strict_loads

CONTROL_PATH = "/_sandbox"
REDACTED = "REDACTED"

_ENTRY = "xchat_sandbox.log_entry"

# What must not be shown of a query: RFC 6750 lets a client put its access token there, a sign-in has its
# values there, and what belongs into a body of the authorization server may end up there by mistake.
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
# Its bodies are never logged, in whatever form they come, and under whatever path that is nearly right.
_AUTHORIZATION_SERVER = "oauth2/"

# Enough for any test; a bound, so that a sandbox left running does not grow for ever.
_MAX_ENTRIES = 10_000


class RequestLog:
    """The latest 10,000 requests, in the order in which they arrived."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MAX_ENTRIES)

    def open_entry(self, method: str, raw_path: str, query: str) -> dict[str, Any]:
        """Log a request that has arrived.

        :param method: the HTTP method.
        :param raw_path: the path as received, percent-escapes kept.
        :param query: the query string as received, without the question mark.
        :returns: the entry; ``status``, ``body`` and ``transaction_id`` are to be filled in.
        """
        path = unquote(raw_path)
        entry: dict[str, Any] = {"method": method, "path": path, "query": redacted_query(query)}
        if raw_path != path:
            entry["path_raw"] = raw_path
        entry.update(status=None, body=None, transaction_id=None, time=round(time.monotonic() - self._start, 6))
        self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        """Copy the log.

        :returns: one dict for each request: method, path, path_raw if it differs, query, status, body,
            transaction_id, time.
        """
        return [dict(entry) for entry in list(self._entries)]

    def clear(self) -> None:
        """Empty the log; its times go on from the start of the sandbox."""
        self._entries.clear()


class RequestLogMiddleware:
    """Logs every request except those to the control endpoints. Headers are never looked at.

    :param app: the application behind.
    :param log: where to write.
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
            # Nobody is left to read an answer; the entry stays without a status.
            return
        except Exception:
            entry["status"] = 500
            raise


def log_entry(scope: Scope) -> dict[str, Any]:
    """Find the log's entry of a request.

    :param scope: the ASGI scope of the request.
    :returns: the entry, to be filled in.
    """
    entry: dict[str, Any] = scope[_ENTRY]
    return entry


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        return next(messages, None) or await receive()

    return replay


def redacted_query(query: str) -> str:
    """Hide what is secret in a query.

    :param query: a raw query string.
    :returns: the same string, except that the values of secret parameters are replaced.
    """
    return "&".join(_redacted_pair(pair) for pair in query.split("&"))


def _redacted_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={REDACTED}" if equals and is_secret(unquote_plus(name)) else pair


def is_secret(parameter: str) -> bool:
    """Tell whether the values of a query parameter must not be shown.

    :param parameter: its name, decoded.
    :returns: whether it carries a token, or what leads to one.
    """
    return parameter.strip().lower() in _SECRETS


def _json_or_none(body: bytes) -> Any:
    try:
        return strict_loads(body)
    except ValueError:
        return None
