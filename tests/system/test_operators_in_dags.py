"""What the operators take from DAG authors: lists and ids from XCom, from templates, as text, mapped."""

from __future__ import annotations

import pytest

GROUP = {"id": "g9000000000000000201", "type": "group"}
DIRECT = {"id": "900000001-9000000000000000101"}


@pytest.mark.parametrize(
    ("run", "task"),
    [
        ("field_lists", "xcom_arg"),
        ("field_lists", "xcom_pull"),
        ("field_lists", "json_text"),
        ("field_lists", "templated_items"),
        ("field_lists_native", "xcom_pull"),
    ],
)
def test_a_field_list_may_come_in_any_form(runs, run, task):
    assert runs[run].tasks[task].state == "success"
    assert runs[run].tasks[task].returned["data"] == [GROUP]


def test_every_form_of_a_field_list_makes_the_same_query(runs):
    queries = [request["query"] for request in runs["field_lists"].requests]
    assert queries == [
        *["chat_conversation.fields=id,type"] * 4,
        "expansions=participant_ids&chat_conversation.fields=group_name&user.fields=name,username",
    ]
    assert [request["query"] for request in runs["field_lists_native"].requests] == ["chat_conversation.fields=id,type"]


def test_a_list_in_a_template_is_rendered_to_text_unless_the_dag_is_native(runs):
    rendered = [
        runs[run].tasks["xcom_pull"].rendered["chat_conversation_fields"]
        for run in ("field_lists", "field_lists_native")
    ]
    assert rendered == ["['id', 'type']", ["id", "type"]]


@pytest.mark.parametrize(
    ("run", "address"),
    [
        ("templated_ids", "900000001"),
        ("native_ids", "900000001"),
        ("native_pair", "900000001-9000000000000000101"),
    ],
)
def test_ids_and_the_connection_may_be_templates(runs, run, address):
    result = runs[run]
    assert result.state == "success"
    assert result.tasks["get"].rendered["xchat_conn_id"] == "xchat_stored"
    assert result.tasks["get"].returned["data"] == [DIRECT]
    assert result.lines == [f"GET /2/chat/conversations/{address}", f"POST /2/chat/conversations/{address}/read"]
    assert result.requests[1]["body"] == {"seen_until_sequence_id": "998877665544332211"}


def test_native_templates_make_numbers_of_ids(runs):
    rendered = runs["native_ids"].tasks["mark"].rendered
    assert rendered["conversation_id"] == 900000001
    assert rendered["seen_until_sequence_id"] == 998877665544332211


def test_a_colon_between_two_ids_becomes_a_dash(runs):
    assert runs["literal_ids"].tasks["colon"].returned["data"] == [DIRECT]
    assert runs["literal_ids"].lines[0] == "GET /2/chat/conversations/900000001-9000000000000000101"


def test_a_sequence_id_may_be_an_int_and_is_sent_as_text(runs):
    assert runs["literal_ids"].tasks["int_sequence_id"].state == "success"
    assert runs["literal_ids"].requests[1]["body"] == {"seen_until_sequence_id": "2000000000000000007"}


def test_expand_gets_each_conversation(runs):
    tasks = runs["mapped"].tasks
    assert runs["mapped"].state == "success"
    assert [tasks[f"get[{index}]"].returned["data"] for index in range(3)] == [
        [{**DIRECT, "type": "direct"}],
        [GROUP],
        [{"id": "g9000000000000000202", "type": "group"}],
    ]


def test_expand_kwargs_marks_each_conversation(runs):
    marked = {request["path"]: request["body"] for request in runs["mapped"].requests if request["method"] == "POST"}
    assert marked == {
        "/2/chat/conversations/900000001/read": {"seen_until_sequence_id": "2098877665544332211"},
        "/2/chat/conversations/g9000000000000000202/read": {"seen_until_sequence_id": "2000000000000000007"},
    }


def test_every_mapped_mark_is_sent(runs):
    """By what the instances differ, no code of ours can know: a template, another account, anything."""
    result = runs["mapped_marks"]
    assert result.state == "success"
    assert sorted(line.removeprefix("POST /2/chat/conversations/") for line in result.lines) == [
        "900000001/read",
        "g9000000000000000201/read",
        "g9000000000000000201/read",
        "g9000000000000000201/read",
        "g9000000000000000202/read",
    ]
    assert all(task.returned == {"data": {"success": True}} for task in result.tasks.values())
