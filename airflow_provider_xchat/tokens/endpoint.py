"""
X's OAuth 2.0 token endpoint: one POST at a time, blocking, bounded in time and size, and never redirected.

RFC 6749 says what is sent and answered. Confidential clients send their id and secret by HTTP Basic and no
``client_id`` in the body, public clients only ``client_id`` in the body, as X documents it.
"""

from __future__ import annotations

import json
import math
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import httpx
from xchat_client.client import BearerToken

from airflow_provider_xchat.api.answers import api_error, cleaned
from airflow_provider_xchat.exceptions import (
    XChatAnswerError,
    XChatAPIError,
    XChatAuthError,
    XChatBadRequestError,
    XChatConnectionError,
    XChatRateLimitError,
    XChatServerError,
)
from airflow_provider_xchat.limits.headers import RateLimitHeaders, retry_after
from airflow_provider_xchat.runtime.http_environment import making_client, ssl_context, tls_fault
from airflow_provider_xchat.runtime.redaction import redact
from airflow_provider_xchat.runtime.supervisor import mask
from airflow_provider_xchat.tokens.model import REFRESH_TOKEN, Token

__all__ = ["TokenEndpoint"]

TOKEN_PATH = "/2/oauth2/token"  # noqa: S105  a path
REVOKE_PATH = "/2/oauth2/revoke"

# What a token endpoint calls a refresh token or a client that it does not take. X answers a dead refresh token with
# invalid_request, others with invalid_grant.
_REFUSALS = frozenset({"invalid_request", "invalid_grant", "invalid_client", "unauthorized_client"})
# What httpx raises before anything was sent
_BEFORE_SENDING = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    *(httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL),
)
# A token answer has less than 1 kB.
_MOST = 64 * 1024


