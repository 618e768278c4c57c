"""
The only place that refreshes: gives the token that is good now, and the next one when it is not.

A refresh token is good for one use, so a refresh is made by one thread of one process on one machine, and goes: read
the store → somebody else has rotated, take theirs → else POST → save → return. Everybody else waits, and takes what
was saved.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from airflow_provider_xchat.exceptions import (
    XChatAnswerError,
    XChatAuthError,
    XChatConnectionError,
    XChatError,
    XChatServerError,
    XChatTokenLostError,
    XChatTokenStoreError,
)
from airflow_provider_xchat.leases import PATIENCE, everybody_else_out, this_machine_out
from airflow_provider_xchat.supervisor import mask
from airflow_provider_xchat.token_endpoint import TokenEndpoint
from airflow_provider_xchat.tokens import Grant, Token, TokenStore, without

__all__ = ["RotatingTokens"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# What another try may cure. Whether X has rotated the token is unknown after some of them.
_MAY_PASS = (XChatAnswerError, XChatConnectionError, XChatServerError, XChatTokenStoreError)

#: pauses (seconds) before a refresh is tried again whose outcome is unknown, where the old token is of no use
RETRY_AFTER = (1.0, 4.0)
#: pauses (seconds) before the store is read again for what somebody else may be about to save
LOOK_AGAIN_AFTER = (0.5, 1.0, 2.0)
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
        save_for: float = 60.0,
    ) -> None:
        self._grant = grant
        self._store = store
        self._save_for = save_for
        self._endpoint = TokenEndpoint(base_url, grant.client_id, grant.client_secret, timeout, conn_id)
        self._conn_id = conn_id
        self._jitter = random.SystemRandom().random()
        self._lock = threading.Lock()
        self._known: Token | None = None
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
                token = self._rotated(token, refused=False)
        return token

    def after(self, refused: Token) -> Token:
        """
        Give the token that comes after one that X has refused.

        :param refused: the token that was refused
        :return: another one
        :raises XChatError: as :meth:`current` says
        """
        return self._rotated(refused, refused=True)

    def lasting(self, seconds: float) -> Token:
        """
        Give a token that lasts for some time, and get a new one if need be.

        :param seconds: how long it must last at least; a token of which that is not known is replaced
        :return: the token; a new one may not last so long either
        :raises XChatError: as :meth:`current` says, and also when the token endpoint fails while the old token is good
        """
        token = self._known = self.stored()
        if token.expires_at is None or token.expires_within(seconds):
            return self._rotated(token, refused=False, lasting=seconds)
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
                f" Remove it and sign in again: xchat login --conn-id {self._conn_id}"
            ) from None
        mask(token.secrets)
        return token

    def _put_off(self, token: Token) -> bool:
        return time.monotonic() < self._not_before and not token.expires_within(0)

    def _rotated(self, stale: Token, *, refused: bool, lasting: float | None = None) -> Token:
        for pause in (*RETRY_AFTER, None):
            try:
                return self._rotated_once(stale, lasting)
            except XChatTokenLostError:
                raise
            except XChatAuthError as error:
                return self._saved_by_somebody_else(stale, error)
            except XChatError as error:
                still_good = not refused and not stale.expires_within(0)
                if still_good and lasting is None:
                    log.warning("X Chat token of %r not refreshed, the old one is still good: %s", self._conn_id, error)
                    self._not_before = time.monotonic() + PUT_OFF
                    return stale
                # It may be that X has rotated the token, and the answer got lost. As the old access token is of no use
                # any more, nothing is lost by finding out.
                if pause is None or still_good or not isinstance(error, _MAY_PASS):
                    raise
                log.warning("X Chat token of %r not refreshed, another try in %.0f s: %s", self._conn_id, pause, error)
                time.sleep(pause)
        raise AssertionError("the last round returns or raises")

    def _rotated_once(self, stale: Token, lasting: float | None) -> Token:
        with self._alone_in_this_process():
            # Of all that have waited here, the first one has done it.
            if self._known is None or not self._supersedes(self._known, stale, lasting):
                with this_machine_out(self._grant.key):
                    latest = self.stored()
                    if not self._supersedes(latest, stale, lasting):
                        latest = self._rotated_among_machines(stale, lasting)
                    self._known = latest
            return self._known

    def _rotated_among_machines(self, stale: Token, lasting: float | None) -> Token:
        with self._alone(stale, lasting) as until:
            if self._unsaved is not None:
                self._save(self._unsaved)
            latest = self.stored()
            if self._supersedes(latest, stale, lasting):
                return latest
            if until is None:
                raise XChatTokenStoreError("the token store has lost a token that it had a moment ago")
            return _uninterrupted(partial(self._refreshed, latest, until))

    def _refreshed(self, latest: Token, until: float) -> Token:
        issued = self._endpoint.refresh(latest, until=until)
        answered_at = time.monotonic()
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

    def _saved_by_somebody_else(self, stale: Token, error: XChatAuthError) -> Token:
        for pause in LOOK_AGAIN_AFTER:
            time.sleep(pause)
            with suppress(XChatTokenStoreError):
                latest = self.stored()
                if self._supersedes(latest, stale):
                    self._known = latest
                    return latest
        raise error

    def _supersedes(self, token: Token, stale: Token, lasting: float | None = None) -> bool:
        if token.access_token is None or token.access_token == stale.access_token:
            return False
        return not (token.is_due() if lasting is None else token.expires_within(lasting))

    @contextmanager
    def _alone_in_this_process(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=2 * PATIENCE):
            raise XChatTokenStoreError("another thread is refreshing the token, and takes too long")
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _alone(self, stale: Token, lasting: float | None) -> Iterator[float | None]:
        with ExitStack() as held:
            with self._store_errors("locked"):
                wanted = partial(self._wanted, stale, lasting)
                until = held.enter_context(everybody_else_out(self._store, self._grant.key, wanted))
            yield until

    def _wanted(self, stale: Token, lasting: float | None) -> bool:
        return not self._supersedes(self.stored(), stale, lasting)

    @contextmanager
    def _store_errors(self, done: str, token: Token | None = None) -> Iterator[None]:
        try:
            yield
        except XChatError:
            raise
        except Exception as error:  # noqa: BLE001  a store may raise anything, and the text may repeat what was saved
            secrets = [*self._grant.secrets, *(token.secrets if token else [])]
            said = f"{type(error).__name__}: {without(secrets, str(error))[:300]}"
            store = type(self._store).__name__
            raise XChatTokenStoreError(f"the token store ({store}) cannot be {done}: {said}") from None


def _has_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _uninterrupted(work: Callable[[], Result]) -> Result:
    """
    Do something that signals cannot break off.

    Airflow ends a task that takes too long, or that is to be stopped, by an exception in its main thread. Between X's
    answer and the end of saving it would cost the token. A main thread with an event loop is a trigger's, or that of a
    coroutine that calls what is not one: no signals there, and a thread may need the loop that would wait for it.
    """
    if threading.current_thread() is not threading.main_thread() or _has_event_loop():
        return work()
    with ThreadPoolExecutor(1, thread_name_prefix="xchat-refresh") as executor:
        # Leaving waits for the thread, whatever happens here.
        return executor.submit(contextvars.copy_context().run, work).result()
