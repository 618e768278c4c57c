"""
Sign-in at X: OAuth 2.0 authorization code with PKCE (RFC 6749, 7636, 8252). Pure: no network, no output.

No error shows a state, a verifier, a code or the pasted URL.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit

from airflow_provider_xchat.exceptions import XChatInputError, XChatSignInError

__all__ = ["OFFLINE_SCOPE", "SCOPES", "SignIn", "scopes_of"]

#: scopes that the operators need
SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read")
#: scope for a refresh token
OFFLINE_SCOPE = "offline.access"

AUTHORIZE_PATH = "/i/oauth2/authorize"
_DEFAULT_PAGES = "https://x.com"

_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 6749, section 3.3
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


@dataclass(frozen=True)
class SignIn:
    """
    Sign-in attempt.

    :param base_url: URL of the API
    :param client_id: the app's client id
    :param redirect_uri: the redirect URI, registered exactly like this in X's developer portal
    :param scopes: the requested scopes
    :param pages: URL of the site with the authorization page; None for X's own, or for that of an API on this machine
    :raises XChatInputError: when the redirect URI is invalid
    """

    base_url: str
    client_id: str
    redirect_uri: str
    scopes: Sequence[str]
    pages: str | None = None
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    def __post_init__(self) -> None:
        parts = _split(self.redirect_uri)
        if parts is None or not parts.scheme or not (parts.netloc or parts.path) or "#" in self.redirect_uri:
            raise XChatInputError(
                f"Invalid redirect URI {self.redirect_uri!r}: expected an absolute URL without a fragment, such as"
                " http://127.0.0.1:8723/callback"
            )

    @property
    def url(self) -> str:
        """The URL of the authorization page."""
        local = urlsplit(self.base_url).hostname in ("127.0.0.1", "localhost", "::1")
        pages = (self.pages or (self.base_url if local else _DEFAULT_PAGES)).rstrip("/")
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.scopes),
            "state": self.state,
            "code_challenge": _s256(self.verifier),
            "code_challenge_method": "S256",
        }
        return f"{pages}{AUTHORIZE_PATH}?{urlencode(query, quote_via=quote)}"

    def code(self, redirected: str) -> str:
        """
        Return the authorization code in a redirect.

        :param redirected: the complete URL
        :raises XChatSignInError: when it is another URL, the redirect of another sign-in, or has an error
        """
        parameters = self._parameters(redirected.strip())
        if not self.matches_state(parameters.get("state", "")):
            raise XChatSignInError(
                "State mismatch: this redirect belongs to a different sign-in attempt. Close the old tabs, and run the"
                " command again"
            )
        if "error" in parameters:
            raise _redirect_error(parameters)
        return parameters["code"]

    def matches_state(self, state: str) -> bool:
        """
        Return whether a redirect belongs to this sign-in.

        :param state: the state in the redirect
        """
        return hmac.compare_digest(_bytes(state), _bytes(self.state))

    def _parameters(self, redirected: str) -> Mapping[str, str]:
        expected = f"expected the URL that the browser is redirected to, which begins with {self.redirect_uri}"
        parts = _split(redirected)
        if not redirected or parts is None or "://" not in redirected:
            raise XChatSignInError(f"Invalid URL: {expected}")
        if parts.path == AUTHORIZE_PATH:
            raise XChatSignInError(f"Invalid URL, this is the authorization page: {expected}")
        if _address(parts) != _address(urlsplit(self.redirect_uri)):
            given = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
            raise XChatSignInError(f"Invalid URL of {given}: {expected}")
        members = parse_qs(parts.query)
        repeated = [name for name in ("code", "error", "state") if len(members.get(name, [])) > 1]
        if repeated or not members.keys() & {"code", "error"}:
            reason = f"more than one {repeated[0]}" if repeated else "neither a code nor an error"
            raise XChatSignInError(f"Invalid URL with {reason}: {expected}, with its complete query")
        return {name: values[0] for name, values in members.items()}


def scopes_of(text: str) -> tuple[str, ...]:
    """
    Parse a list of scopes.

    :param text: the scopes, separated by spaces or commas
    :return: the scopes without duplicates
    :raises XChatInputError: when the text has no scope, or an invalid one
    """
    scopes = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if not scopes or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise XChatInputError(f"Invalid scopes {text!r}: expected names such as {' '.join(SCOPES)}")
    return scopes


def _redirect_error(parameters: Mapping[str, str]) -> XChatSignInError:
    error = parameters["error"]
    if error == "access_denied":
        return XChatSignInError(
            "Access was denied on X's page, so there is no token. To try again, run the command again"
        )
    text = ": ".join(part for part in (error, parameters.get("error_description", "")) if part)[:300]
    advice = {
        "invalid_scope": "Request scopes that the app has: its permissions are set in X's developer portal",
        "unauthorized_client": "Enable OAuth 2.0 for the app in X's developer portal",
        "server_error": "X failed: try again later",
        "temporarily_unavailable": "X failed: try again later",
    }.get(error, "Compare client id and redirect URI with those in X's developer portal")
    return XChatSignInError(f"X ended the sign-in with {text.rstrip('.')}. {advice}")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises for an invalid port
    except ValueError:
        return None
    return parts if url.isprintable() and " " not in url else None


def _address(parts: SplitResult) -> tuple[str, str | None, int | None, str]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme), parts.path or "/"


def _s256(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")
