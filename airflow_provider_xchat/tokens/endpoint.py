"""
X's OAuth 2.0 token endpoint (RFC 6749): blocking, limited in time and size, without redirects.

As X documents it, confidential clients authenticate by HTTP Basic without ``client_id`` in the body, and public clients
send only ``client_id`` in the body.
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

from airflow_provider_xchat.advice import REFUSED_CLIENT
from airflow_provider_xchat.api.answers import api_error, without_secrets
from airflow_provider_xchat.exceptions import (
    XChatAnswerError,
    XChatAPIError,
    XChatAuthError,
    XChatBadRequestError,
    XChatRateLimitError,
    XChatServerError,
)
from airflow_provider_xchat.limits.headers import RateLimitHeaders, retry_after
from airflow_provider_xchat.runtime.http_environment import proxy_errors, ssl_context
from airflow_provider_xchat.runtime.redaction import redact
from airflow_provider_xchat.runtime.supervisor import mask
from airflow_provider_xchat.runtime.transport_errors import transport_errors
from airflow_provider_xchat.tokens.model import REFRESH_TOKEN, Token

__all__ = ["TokenEndpoint"]

TOKEN_PATH = "/2/oauth2/token"  # noqa: S105  a path
REVOKE_PATH = "/2/oauth2/revoke"

# Errors about a refresh token or a client. X sends invalid_request for an invalid refresh token, others invalid_grant.
_REFUSALS = REFUSED_CLIENT | {"invalid_request", "invalid_grant"}
# A response with a token has less than 1 kB.
_MAX_RESPONSE_BYTES = 64 * 1024


@dataclass(frozen=True)
class _Response:
    status_code: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class TokenEndpoint:
    """
    Token endpoint for one app.

    :param base_url: URL of the API
    :param client_id: the app's client id
    :param client_secret: for confidential clients
    :param timeout: seconds that the complete response may take
    :param conn_id: id of the connection, for messages
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
        Exchange a refresh token for a new token; the refresh token is used up.

        :param token: the latest token
        :param until: deadline of the response (of ``time.monotonic``). If more than half of the remaining time has
            passed before sending, the request is not sent
        :return: the new token. An invalid access token is None in it, so that the rest can be saved before an error
        :raises XChatAuthError: when X refuses the refresh token or the client; nothing was rotated
        :raises XChatAPIError: when X returns another error; after a 5xx the token may be rotated
        :raises XChatConnectionError: when there is no complete response; the token may be rotated
        :raises XChatAnswerError: when the response is not a token; the token may be rotated
        """
        if token.refresh_token is None:
            raise ValueError("a token without a refresh token cannot be refreshed")
        form = {"grant_type": "refresh_token", "refresh_token": token.refresh_token}
        issued = self._token(form, token.secrets, until)
        # RFC 6749, section 6: without a new refresh token, the old one stays valid.
        return replace(
            issued,
            refresh_token=issued.refresh_token or token.refresh_token,
            scope=issued.scope or token.scope,
        )

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> Token:
        """
        Exchange an authorization code for a token.

        :param code: the authorization code
        :param redirect_uri: the redirect URI of the authorization request
        :param verifier: the code verifier of the authorization request (RFC 7636)
        :return: the token
        :raises XChatError: as in :meth:`refresh`
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
        Revoke a token; with a refresh token, the whole grant.

        :param token: an access token or a refresh token
        :raises XChatError: when X did not confirm the revocation
        """
        self._post(REVOKE_PATH, {"token": token}, [token], math.inf)

    def _token(self, form: Mapping[str, str], secrets: list[str], until: float) -> Token:
        response = self._post(TOKEN_PATH, form, secrets, until)
        try:
            members = json.loads(response.content)
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            content_type = redact(response.headers.get("content-type", "no content type"), secrets)
            raise XChatAnswerError(
                f"X answered {response.status_code} to POST {TOKEN_PATH} without a token ({content_type},"
                f" {len(response.content)} bytes): expected a JSON object",
                response.status_code,
            )
        return _read_token(members)

    def _post(self, path: str, form: Mapping[str, str], secrets: list[str], until: float) -> _Response:
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
        response = self._send(path, form, headers, until)
        if 200 <= response.status_code <= 299:
            return response
        raise self._error(path, response, secrets)

    def _send(self, path: str, form: Mapping[str, str], headers: Mapping[str, str], until: float) -> _Response:
        now = time.monotonic()
        end = min(until, now + self.timeout)
        send_by = now + (end - now) / 2

        def check(event: str, _: Any) -> None:
            # After a slow connect, the lease may expire before the response: another process could send the same.
            if event.endswith("send_request_headers.started") and time.monotonic() > send_by:
                raise httpx.ConnectTimeout("connecting took too long")

        request = f"POST {path}"
        context = ssl_context(self.verify, self.conn_id)
        with proxy_errors():
            opened = httpx.Client(timeout=max(0.1, end - now), follow_redirects=False, headers=headers, verify=context)
        with (
            transport_errors(request, self.base_url),
            opened as client,
            client.stream("POST", self.base_url + path, data=form, extensions={"trace": check}) as response,
        ):
            content = b""
            for part in response.iter_bytes():
                content += part
                if len(content) > _MAX_RESPONSE_BYTES:
                    raise XChatAnswerError(
                        f"X answered {response.status_code} to {request} with more than {_MAX_RESPONSE_BYTES} bytes:"
                        " expected a token",
                        response.status_code,
                    )
                if time.monotonic() > end:
                    raise httpx.ReadTimeout("the response took too long")
            return _Response(response.status_code, response.headers, content)

    def _error(self, path: str, response: _Response, secrets: list[str]) -> XChatAPIError:
        error = api_error(without_secrets(response, secrets), f"POST {path}")
        if response.status_code in (400, 401) and _REFUSALS & {str(problem.get("error")) for problem in error.problems}:
            error = XChatAuthError(error.status, error.problems, request=error.request)
        if isinstance(error, XChatAuthError):
            error.conn_id = self.conn_id
            return error
        if isinstance(error, XChatRateLimitError):
            error.retry_at, error.is_guess = _retry_at(response.headers)
        if isinstance(error, XChatBadRequestError | XChatRateLimitError | XChatServerError):
            return error
        # The other error classes give advice about conversations, which does not apply here.
        return XChatAPIError(error.status, error.problems, request=error.request)


def _read_token(members: Mapping[str, Any]) -> Token:
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
        # None if `expires_in` is missing or invalid: the token is used until X refuses it.
        expires_at=None if lifetime is None else now + lifetime,
        scope=scope if isinstance(scope, str) else "",
        rotated_at=now,
    )


def _retry_at(headers: Mapping[str, str]) -> tuple[datetime | None, bool]:
    """Return when to retry after a 429 (``retry-after``, or the end of the window), and whether that is a guess."""
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
