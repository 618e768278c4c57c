"""The example DAGs in a whole Airflow, triggered over its REST API."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from xchat_sandbox import GROUP_ID, OTHER_GROUP_ID

ROOT = Path(__file__).parent.parent.parent.parent


def test_make_up_runs_it():
    listed = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "up"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert listed.splitlines()[-1].endswith("/python -m demo.up")


@pytest.fixture(scope="module")
def first_run(up):
    run = up.trigger("example_xchat_conversation")
    return run, up.ended("example_xchat_conversation", run)


def test_the_operators(up, first_run):
    run, states = first_run
    assert states == {"get_conversation": "success", "summarize": "success", "mark_as_read": "success"}
    assert up.returned("example_xchat_conversation", run, "summarize")["id"] == GROUP_ID
    assert up.returned("example_xchat_conversation", run, "mark_as_read") == {"data": {"success": True}}
    assert up.sandbox("/read-marks")[GROUP_ID] == "1987654321987654399"


def test_a_token_that_expires_rotates_between_tasks(up, first_run):
    def refreshes():
        (chain,) = up.sandbox("/chains")["chains"]
        assert (chain["alive"], chain["reused_dead_token"]) == (True, 0)
        return chain["refreshes"]

    before = refreshes()
    up.sandbox("/expire", {})
    run = up.trigger("example_xchat_conversation")
    assert set(up.ended("example_xchat_conversation", run).values()) == {"success"}
    assert refreshes() > before


@pytest.fixture(scope="module")
def changed(up, first_run):
    """The sensor's run, and what the sandbox says of both groups, which change once the sensor waits."""
    run = up.trigger("example_xchat_wait_for_update", {"conversation_id": OTHER_GROUP_ID})
    up.until(lambda: up.states("example_xchat_wait_for_update", run)["wait_for_update"] == "deferred")
    assert up.runs("example_xchat_watch_updates") == []
    return run, {group: up.sandbox(f"/conversations/{group}", {})["updated_at"] for group in (GROUP_ID, OTHER_GROUP_ID)}


def test_a_sensor_waits_deferred_until_the_conversation_changes(up, changed):
    run, updated = changed
    assert up.ended("example_xchat_wait_for_update", run) == {"wait_for_update": "success", "report": "success"}
    (conversation,) = up.returned("example_xchat_wait_for_update", run, "wait_for_update")["data"]
    assert (conversation["id"], conversation["updated_at"]) == (OTHER_GROUP_ID, updated[OTHER_GROUP_ID])


def test_a_change_of_a_watched_conversation_starts_a_run(up, changed):
    _, updated = changed
    up.until(lambda: up.runs("example_xchat_watch_updates"))
    (run,) = (each["dag_run_id"] for each in up.runs("example_xchat_watch_updates"))
    assert up.ended("example_xchat_watch_updates", run) == {"report": "success"}
    moment = datetime.fromisoformat(updated[GROUP_ID])
    assert up.returned("example_xchat_watch_updates", run, "report") == [
        f"{GROUP_ID} was updated at {moment.isoformat()}"
    ]
