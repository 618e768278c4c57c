"""A secrets backend that has no secrets, takes its time, and writes down what it was asked for and by whom."""

import os
import sys
import time
from pathlib import Path

from airflow.secrets import BaseSecretsBackend


class SlowLookups(BaseSecretsBackend):
    def get_connection(self, conn_id, *args, **kwargs):
        self._note(conn_id)

    def get_variable(self, key, *args, **kwargs):
        self._note(key)

    def get_config(self, key):
        return None

    def _note(self, name):
        supervised = hasattr(sys.modules.get("airflow.sdk.execution_time.task_runner"), "SUPERVISOR_COMMS")
        with Path(os.environ["LOOKUPS"]).open("a", encoding="utf-8") as file:
            file.write(f"{'task' if supervised else 'server'} {name}\n")
        time.sleep(1.1)
