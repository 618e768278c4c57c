"""Sensors in their three modes, and watchers, with real schedulers, workers and triggerers; one of these is killed."""

from __future__ import annotations

import statistics
from itertools import pairwise

import pytest

WAITING = {
    "poke": "g9100000000000000001",
    "reschedule": "g9100000000000000002",
    "deferrable": "g9100000000000000003",
}
WATCHED = "g9100000000000000005"

on_the_latest = pytest.mark.parametrize("deployment", ["latest"], indirect=True)


@pytest.fixture
def written(deployment):
    """Every file of the home by its path there."""
    files = {path.relative_to(deployment.home.path).as_posix(): path for path in deployment.home.path.rglob("*")}
    return {name: path.read_bytes() for name, path in files.items() if path.is_file()}


@pytest.mark.parametrize("mode", WAITING)
def test_a_sensor_returns_the_conversation(deployment, mode):
    assert deployment.task(f"waiting_{mode}")[0] == "success"
    ((conversation,),) = [answer["data"] for answer in deployment.returned(f"waiting_{mode}")]
    assert conversation["id"] == WAITING[mode]
    assert conversation["group_name"] == f"{WAITING[mode]} has changed"


@pytest.mark.parametrize("mode", WAITING)
def test_a_sensor_asks_for_what_it_was_told_to(deployment, mode):
    asked = {request["query"] for request in deployment.asked(WAITING[mode])}
    assert asked == {"chat_conversation.fields=group_name,updated_at"}


def test_only_the_deferrable_sensor_defers(deployment):
    deferred = [mode for mode in WAITING if "DEFERRED" in deployment.log(f"waiting_{mode}")]
    assert deferred == ["deferrable"]


def test_a_deferred_sensor_that_times_out_fails_without_retries(deployment):
    state, try_number = deployment.task("in_vain", "fails")
    assert state == "failed"
    assert try_number < 6
    assert "AirflowSensorTimeout" in deployment.log("in_vain", "fails")


def test_a_deferred_sensor_that_times_out_can_be_skipped(deployment):
    assert deployment.task("in_vain", "is_skipped")[0] == "skipped"


@on_the_latest
def test_each_change_is_one_event_although_the_triggerer_was_killed(deployment):
    changes = ["first", "second", "third"]
    assert deployment.fired() == {"one_conversation": changes, "another_conversation": changes}


@on_the_latest
@pytest.mark.parametrize("dag_id", ["watched_by_one", "watched_by_another"])
def test_a_watching_dag_runs_once_per_change(deployment, dag_id):
    assert sorted(deployment.returned(dag_id, "names")) == [["first"], ["second"], ["third"]]
    assert deployment.run_states(dag_id) == ["success"] * 3


@on_the_latest
def test_watchers_share_a_poll(deployment):
    times = [request["time"] for request in deployment.asked(WATCHED)]
    # Two polls would be half of that apart, or less.
    assert statistics.median(later - earlier for earlier, later in pairwise(times)) > 0.8


@on_the_latest
def test_only_the_time_is_kept_in_the_state_of_an_asset(deployment):
    kept = deployment.rows("select key, value from asset_state_store")
    assert len(kept) == 2
    assert all(key.startswith("xchat_updates_") and len(value) < 50 for key, value in kept)


@on_the_latest
def test_no_trigger_was_made_again_by_a_parsed_dag(deployment):
    """Airflow compares the triggers of DAG files with its own, and would drop one that is not the same any more."""
    assert [key for (key,) in deployment.rows("select id from trigger")] == [1, 2]


def test_no_token_in_any_file(deployment, written):
    assert [name for name, content in written.items() if deployment.token.encode() in content] == []
    assert any(deployment.home.path.name in name or b"DEFERRED" in content for name, content in written.items())
