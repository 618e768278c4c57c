"""What this provider asks of Airflow from threads: in Airflow 3, all of it goes to the supervisor, by one socket."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from airflow_provider_xchat.runtime.compat import mask_secret

__all__ = ["mask", "one_request_at_a_time"]

_LOCK = threading.RLock()
# Much longer than a request takes. Who waits longer may be what the holder waits for.
_LONGEST = 10.0


@contextmanager
def one_request_at_a_time() -> Iterator[None]:
    """
    Keep our other threads from asking, while the context lasts.

    Airflow 3.1 writes requests and reads answers without a lock, so that one thread could get another's answer.
    """
    held = _LOCK.acquire(timeout=_LONGEST)
    try:
        yield
    finally:
        if held:
            _LOCK.release()


def mask(secrets: Iterable[str]) -> None:
    """
    Have Airflow show ``***`` in place of these, in task logs and rendered fields.

    :param secrets: the secrets; in Airflow 3 the process that writes the task's log is told, too
    """
    with one_request_at_a_time():
        for secret in secrets:
            mask_secret(secret)
