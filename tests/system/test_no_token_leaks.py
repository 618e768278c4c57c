"""After all runs, no token stands in anything that Airflow has printed, stored or logged."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def written(airflow_home, runs, supervised_runs):
    """Every file of the home by its path there: the database, the logs, and the results with XComs and templates."""
    files = {path.relative_to(airflow_home.path).as_posix(): path for path in airflow_home.path.rglob("*")}
    return {name: path.read_bytes() for name, path in files.items() if path.is_file()}


def test_not_in_what_was_printed(runs, supervised_runs, tokens):
    assert tokens.found_in((runs.printed + supervised_runs.printed).encode()) == []


def test_not_in_any_file(written, tokens):
    assert {name: found for name, content in written.items() if (found := tokens.found_in(content))} == {}


def test_the_database_was_searched(written):
    assert b"Release crew" in written["airflow.db"]
    assert b"xchat_stored" in written["airflow.db"]


def test_the_logs_of_workers_were_searched(written):
    logs = [content for name, content in written.items() if name.startswith("logs/") and "task_id=" in name]
    assert any(b"XChatAuthError" in log for log in logs)
    assert any(b"Release crew" in log for log in logs)
