"""How tasks fail: at once where another try cannot help, with their retries where it may, and with what message."""

from __future__ import annotations

import pytest

BAD_INPUT = {
    "unknown_field": (
        "Unknown names in chat_conversation_fields: 'group_nmae' (str)"
        " (did you mean 'group_name'?); expected admin_settings, "
    ),
    "one_text_for_a_list": (
        "Invalid chat_conversation_fields 'group_name,type' (str): expected a list of names;"
        " did you mean ['group_name', 'type']?"
    ),
    "conversation_id": "Invalid conversation_id 'the board room' (str): expected ",
    "mapped[0]": "task 'mapped': Invalid conversation_id 'the board room' (str): expected ",
    "conversation_ids": "Invalid ids in conversation_ids: 'the board room' (str); expected ",
    "output_path": "Invalid output_path 'nowhere://bucket/file' (",
    "sequence_id": "Invalid seen_until_sequence_id '12ab' (str): expected ",
    "no_password": "connection 'xchat_no_password' has no password: expected the OAuth 2.0 user access token",
}
REFUSED = {
    "unknown_token": ("XChatAuthError", "X answered 401 to GET /2/chat/conversations/g9000000000000000201: "),
    "no_credits": ("XChatCreditsError", "X answered 402 to GET /2/chat/conversations/g9000000000000000201: "),
    "not_a_member": ("XChatForbiddenError", "X answered 403 to GET /2/chat/conversations/g9000000000000000203: "),
    "scope_missing": (
        "XChatForbiddenError",
        "X answered 403 to POST /2/chat/conversations/g9000000000000000201/read: ",
    ),
    "unknown_conversation": ("XChatNotFoundError", "X answered 404 to GET /2/chat/conversations/g404: "),
}


@pytest.fixture(scope="module", params=["dag_test", "worker"])
def refused(request):
    fixture = {"dag_test": "runs", "worker": "supervised_runs"}[request.param]
    return request.getfixturevalue(fixture)["refused"]


@pytest.mark.parametrize("task", BAD_INPUT)
def test_bad_input_fails_at_once(runs, task):
    result = runs["bad_input"].tasks[task]
    assert (result.state, result.try_number, result.max_tries) == ("failed", 1, 3)
    assert f"XChatInputError: {BAD_INPUT[task]}" in result.log


def test_bad_input_sends_nothing(runs):
    assert runs["bad_input"].requests == []


@pytest.mark.parametrize("field", ["group_description", "group_name", "message_ttl_ms", "type", "updated_at"])
def test_an_unknown_field_is_answered_with_the_known_ones(runs, field):
    message = runs["bad_input"].tasks["unknown_field"].log.partition("; expected ")[2].partition(". ")[0]
    assert field in message.split(", ")


@pytest.mark.parametrize("task", REFUSED)
def test_a_refusal_fails_at_once(refused, task):
    result = refused.tasks[task]
    assert (result.state, result.try_number, result.max_tries) == ("failed", 1, 3)


@pytest.mark.parametrize("task", REFUSED)
def test_a_refusal_is_logged_with_what_x_said(runs, task):
    error, message = REFUSED[task]
    assert f"{error}: {message}" in runs["refused"].tasks[task].log


def test_a_refusal_is_asked_for_once(refused):
    assert sorted((request["path"], request["status"]) for request in refused.requests) == [
        ("/2/chat/conversations/g404", 404),
        ("/2/chat/conversations/g9000000000000000201", 401),
        ("/2/chat/conversations/g9000000000000000201/read", 403),
        ("/2/chat/conversations/g9000000000000000203", 403),
    ]


def test_a_server_error_uses_the_retries(runs, scripted):
    result = runs["retried"].tasks["server_error"]
    assert (result.state, result.try_number) == ("failed", 4)
    # Each try of the task asks four times.
    assert scripted.asked.count("server_error") == 16
    assert result.log.count("XChatServerError: X answered 503 to GET ") == 4


def test_an_unknown_field_that_is_allowed_is_sent_and_what_x_says_of_it_is_final(runs):
    (asked,) = runs["retried"].requests
    assert (asked["query"], asked["status"]) == ("chat_conversation.fields=newer", 400)
    result = runs["retried"].tasks["unknown_field_allowed"]
    assert result.try_number == 1
    assert "XChatBadRequestError: X answered 400 to GET " in result.log


def test_problems_beside_data_are_warnings_and_the_answer_is_whole(runs):
    result = runs["problems"].tasks["errors_beside_data"]
    assert result.state == "success"
    assert result.returned == {
        "data": [{"id": "g9000000000000000201", "type": "group", "sparkle": {"level": 3}}],
        "errors": [{"title": "Field Authorization Error", "detail": "admin_ids is not for you."}],
        "meta": {"newer": True},
    }
    (warning,) = [line for line in result.log.splitlines() if "[warning" in line]
    assert "X returned partial errors: Field Authorization Error: admin_ids is not for you" in warning


def test_problems_beside_a_mark_are_warnings(runs):
    result = runs["problems"].tasks["errors_beside_mark"]
    assert result.state == "success"
    assert result.returned["errors"] == [{"message": "Slow day", "code": 130}]
    assert "X returned partial errors: Slow day (code 130)" in result.log


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("errors_without_data", "Oddity: Nothing to show today"),
        ("not_marked", 'not marked as read: data is {"success": false}'),
    ],
)
def test_a_success_without_what_was_asked_for_fails(runs, task, message):
    result = runs["problems"].tasks[task]
    assert result.state == "failed"
    assert result.returned is None
    assert "XChatAPIError: X answered 200 to " in result.log
    assert message in result.log


def test_the_result_of_a_failed_task_is_pushed_as_that_of_any_other(runs):
    tasks = runs["some_failed"].tasks
    assert {name: task.state for name, task in tasks.items()} == {"no_xcom": "failed", "multiple_outputs": "failed"}
    assert tasks["no_xcom"].returned is None
    assert (tasks["multiple_outputs"].returned["fetched"], tasks["multiple_outputs"].outputs["fetched"]) == (1, 1)
    assert tasks["no_xcom"].outputs == {}


def test_mapped_tasks_with_one_output_path_are_refused(runs):
    run = runs["mapped_outputs"]
    assert {name: task.state for name, task in run.tasks.items()} == {
        "one_path[0]": "failed",
        "one_path[1]": "failed",
        "own_paths[0]": "success",
        "own_paths[1]": "success",
    }
    assert "XChatInputError: Invalid output_path " in run.tasks["one_path[0]"].log
    assert len(run.requests) == 2
