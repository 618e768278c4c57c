"""
The example DAGs of the package, beside each release: read without a network, and run against the sandbox.

``example_xchat_watch_updates`` is read and not run: it runs when its asset has an event, which takes a scheduler and a
triggerer. tests/system/updates has both, for DAGs that are scheduled in the same way.
"""

from __future__ import annotations

import pytest

RUN = ["example_xchat_conversation", "example_xchat_token_refresh", "example_xchat_wait_for_update"]
EVENT_DRIVEN = "example_xchat_watch_updates"

MODULES = ["hooks", "operators", "sensors", "triggers", "assets"]


def dag_ids(release):
    # Airflow 2.11 has no asset watchers.
    return RUN if release == "2.11" else [*RUN, EVENT_DRIVEN]


def test_every_module_is_imported_without_a_deprecation(beside):
    assert beside.imported["failed"] == {}
    assert {f"airflow_provider_xchat.{name}.xchat" for name in MODULES} <= set(beside.imported["modules"])


def test_importing_looks_nothing_up(beside):
    assert beside.imported["looked_up_by_imports"] == []


def test_reading_the_examples_looks_nothing_up(beside):
    assert beside.imported["import_errors"] == {}
    assert beside.imported["dags"] == dag_ids(beside.release)
    assert beside.imported["looked_up_by_parsing"] == []


def test_what_is_looked_up_is_seen(beside):
    """Both kinds: something that Airflow keeps, and something in the network."""
    assert beside.imported["looked_up"][0] == "looked_up"
    assert beside.imported["looked_up"][-1].startswith("socket.")


def test_airflow_lists_the_examples(beside):
    dags = beside.commands["dags"].json
    assert sorted(dag["dag_id"] for dag in dags) == dag_ids(beside.release)
    assert {dag["fileloc"].rpartition("/")[0] for dag in dags} == {str(beside.examples)}
    assert beside.commands["import_errors"].json == []


def test_airflow_finds_the_examples_of_an_installed_provider(beside):
    bundles = {dag.get("bundle_name") for dag in beside.commands["dags"].json}
    # Since Airflow 3.3; before, somebody has to name their folder. Airflow 2.11 has no bundles.
    folder = {None} if beside.release == "2.11" else {"dags-folder"}
    assert bundles == (folder if beside.release in {"2.11", "3.1", "3.2"} else {"airflow-provider-xchat-example-dags"})


@pytest.mark.parametrize("name", ["conversation", "token_refresh", "updated", "deferred"])
def test_succeeds(beside, name):
    run = beside.runs[name]
    assert run.state == "success", beside.runs.printed
    assert set(run.states.values()) == {"success"}


def test_a_conversation_is_read_and_marked(beside):
    run = beside.runs["conversation"]
    assert run.lines == [
        "GET /2/chat/conversations/g9000000000000000201",
        "POST /2/chat/conversations/g9000000000000000201/read",
    ]
    assert run.tasks["summarize"].returned["name"] == "Release crew"
    assert run.tasks["mark_as_read"].returned == {"data": {"success": True}}


def test_a_token_is_refreshed(beside):
    # It had an hour to go; the example wants 90 minutes.
    assert [request["status"] for request in beside.token_requests] == [200]
    assert beside.runs["token_refresh"].tasks["refresh_token"].returned.keys() == {"expires_at"}


def test_a_group_that_has_changed_is_not_waited_for(beside):
    run = beside.runs["updated"]
    assert len(run.lines) == 1
    assert run.tasks["report"].returned == "On call was updated at 2100-01-01T00:00:00.000Z"


def test_a_change_is_waited_for_in_a_trigger(beside):
    run = beside.runs["deferred"]
    # Asked for by the sensor, and by the trigger until it has changed.
    assert len(run.lines) >= 3
    assert set(run.lines) == {"GET /2/chat/conversations/g9100000000000000001"}
    assert run.tasks["report"].returned.startswith("Generated group 1 was updated at")
