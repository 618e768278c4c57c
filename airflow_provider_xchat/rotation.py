"""
The only place that refreshes: gives the token that is good now, and the next one when it is not.

A refresh token is good for one use, so a refresh is made by one thread of one process on one machine, and goes: read
the store → somebody else has rotated, take theirs → else POST → save → return. Everybody else waits, and takes what
was saved.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
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
    sign_in_command,
)
from airflow_provider_xchat.leases import PATIENCE, everybody_else_out, this_machine_out
from airflow_provider_xchat.supervisor import mask
from airflow_provider_xchat.token_endpoint import TokenEndpoint
from airflow_provider_xchat.tokens import Grant, Need, Token, TokenStore, without
from airflow_provider_xchat.uninterrupted import uninterrupted

__all__ = ["RotatingTokens"]

log = logging.getLogger(__name__)

# What another try may cure. Whether X has rotated the token is unknown after some of them.
_MAY_PASS = (XChatAnswerError, XChatConnectionError, XChatServerError, XChatTokenStoreError)

#: pauses (seconds) before a refresh is tried again whose outcome is unknown, where the old token is of no use
RETRY_AFTER = (1.0, 4.0)
#: how long (seconds) to wait for the token endpoint's rate limit; a task comes again for a longer one
LONGEST_PAUSE = 10.0
#: pauses (seconds) before the store is read again for what somebody else may be about to save
LOOK_AGAIN_AFTER = (0.5, 1.0, 2.0)
#: how many access and refresh tokens are remembered, as answers to requests with an old one may repeat it
_REMEMBERED = 64
#: how long (seconds) a token that is still good is used before a refresh that failed is tried again
PUT_OFF = 60.0


class RotatingTokens:
    """
    The tokens of a grant, one after the other. Made for use by many threads; see ``auth.py`` for coroutines.

    :param grant: what the sign-in gave
    :param store: where its latest token is kept
    :param base_url: where the API is
    :param timeout: seconds that the token endpoint may take
    :param conn_id: the connection to sign in again for, for messages
    :param verify: file or folder with the CA certificates to trust; None for the default ones
    :param secrets: what else a store's errors must not show, such as its own arguments
    :param save_for: how long (seconds) to try to save a new token; a restart of Airflow's API server takes less than
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
        self._grant = grant
        self._store = store
        self._save_for = save_for
        self._endpoint = TokenEndpoint(base_url, grant.client_id, grant.client_secret, timeout, conn_id, verify)
        self._conn_id = conn_id
        self._jitter = random.SystemRandom().random()
        self._lock = threading.Lock()
        # A function, so that no list of attributes shows them.
        issued: deque[str] = deque(maxlen=_REMEMBERED)
        self._remember: Callable[[Token], None] = lambda token: issued.extend(
            [secret for secret in token.secrets if secret not in issued]
        )
        self.secrets: Callable[[], list[str]] = lambda: [*grant.secrets, *issued]
        self._secrets: Callable[[], list[str]] = lambda: [*self.secrets(), *secrets]
        self._known: Token | None = None
        self._read: Token | None = None
        self._unsaved: Token | None = None
        self._not_before = -math.inf
        mask(grant.secrets)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(conn_id={self._conn_id!r})"

    def ready(self) -> Token | None:
        """
        Give the token at hand, without asking anybody.

        :return: None when there is none, or it is time for the next one
        """
        token = self._known
        if token is None or (token.is_due(self._jitter) and not self._put_off(token)):
            return None
        return token

    def current(self) -> Token:
        """
        Give a token that is good now: the one at hand, else the store's, else a new one.

        :return: the token
        :raises XChatAuthError: when somebody must sign in again
        :raises XChatTokenLostError: when X rotated the token and the next one could not be saved
        :raises XChatTokenStoreError: when the store fails
        :raises XChatError: when the token endpoint fails, and the old token cannot be used any more
        """
        token = self.ready()
        if token is None:
            self._known = token = self.stored()
            if token.is_due(self._jitter):
                token = self._rotated(Need(token))
        return token

    def after(self, refused: Token) -> Token:
        """
        Give the token that comes after one that X has refused.

        :param refused: the token that was refused
        :return: another one
        :raises XChatError: as :meth:`current` says
        """
        return self._rotated(Need(refused, refused=True))

    def lasting(self, seconds: float) -> Token:
        """
        Give a token that lasts for some time, and get a new one if need be.

        :param seconds: how long it must last at least; a token of which that is not known is replaced
        :return: the token; a new one may not last so long either
        :raises XChatError: as :meth:`current` says, and also when the token endpoint fails while the old token is good
        """
        token = self._known = self.stored()
        if token.expires_at is None or token.expires_within(seconds):
            return self._rotated(Need(token, lasting=seconds))
        return token

    def stored(self) -> Token:
        """
        Give the latest token, good or not, and change nothing.

        :return: the store's; the sign-in's when the store has none yet
        :raises XChatTokenStoreError: when the store cannot be read, or holds something else
        """
        with self._store_errors("read"):
            text = self._store.load(self._grant.key)
        if text is None:
            return self._grant.first_token
        try:
            token = Token.from_json(text)
        except ValueError as error:
            raise XChatTokenStoreError(
                f"the token store ({type(self._store).__name__}) has something else under {self._grant.key}: {error}."
                f" Remove it and sign in again: {sign_in_command(self._conn_id)}"
            ) from None
        mask(token.secrets)
        self._remember(token)
        self._read = token
        return token

    def _put_off(self, token: Token) -> bool:
        return time.monotonic() < self._not_before and not token.expires_within(0)

    def _rotated(self, need: Need) -> Token:
        for planned in (*RETRY_AFTER, None):
            try:
                return self._rotated_once(need)
            except XChatTokenLostError:
                raise
            except XChatAuthError as error:
                return self._saved_by_somebody_else(need, error)
            except XChatError as error:
                still_good = need.spares(need.stale)
                if still_good and need.lasting is None:
                    log.warning("X Chat token of %r not refreshed, the old one is still good: %s", self._conn_id, error)
                    self._not_before = time.monotonic() + max(PUT_OFF, _told_pause(error))
                    return need.stale
                # It may be that X has rotated the token, and the answer got lost. As the old access token is of no use
                # any more, nothing is lost by finding out.
                if planned is None or still_good or not _may_pass(error):
                    raise
                pause = max(planned, _told_pause(error))
                log.warning("X Chat token of %r not refreshed, another try in %.0f s: %s", self._conn_id, pause, error)
                time.sleep(pause)
        raise AssertionError("the last round returns or raises")

    def _rotated_once(self, need: Need) -> Token:
        with self._alone_in_this_process():
            # Of all that have waited here, the first one has done it.
            if self._known is None or not need.met_by(self._known):
                with this_machine_out(self._grant.key):
                    latest = self.stored()
                    if not need.met_by(latest):
                        latest = self._rotated_among_machines(need)
                    self._known = latest
            return self._known

    def _rotated_among_machines(self, need: Need) -> Token:
        with self._alone(need) as until:
            if self._unsaved is not None:
                self._save(self._unsaved)
            latest = self.stored()
            if need.met_by(latest):
                return latest
            if until is None:
                raise XChatTokenStoreError("the token store has lost a token that it had a moment ago")
            if latest.in_doubt and need.spares(latest):
                raise XChatConnectionError(
                    f"X Chat token of {self._conn_id!r} not refreshed: nobody has seen the answer to its last refresh,"
                    " so the refresh token may be used up. The access token is used until it expires, and then it is"
                    " tried again"
                )
            return uninterrupted(partial(self._refreshed, latest, until))

    def _refreshed(self, latest: Token, until: float) -> Token:
        try:
            issued = self._endpoint.refresh(latest, until=until)
        except XChatError as error:
            if _leaves_in_doubt(error) and not latest.expires_within(0):
                # All processes are to know, as each of them would try again. Not worth the time that saving a token is.
                with suppress(XChatTokenStoreError), self._store_errors("written", latest):
                    self._store.save(self._grant.key, replace(latest, in_doubt=True).to_json())
            raise
        answered_at = time.monotonic()
        self._remember(issued)
        if issued.access_token is None and issued.refresh_token == latest.refresh_token:
            raise XChatAnswerError("X answered a refresh without a token that can be used", 200)
        self._save(issued)
        took = 1000 * (time.monotonic() - answered_at)
        end = issued.expires_at
        expires = (
            "at a time X did not say" if end is None else datetime.fromtimestamp(end, UTC).isoformat("T", "seconds")
        )
        log.info("X Chat token of %r refreshed, saved within %.0f ms; expires %s", self._conn_id, took, expires)
        if issued.refresh_token == latest.refresh_token:
            log.warning("X sent no refresh token that can be used; the old one is kept, and may be used up")
        if issued.access_token is None:
            raise XChatAnswerError("X issued no access token that can be used: expected a bearer token", 200)
        return issued

    def _save(self, token: Token) -> None:
        self._unsaved, text = token, token.to_json()
        give_up_at = time.monotonic() + self._save_for
        pause = 0.1
        while True:
            try:
                with self._store_errors("written", token):
                    self._store.save(self._grant.key, text)
                    if self._store.load(self._grant.key) != text:
                        raise ValueError("what it gives back is not what was saved")
            except XChatTokenStoreError as error:
                if time.monotonic() + pause > give_up_at:
                    raise XChatTokenLostError(
                        f"X has rotated the token of connection {self._conn_id!r}, and the new one could not be saved"
                        f" for {self._save_for:.0f} s: {error}. The old refresh token is used up.",
                        self._conn_id,
                    ) from None
                log.warning("A rotated X Chat token is not saved yet: %s", error)
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
            else:
                self._unsaved = None
                return

    def _saved_by_somebody_else(self, need: Need, error: XChatAuthError) -> Token:
        for pause in LOOK_AGAIN_AFTER:
            time.sleep(pause)
            with suppress(XChatTokenStoreError):
                latest = self.stored()
                if need.met_by(latest):
                    self._known = latest
                    return latest
        raise error

    @contextmanager
    def _alone_in_this_process(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=2 * PATIENCE):
            raise XChatTokenStoreError("another thread is refreshing the token, and takes too long")
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _alone(self, need: Need) -> Iterator[float | None]:
        with ExitStack() as held:
            with self._store_errors("locked"):
                lock = everybody_else_out(self._store, self._grant.key, lambda: not need.met_by(self.stored()))
                until = held.enter_context(lock)
            yield until

    @contextmanager
    def _store_errors(self, done: str, token: Token | None = None) -> Iterator[None]:
        try:
            yield
        except XChatError:
            raise
        except Exception as error:  # noqa: BLE001  a store may raise anything, and the text may repeat what was saved
            seen = (token, self._read, self._known, self._unsaved)
            secrets = [*self._secrets(), *(secret for other in seen if other for secret in other.secrets)]
            said = f"{type(error).__name__}: {without(secrets, str(error))[:300]}"
            store = type(self._store).__name__
            raise XChatTokenStoreError(f"the token store ({store}) cannot be {done}: {said}") from None


def _may_pass(error: XChatError) -> bool:
    """Whether another try, after a short pause, may end otherwise."""
    if isinstance(error, XChatRateLimitError):
        return error.retry_at is not None and _told_pause(error) <= LONGEST_PAUSE
    if isinstance(error, XChatConnectionError):
        return error.may_pass
    return isinstance(error, _MAY_PASS) and not isinstance(error, XChatTokenStoreUnusableError)


def _told_pause(error: XChatError) -> float:
    """How long (seconds) X has said to wait."""
    if not isinstance(error, XChatRateLimitError) or error.retry_at is None:
        return 0.0
    return max((error.retry_at - datetime.now(UTC)).total_seconds(), 0.0)


def _leaves_in_doubt(error: XChatError) -> bool:
    """Whether X may have rotated the token; a 503 is said to be a request that was not handled (RFC 9110)."""
    if isinstance(error, XChatConnectionError):
        return not error.nothing_sent
    return isinstance(error, XChatAnswerError) or (isinstance(error, XChatServerError) and error.status != 503)
