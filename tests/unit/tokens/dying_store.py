"""A token store whose process is killed at a step of a refresh."""

from __future__ import annotations

import os
import signal

from airflow_provider_xchat.tokens import AirflowVariableStore


class DyingStore(AirflowVariableStore):
    """
    Airflow Variables, until the end.

    :param before: the number of the operation before which the process is killed, from 1
    :param after: the number of the operation after which it is killed
    """

    def __init__(self, before=None, after=None):
        self.before, self.after, self.done = before, after, 0

    def load(self, key):
        return self._do(super().load, key)

    def save(self, key, value):
        self._do(super().save, key, value)

    def _do(self, operation, *arguments):
        if self.before == self.done + 1:
            os.kill(os.getpid(), signal.SIGKILL)
        result = operation(*arguments)
        self.done += 1
        if self.after == self.done:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
