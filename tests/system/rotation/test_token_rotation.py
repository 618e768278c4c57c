"""
Tokens that rotate while real schedulers, workers and triggerers run DAGs, on the oldest and the latest Airflow.

Each DAG has a connection with a grant of its own. Its first task finds the access token due; the server is strict, so
that a second use of a refresh token would end the grant.
"""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime

import pytest

from xchat_sandbox import GROUP_ID

EXPIRED = (
    "The access token has expired. The next task refreshes it; this test does not, so it cannot check whether the"
    " sign-in is still valid."
)

# What the tasks return by DAG, where each of them has asked for the group.
ANSWER = {"data": [{"id": GROUP_ID}]}
RETURNED = {
    "operators": {"first": ANSWER, "second": ANSWER},
    "triggers": {"first": GROUP_ID, "second": GROUP_ID},
    "coroutines": {"first": [GROUP_ID] * 5, "second": GROUP_ID},
}
# What the logs say, error and message apart, as the latest Airflow writes them.
SIGN_IN_AGAIN = [
    "XChatAuthError",
    "X answered 400 to POST /2/oauth2/token: invalid_request: ",
    "To sign in again: xchat login --conn-id xchat_used_up",
]
FAILURES = {
    "used_up": SIGN_IN_AGAIN,
    "used_up_in_trigger": SIGN_IN_AGAIN,
    "still_good": ["XChatBadRequestError", "X answered 400 to POST /2/oauth2/token: ", "Nobody wants Basic *** "],
    "no_refresh_token": ["XChatInputError", "has no refresh_token in its extra", "xchat login --conn-id xchat_static"],
    "no_number": ["XChatInputError", "Invalid min_remaining 'soon' (str): expected a timedelta or a number of seconds"],
}
ENDPOINT_FAILURES = {
    "bad_gateway": ["XChatServerError", "X answered 502 to POST /2/oauth2/token: Bad Gateway."],
    "page": ["XChatAnswerError", "X answered 200 to POST /2/oauth2/token without a token (text/html"],
}


def runs_of(dag_ids):
    """Each of the DAGs in each fleet that has it."""
    both = ("latest", "oldest")
    pairs = [(fleet, dag_id) for dag_id in dag_ids for fleet in (both if dag_id != "coroutines" else both[:1])]
    return pytest.mark.parametrize(("fleet", "dag_id"), pairs, indirect=["fleet"])


@runs_of(RETURNED)
def test_one_task_refreshes_and_the_next_one_uses_what_came(fleet, dag_id):
    assert fleet.run_states()[dag_id] == "success"
    assert {task: fleet.task(dag_id, task).returned for task in ("first", "second")} == RETURNED[dag_id]
    chain = fleet.rotating[f"xchat_{dag_id}"].chain
    assert (chain["alive"], chain["refreshes"], chain["reused_dead_token"]) == (True, 1, 0)


@runs_of([*RETURNED, "refresher"])
def test_the_log_tells_of_the_refresh(fleet, dag_id):
    said = f"X Chat token of 'xchat_{dag_id}' refreshed, saved within "
    assert [fleet.task(dag_id, task).log.count(said) for task in ("first", "second")] == [1, 0]


