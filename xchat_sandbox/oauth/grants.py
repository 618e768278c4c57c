"""Grants with their authorization codes and tokens, without HTTP.

A grant is a chain of refresh tokens: each refresh invalidates the refresh token that it uses and issues the next one.
Every method holds one lock, as both the server's event loop and the threads of tests call them.
"""

import math
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from threading import Lock
from typing import Any

from xchat_sandbox.oauth.errors import OAuthError
from xchat_sandbox.oauth.settings import OAuthSettings
from xchat_sandbox.oauth.tokens import Token
from xchat_sandbox.seed import MAIN_USER_ID

OFFLINE_SCOPE = "offline.access"


@dataclass(frozen=True)
class Grant:
    """Newly issued tokens, which the repr leaves out.

    :param access_token: the access token.
    :param refresh_token: the refresh token; None unless ``offline.access`` was granted.
    :param expires_at: when the access token expires, in epoch seconds.
    :param scopes: the granted scopes.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: float
    scopes: tuple[str, ...]


@dataclass
class _Chain:
    client_id: str
    scopes: tuple[str, ...]
    user_id: str
    alive: bool = True
    refreshes: int = 0
    reused_dead_token: int = 0
    refresh_token: str | None = None
    access_tokens: dict[str, float] = field(default_factory=dict)

    def revoke(self) -> None:
        self.alive = False
        self.refresh_token = None
        self.access_tokens.clear()


@dataclass
class _Code:
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str
    ends: float
    used: bool = False
    chain: _Chain | None = None


class Grants:
    """All grants of a sandbox.

    :param settings: lifetimes, and the effect of reuse.
    :param clock: a monotonic clock in seconds.
    """

    def __init__(self, settings: OAuthSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = Lock()
        self._chains: list[_Chain] = []
        self._codes: dict[str, _Code] = {}
        # Used tokens stay in here, to distinguish them from unknown ones.
        self._by_refresh_token: dict[str, _Chain] = {}
        self._by_access_token: dict[str, _Chain] = {}

    def authorize(self, client_id: str, redirect_uri: str, scopes: Sequence[str], challenge: str) -> str:
        """Issue an authorization code after the user has consented.

        :param client_id: the client.
        :param redirect_uri: the redirect URI.
        :param scopes: the granted scopes.
        :param challenge: the PKCE challenge (S256).
        :return: the authorization code.
        """
        with self._lock:
            code = f"sandbox-code-{secrets.token_urlsafe(24)}"
            ends = self._clock() + self._settings.code_lifetime
            self._codes[code] = _Code(client_id, redirect_uri, tuple(scopes), challenge, ends)
            return code

    def exchange(self, client_id: str, code: str, redirect_uri: str, verifier: str) -> Grant:
        """Exchange a code for tokens. The first request of its client uses it up, even if it fails.

        :param client_id: the authenticated client.
        :param code: the authorization code.
        :param redirect_uri: the redirect URI of the authorization request.
        :param verifier: the PKCE verifier.
        :return: the tokens.
        :raises OAuthError: 400 if the code is invalid, or another argument does not match it.
        """
        with self._lock:
            known = self._codes.get(code)
            if known is None or known.client_id != client_id:
                raise self._invalid("authorization code")
            if known.used:
                if self._settings.strict and known.chain is not None:
                    known.chain.revoke()
                raise self._invalid("authorization code")
            known.used = True
            if self._clock() >= known.ends:
                raise self._invalid("authorization code")
            if redirect_uri != known.redirect_uri:
                raise self._invalid("redirect uri")
            if not compare_digest(s256(verifier).encode(), known.challenge.encode()):
                raise self._invalid("code verifier")
            known.chain = self._new_chain(client_id, known.scopes, MAIN_USER_ID)
            return self._issue(known.chain)

    def rotate(self, client_id: str, refresh_token: str) -> Grant:
        """Exchange a refresh token for new tokens, and invalidate it.

        :param client_id: the authenticated client.
        :param refresh_token: the refresh token.
        :return: the tokens.
        :raises OAuthError: 400 for a refresh token that is unknown, of another client, or used already; with strict
            settings, the last also revokes the grant.
        """
        with self._lock:
            chain = self._by_refresh_token.get(refresh_token)
            if chain is None or chain.client_id != client_id:
                raise self._invalid("token")
            if refresh_token != chain.refresh_token:
                chain.reused_dead_token += 1
                if self._settings.strict:
                    chain.revoke()
                raise self._invalid("token")
            chain.refreshes += 1
            if self._settings.rotation_ends_access_tokens:
                chain.access_tokens.clear()
            return self._issue(chain)

    def revoke(self, client_id: str, token: str) -> None:
        """Revoke an access token, or the whole grant of a valid refresh token.

        :param client_id: the authenticated client.
        :param token: the token; an unknown or used one, or one of another client, has no effect.
        """
        with self._lock:
            refreshed = self._by_refresh_token.get(token)
            if refreshed is not None and refreshed.client_id == client_id and refreshed.refresh_token == token:
                refreshed.revoke()
            accessed = self._by_access_token.get(token)
            if accessed is not None and accessed.client_id == client_id:
                accessed.access_tokens.pop(token, None)

    def grant(self, client_id: str, scopes: Sequence[str], user_id: str, expires_in: float | None = None) -> Grant:
        """Issue tokens without a code.

        :param client_id: the client.
        :param scopes: the granted scopes.
        :param user_id: the user who grants access.
        :param expires_in: lifetime of the first access token in seconds; 0 or less for an expired one, None for the
            default.
        :return: the tokens.
        """
        with self._lock:
            return self._issue(self._new_chain(client_id, tuple(scopes), user_id), expires_in)

    def expire_access_tokens(self) -> int:
        """Expire all access tokens now; refresh tokens stay valid.

        :return: the number of tokens that were valid.
        """
        with self._lock:
            now = self._clock()
            ended = sum(now < ends for chain in self._chains for ends in chain.access_tokens.values())
            for chain in self._chains:
                chain.access_tokens.clear()
            return ended

    def find(self, access_token: str) -> Token | None:
        """Find a valid access token.

        :param access_token: the token.
        :return: the token with its user and scopes; None if it is unknown, expired or revoked.
        """
        with self._lock:
            chain = self._by_access_token.get(access_token)
            if chain is None or self._clock() >= chain.access_tokens.get(access_token, -math.inf):
                return None
            return Token(access_token, chain.user_id, frozenset(chain.scopes))

    def chains(self) -> list[dict[str, Any]]:
        """Return the state of all grants.

        :return: a dict for each, oldest first: ``client_id``, ``alive``, ``refreshes`` and
            ``reused_dead_token``, the number of requests with a refresh token that had been used already.
        """
        names = ("client_id", "alive", "refreshes", "reused_dead_token")
        with self._lock:
            return [{name: getattr(chain, name) for name in names} for chain in self._chains]

    def reset(self) -> None:
        """Remove all grants, codes and tokens."""
        with self._lock:
            self._chains.clear()
            self._codes.clear()
            self._by_refresh_token.clear()
            self._by_access_token.clear()

    def _new_chain(self, client_id: str, scopes: tuple[str, ...], user_id: str) -> _Chain:
        self._chains.append(_Chain(client_id, scopes, user_id))
        return self._chains[-1]

    def _issue(self, chain: _Chain, expires_in: float | None = None) -> Grant:
        lifetime = self._settings.access_token_lifetime if expires_in is None else expires_in
        access_token = f"sandbox-access-{secrets.token_urlsafe(24)}"
        chain.access_tokens[access_token] = self._clock() + lifetime
        self._by_access_token[access_token] = chain
        if OFFLINE_SCOPE in chain.scopes:
            chain.refresh_token = f"sandbox-refresh-{secrets.token_urlsafe(24)}"
            self._by_refresh_token[chain.refresh_token] = chain
        return Grant(access_token, chain.refresh_token, time.time() + lifetime, chain.scopes)

    def _invalid(self, what: str) -> OAuthError:
        return OAuthError(self._settings.dead_grant_error, f"Value passed for the {what} was invalid.")


def s256(verifier: str) -> str:
    """Return the PKCE challenge of a verifier.

    :param verifier: the verifier.
    :return: the challenge (S256).
    """
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
