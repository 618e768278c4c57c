"""A task that Airflow ends, by its timeout or by a signal: it sends nothing more, and keeps what it has fetched."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xchat_sandbox import running_sandbox

HERE = Path(__file__).parent
COUNT = 3000
AT_ONCE = 20


@pytest.fixture(scope="module")
def ended(tmp_path_factory, migrated_database, new_home):
    """A function that runs the DAG until its task has ended; it gives what was logged, sent and kept."""
    token = secrets.token_hex()
    with running_sandbox(tokens=[token], conversations=COUNT, rate_limit=1_000_000, latency=0.1) as sandbox:

        def run(*, kill_after=None, **arguments):
            sandbox.reset()
            path = tmp_path_factory.mktemp("ending")
            shutil.copytree(HERE / "dags", path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
            connection = {"conn_type": "xchat", "host": sandbox.url, "password": token}
            output = str(path / "out.jsonl")
            arguments = {"count": COUNT, "max_concurrency": AT_ONCE, "output_path": output, **arguments}
            settings = {
                "AIRFLOW_CONN_XCHAT_DEFAULT": json.dumps(connection),
                "XCHAT_ARGUMENTS": json.dumps(arguments),
            }
            home = new_home(path, migrated_database, Path(sys.executable), settings)
            with (path / "printed").open("w+b") as printed:
                command = [home.python, "-m", "airflow", "dags", "test", "ending"]
                with subprocess.Popen(command, env=home.environment, stdout=printed, stderr=printed) as process:
                    while kill_after is not None and process.poll() is None:
                        if len(sandbox.requests()) >= kill_after:
                            process.send_signal(signal.SIGTERM)
                            break
                        time.sleep(0.01)
                    process.wait(180)
            log = (path / "printed").read_text(errors="replace")
            kept = [line for partial in path.glob("out.jsonl.*") for line in partial.read_text().splitlines() if line]
            assert not (path / "out.jsonl").exists(), log
            return log, sandbox.requests(), kept

        yield run


def assert_ended(log, requests, kept):
    assert "DagRun Finished" in log and "state=failed" in log, log
    assert len(requests) < COUNT
    # What was under way when it ended is lost, and nothing else.
    assert len(requests) - AT_ONCE <= len(kept) <= len(requests)


def test_a_timeout_ends_the_task(ended):
    log, requests, kept = ended(execution_timeout=6)
    assert "AirflowTaskTimeout" in log
    assert_ended(log, requests, kept)


def test_a_signal_ends_the_task(ended):
    log, requests, kept = ended(kill_after=100)
    assert "Airflow has killed this task." in log
    assert_ended(log, requests, kept)