@dataclass(frozen=True)
class _Answer:
    status_code: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class TokenEndpoint:
    """
    Where a client gets its tokens.

    :param base_url: where the API is
    :param client_id: the app's client id
    :param client_secret: for confidential clients
    :param timeout: seconds that the whole answer may take
    :param conn_id: the connection to sign in again for, for messages
    :param verify: file or folder with the CA certificates to trust; None for the default ones
    """

    base_url: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    conn_id: str = "xchat_default"
    verify: str | None = None

    def refresh(self, token: Token, *, until: float = math.inf) -> Token:
        """
        Turn a refresh token into the next token; the refresh token is used up by that.

        :param token: the latest token
        :param until: time of ``time.monotonic`` until which the answer must be there; nothing is sent when half of
            what is left of it at first has passed
        :return: the next one. Its access token is None when the answer had one that cannot be used: what it had of
            use is there, so that it can be saved before anybody complains
        :raises XChatAuthError: when X refuses the refresh token or the client; nothing was rotated
        :raises XChatAPIError: when X answers any other error; after a 5xx the token may be rotated
        :raises XChatConnectionError: when no whole answer came; the token may be rotated
        :raises XChatAnswerError: when the answer is none of a token endpoint's; the token may be rotated
        """
        if token.refresh_token is None:
            raise ValueError("a token without a refresh token cannot be refreshed")
        form = {"grant_type": "refresh_token", "refresh_token": token.refresh_token}
        issued = self._token(form, token.secrets, until)
        # RFC 6749, section 6: without a new refresh token, the old one stays good.
        return replace(
            issued,
            refresh_token=issued.refresh_token or token.refresh_token,
            scope=issued.scope or token.scope,
        )

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> Token:
        """
        Turn an authorization code into a token.

        :param code: from the redirect
        :param redirect_uri: where that went
        :param verifier: of which the authorization request had the S256 challenge (RFC 7636)
        :return: the token
        :raises XChatError: as :meth:`refresh` says
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        return self._token(form, [code, verifier], math.inf)

    def revoke(self, token: str) -> None:
        """
        End a token, and with a refresh token the whole grant.

        :param token: an access token or a refresh token
        :raises XChatError: when X did not confirm it
        """
        self._post(REVOKE_PATH, {"token": token}, [token], math.inf)

    def _token(self, form: Mapping[str, str], secrets: list[str], until: float) -> Token:
        answer = self._post(TOKEN_PATH, form, secrets, until)
        try:
            members = json.loads(answer.content)
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            kind = redact(answer.headers.get("content-type", "no content type"), secrets)
            raise XChatAnswerError(
                f"X answered {answer.status_code} to POST {TOKEN_PATH} with something other than a token ({kind}, "
                f"{len(answer.content)} bytes); expected a JSON object",
                answer.status_code,
            )
        return _issued(members)

    def _post(self, path: str, form: Mapping[str, str], secrets: list[str], until: float) -> _Answer:
        mask(secrets)
        headers = {"accept": "application/json"}
        if self.client_secret:
            # RFC 6749, section 2.3.1: form-encoded before they are joined.
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            credentials = b64encode(pair.encode()).decode()
            mask([self.client_secret, credentials])
            headers["authorization"] = f"Basic {credentials}"
            secrets = [*secrets, self.client_secret, credentials]
        else:
            form = {**form, "client_id": self.client_id}
        answer = self._answer(path, form, headers, until)
        if 200 <= answer.status_code <= 299:
            return answer
        raise self._error(path, answer, secrets)

    def _answer(self, path: str, form: Mapping[str, str], headers: Mapping[str, str], until: float) -> _Answer:
        now = time.monotonic()
        end = min(until, now + self.timeout)
        send_by = now + (end - now) / 2

        def check(event: str, _: Any) -> None:
            # Connecting may have taken long; what has not been sent by now could be sent by somebody else too.
            if event.endswith("send_request_headers.started") and time.monotonic() > send_by:
                raise httpx.ConnectTimeout("connecting took too long")

        request = f"POST {path}"
        timeout = max(0.1, end - now)
        context = ssl_context(self.verify, self.conn_id)
        with making_client():
            opened = httpx.Client(timeout=timeout, follow_redirects=False, headers=headers, verify=context)
        try:
            with (
                opened as client,
                client.stream("POST", self.base_url + path, data=form, extensions={"trace": check}) as response,
            ):
                content = b""
                for part in response.iter_bytes():
                    content += part
                    if len(content) > _MOST:
                        raise XChatAnswerError(
                            f"X answered {response.status_code} to {request} with more than {_MOST} bytes; expected a"
                            " token",
                            response.status_code,
                        )
                    if time.monotonic() > end:
                        raise httpx.ReadTimeout("the answer took too long")
                return _Answer(response.status_code, response.headers, content)
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
            kind = type(error).__name__
            fault = tls_fault(error)
            said = f"no whole answer to {request} from {self.base_url}: {fault or kind}"
            if isinstance(error, httpx.TimeoutException):
                said = f"no answer to {request} within {timeout:.0f} s ({kind})"
            # Without its cause: h11 quotes what it could not read.
            nothing_sent = isinstance(error, _BEFORE_SENDING)
            raise XChatConnectionError(said, nothing_sent=nothing_sent, may_pass=fault is None) from None

    def _error(self, path: str, answer: _Answer, secrets: list[str]) -> XChatAPIError:
        error = api_error(cleaned(answer, secrets), f"POST {path}")
        if answer.status_code in (400, 401) and _REFUSALS & {str(problem.get("error")) for problem in error.problems}:
            error = XChatAuthError(error.status, error.problems, request=error.request)
        if isinstance(error, XChatAuthError):
            error.conn_id = self.conn_id
            return error
        if isinstance(error, XChatRateLimitError):
            error.retry_at, error.is_guess = _retry_at(answer.headers)
        if isinstance(error, XChatBadRequestError | XChatRateLimitError | XChatServerError):
            return error
        # What the others say is about chats.
        return XChatAPIError(error.status, error.problems, request=error.request)


def _issued(members: Mapping[str, Any]) -> Token:
    now = time.time()
    access_token, refresh_token = _access_token(members.get("access_token")), members.get("refresh_token")
    if not isinstance(refresh_token, str) or not REFRESH_TOKEN.fullmatch(refresh_token):
        refresh_token = None
    if str(members.get("token_type") or "bearer").lower() != "bearer":
        access_token = None
    mask(secret for secret in (access_token, refresh_token) if secret)
    lifetime = members.get("expires_in")
    if not isinstance(lifetime, int | float) or isinstance(lifetime, bool) or not 0 < lifetime < math.inf:
        lifetime = None
    scope = members.get("scope")
    return Token(
        access_token,
        refresh_token,
        # Unknown for a lifetime that is none: the token is used until X refuses it.
        expires_at=None if lifetime is None else now + lifetime,
        scope=scope if isinstance(scope, str) else "",
        rotated_at=now,
    )


def _retry_at(headers: Mapping[str, str]) -> tuple[datetime | None, bool]:
    """Return when to come back after a 429 (by ``retry-after`` or the end of X's window), and whether it is a guess."""
    now = time.time()
    read = RateLimitHeaders.from_headers(headers, now, refused=True)
    at = retry_after(headers, now) or read.resets_at
    return (None, False) if at is None else (datetime.fromtimestamp(at, UTC), read.is_guess)


def _access_token(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        BearerToken(value)
    except ValueError:
        return None
    return value
