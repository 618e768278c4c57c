"""X's OAuth 2.0 authorization server: the authorize, token and revoke endpoints."""

import asyncio
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from xchat_sandbox.faults.token_endpoint import TokenFault, TokenFaults
from xchat_sandbox.oauth.clients import PUBLIC_CLIENT_ID, Client, Clients
from xchat_sandbox.oauth.errors import OAuthError, malformed
from xchat_sandbox.oauth.grants import OFFLINE_SCOPE, Grant, Grants
from xchat_sandbox.oauth.settings import OAuthSettings
from xchat_sandbox.oauth.token_requests import GRANT_TYPES, TokenRequests
from xchat_sandbox.seed import MAIN_USER_ID
from xchat_sandbox.wire.json_documents import AsciiJSONResponse
from xchat_sandbox.wire.sockets import drop

AUTHORIZE_PATH = "/i/oauth2/authorize"
TOKEN_PATH = "/2/oauth2/token"  # noqa: S105 - a path
REVOKE_PATH = "/2/oauth2/revoke"

_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
_FORM = "application/x-www-form-urlencoded"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class AuthorizationServer:
    """Authorization server with its own state.

    :param settings: its settings.
    :param scopes: the scopes that can be granted in addition to ``offline.access``.
    :param user_ids: the users who can grant access.
    :raises ValueError: if two clients have the same id.
    """

    def __init__(self, settings: OAuthSettings, scopes: frozenset[str], user_ids: Iterable[str]) -> None:
        self._settings = settings
        self._all_scopes = (*sorted(scopes), OFFLINE_SCOPE)
        self._user_ids = frozenset(user_ids)
        self._clients = Clients(settings.clients)
        self.grants = Grants(settings)
        self.faults = TokenFaults()
        self.token_requests = TokenRequests(self._clients)

    def grant(
        self,
        *,
        client_id: str = PUBLIC_CLIENT_ID,
        scopes: str | Iterable[str] | None = None,
        expires_in: float | None = None,
        user_id: str = MAIN_USER_ID,
    ) -> Grant:
        """Issue tokens without a browser.

        :param client_id: the OAuth client.
        :param scopes: the granted scopes, also as one string with spaces; None for all scopes.
        :param expires_in: lifetime of the access token in seconds; 0 or less for an expired one.
        :param user_id: the user who grants access.
        :return: the tokens.
        :raises ValueError: for an unknown client, scope or user, or an infinite lifetime.
        """
        if self._clients.find(client_id) is None:
            raise ValueError(f"there is no client {client_id}")
        if expires_in is not None and not math.isfinite(expires_in):
            raise ValueError(f"invalid expires_in {expires_in}: expected a finite number of seconds")
        if user_id not in self._user_ids:
            raise ValueError(f"there is no user {user_id} in the sandbox")
        wanted = self._all_scopes if scopes is None else scopes.split() if isinstance(scopes, str) else scopes
        wanted = tuple(dict.fromkeys(wanted))
        if unknown := [scope for scope in wanted if scope not in self._all_scopes]:
            raise ValueError(f"there is no scope {', '.join(unknown)}")
        return self.grants.grant(client_id, wanted, user_id, expires_in)

    def reset(self) -> None:
        """Remove all grants, faults and token requests."""
        self.grants.reset()
        self.faults.clear()
        self.token_requests.clear()

    def routes(self) -> list[Route]:
        """Return the routes of the three endpoints.

        :return: the routes.
        """
        authorize = Route(AUTHORIZE_PATH, self._authorize, methods=["GET"])
        # Starlette adds HEAD, which would issue a code and not return it.
        authorize.methods = {"GET"}
        return [
            authorize,
            Route(TOKEN_PATH, self._token, methods=["POST"]),
            Route(REVOKE_PATH, self._revoke, methods=["POST"]),
        ]

    async def _authorize(self, request: Request) -> Response:
        parameters, repeated = _parameters(request.scope["query_string"].decode("latin-1"))
        client = self._clients.find(parameters.get("client_id"))
        redirect_uri = parameters.get("redirect_uri", "")
        # Without a valid client and redirect URI, RFC 6749 forbids to redirect.
        if client is None or "client_id" in repeated:
            return PlainTextResponse("There is no client with this client_id.\n", 400, headers=_NO_STORE)
        if "redirect_uri" in repeated or not client.may_redirect_to(redirect_uri):
            return PlainTextResponse("The redirect_uri is not one of this client's.\n", 400, headers=_NO_STORE)
        try:
            answer = {"code": self._code(client, redirect_uri, parameters, repeated)}
        except OAuthError as error:
            answer = error.members
        if "state" in parameters and "state" not in repeated:
            answer["state"] = parameters["state"]
        separator = "&" if "?" in redirect_uri else "?"
        return RedirectResponse(f"{redirect_uri}{separator}{urlencode(answer)}", 302, headers=_NO_STORE)

    def _code(self, client: Client, redirect_uri: str, parameters: Mapping[str, str], repeated: frozenset[str]) -> str:
        if repeated:
            raise malformed("A parameter is given more than once.")
        _require(parameters, "response_type", "scope", "state", "code_challenge", "code_challenge_method")
        if parameters["response_type"] != "code":
            raise OAuthError("unsupported_response_type", "The response_type must be code.")
        if parameters["code_challenge_method"] != "S256" or not _CHALLENGE.fullmatch(parameters["code_challenge"]):
            raise malformed("The code_challenge must be one of the method S256.")
        scopes = tuple(dict.fromkeys(parameters["scope"].split(" ")))
        if not set(scopes) <= set(self._all_scopes):
            raise OAuthError("invalid_scope", f"The scope must be of {' '.join(self._all_scopes)}.")
        if parameters.get("consent", self._settings.consent) == "deny":
            raise OAuthError("access_denied", "The user has denied access.")
        return self.grants.authorize(client.client_id, redirect_uri, scopes, parameters["code_challenge"])

    async def _token(self, request: Request) -> Response:
        body = await request.body()
        # From here to the end of _issue, only faults are awaited, so that token requests are handled one by one.
        fault = self.faults.take()
        form, _ = _parameters(body.decode("latin-1"))
        entry = self.token_requests.open_entry(request.headers.get("authorization"), form)
        if fault.kind == "drop-before":
            await drop(request.scope)
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault.kind in {"status", "body"}:
            entry["status"] = fault.status
            return _fault_response(fault)
        answer = self._issue(request, body, entry, fault)
        if fault.kind == "rotate-then-drop":
            entry.update(status=None, error=None)
            await drop(request.scope)
        if fault.kind == "rotate-then-delay":
            await asyncio.sleep(fault.seconds)
        return answer

    def _issue(self, request: Request, body: bytes, entry: dict[str, Any], fault: TokenFault) -> Response:
        try:
            form = _form(request, body)
            _require(form, "grant_type")
            client = self._clients.authenticate(request.headers.get("authorization"), form)
            grant = self._exchange(client, form)
        except OAuthError as error:
            entry.update(status=error.status, error=error.error)
            return _refusal(error)
        entry["status"] = 200
        return AsciiJSONResponse(fault.apply_to(self._answer(grant)), headers=_NO_STORE)

    def _exchange(self, client: Client, form: Mapping[str, str]) -> Grant:
        if form["grant_type"] == "refresh_token":
            _require(form, "refresh_token")
            return self.grants.rotate(client.client_id, form["refresh_token"])
        if form["grant_type"] != "authorization_code":
            raise OAuthError("unsupported_grant_type", f"The grant_type must be one of {', '.join(GRANT_TYPES)}.")
        _require(form, "code", "redirect_uri", "code_verifier")
        if not _VERIFIER.fullmatch(form["code_verifier"]):
            raise malformed("The code_verifier must be of 43 to 128 unreserved characters.")
        return self.grants.exchange(client.client_id, form["code"], form["redirect_uri"], form["code_verifier"])

    def _answer(self, grant: Grant) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "token_type": "bearer",
            # A whole number, as X sends it: rounded down, but not to 0, which would mean expired.
            "expires_in": max(1, int(self._settings.access_token_lifetime)),
            "access_token": grant.access_token,
            "scope": " ".join(grant.scopes),
        }
        if grant.refresh_token is not None:
            answer["refresh_token"] = grant.refresh_token
        return answer

    async def _revoke(self, request: Request) -> Response:
        body = await request.body()
        try:
            form = _form(request, body)
            client = self._clients.authenticate(request.headers.get("authorization"), form)
            _require(form, "token")
        except OAuthError as error:
            return _refusal(error)
        self.grants.revoke(client.client_id, form["token"])
        return AsciiJSONResponse({"revoked": True}, headers=_NO_STORE)


