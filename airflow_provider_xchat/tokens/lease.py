"""
Exclusive lease on a token, among the processes of all machines.

A refresh token is good for one use, and Airflow Variables have no compare-and-swap. They are registers that each
process can read and write, for which there is Fischer's protocol (Lamport, "A Fast Mutual Exclusion Algorithm", 1987):
a process that finds the lease free writes its own name, waits until all others that found it free have written, too,
and reads again. The last writer holds the lease. This is safe as long as every write follows its read faster than the
others wait; a process that was slower knows so by its own clock, and tries again. Clocks of two machines are never
compared.
"""

from __future__ import annotations

import logging
import math
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from airflow_provider_xchat.exceptions import XChatTokenStoreUnusableError
from airflow_provider_xchat.tokens.model import LockingTokenStore, TokenStore

__all__ = ["PATIENCE_SECONDS", "Lease", "exclusive_lease", "lease_key"]

log = logging.getLogger(__name__)

#: maximum time between reading a free lease and writing it; also how long each process waits after its write
SETTLE_SECONDS = 3.0
#: how long a lease is held, from its write on
HOLD_SECONDS = 12.0
#: a lease that has not changed for so long is stale: its holder has stopped
STALE_SECONDS = 16.0
#: how long to wait for others before giving up; longer than two stale leases
PATIENCE_SECONDS = 60.0

# First and longest pause between two reads of a lease that another process holds.
_FIRST_POLL_SECONDS = 0.5
_MAX_POLL_SECONDS = 3.0
_FREE = "free "

_HELD = "another process holds it"


class Lease:
    """
    Lease on a key of a token store.

    :param store: the token store
    :param key: the key of the token
    :param patience: how long (seconds) to wait for others before giving up
    """

    def __init__(self, store: TokenStore, key: str, patience: float = PATIENCE_SECONDS) -> None:
        self._store = store
        self._patience = patience
        self._key = lease_key(key)

    @contextmanager
    def held(self, is_wanted: Callable[[], bool]) -> Iterator[float | None]:
        """
        Hold the lease while the context lasts.

        :param is_wanted: called while another process holds it; returns whether to keep waiting
        :return: a context manager that yields the time (of ``time.monotonic``) until which the lease is held; None when
            it is not held, as it is no longer wanted
        :raises TimeoutError: on entering, when others hold it for too long, or the store is too slow or cannot be
            written
        :raises XChatTokenStoreUnusableError: on entering, when the store does not return the saved value
        """
        acquired = self._acquire(is_wanted)
        if acquired is None:
            yield None
            return
        name, held_from = acquired
        try:
            yield held_from + HOLD_SECONDS
        finally:
            # If releasing fails, others merely wait until the lease is stale. Near its expiry it is not released: a
            # delayed write could release the lease of another process.
            with suppress(Exception):
                if time.monotonic() < held_from + HOLD_SECONDS / 2 and self._store.load(self._key) == name:
                    self._store.save(self._key, _FREE + secrets.token_hex(8))

    def _acquire(self, is_wanted: Callable[[], bool]) -> tuple[str, float] | None:
        give_up_at = time.monotonic() + self._patience
        found, seen_at = None, 0.0
        obstacle: str | None = _HELD
        pause = _FIRST_POLL_SECONDS
        while True:
            read_at = time.monotonic()
            before, found = found, self._store.load(self._key)
            if found != before:
                seen_at = time.monotonic()
            if found is None or found.startswith(_FREE) or read_at - seen_at >= STALE_SECONDS:
                # A new name for each attempt: a write that timed out may still arrive.
                name = f"{secrets.token_hex(8)} {socket.gethostname()} {os.getpid()}"
                obstacle = self._save_error(name)
                if obstacle is None:
                    written_at = time.monotonic()
                    if written_at - read_at < SETTLE_SECONDS:
                        time.sleep(SETTLE_SECONDS)
                        if self._is_saved(name):
                            return name, written_at
                        obstacle = _HELD
                    else:
                        took = f"{written_at - read_at:.1f} s"
                        obstacle = (
                            f"the store takes too long to read and write ({took}; {SETTLE_SECONDS:.0f} s at most)"
                        )
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"no lease on the token within {self._patience:.0f} s: {obstacle}")
            time.sleep(pause * (0.5 + random.random() / 2))
            pause = min(1.5 * pause, _MAX_POLL_SECONDS)
            if not is_wanted():
                return None

    def _save_error(self, name: str) -> str | None:
        try:
            self._store.save(self._key, name)
        except XChatTokenStoreUnusableError:
            raise
        except Exception as error:  # noqa: BLE001  any; two processes that create the key may collide
            return f"it cannot be written: {error}"
        return None

    def _is_saved(self, name: str) -> bool:
        saved = self._store.load(self._key)
        if saved is None:
            # Another attempt would overwrite the lease of processes that can read it.
            raise XChatTokenStoreUnusableError(
                f"{self._key} was saved and cannot be read. In Airflow's multi-team mode, a Variable belongs to the"
                " team that wrote it first: give each team a connection with its own sign-in, or a token store that all"
                " teams can read"
            )
        return saved == name


def lease_key(key: str) -> str:
    """
    Return the key of a token's lease.

    :param key: the key of the token
    """
    return f"{key}_lease"


@contextmanager
def exclusive_lease(store: TokenStore, key: str, is_wanted: Callable[[], bool]) -> Iterator[float | None]:
    """
    Hold the store's own lock if it has one, else a lease.

    :param store: the token store
    :param key: the key of the token
    :param is_wanted: called while another process holds the lease; returns whether to keep waiting
    :return: a context manager that yields the time (of ``time.monotonic``) until which it is held; None when it is not
        held, as it is no longer wanted
    :raises TimeoutError: on entering, when others hold it for too long
    """
    if not isinstance(store, LockingTokenStore):
        with Lease(store, key).held(is_wanted) as until:
            yield until
        return
    lock = store.lock(key, PATIENCE_SECONDS)
    lock.__enter__()
    try:
        yield math.inf
    finally:
        try:
            lock.__exit__(None, None, None)
        except Exception as error:  # noqa: BLE001  any; the refresh has succeeded
            log.warning("the lock on a token was not released: %s", type(error).__name__)
