"""Ends a task when Airflow kills it: "mark failed", "clear", and the shutdown of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_xchat.runtime.compat import IS_AIRFLOW_2

__all__ = ["EndsWhenKilled"]


class EndsWhenKilled:
    """Mixin for operators and sensors whose ``execute`` must not go on after ``on_kill``."""

    _execution = "not begun"

    @contextmanager
    def _executing(self) -> Iterator[None]:
        """Mark ``execute`` as running while the context lasts."""
        if self._execution == "killed":
            raise _end()
        self._execution = "running"
        try:
            yield
        finally:
            self._execution = "over"

    def on_kill(self) -> None:
        """
        End the task, so that no request and no refresh of a token begins any more.

        Airflow calls this in the handler of a signal, in the main thread; what this raises ends ``execute``. After a
        timeout it calls it, too, when ``execute`` is over.
        """
        if IS_AIRFLOW_2:  # it raises an exception of its own; later versions let the task go on until they kill it
            return
        if self._execution == "running":
            raise _end()
        if self._execution == "not begun":
            self._execution = "killed"


def _end() -> SystemExit:
    # Not an Exception, which could be taken for a failure of whatever the signal interrupts. Airflow retries it: a
    # worker that is shut down should not cost the task.
    return SystemExit("Airflow has killed this task.")