def _parameters(encoded: str) -> tuple[dict[str, str], frozenset[str]]:
    # A parameter without a value is treated as omitted (RFC 6749, 3.1 and 3.2).
    pairs = [(name, value) for name, value in parse_qsl(encoded) if value]
    values: dict[str, str] = {}
    repeated = set()
    for name, value in pairs:
        if name in values:
            repeated.add(name)
        values.setdefault(name, value)
    return values, frozenset(repeated)


def _form(request: Request, body: bytes) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise malformed(f"The body must be {_FORM}.")
    if not body.isascii():
        raise malformed(f"The body is not {_FORM}: it has unescaped bytes beyond ASCII.")
    form, repeated = _parameters(body.decode("ascii"))
    if repeated:
        raise malformed("A parameter is given more than once.")
    return form


def _require(parameters: Mapping[str, str], *names: str) -> None:
    if missing := [name for name in names if name not in parameters]:
        raise malformed(f"Missing required parameter [{missing[0]}].")


def _refusal(error: OAuthError) -> Response:
    return AsciiJSONResponse(error.members, error.status, headers={**_NO_STORE, **error.headers})


def _fault_response(fault: TokenFault) -> Response:
    if fault.kind == "status":
        return Response(status_code=fault.status, headers=dict(fault.headers))
    return Response(fault.body, fault.status, media_type=fault.content_type, headers=dict(fault.headers))
