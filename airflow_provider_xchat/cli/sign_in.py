"""
The sign-in at X: OAuth 2.0 authorization code with PKCE (RFC 6749, 7636, 8252). Pure: no network, no output.

Nothing here shows a state, a verifier or a code, nor the URL that was pasted, as that may hold one.
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

#: what the operators need
SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read")
#: what a refresh token is issued for
OFFLINE_SCOPE = "offline.access"

AUTHORIZE_PATH = "/i/oauth2/authorize"
_PAGES_OF_X = "https://x.com"

_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 6749, section 3.3
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


@dataclass(frozen=True)
class SignIn:
    """
    One try to sign in.

    :param base_url: where the API is
    :param client_id: the app's client id
    :param redirect_uri: where X sends the browser; registered in X's developer portal exactly like this
    :param scopes: what is asked for
    :param pages: URL of the site with the page to allow access; None for X's own, or the API's where that is on this
        machine, as a sandbox has both
    :raises XChatInputError: when X could not redirect to the redirect URI
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
                f"the redirect URI {self.redirect_uri!r} is none; expected a whole URL without #, such as"
                " http://127.0.0.1:8723/callback"
            )

    @property
    def url(self) -> str:
        """The page on which somebody allows the app to do things."""
        local = urlsplit(self.base_url).hostname in ("127.0.0.1", "localhost", "::1")
        pages = (self.pages or (self.base_url if local else _PAGES_OF_X)).rstrip("/")
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
        Read the URL to which X has sent the browser.

        :param redirected: the whole URL
        :return: the authorization code
        :raises XChatSignInError: when it is another URL, of another sign-in, or says that there is no code
        """
        answer = self._answer(redirected.strip())
        if not self.is_of_this(answer.get("state", "")):
            raise XChatSignInError(
                "the redirect has not the state of this sign-in, so it belongs to another one: to an earlier try, or"
                " to somebody else's. Close the old tabs, and run the command again"
            )
        if "error" in answer:
            raise _refused(answer)
        return answer["code"]

    def is_of_this(self, state: str) -> bool:
        """
        Return whether a redirect belongs to this sign-in.

        :param state: the state that it has
        :return: whether it is this sign-in's
        """
        return hmac.compare_digest(_bytes(state), _bytes(self.state))

    def _answer(self, redirected: str) -> Mapping[str, str]:
        expected = f"expected the one that the browser ends at, beginning with {self.redirect_uri}"
        parts = _split(redirected)
        if not redirected or parts is None or "://" not in redirected:
            raise XChatSignInError(f"what was pasted is no URL; {expected}")
        if parts.path == AUTHORIZE_PATH:
            raise XChatSignInError(f"that is the URL to open, not the one to paste; {expected}")
        if _address(parts) != _address(urlsplit(self.redirect_uri)):
            given = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
            raise XChatSignInError(f"what was pasted is a URL of {given}; {expected}")
        members = parse_qs(parts.query)
        repeated = [name for name in ("code", "error", "state") if len(members.get(name, [])) > 1]
        if repeated or not members.keys() & {"code", "error"}:
            trouble = f"has more than one {repeated[0]}" if repeated else "has neither a code nor an error"
            raise XChatSignInError(f"the URL {trouble}; {expected}, with all that stands behind the question mark")
        return {name: values[0] for name, values in members.items()}


def scopes_of(text: str) -> tuple[str, ...]:
    """
    Read a list of scopes.

    :param text: the scopes, with spaces or commas between them
    :return: each of them once
    :raises XChatInputError: when there is none, or one that cannot be one
    """
    scopes = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if not scopes or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise XChatInputError(f"the scopes {text!r} are none; expected names such as {' '.join(SCOPES)}")
    return scopes


def _refused(answer: Mapping[str, str]) -> XChatSignInError:
    error = answer["error"]
    if error == "access_denied":
        return XChatSignInError(
            "access was denied on X's page, so there is no token. Run the command again to be asked again"
        )
    said = ": ".join(part for part in (error, answer.get("error_description", "")) if part)[:300]
    advice = {
        "invalid_scope": "Ask for scopes that the app may have: its permissions are set in X's developer portal",
        "unauthorized_client": "Turn on OAuth 2.0 for the app in X's developer portal",
        "server_error": "X failed: try again later",
        "temporarily_unavailable": "X failed: try again later",
    }.get(error, "Compare client id and redirect URI with those in X's developer portal")
    return XChatSignInError(f"X ended the sign-in with {said.rstrip('.')}. {advice}")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises for a port that is no number
    except ValueError:
        return None
    return parts if url.isprintable() and " " not in url else None


def _address(parts: SplitResult) -> tuple[str, str | None, int | None, str]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme), parts.path or "/"


def _s256(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")
