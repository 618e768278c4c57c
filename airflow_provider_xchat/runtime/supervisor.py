"""Requests to Airflow from threads, which share one socket to the supervisor in Airflow 3."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from airflow_provider_xchat.runtime.compat import mask_secret

__all__ = ["mask", "one_request_at_a_time"]

_LOCK = threading.RLock()
# Far longer than any request. A longer wait may mean a deadlock, so continue without the lock.
_MAX_WAIT_SECONDS = 10.0


@contextmanager
def one_request_at_a_time() -> Iterator[None]:
    """
    Send no request from other threads of this provider, for as long as the context lasts.

    Airflow 3.1 has no lock for its requests, so a thread could get the response for another one.
    """
    held = _LOCK.acquire(timeout=_MAX_WAIT_SECONDS)
    try:
        yield
    finally:
        if held:
            _LOCK.release()


def mask(secrets: Iterable[str]) -> None:
    """
    Have Airflow show ``***`` instead of secrets in task logs and rendered fields.

    :param secrets: the secrets
    """
    with one_request_at_a_time():
        for secret in secrets:
            mask_secret(secret)
