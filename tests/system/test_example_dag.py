"""The example DAG that is shipped, run by Airflow against the sandbox."""

from __future__ import annotations

import pytest

RUN = {
    "example": (
        "example_xchat_conversation",
        {"conversation_id": "g9000000000000000202", "seen_until_sequence_id": "2000000000000000099"},
    )
}


@pytest.fixture(scope="module")
def runs(airflow_home, run_dags, sandbox):
    """The example alone, so that ``make test`` need not wait for the others."""
    return run_dags(airflow_home, RUN, sandbox, connections={})


def test_succeeds(runs):
    run = runs["example"]
    assert run.state == "success"
    assert run.states == {"get_conversation": "success", "summarize": "success", "mark_as_read": "success"}


def test_returns_the_answers_to_xcom(runs):
    tasks = runs["example"].tasks
    members = ["9000000000000000105", "9000000000000000104", "9000000000000000101", "900000001"]
    answer = tasks["get_conversation"].returned
    assert answer["data"] == [
        {
            "id": "g9000000000000000202",
            "type": "group",
            "group_name": "On call",
            "participant_ids": members,
            "updated_at": "2026-02-27T03:14:15.000Z",
        }
    ]
    assert [user["id"] for user in answer["includes"]["users"]] == members
    assert tasks["summarize"].returned == {
        "id": "g9000000000000000202",
        "name": "On call",
        "members": [
            "Emil Edge (@emil_edge)",
            "Dora Dashboard ☎ (@dora_dash)",
            "Ada Sandbox (@ada_sandbox)",
            "Bea Burst (@bea_burst)",
        ],
        "last_update": "2026-02-27T03:14:15.000Z",
    }
    assert tasks["mark_as_read"].returned == {"data": {"success": True}}


def test_sends_two_requests(runs):
    logged = ("method", "path", "query", "status", "body")
    assert [{name: request[name] for name in logged} for request in runs["example"].requests] == [
        {
            "method": "GET",
            "path": "/2/chat/conversations/g9000000000000000202",
            "query": "expansions=participant_ids"
            "&chat_conversation.fields=group_name,type,updated_at"
            "&user.fields=name,username",
            "status": 200,
            "body": None,
        },
        {
            "method": "POST",
            "path": "/2/chat/conversations/g9000000000000000202/read",
            "query": "",
            "status": 200,
            "body": {"seen_until_sequence_id": "2000000000000000099"},
        },
    ]


def test_sets_the_read_mark(runs, sandbox):
    assert sandbox.read_marks()["g9000000000000000202"] == "2000000000000000099"
