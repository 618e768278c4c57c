"""Tokens, grants and the interface of token stores. Pure: no network, no Airflow."""

from __future__ import annotations

import hashlib
import json
import re
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

__all__ = ["REFRESH_TOKEN", "Grant", "LockingTokenStore", "RefreshReason", "Token", "TokenStore"]

# Characters of refresh tokens and client secrets (VSCHAR of RFC 6749 without the space). The usual mistake is a pasted
# line break.
REFRESH_TOKEN = re.compile(r"[\x21-\x7e]+")

# How long before its expiry a token with the usual lifetime of two hours is refreshed.
REFRESH_AHEAD_SECONDS = 300.0


@dataclass(frozen=True)
class Token:
    """
    Access token and refresh token, issued together.

    :param access_token: the access token; None when only the refresh token can be used
    :param refresh_token: the refresh token, good for one refresh; None for a token that cannot be refreshed
    :param expires_at: when the access token expires, in seconds since 1970-01-01 UTC; None when it is unknown
    :param scope: the granted scopes, separated by spaces; empty when they are unknown
    :param rotated_at: when the token was issued, in seconds since 1970-01-01 UTC; None when it is unknown
    :param refresh_outcome_unknown: whether the response to a refresh was lost, so that the refresh token may already
        have been used
    """

    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    scope: str = ""
    rotated_at: float | None = None
    refresh_outcome_unknown: bool = False

    @property
    def secrets(self) -> list[str]:
        """The access token and the refresh token."""
        return [secret for secret in (self.access_token, self.refresh_token) if secret]

    def expires_within(self, seconds: float) -> bool:
        """
        Return whether the access token is missing, or expires within some time.

        :param seconds: the time; 0 for a token that has expired
        :return: False also when the expiry is unknown
        """
        if self.access_token is None:
            return True
        return self.expires_at is not None and self.expires_at - time.time() <= seconds

    def is_due(self, jitter: float = 0.0) -> bool:
        """
        Return whether it is time for a refresh.

        :param jitter: from 0 to 1, to refresh earlier, so that not all processes refresh at the same time
        :return: True some 5 to 10 minutes before the expiry; later for a token with a shorter lifetime than X's, and at
            the expiry after a refresh with an unknown outcome: a second use of the refresh token could also invalidate
            the access token
        """
        if self.refresh_outcome_unknown:
            return self.expires_within(0)
        ahead = REFRESH_AHEAD_SECONDS
        if self.expires_at is not None and self.rotated_at is not None:
            ahead = min(ahead, max(0.0, self.expires_at - self.rotated_at) / 10)
        return self.expires_within(ahead * (1 + jitter))

    def to_json(self) -> str:
        """Return the token as JSON, for a token store; None and empty values are left out."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """
        Read a token from a token store.

        :param text: the JSON; unknown members are ignored
        :return: the token
        :raises ValueError: when it is not a token; the error does not contain the text
        """
        try:
            members = json.loads(text)
            kept = {name: members.get(name) for name in ("access_token", "refresh_token", "expires_at", "rotated_at")}
            scope = members.get("scope") or ""
        except (ValueError, AttributeError, RecursionError):
            raise ValueError("its value is not a JSON object") from None
        texts = (kept["access_token"], kept["refresh_token"])
        times = (kept["expires_at"], kept["rotated_at"])
        if not (
            any(texts)
            and all(value is None or isinstance(value, str) for value in (*texts, scope))
            and all(value is None or (isinstance(value, int | float) and value > 0) for value in times)
        ):
            raise ValueError("its value is JSON, but not a token")
        return cls(scope=scope, refresh_outcome_unknown=members.get("refresh_outcome_unknown") is True, **kept)


@dataclass(frozen=True)
class Grant:
    """
    Result of a sign-in: the app and its first token.

    :param client_id: the app's client id
    :param refresh_token: the first refresh token; later ones are in the token store
    :param client_secret: for confidential clients
    :param access_token: the first access token
    :param expires_at: when the first access token expires, in seconds since 1970-01-01 UTC
    :param scope: the granted scopes, separated by spaces; empty when they are unknown
    """

    client_id: str
    refresh_token: str = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    scope: str = ""

    @property
    def key(self) -> str:
        """
        The key of the grant's latest token in a token store.

        It depends on the sign-in and not on the connection's id: connections with the same sign-in share their token,
        and a new sign-in never uses the tokens of an old one. Airflow hides the values of Variables with "token" in
        their keys.
        """
        digest = hashlib.sha256(f"{self.client_id}\n{self.refresh_token}".encode()).hexdigest()
        return f"xchat_token_{digest[:32]}"

    @property
    def first_token(self) -> Token:
        """The token of the sign-in."""
        return Token(self.access_token, self.refresh_token, self.expires_at, self.scope)

    @property
    def secrets(self) -> list[str]:
        """The tokens of the sign-in and the client secret."""
        return [*self.first_token.secrets, *([self.client_secret] if self.client_secret else [])]


@dataclass(frozen=True)
class RefreshReason:
    """
    Reason for a refresh.

    :param token: the token at hand
    :param refused: whether X has refused it
    :param min_seconds: how long the new token must be valid (seconds); None for as long as tokens usually are
    """

    token: Token
    refused: bool = False
    min_seconds: float | None = None

    def satisfied_by(self, token: Token) -> bool:
        """
        Return whether a token that another process has saved makes the refresh unnecessary.

        :param token: the latest token
        """
        if token.refresh_outcome_unknown and self.min_seconds is None:
            return self.still_usable(token)
        if token.access_token is None or token.access_token == self.token.access_token:
            return False
        return not (token.is_due() if self.min_seconds is None else token.expires_within(self.min_seconds))

    def still_usable(self, token: Token) -> bool:
        """
        Return whether the access token is still usable, so that a risky refresh can wait.

        :param token: the latest token
        :return: False when X has refused it, or it has expired
        """
        refused = self.refused and token.access_token == self.token.access_token
        return not refused and not token.expires_within(0)


@runtime_checkable
class TokenStore(Protocol):
    """
    Store for small texts, shared by all processes that use a grant.

    It must be linearizable: a ``load`` that starts after a ``save`` returned must return the saved value, whichever
    process saved it. Stale reads, from a cache or a replica, can lose tokens.
    """

    def load(self, key: str) -> str | None:
        """
        Read a text.

        :param key: letters, digits and underscores
        :return: the text; None only when there is none
        :raises Exception: any, when the text could not be read
        """

    def save(self, key: str, value: str) -> None:
        """
        Write a text atomically.

        :param key: as in :meth:`load`
        :param value: the text, a secret
        :raises Exception: any, when the text may not have been written
        """

    def delete(self, key: str) -> None:
        """
        Delete a text; a missing one is not an error.

        :param key: as in :meth:`load`
        :raises Exception: any, when the text could not be deleted
        """


@runtime_checkable
class LockingTokenStore(TokenStore, Protocol):
    """Token store with a lock; without one, leases are saved in the store, which takes three seconds longer."""

    def lock(self, key: str, timeout: float) -> AbstractContextManager[Any]:
        """
        Lock a key, for as long as the context lasts.

        A lock that expires must last longer than a refresh: two minutes are safe.

        :param key: as in :meth:`load`
        :param timeout: how long to wait for the lock at most (seconds)
        :return: a context manager that holds the lock
        :raises TimeoutError: on entering, when others hold it for longer
        """
