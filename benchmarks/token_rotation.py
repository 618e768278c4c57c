"""
How long a refresh takes, and for how long a killed process loses the token: from X's answer to the end of saving.

Against the sandbox on this machine, so what is measured is our own share and the store's. Airflow Variables are written
to a SQLite database here; in a task of Airflow 3, two requests to the API server come on top.
``python -m benchmarks.token_rotation ROUNDS`` prints JSON.
"""

from __future__ import annotations

import json
import logging
import os
import re
import statistics
import sys
import time
from pathlib import Path

from benchmarks.measuring import Bench
from benchmarks.tables import Table


def tables(bench: Bench) -> list[Table]:
    """Measure in a process with a database, and give the table."""
    rounds = bench.some(10, 2)
    said = bench.printed(bench.developing, "-m", "benchmarks.token_rotation", str(rounds)).splitlines()[-1]
    table = Table(
        "token_rotation",
        f"a refresh, ms; medians of {rounds} in one process",
        notes=["lost: how long after X's answer a process that is killed loses the token"],
    )
    for store, took in json.loads(said).items():
        saved = took["saved"]
        table.add(
            store, refresh=statistics.median(took["refresh"]), lost=statistics.median(saved), lost_at_most=max(saved)
        )
    return [table]


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
    """Refresh with each store, and print what it took."""
    from airflow_provider_xchat.tokens import AirflowVariableStore, FileTokenStore, Grant
    from airflow_provider_xchat.tokens.rotation import RotatingTokens, log
    from xchat_sandbox import PUBLIC_CLIENT_ID, running_sandbox

    log.setLevel(logging.INFO)
    log.propagate = False
    found = {}
    with running_sandbox(strict=True) as sandbox:
        for store in (FileTokenStore(Path(os.environ["AIRFLOW_HOME"]) / "tokens"), AirflowVariableStore()):
            log.handlers = [saved := Saved()]
            took = []
            for _ in range(int(sys.argv[1])):
                granted = sandbox.grant(expires_in=0)
                grant = Grant(PUBLIC_CLIENT_ID, granted.refresh_token or "", access_token=granted.access_token)
                tokens = RotatingTokens(grant, store, base_url=sandbox.url)
                began = time.perf_counter()
                tokens.replace(grant.first_token)
                took.append(1000 * (time.perf_counter() - began))
            found[type(store).__name__] = {"refresh": took, "saved": saved.times}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