@runs_of([*RETURNED, "refresher"])
def test_the_next_token_is_kept_in_a_variable(fleet, dag_id):
    rotating = fleet.rotating[f"xchat_{dag_id}"]
    kept = fleet.variable(f"xchat_{dag_id}")
    assert kept["access_token"] != rotating.grant.access_token
    assert kept["refresh_token"] != rotating.grant.refresh_token
    request = urllib.request.Request(
        f"{rotating.sandbox.url}/2/chat/conversations/{GROUP_ID}",
        headers={"authorization": f"Bearer {kept['access_token']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer) == {"data": {"id": GROUP_ID}}


def test_the_server_refused_nothing_but_the_token_that_was_used_up(fleet):
    refused = [request for request in fleet.sandbox.requests() if request["status"] not in (200, 404)]
    assert [(request["path"], request["status"]) for request in refused] == [("/2/oauth2/token", 400)] * 2
    used_up = fleet.rotating["xchat_used_up"]
    assert used_up.chain["reused_dead_token"] == 2
    refreshes = sum(chain["refreshes"] for chain in fleet.sandbox.chains())
    assert [request["status"] for request in fleet.sandbox.token_requests()].count(200) == refreshes


def test_a_dag_may_refresh_for_all_others(fleet):
    assert fleet.run_states()["refresher"] == "success"
    tasks = {task: fleet.task("refresher", task) for task in ("first", "second", "third", "fourth")}
    kept = fleet.variable("xchat_refresher")
    end = datetime.fromtimestamp(kept["expires_at"], UTC).isoformat("T", "seconds")
    assert [tasks[task].returned for task in ("first", "second", "third")] == [{"expires_at": end}] * 3
    assert tasks["fourth"].returned == ANSWER
    assert fleet.rotating["xchat_refresher"].chain["refreshes"] == 1


def test_the_example_refreshes(fleet):
    assert fleet.run_states()["example_xchat_token_refresh"] == "success"
    chain = fleet.rotating["xchat_default"].chain
    assert (chain["alive"], chain["refreshes"], chain["reused_dead_token"]) == (True, 1, 0)


def test_arguments_of_the_refresh_are_shown_as_they_were_rendered(fleet):
    rendered = [fleet.task("refresher", task).rendered for task in ("first", "second", "third")]
    assert [shown["xchat_conn_id"] for shown in rendered] == ["xchat_refresher"] * 3
    assert [shown["min_remaining"] for shown in rendered] == ["1:30:00", "1:30:00", "5400"]


@pytest.mark.parametrize("task", FAILURES)
def test_a_failure_says_what_to_do(fleet, task):
    failed = fleet.task("failures", task)
    assert failed.state == "failed"
    assert [text for text in FAILURES[task] if text not in failed.log] == []


@pytest.mark.parametrize("task", ENDPOINT_FAILURES)
@pytest.mark.parametrize("fleet", ["latest"], indirect=True)
def test_an_endpoint_that_fails_is_tried_again(fleet, task):
    failed = fleet.task("endpoint_failures", task)
    assert failed.state == "failed"
    assert [text for text in ENDPOINT_FAILURES[task] if text not in failed.log] == []
    assert failed.log.count(f"X Chat token of 'xchat_{task}' not refreshed, another try in ") == 2


@pytest.mark.parametrize("connection", ["xchat_used_up", "xchat_bad_gateway", "xchat_page", "xchat_refusing_page"])
def test_nothing_is_kept_of_a_refresh_that_failed(fleet, connection):
    assert fleet.variable(connection) is None


@pytest.mark.parametrize("fleet", ["latest"], indirect=True)
def test_a_connection_test_says_that_the_token_is_due(fleet):
    assert json.loads(fleet.tests["xchat_cold", "server"]) == {"status": True, "message": EXPIRED}


@pytest.mark.parametrize("fleet", ["latest"], indirect=True)
def test_a_connection_test_uses_the_token_that_a_task_has_got(fleet):
    assert json.loads(fleet.tests["xchat_operators", "server"]) == {"status": True, "message": "X accepts the token."}


@pytest.mark.parametrize("connection", ["xchat_cold", "xchat_operators"])
def test_a_connection_is_tested_by_command(fleet, connection):
    assert "Connection success!" in fleet.tests[connection, "command"]


def test_a_connection_test_refreshes_and_writes_nothing(fleet):
    assert (fleet.quiet.requests(), fleet.quiet.token_requests()) == ([], [])
    assert fleet.rotating["xchat_cold"].chain["refreshes"] == 0
    key = fleet.rotating["xchat_cold"].grant.key
    assert [name for (name,) in fleet.rows("select key from variable") if name.startswith(key)] == []
