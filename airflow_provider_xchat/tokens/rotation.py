"""
Refresh tokens: the only place that does.

A refresh token is good for one use, so one thread of one process on one machine refreshes: read the store → someone
else has rotated, take theirs → else POST → save → return. All others wait, and take the token that was saved.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial

from airflow_provider_xchat.exceptions import (
    XChatAnswerError,
    XChatAuthError,
    XChatConnectionError,
    XChatError,
    XChatRateLimitError,
    XChatServerError,
    XChatTokenLostError,
    XChatTokenStoreError,
    XChatTokenStoreUnusableError,
)
from airflow_provider_xchat.runtime.file_locks import host_lock
from airflow_provider_xchat.runtime.shielding import run_shielded
from airflow_provider_xchat.tokens.endpoint import TokenEndpoint
from airflow_provider_xchat.tokens.grant_store import GrantStore
from airflow_provider_xchat.tokens.lease import PATIENCE_SECONDS
from airflow_provider_xchat.tokens.model import Grant, RefreshReason, Token, TokenStore

__all__ = ["RotatingTokens"]

log = logging.getLogger(__name__)

# Errors that may pass. After some of them it is unknown whether X has rotated the token.
_TRANSIENT = (XChatAnswerError, XChatConnectionError, XChatServerError, XChatTokenStoreError)

#: retry delays for a refresh with an unknown outcome once the old access token has expired or was refused
RETRY_DELAYS_SECONDS = (1.0, 4.0)
#: longest wait for the token endpoint's rate limit; for a longer one, the task is rescheduled
MAX_PAUSE_SECONDS = 10.0
#: delays before the store is read again for a token that another process may be about to save
LOOK_AGAIN_SECONDS = (0.5, 1.0, 2.0)
#: how long to use a token that is still valid before a failed refresh is tried again
POSTPONE_SECONDS = 60.0


class RotatingTokens:
    """
    The tokens of a grant, one after the other. Made for use by many threads; see ``auth.py`` for coroutines.

    :param grant: the grant, from the sign-in
    :param store: where its latest token is kept
    :param base_url: scheme and host of the API
    :param timeout: seconds that the token endpoint may take
    :param conn_id: the connection to sign in again for, for messages
    :param verify: file or folder with the CA certificates to trust; None for the default ones
    :param secrets: secrets among the store's own arguments, which its errors must not show
    :param save_for: how long to try to save a new token (seconds); a restart of Airflow's API server takes less than
        the default
    """

    def __init__(
        self,
        grant: Grant,
        store: TokenStore,
        *,
        base_url: str = "https://api.x.com",
        timeout: float = 30.0,
        conn_id: str = "xchat_default",
        verify: str | None = None,
        secrets: Sequence[str] = (),
        save_for: float = 60.0,
    ) -> None:
        self._key = grant.key
        self._kept = GrantStore(grant, store, conn_id, secrets, save_for)
        #: returns the secrets that responses may repeat
        self.secrets = self._kept.secrets
        self._endpoint = TokenEndpoint(base_url, grant.client_id, grant.client_secret, timeout, conn_id, verify)
        self._conn_id = conn_id
        self._jitter = random.random()
        self._lock = threading.Lock()
        self._known: Token | None = None
        self._postponed_until = -math.inf

    def __repr__(self) -> str:
        return f"{type(self).__name__}(conn_id={self._conn_id!r})"

    def ready(self) -> Token | None:
        """
        Return the token at hand, without any I/O.

        :return: None if no token was loaded yet, or it is time to refresh it
        """
        token = self._known
        if token is None or (token.is_due(self._jitter) and not self._is_postponed(token)):
            return None
        return token

    def current(self) -> Token:
        """
        Return a valid token: the one at hand, else the store's, else a new one.

        :return: the token
        :raises XChatAuthError: when somebody must sign in again
        :raises XChatTokenLostError: when X rotated the token and the new one could not be saved
        :raises XChatTokenStoreError: when the store fails
        :raises XChatError: when the token endpoint fails, and the old token is no longer valid
        """
        token = self.ready()
        if token is None:
            self._known = token = self.stored()
            if token.is_due(self._jitter):
                token = self._rotate(RefreshReason(token))
        return token

    def replace(self, refused: Token) -> Token:
        """
        Return the successor of a token that X has refused.

        :param refused: the token that was refused
        :return: another token
        :raises XChatError: as :meth:`current` says
        """
        return self._rotate(RefreshReason(refused, refused=True))

    def valid_for(self, seconds: float) -> Token:
        """
        Return a token that is valid for some time; refresh it if necessary.

        :param seconds: how long it must be valid at least; a token without a known expiry is replaced
        :return: the token; a new one may expire sooner, too
        :raises XChatError: as :meth:`current` says, and also when the token endpoint fails while the old token is valid
        """
        token = self._known = self.stored()
        if token.expires_at is None or token.expires_within(seconds):
            return self._rotate(RefreshReason(token, min_seconds=seconds))
        return token

    def stored(self) -> Token:
        """
        Load the latest token, valid or not, and change nothing.

        :return: the store's token; the sign-in's if the store has none yet
        :raises XChatTokenStoreError: when the store cannot be read, or its text is not a token
        """
        return self._kept.latest()

    def _is_postponed(self, token: Token) -> bool:
        return time.monotonic() < self._postponed_until and not token.expires_within(0)

    def _rotate(self, reason: RefreshReason) -> Token:
        for delay in (*RETRY_DELAYS_SECONDS, None):
            try:
                return self._rotate_once(reason)
            except XChatTokenLostError:
                raise
            except XChatAuthError as error:
                return self._saved_by_another_process(reason, error)
            except XChatError as error:
                is_usable = reason.still_usable(reason.token)
                if is_usable and reason.min_seconds is None:
                    log.warning(
                        "X Chat token of %r not refreshed, the old one is still valid: %s", self._conn_id, error
                    )
                    pause = max(POSTPONE_SECONDS, _requested_pause(error))
                    self._postponed_until = time.monotonic() + pause
                    return reason.token
                # X may have rotated the token, and the response was lost. The old access token is not usable,
                # so nothing is lost by another try.
                if delay is None or is_usable or not _is_transient(error):
                    raise
                pause = max(delay, _requested_pause(error))
                log.warning("X Chat token of %r not refreshed, another try in %.0f s: %s", self._conn_id, pause, error)
                time.sleep(pause)
        raise AssertionError("the last round returns or raises")

    def _rotate_once(self, reason: RefreshReason) -> Token:
        with ExitStack() as locks:
            locks.enter_context(self._thread_lock())
            if self._known is not None and reason.satisfied_by(self._known):  # another thread refreshed it
                return self._known
            locks.enter_context(host_lock(self._key, PATIENCE_SECONDS))
            self._known = latest = self.stored()
            if reason.satisfied_by(latest):  # another process of this machine did
                return latest
            until = locks.enter_context(self._kept.locked(lambda: not reason.satisfied_by(self.stored())))
            self._kept.save_again()
            self._known = latest = self.stored()
            if reason.satisfied_by(latest):  # another machine did
                return latest
            if until is None:
                raise XChatTokenStoreError("the token store has lost a token that it had a moment ago")
            if latest.refresh_outcome_unknown and reason.still_usable(latest):
                raise XChatConnectionError(
                    f"X Chat token of {self._conn_id!r} not refreshed: the response to its last refresh was lost, so"
                    " the refresh token may already have been used. The access token is used until it expires; then"
                    " the refresh is tried again"
                )
            self._known = run_shielded(partial(self._refresh, latest, until))
            return self._known

    def _refresh(self, latest: Token, until: float) -> Token:
        try:
            issued = self._endpoint.refresh(latest, until=until)
        except XChatError as error:
            if _leaves_outcome_unknown(error) and not latest.expires_within(0):
                self._kept.save_unknown_outcome(latest)
            raise
        if issued.access_token is None and issued.refresh_token == latest.refresh_token:
            raise XChatAnswerError("X answered a refresh without a token that can be used", 200)
        answered_at = time.monotonic()
        self._kept.save(issued)
        self._log_refresh(latest, issued, saved_in=time.monotonic() - answered_at)
        if issued.access_token is None:
            raise XChatAnswerError("X issued no access token that can be used: expected a bearer token", 200)
        return issued

    def _log_refresh(self, latest: Token, issued: Token, saved_in: float) -> None:
        expires = "at an unknown time"
        if issued.expires_at is not None:
            expires = datetime.fromtimestamp(issued.expires_at, UTC).isoformat("T", "seconds")
        log.info(
            "X Chat token of %r refreshed, saved within %.0f ms; expires %s", self._conn_id, 1000 * saved_in, expires
        )
        if issued.refresh_token == latest.refresh_token:
            log.warning("X sent no refresh token that can be used; the old one is kept, and may already have been used")

    def _saved_by_another_process(self, reason: RefreshReason, error: XChatAuthError) -> Token:
        for delay in LOOK_AGAIN_SECONDS:
            time.sleep(delay)
            with suppress(XChatTokenStoreError):
                latest = self.stored()
                if reason.satisfied_by(latest):
                    self._known = latest
                    return latest
        raise error

    @contextmanager
    def _thread_lock(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=2 * PATIENCE_SECONDS):
            raise XChatTokenStoreError("another thread is refreshing the token, and takes too long")
        try:
            yield
        finally:
            self._lock.release()


def _is_transient(error: XChatError) -> bool:
    """Return whether another try, after a short pause, may end otherwise."""
    if isinstance(error, XChatRateLimitError):
        return error.retry_at is not None and _requested_pause(error) <= MAX_PAUSE_SECONDS
    if isinstance(error, XChatConnectionError):
        return error.may_pass
    return isinstance(error, _TRANSIENT) and not isinstance(error, XChatTokenStoreUnusableError)


def _requested_pause(error: XChatError) -> float:
    """Return how long X asked to wait (seconds)."""
    if not isinstance(error, XChatRateLimitError) or error.retry_at is None:
        return 0.0
    return max((error.retry_at - datetime.now(UTC)).total_seconds(), 0.0)


def _leaves_outcome_unknown(error: XChatError) -> bool:
    """Return whether X may have rotated the token; a 503 is a request that was not handled (RFC 9110)."""
    if isinstance(error, XChatConnectionError):
        return not error.nothing_sent
    return isinstance(error, XChatAnswerError) or (isinstance(error, XChatServerError) and error.status != 503)
