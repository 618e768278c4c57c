"""The latest token of a grant in a token store; no error of a store shows a secret."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from airflow_provider_xchat.advice import sign_in_command
from airflow_provider_xchat.exceptions import XChatError, XChatTokenLostError, XChatTokenStoreError
from airflow_provider_xchat.runtime.redaction import redact
from airflow_provider_xchat.runtime.supervisor import mask
from airflow_provider_xchat.tokens.lease import exclusive_lease
from airflow_provider_xchat.tokens.model import Grant, Token, TokenStore

__all__ = ["GrantStore"]

log = logging.getLogger(__name__)

# How many access and refresh tokens are remembered, as responses and errors may repeat an old one.
_REMEMBERED = 64
_MAX_SAVE_PAUSE_SECONDS = 5.0


class GrantStore:
    """
    The latest token of a grant in a token store.

    :param grant: the grant, from the sign-in
    :param store: the token store
    :param conn_id: the connection to sign in again for, for messages
    :param store_secrets: secrets among the store's own arguments
    :param save_for: how long to try to save a new token (seconds)
    """

    def __init__(
        self, grant: Grant, store: TokenStore, conn_id: str, store_secrets: Sequence[str], save_for: float
    ) -> None:
        self._grant = grant
        self._store = store
        self._conn_id = conn_id
        self._save_for = save_for
        self._unsaved: Token | None = None
        # Functions, so that no list of attributes shows secrets.
        seen: deque[str] = deque(maxlen=_REMEMBERED)
        self._remember: Callable[[Token], None] = lambda token: seen.extend(
            [secret for secret in token.secrets if secret not in seen]
        )
        self.secrets: Callable[[], list[str]] = lambda: [*grant.secrets, *seen]
        self._all_secrets: Callable[[], list[str]] = lambda: [*self.secrets(), *store_secrets]
        mask(grant.secrets)

    def latest(self) -> Token:
        """
        Load the latest token, valid or not.

        :return: the store's token; the sign-in's if the store has none yet
        :raises XChatTokenStoreError: when the store cannot be read, or its text is not a token
        """
        with self._errors("read"):
            text = self._store.load(self._grant.key)
        if text is None:
            return self._grant.first_token
        try:
            token = Token.from_json(text)
        except ValueError as error:
            raise XChatTokenStoreError(
                f"the token store ({type(self._store).__name__}) has no token under {self._grant.key}: {error}."
                f" Remove it and sign in again: {sign_in_command(self._conn_id)}"
            ) from None
        mask(token.secrets)
        self._remember(token)
        return token

    def save(self, token: Token) -> None:
        """
        Save a new token; try again until it is saved, as the old one is used up.

        :param token: the token
        :raises XChatTokenLostError: when it could not be saved in time; :meth:`save_again` tries once more later
        """
        self._remember(token)
        self._unsaved, text = token, token.to_json()
        give_up_at = time.monotonic() + self._save_for
        pause = 0.1
        while True:
            try:
                with self._errors("written"):
                    self._store.save(self._grant.key, text)
                    if self._store.load(self._grant.key) != text:
                        raise ValueError("it returns another text than the one that was saved")
            except XChatTokenStoreError as error:
                if time.monotonic() + pause > give_up_at:
                    raise XChatTokenLostError(
                        f"X has rotated the token of connection {self._conn_id!r}, and the new one could not be saved"
                        f" for {self._save_for:.0f} s: {error}. The old refresh token is used up.",
                        self._conn_id,
                    ) from None
                log.warning("A rotated X Chat token is not saved yet: %s", error)
                time.sleep(pause)
                pause = min(2 * pause, _MAX_SAVE_PAUSE_SECONDS)
            else:
                self._unsaved = None
                return

    def save_again(self) -> None:
        """Save the token that an earlier :meth:`save` could not save, if there is one."""
        if self._unsaved is not None:
            self.save(self._unsaved)

    def save_unknown_outcome(self, token: Token) -> None:
        """
        Tell all processes that the outcome of a refresh is unknown; one attempt, as no token depends on it.

        :param token: the token that was to be refreshed
        """
        with suppress(XChatTokenStoreError), self._errors("written"):
            self._store.save(self._grant.key, replace(token, refresh_outcome_unknown=True).to_json())

    @contextmanager
    def locked(self, is_wanted: Callable[[], bool]) -> Iterator[float | None]:
        """
        Keep all other processes out; see :func:`exclusive_lease`.

        :param is_wanted: asked while others hold the lease: whether to wait on
        :return: a context manager that gives the time (of ``time.monotonic``) until which the lease is held; None
            when it is not held, as it was no longer wanted
        :raises XChatTokenStoreError: on entering, when the lease was not obtained
        """
        with ExitStack() as held:
            with self._errors("locked"):
                until = held.enter_context(exclusive_lease(self._store, self._grant.key, is_wanted))
            yield until

    @contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except XChatError:
            raise
        except Exception as error:  # noqa: BLE001  a store may raise anything, and the text may repeat a secret
            reason = f"{type(error).__name__}: {redact(str(error), self._all_secrets())[:300]}"
            store = type(self._store).__name__
            raise XChatTokenStoreError(f"the token store ({store}) cannot be {done}: {reason}") from None
