"""What a token is, what a grant is, and where tokens are kept. Pure: no network, no Airflow."""

from __future__ import annotations

import hashlib
import json
import re
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

__all__ = ["REFRESH_TOKEN", "Grant", "LockingTokenStore", "RefreshReason", "Token", "TokenStore"]

# What a refresh token or a client secret consists of: VSCHAR of RFC 6749 without the space. A line break at the end of
# what was pasted is the usual mistake.
REFRESH_TOKEN = re.compile(r"[\x21-\x7e]+")

# How long before its end a token is replaced (seconds), where it lives for the usual two hours. A task that starts
# with a token that has this long to go finishes most of what it does with it.
REFRESH_AHEAD_SECONDS = 300.0


@dataclass(frozen=True)
class Token:
    """
    What the token endpoint issues together.

    :param access_token: goes with every request; None when only the refresh token can be used
    :param refresh_token: good for one refresh; None for a token that cannot be refreshed
    :param expires_at: when the access token expires, in seconds since 1970-01-01 UTC; None when that is not known
    :param scope: what was granted, separated by spaces; empty when that is not known
    :param rotated_at: when it was issued, in seconds since 1970-01-01 UTC; None when that is not known
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
        """What must not be shown."""
        return [secret for secret in (self.access_token, self.refresh_token) if secret]

    def expires_within(self, seconds: float) -> bool:
        """
        Return whether the access token is missing, has expired or is about to.

        :param seconds: how soon that is
        :return: False also when it is not known when the token expires
        """
        if self.access_token is None:
            return True
        return self.expires_at is not None and self.expires_at - time.time() <= seconds

    def is_due(self, jitter: float = 0.0) -> bool:
        """
        Return whether it is time for the next one.

        :param jitter: from 0 to 1: how much earlier than necessary, so that not all processes ask at once
        :return: True some 5 to 10 minutes before it expires; later for a token that lives shorter than X's do, and at
            its very end for one in doubt: a second use of its refresh token could end the access token, too
        """
        if self.refresh_outcome_unknown:
            return self.expires_within(0)
        ahead = REFRESH_AHEAD_SECONDS
        if self.expires_at is not None and self.rotated_at is not None:
            ahead = min(ahead, max(0.0, self.expires_at - self.rotated_at) / 10)
        return self.expires_within(ahead * (1 + jitter))

    def to_json(self) -> str:
        """
        Write it, for a store.

        :return: JSON; what is None or empty is left out
        """
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """
        Read what :meth:`to_json` has written.

        :param text: the JSON; members of later versions are ignored
        :return: the token
        :raises ValueError: when it is anything else; the error does not hold the text
        """
        try:
            members = json.loads(text)
            kept = {name: members.get(name) for name in ("access_token", "refresh_token", "expires_at", "rotated_at")}
            scope = members.get("scope") or ""
        except (ValueError, AttributeError, RecursionError):
            raise ValueError("it is not JSON that this provider has written") from None
        texts = (kept["access_token"], kept["refresh_token"])
        times = (kept["expires_at"], kept["rotated_at"])
        if not (
            any(texts)
            and all(value is None or isinstance(value, str) for value in (*texts, scope))
            and all(value is None or (isinstance(value, int | float) and value > 0) for value in times)
        ):
            raise ValueError("it is JSON, but not a token")
        return cls(scope=scope, refresh_outcome_unknown=members.get("refresh_outcome_unknown") is True, **kept)


@dataclass(frozen=True)
class Grant:
    """
    What somebody who signed in has given to an app: the client, and the token that the sign-in gave.

    :param client_id: the app's client id
    :param refresh_token: the first refresh token; the later ones are in the token store
    :param client_secret: for confidential clients
    :param access_token: the first access token
    :param expires_at: when that one expires, in seconds since 1970-01-01 UTC
    :param scope: what was granted, separated by spaces; empty when that is not known
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
        The key under which a store keeps the grant's latest token.

        It derives from the sign-in and not from the connection's id: two connections with the same sign-in share
        their token, and a new sign-in never meets the tokens of an old one. Airflow hides the values of Variables
        that have "token" in their keys.
        """
        digest = hashlib.sha256(f"{self.client_id}\n{self.refresh_token}".encode()).hexdigest()
        return f"xchat_token_{digest[:32]}"

    @property
    def first_token(self) -> Token:
        """The token that the sign-in gave."""
        return Token(self.access_token, self.refresh_token, self.expires_at, self.scope)

    @property
    def secrets(self) -> list[str]:
        """What must not be shown."""
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
    A place for small texts, which all processes that share a grant can reach.

    It must be a plain register: a ``load`` that starts after a ``save`` has ended gives what was saved, whichever
    process saved it. Reads that may lag, from a cache or a replica, can lose tokens.
    """

    def load(self, key: str) -> str | None:
        """
        Read a text.

        :param key: letters, digits and underscores
        :return: the text; None only when there is none, and never because it could not be read
        :raises Exception: any, when it could not be read
        """

    def save(self, key: str, value: str) -> None:
        """
        Write a text, whole or not at all.

        :param key: as in :meth:`load`
        :param value: the text, a secret
        :raises Exception: any, when it was not written, or may not have been
        """

    def delete(self, key: str) -> None:
        """
        Remove a text; one that is not there is removed already.

        :param key: as in :meth:`load`
        :raises Exception: any, when it could not be removed
        """


@runtime_checkable
class LockingTokenStore(TokenStore, Protocol):
    """A store that can lock; others are locked by writing leases into them, which takes three seconds longer."""

    def lock(self, key: str, timeout: float) -> AbstractContextManager[Any]:
        """
        Keep every other process that asks for this lock out, while the context lasts.

        A lock that frees itself after a time must outlast a refresh: two minutes are on the safe side.

        :param key: as in :meth:`load`
        :param timeout: how long to wait for it at most (seconds)
        :return: a context manager that holds the lock
        :raises TimeoutError: on entering, when others hold it for longer than the timeout
        """
