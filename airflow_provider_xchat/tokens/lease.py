"""
Keeps processes out of each other's refresh: a file lock among those of one machine, a lease among machines.

A refresh token is good for one use, and Airflow Variables have no compare-and-swap. What they are is a register that
each process can read and write, and for that there is Fischer's protocol (Lamport, "A Fast Mutual Exclusion
Algorithm", 1987): who finds the lease free writes its own name, waits until everybody who found it free at the same
time has written, too, and reads again. The last writer's name stands there; it holds the lease. This is safe as long
as nobody's write comes later after its read than the others wait, so whoever was that slow knows by its own clock,
and tries again. No two clocks are ever compared.
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

__all__ = ["PATIENCE_SECONDS", "Lease", "exclusive_lease"]

log = logging.getLogger(__name__)

#: a write that comes later after its read than this does not count; as long does everybody wait after its write
SETTLE_SECONDS = 3.0
#: how long a holder may work, from its write on
HOLD_SECONDS = 12.0
#: a lease that somebody has seen unchanged for so long is up for grabs: its holder has stopped, or is dead
STALE_SECONDS = 16.0
#: how long to wait for others before giving up: enough to see two holders die
PATIENCE_SECONDS = 60.0

# how long to wait before looking again whether others still hold the lease: at first, and at most; many wait at a time
_POLL = 0.5
_LONGEST_POLL = 3.0
_FREE = "free "

_HELD = "others hold it"


class Lease:
    """
    A lease on a key of a store.

    :param store: where it stands
    :param key: the key of what it protects
    :param patience: how long (seconds) to wait for others before giving up
    """

    def __init__(self, store: TokenStore, key: str, patience: float = PATIENCE_SECONDS) -> None:
        self._store = store
        self._patience = patience
        self._key = f"{key}_lease"

    @contextmanager
    def held(self, wanted: Callable[[], bool]) -> Iterator[float | None]:
        """
        Hold the lease while the context lasts.

        :param wanted: asked while others hold it: whether to wait on
        :return: a context manager that gives the time (of ``time.monotonic``) until which the lease is held for sure;
            None when it is not held, as it was no longer wanted
        :raises TimeoutError: on entering, when others hold it for too long, or the store is too slow or cannot be
            written
        :raises XChatTokenStoreUnusableError: on entering, when the store does not give back what was saved
        """
        acquired = self._acquire(wanted)
        if acquired is None:
            yield None
            return
        name, held_from = acquired
        try:
            yield held_from + HOLD_SECONDS
        finally:
            # Nobody waits for it in vain when this goes wrong, only longer. Late in its time it is left alone: a write
            # that is delayed could free what is somebody else's by then.
            with suppress(Exception):
                if time.monotonic() < held_from + HOLD_SECONDS / 2 and self._store.load(self._key) == name:
                    self._store.save(self._key, _FREE + secrets.token_hex(8))

    def _acquire(self, wanted: Callable[[], bool]) -> tuple[str, float] | None:
        give_up_at = time.monotonic() + self._patience
        found, seen_at = None, 0.0
        trouble: str | None = _HELD
        pause = _POLL
        while True:
            read_at = time.monotonic()
            before, found = found, self._store.load(self._key)
            if found != before:
                seen_at = time.monotonic()
            if found is None or found.startswith(_FREE) or read_at - seen_at >= STALE_SECONDS:
                # A new name for each try: a write that was given up may still arrive.
                name = f"{secrets.token_hex(8)} {socket.gethostname()} {os.getpid()}"
                trouble = self._cannot_save(name)
                if trouble is None:
                    written_at = time.monotonic()
                    if written_at - read_at < SETTLE_SECONDS:
                        time.sleep(SETTLE_SECONDS)
                        if self._is_kept(name):
                            return name, written_at
                        trouble = _HELD
                    else:
                        took = f"{written_at - read_at:.1f} s"
                        trouble = (
                            f"the store takes too long to read and write ({took}, the limit is {SETTLE_SECONDS:.0f} s)"
                        )
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"no lease on the token within {self._patience:.0f} s: {trouble}")
            time.sleep(pause * (0.5 + random.random() / 2))
            pause = min(1.5 * pause, _LONGEST_POLL)
            if not wanted():
                return None

    def _cannot_save(self, name: str) -> str | None:
        try:
            self._store.save(self._key, name)
        except XChatTokenStoreUnusableError:
            raise
        except Exception as error:  # noqa: BLE001  of any kind; two that write a new key at once may collide
            return f"it cannot be written: {error}"
        return None

    def _is_kept(self, name: str) -> bool:
        kept = self._store.load(self._key)
        if kept is None:
            # Going on would overwrite the lease of those who can read it.
            raise XChatTokenStoreUnusableError(
                f"{self._key} was saved, and there is nothing to be read under that key. In Airflow Variables the"
                " likely cause is another team that has the same sign-in: in multi-team mode, a Variable belongs to the"
                " team that wrote it first. Give each team a connection with a sign-in of its own, or a token store"
                " that all of them can read"
            )
        return kept == name


@contextmanager
def exclusive_lease(store: TokenStore, key: str, wanted: Callable[[], bool]) -> Iterator[float | None]:
    """
    Keep every other process out, by the store's own lock where it has one, else by a lease.

    :param store: where the token is
    :param key: its key
    :param wanted: asked while others hold the lease: whether to wait on
    :return: a context manager that gives the time (of ``time.monotonic``) until which this holds for sure; None when
        it does not hold, as it was no longer wanted
    :raises TimeoutError: on entering, when others are in for too long
    """
    if not isinstance(store, LockingTokenStore):
        with Lease(store, key).held(wanted) as until:
            yield until
        return
    lock = store.lock(key, PATIENCE_SECONDS)
    lock.__enter__()
    try:
        yield math.inf
    finally:
        try:
            lock.__exit__(None, None, None)
        except Exception as error:  # noqa: BLE001  of any kind, and what was to be done is done
            log.warning("the lock on a token was not freed: %s", type(error).__name__)
