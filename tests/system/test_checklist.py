"""What reviewers of providers look at: names, docstrings, and that triggers survive being stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DESCRIBE_CLASSES = Path(__file__).with_name("describe_classes.py")

SAMPLES = {
    "ChatConversationUpdatedTrigger": [
        {"conversation_id": "g1234567890123456789"},
        {
            "conversation_id": "2:1",
            "updated_since": "2026-03-02T16:20:31",
            "poll_interval": 30,
            "max_failures": 2,
            "xchat_conn_id": "another",
            "once": True,
            "chat_conversation_fields": ["group_name", "type"],
            "polled_at": "2026-03-02T17:20:31+01:00",
        },
    ],
}


@pytest.fixture(scope="module")
def described(bare_home):
    done = bare_home.run(DESCRIBE_CLASSES, stdin=json.dumps(SAMPLES))
    assert done.status == 0, done.text
    return done.json


@pytest.fixture(scope="module")
def classes(described):
    return described["classes"]


@pytest.fixture(scope="module")
def for_users(classes):
    """Those that are more than what others have in common."""
    return {name: one for name, one in classes.items() if not one["has_subclasses"]}


def test_there_are_all_kinds(for_users):
    assert {one["kind"] for one in for_users.values()} == {"hooks", "operators", "sensors", "triggers"}
    assert {"XChatHook", "GetChatConversationOperator", "ChatConversationUpdatedSensor"} <= for_users.keys()


def test_every_class_is_in_a_module_that_airflow_lists(for_users, listed_names):
    assert {name: listed_names.get(name) for name in for_users} == {
        name: one["kind"] for name, one in for_users.items()
    }
    assert listed_names.keys() == for_users.keys()


@pytest.fixture(scope="module")
def listed_names(bare_home):
    """The public names of the modules that ``airflow providers get`` lists, and the kind that each is listed as."""
    from airflow_provider_xchat.provider_info import get_provider_info

    kinds = ("hooks", "operators", "sensors", "triggers")
    modules = [
        (kind, module) for kind in kinds for each in get_provider_info()[kind] for module in each["python-modules"]
    ]
    lines = [f"import {module}" for _, module in modules]
    printed = ", ".join(f"**dict.fromkeys({module}.__all__, {kind!r})" for kind, module in modules)
    done = bare_home.run("-c", "\n".join(["import json", *lines, f"print(json.dumps({{{printed}}}))"]))
    assert done.status == 0, done.text
    return done.json


def test_every_class_and_method_has_a_docstring(classes):
    # What Airflow's own class says of a method of its need not be said again.
    airflows = {"execute", "poke", "run", "serialize", "get_serialized_fields"}
    texts = {name: one["text"] for name, one in classes.items()}
    texts |= {
        f"{name}.{method}": described["text"]
        for name, one in classes.items()
        for method, described in one["methods"].items()
        if method not in airflows
    }
    assert [name for name, text in texts.items() if not (text or "").strip()] == []


def test_every_argument_of_a_class_is_documented(for_users):
    left_out = [
        (name, each) for name, one in for_users.items() for each in one["arguments"] if each not in one["documented"]
    ]
    assert left_out == []


def test_what_classes_have_in_common_is_documented_there(classes):
    left_out = [
        (name, each) for name, one in classes.items() for each in one["own_arguments"] if each not in one["documented"]
    ]
    assert left_out == []


def test_no_argument_is_documented_that_there_is_not(classes):
    invented = [
        (name, each) for name, one in classes.items() for each in one["documented"] if each not in one["arguments"]
    ]
    assert invented == []


def test_methods_document_all_their_arguments_or_refer_to_another(classes):
    wrong = {
        f"{name}.{method}": described["documented"]
        for name, one in classes.items()
        for method, described in one["methods"].items()
        if described["documented"] and described["documented"] != described["arguments"]
    }
    assert wrong == {}


def test_every_trigger_is_tried(described):
    assert described["round_trips"].keys() == SAMPLES.keys()


def test_triggers_survive_being_stored(described):
    for name, trips in described["round_trips"].items():
        assert len(trips) == len(SAMPLES[name])
        for trip in trips:
            assert trip["is_the_class"]
            assert trip["stored"] == trip["kwargs"]
            assert trip["again"] == [trip["path"], trip["kwargs"]]
