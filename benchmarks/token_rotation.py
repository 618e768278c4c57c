"""
How long a refresh takes, and for how long a killed process loses the token: from X's answer to the end of saving.

Against the sandbox on this machine, so what is measured is our own share and the store's. Airflow Variables are written
to a SQLite database here; in a task of Airflow 3, two requests to the API server come on top.
"""

from __future__ import annotations

import logging
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 10


class Saved(logging.Handler):
    """Collects how long saving took (milliseconds), from what the provider logs."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Read one line."""
        found = re.search(r"saved within (\d+) ms", record.getMessage())
        if found:
            self.times.append(float(found[1]))


def main() -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
        print(f"{'store':32} {'refresh':>12} {'answer to saved':>18}   (median of {ROUNDS}, longest)")
        measure(Path(home))


def measure(folder: Path) -> None:
    """Refresh with each store, and print a line for it."""
    from airflow_provider_xchat.rotation import RotatingTokens, log
    from airflow_provider_xchat.token_stores import AirflowVariableStore, FileTokenStore
    from airflow_provider_xchat.tokens import Grant
    from xchat_sandbox import PUBLIC_CLIENT_ID, running_sandbox

    log.setLevel(logging.INFO)
    log.propagate = False
    with running_sandbox(strict=True) as sandbox:
        for store in (FileTokenStore(folder / "tokens"), AirflowVariableStore()):
            log.handlers = [saved := Saved()]
            took = []
            for _ in range(ROUNDS):
                granted = sandbox.grant(expires_in=0)
                grant = Grant(PUBLIC_CLIENT_ID, granted.refresh_token or "", access_token=granted.access_token)
                tokens = RotatingTokens(grant, store, base_url=sandbox.url)
                began = time.perf_counter()
                tokens.after(grant.first_token)
                took.append(1000 * (time.perf_counter() - began))
            window = f"{statistics.median(saved.times):.0f} ms, {max(saved.times):.0f} ms"
            print(f"{type(store).__name__:32} {statistics.median(took):9.0f} ms {window:>18}")


if __name__ == "__main__":
    main()
