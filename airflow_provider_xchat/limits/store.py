"""
The window of a rate limit in an Airflow Variable, and in memory.

Variables have no compare-and-swap. Among the processes of one machine, a lock on a file keeps updates apart; two
machines that reserve the last request in the same instant may send one too many, and all learn from the 429.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from airflow_provider_xchat.limits.window import Window
from airflow_provider_xchat.runtime.file_locks import host_lock
from airflow_provider_xchat.runtime.variables import AirflowVariableStore

__all__ = ["WindowStore"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_DESCRIPTION = "X's rate limit as airflow-provider-xchat last saw it. It may be deleted."
# How long to do without Variables after they failed.
_WITHOUT_VARIABLES_SECONDS = 60.0
# How long to do without a Variable that is missing after it was written.
_UNREADABLE_SECONDS = 900.0
# How long an update waits for other processes of this machine, before it goes on without the lock.
_LOCK_SECONDS = 5.0


class WindowStore:
    """
    Window shared by all tasks of an account. Made for use by many threads.

    :param key: the key of the Variable
    """

    def __init__(self, key: str) -> None:
        #: the window as this process knows it; set it only for changes that no other process needs to know
        self.window = Window()
        self._key = key
        self._variables = AirflowVariableStore(_DESCRIPTION)
        self._updating = threading.RLock()
        self._text: str | None = None
        #: the window in the Variable, by the clock of its writer
        self._read = Window()
        self._without_until = 0.0

    def change(self, change: Callable[[Window], tuple[Window, Result]]) -> Result:
        """
        Change the window for all who share it; blocks on a file lock and on Variables.

        :param change: returns the changed window and a result
        :return: the result
        """
        with self._updating, host_lock(self._key, _LOCK_SECONDS):
            self._load()
            self.window, result = change(self.window)
            self._save()
            return result

    def _load(self) -> None:
        if time.monotonic() < self._without_until:
            return
        try:
            found = self._variables.peek(self._key)
        except Exception as error:  # noqa: BLE001  whatever Airflow raises: this process knows its own window
            self._do_without(error)
            return
        if found is None and self._text is not None:
            # Someone removed it, or it belongs to another team, whose window must not be overwritten.
            self._without_until = time.monotonic() + _UNREADABLE_SECONDS
            log.warning(
                "Airflow Variable %s cannot be read any more: the rate limit is not shared for %.0f s",
                self._key,
                _UNREADABLE_SECONDS,
            )
        self._text = found
        if found is not None:
            self._read = Window.from_json(found, math.inf)
            self.window = self.window.merged(Window.from_json(found, time.time()))

    def _save(self) -> None:
        if self.window == self._read or time.monotonic() < self._without_until:
            return
        text = self.window.to_json(time.time())
        try:
            self._variables.save(self._key, text)
        except Exception as error:  # noqa: BLE001  as above
            self._do_without(error)
        else:
            self._text, self._read = text, self.window

    def _do_without(self, error: Exception) -> None:
        self._without_until = time.monotonic() + _WITHOUT_VARIABLES_SECONDS
        log.debug("rate limits are not shared for now: %s", type(error).__name__)
