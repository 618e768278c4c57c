"""What stands literally in a DAG file and cannot be used: the file does not import."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG, task

from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.operators.xchat import (
    GetChatConversationOperator,
    GetChatConversationsOperator,
    MarkConversationReadOperator,
    RefreshXChatTokenOperator,
)
from airflow_provider_xchat.sensors.xchat import ChatConversationUpdatedSensor

GOOD = {
    GetChatConversationOperator: {"conversation_id": "g1"},
    GetChatConversationsOperator: {"conversation_ids": ["g1", 2, "3:4"]},
    MarkConversationReadOperator: {"conversation_id": 1, "seen_until_sequence_id": "1"},
    RefreshXChatTokenOperator: {"min_remaining": timedelta(minutes=1)},
    ChatConversationUpdatedSensor: {"conversation_id": "g1", "updated_since": datetime(2026, 3, 2, tzinfo=UTC)},
}
WRONG = [
    (
        GetChatConversationOperator,
        "conversation_id",
        "the board room",
        "Invalid conversation_id 'the board room' (str)",
    ),
    (GetChatConversationOperator, "conversation_id", ["g1"], "Invalid conversation_id ['g1'] (list)"),
    (GetChatConversationOperator, "chat_conversation_fields", ["group_nmae"], "did you mean 'group_name'?"),
    (GetChatConversationOperator, "chat_conversation_fields", "type,id", "did you mean ['type', 'id']?"),
    (
        GetChatConversationOperator,
        "chat_conversation_fields",
        {"type", "{{ x }}", "clr"},
        "Unknown names in chat_conversation_fields",
    ),
    (GetChatConversationOperator, "expansions", "['member_id']", "Unknown names in expansions: 'member_id'"),
    (GetChatConversationOperator, "user_fields", ("nmae",), "Unknown names in user_fields: 'nmae'"),
    (GetChatConversationOperator, "deadline", "soon", "Invalid deadline 'soon' (str)"),
    (GetChatConversationOperator, "rate_limit_wait", -1, "Invalid rate_limit_wait -1 (int)"),
    (GetChatConversationsOperator, "conversation_ids", "g1", "Invalid conversation_ids 'g1' (str): expected a list"),
    (
        GetChatConversationsOperator,
        "conversation_ids",
        ["{{ x }}", "g1", "x"],
        "Invalid ids in conversation_ids: 'x' (str)",
    ),
    (GetChatConversationsOperator, "conversation_ids", "['x']", "Invalid ids in conversation_ids: 'x' (str)"),
    (GetChatConversationsOperator, "max_concurrency", 0, "Invalid max_concurrency 0 (int)"),
    (GetChatConversationsOperator, "fail_on", "some", "Invalid fail_on 'some' (str)"),
    (MarkConversationReadOperator, "conversation_id", "g", "Invalid conversation_id 'g' (str)"),
    (MarkConversationReadOperator, "seen_until_sequence_id", "12ab", "Invalid seen_until_sequence_id '12ab' (str)"),
    (RefreshXChatTokenOperator, "min_remaining", "soon", "Invalid min_remaining 'soon' (str)"),
    (ChatConversationUpdatedSensor, "conversation_id", 1.5, "Invalid conversation_id 1.5 (float)"),
    (ChatConversationUpdatedSensor, "updated_since", "yesterday", "Invalid updated_since 'yesterday' (str)"),
    (
        ChatConversationUpdatedSensor,
        "chat_conversation_fields",
        ["clr"],
        "Unknown names in chat_conversation_fields: 'clr'",
    ),
]


@pytest.mark.parametrize("operator", GOOD)
def test_good_ones_are_left_alone(operator):
    made = operator(task_id="t", **GOOD[operator])
    assert all(getattr(made, name) is value for name, value in GOOD[operator].items())


@pytest.mark.parametrize(("operator", "argument", "value", "said"), WRONG)
def test_a_wrong_one_is_refused_with_its_task(operator, argument, value, said):
    with pytest.raises(XChatInputError) as caught:
        operator(task_id="fetch", **{**GOOD[operator], argument: value})
    assert str(caught.value).startswith("task 'fetch': ")
    assert said in str(caught.value)


@pytest.mark.parametrize(("operator", "argument"), dict.fromkeys((operator, name) for operator, name, _, _ in WRONG))
@pytest.mark.parametrize("value", ["{{ params.x }}", "{% if x %}1{% endif %}", "{# none #}x"])
def test_templates_are_not_looked_into(operator, argument, value):
    made = operator(task_id="t", **{**GOOD[operator], argument: value})
    assert getattr(made, argument) == value


@pytest.mark.parametrize(("operator", "argument"), dict.fromkeys((operator, name) for operator, name, _, _ in WRONG))
def test_xcoms_are_not_looked_into(operator, argument):
    with DAG("d", schedule=None):

        @task
        def given():
            return "x"

        result = given()
        made = operator(task_id="t", **{**GOOD[operator], argument: result})
        assert getattr(made, argument) is result
        assert made.upstream_task_ids == {"given"}


def test_names_that_are_allowed():
    fields = {"chat_conversation_fields": ["newer"]}
    for allowed in (["newer"], "['newer']", "{{ params.x }}", ["{{ params.x }}"]):
        GetChatConversationOperator(task_id="t", conversation_id="g1", allow_unknown=allowed, **fields)
    with pytest.raises(XChatInputError, match="Unknown names in chat_conversation_fields: 'newer'"):
        GetChatConversationOperator(task_id="t", conversation_id="g1", allow_unknown=["other"], **fields)


@pytest.mark.parametrize("fail_on", ["all", "never", "{{ params.x }}"])
def test_ids_that_are_failures_among_others(fail_on):
    GetChatConversationsOperator(task_id="t", conversation_ids=["x"], fail_on=fail_on)


def test_a_dag_with_delimiters_of_its_own():
    with DAG("d", schedule=None, jinja_environment_kwargs={"variable_start_string": "[["}):
        GetChatConversationOperator(task_id="t", conversation_id="[[ params.x }}")


def test_a_subclass_that_reads_files():
    class FromFile(GetChatConversationsOperator):
        template_ext = (".json",)

    FromFile(task_id="t", conversation_ids="ids.json")


def test_mapped_tasks_are_checked_when_they_run():
    with DAG("d", schedule=None):
        mapped = GetChatConversationOperator.partial(task_id="t", deadline=5).expand(conversation_id=["g1", "x"])
    assert mapped.unmap({"conversation_id": "g1"}).conversation_id == "g1"
    with pytest.raises(XChatInputError, match="task 't': Invalid conversation_id 'x'"):
        mapped.unmap({"conversation_id": "x"})


DAG_FILE = """
import json, sys
from airflow.sdk import DAG

before = set(sys.modules)
from airflow_provider_xchat.operators.xchat import GetChatConversationOperator
from airflow_provider_xchat.sensors.xchat import ChatConversationUpdatedSensor

with DAG("d", schedule=None):
    GetChatConversationOperator(task_id="a", conversation_id="{{ params.x }}")
    named = [name for name in sys.modules if name.partition(".")[0] == "xchat_client"]
    GetChatConversationOperator(task_id="b", conversation_id="g1", chat_conversation_fields=["type"], expansions=[])
    ChatConversationUpdatedSensor(task_id="c", conversation_id="g1", updated_since="2026-03-02")
print(json.dumps([named, sorted(set(sys.modules) - before)]))
"""


def test_the_names_are_read_without_the_client_and_only_for_literal_ones():
    done = subprocess.run([sys.executable, "-c", DAG_FILE], capture_output=True, text=True, check=True)
    before, imported = json.loads(done.stdout.splitlines()[-1])
    assert before == []
    assert [name for name in imported if name.startswith("xchat_client")] == [
        "xchat_client",
        "xchat_client.known_values",
    ]
    assert {name.partition(".")[0] for name in imported}.isdisjoint({"httpx", "attr", "attrs"})
