"""Grants: what users have allowed clients to do, and the codes and tokens that stand for it. No HTTP here.

A grant is a chain: each refresh kills the refresh token it was made with and hangs on a new one. Every method
is one step under one lock, whether the server's event loop or a test's thread takes it.
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

from xchat_sandbox.oauth_errors import OAuthError
from xchat_sandbox.oauth_settings import OAuthSettings
from xchat_sandbox.seed import MAIN_USER_ID
from xchat_sandbox.tokens import Token

OFFLINE_SCOPE = "offline.access"


@dataclass(frozen=True)
class Grant:
    """Tokens that have just been issued; they do not show in the repr.

    :param access_token: the access token.
    :param refresh_token: the refresh token; None unless ``offline.access`` was granted.
    :param expires_at: when the access token ends, in epoch seconds.
    :param scopes: what was granted.
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

    def kill(self) -> None:
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

    :param settings: how long things live, and what reuse does.
    :param clock: the time in seconds; it must never go back.
    """

    def __init__(self, settings: OAuthSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = Lock()
        self._chains: list[_Chain] = []
        self._codes: dict[str, _Code] = {}
        # By every token that ever was: a dead one is told from one that never lived.
        self._by_refresh_token: dict[str, _Chain] = {}
        self._by_access_token: dict[str, _Chain] = {}

    def authorize(self, client_id: str, redirect_uri: str, scopes: Sequence[str], challenge: str) -> str:
        """Note that the user has consented.

        :param client_id: the client.
        :param redirect_uri: where the code goes.
        :param scopes: what the user consented to.
        :param challenge: the PKCE challenge, of the method S256.
        :returns: an authorization code.
        """
        with self._lock:
            code = f"sandbox-code-{secrets.token_urlsafe(24)}"
            ends = self._clock() + self._settings.code_lifetime
            self._codes[code] = _Code(client_id, redirect_uri, tuple(scopes), challenge, ends)
            return code

    def exchange(self, client_id: str, code: str, redirect_uri: str, verifier: str) -> Grant:
        """Turn a code into tokens. The first try of its own client uses it up, be it good or not.

        :param client_id: the client that has shown who it is.
        :param code: the authorization code.
        :param redirect_uri: the redirect URI, as it was when the code was asked for.
        :param verifier: the PKCE verifier.
        :returns: the tokens.
        :raises OAuthError: 400, if anything does not fit.
        """
        with self._lock:
            known = self._codes.get(code)
            if known is None or known.client_id != client_id:
                raise self._dead("authorization code")
            if known.used:
                if self._settings.strict and known.chain is not None:
                    known.chain.kill()
                raise self._dead("authorization code")
            known.used = True
            if self._clock() >= known.ends:
                raise self._dead("authorization code")
            if redirect_uri != known.redirect_uri:
                raise self._dead("redirect uri")
            if not compare_digest(s256(verifier).encode(), known.challenge.encode()):
                raise self._dead("code verifier")
            known.chain = self._new_chain(client_id, known.scopes, MAIN_USER_ID)
            return self._issue(known.chain)

    def rotate(self, client_id: str, refresh_token: str) -> Grant:
        """Turn a refresh token into new tokens; it is dead from then on.

        :param client_id: the client that has shown who it is.
        :param refresh_token: the refresh token.
        :returns: the tokens.
        :raises OAuthError: 400, if the refresh token is not known, not the client's, or dead; the last ends
            the grant if the settings are strict.
        """
        with self._lock:
            chain = self._by_refresh_token.get(refresh_token)
            if chain is None or chain.client_id != client_id:
                raise self._dead("token")
            if refresh_token != chain.refresh_token:
                chain.reused_dead_token += 1
                if self._settings.strict:
                    chain.kill()
                raise self._dead("token")
            chain.refreshes += 1
            if self._settings.rotation_ends_access_tokens:
                chain.access_tokens.clear()
            return self._issue(chain)

    def revoke(self, client_id: str, token: str) -> None:
        """End an access token, or with a live refresh token the whole grant.

        :param client_id: the client that has shown who it is.
        :param token: the token; one that is not known, dead or not the client's changes nothing.
        """
        with self._lock:
            refreshed = self._by_refresh_token.get(token)
            if refreshed is not None and refreshed.client_id == client_id and refreshed.refresh_token == token:
                refreshed.kill()
            accessed = self._by_access_token.get(token)
            if accessed is not None and accessed.client_id == client_id:
                accessed.access_tokens.pop(token, None)

    def grant(self, client_id: str, scopes: Sequence[str], user_id: str, expires_in: float | None = None) -> Grant:
        """Issue tokens at once, without a code.

        :param client_id: the client.
        :param scopes: what is granted.
        :param user_id: the user who grants it.
        :param expires_in: how long the first access token lives, in seconds; 0 or less for one that has
            expired already, None for the usual time.
        :returns: the tokens.
        """
        with self._lock:
            return self._issue(self._new_chain(client_id, tuple(scopes), user_id), expires_in)

    def expire_access_tokens(self) -> int:
        """End all access tokens now; refresh tokens live on.

        :returns: how many were alive.
        """
        with self._lock:
            now = self._clock()
            ended = sum(now < ends for chain in self._chains for ends in chain.access_tokens.values())
            for chain in self._chains:
                chain.access_tokens.clear()
            return ended

    def find(self, access_token: str) -> Token | None:
        """Find what an access token allows.

        :param access_token: the token.
        :returns: the token with its user and scopes; None if it is not known, has expired or was revoked.
        """
        with self._lock:
            chain = self._by_access_token.get(access_token)
            if chain is None or self._clock() >= chain.access_tokens.get(access_token, -math.inf):
                return None
            return Token(access_token, chain.user_id, frozenset(chain.scopes))

    def chains(self) -> list[dict[str, Any]]:
        """Tell how the grants are.

        :returns: a dict for each, oldest first: ``client_id``, ``alive``, ``refreshes`` and
            ``reused_dead_token``, which counts the tries with a refresh token that was dead.
        """
        names = ("client_id", "alive", "refreshes", "reused_dead_token")
        with self._lock:
            return [{name: getattr(chain, name) for name in names} for chain in self._chains]

    def reset(self) -> None:
        """Forget all grants, codes and tokens."""
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

    def _dead(self, what: str) -> OAuthError:
        return OAuthError(self._settings.dead_grant_error, f"Value passed for the {what} was invalid.")


def s256(verifier: str) -> str:
    """Make the PKCE challenge of a verifier.

    :param verifier: the verifier.
    :returns: the challenge of the method S256.
    """
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
