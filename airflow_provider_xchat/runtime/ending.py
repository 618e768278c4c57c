"""End a task when Airflow kills it: "mark failed", "clear", or the shutdown of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_xchat.runtime.compat import IS_AIRFLOW_2

__all__ = ["EndsWhenKilled"]


class EndsWhenKilled:
    """Mixin for operators and sensors whose ``execute`` must end after ``on_kill``."""

    _execution = "not started"

    @contextmanager
    def _executing(self) -> Iterator[None]:
        """Mark ``execute`` as running while the context lasts."""
        if self._execution == "killed":
            raise _exit()
        self._execution = "running"
        try:
            yield
        finally:
            self._execution = "ended"

    def on_kill(self) -> None:
        """
        End the task, so that it starts no request and no refresh any more.

        Airflow calls this in a signal handler in the main thread, where the exception ends ``execute``; and after a
        timeout, when ``execute`` has ended.
        """
        if IS_AIRFLOW_2:  # it raises its own exception; later versions let the task continue
            return
        if self._execution == "running":
            raise _exit()
        if self._execution == "not started":
            self._execution = "killed"


def _exit() -> SystemExit:
    # Not an Exception, which the interrupted code could handle. Airflow retries the task, as after a worker's shutdown.
    return SystemExit("Airflow has killed this task.")
