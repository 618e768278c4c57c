"""Airflow's commands, of each release, with the wheel beside it: they find it, its connection type and its DAGs."""

from __future__ import annotations

import json

import jsonschema
import pytest

from airflow_provider_xchat import __version__
from airflow_provider_xchat.provider_info import get_provider_info

DOCUMENTATION = "https://airflow-provider-xchat.readthedocs.io/"


def test_every_command_succeeds_without_a_complaint(beside):
    ended = {name: (done.status, beside.complaints(done)) for name, done in beside.commands.items()}
    assert ended == dict.fromkeys(beside.commands, (0, []))


def test_what_airflow_complains_of_is_not_ours(beside):
    complaints = [line for done in beside.commands.values() for line in done.complaints]
    assert [line for line in complaints if "xchat" in line.lower()] == []


def test_the_provider_is_listed(beside):
    listed = {provider["package_name"]: provider for provider in beside.commands["providers"].json}
    assert listed["airflow-provider-xchat"] == {
        "package_name": "airflow-provider-xchat",
        "description": "Read X Chat conversations and mark them as read",
        "version": __version__,
    }


def test_the_provider_is_shown(beside):
    (shown,) = beside.commands["provider"].json
    # Airflow 3 adds what the wheel's metadata have behind "Documentation,"; until 3.3 with the space in front.
    documentation = shown.pop("documentation-url", "")
    assert documentation.strip() == ("" if beside.release == "2.11" else DOCUMENTATION)
    # Airflow cuts the full stop off.
    assert shown == {**get_provider_info(), "description": "Read X Chat conversations and mark them as read"}


def test_the_provider_info_is_what_this_release_expects(beside):
    (path,) = beside.examples.parent.parent.glob("airflow/provider_info.schema.json")
    jsonschema.validate(get_provider_info(), json.loads(path.read_text(encoding="utf-8")))


def test_the_connection_type_has_its_hook(beside):
    (hook,) = [hook for hook in beside.commands["hooks"].json if hook["connection_type"] == "xchat"]
    assert hook == {
        "connection_type": "xchat",
        "class": "airflow_provider_xchat.hooks.xchat.XChatHook",
        "conn_id_attribute_name": "xchat_conn_id",
        "package_name": "airflow-provider-xchat",
        "hook_name": "X Chat",
    }


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("type", {"host": "http://127.0.0.1:9", "login": "my-client-id", "extra_dejson": {"timeout": "5"}}),
        (
            "uri",
            {"host": "api.x.com", "schema": "https", "login": "my-client-id", "extra_dejson": {"timeout": "5"}},
        ),
        ("json", {"host": "https://api.x.com", "login": None, "extra_dejson": {}}),
    ],
)
def test_a_connection_may_be_added_in_each_form(beside, password, form, fields):
    (connection,) = beside.commands[f"get_{form}"].json
    expected = {"conn_type": "xchat", "password": password, "is_encrypted": "True", **fields}
    assert {name: connection[name] for name in expected} == expected


@pytest.mark.parametrize("form", ["type", "uri", "json"])
def test_adding_a_connection_shows_no_token(beside, password, form):
    added = beside.commands[f"add_{form}"]
    assert "Successfully added" in added.out
    # Before Airflow 3.3, the command repeats a URI that it was given, of any connection type.
    assert password not in added.text or (form, beside.release) in {("uri", "2.11"), ("uri", "3.1"), ("uri", "3.2")}


def test_a_connection_is_tested_against_x(beside):
    assert "Connection success!" in beside.commands["test"].out
    assert "/2/chat/conversations/0" in [request["path"] for request in beside.sandbox_requests]


def test_xchat_is_a_command(beside):
    commands = {name for name in beside.commands if "xchat" in name}
    # Airflow takes commands of providers since 3.2.
    assert commands == ({"xchat"} if beside.release in {"2.11", "3.1"} else {"xchat", "airflow_xchat"})
    for name in commands:
        done = beside.commands[name]
        assert (done.status, done.err) == (0, "")
        shown = json.loads(done.out)
        assert shown["conn_id"] == "xchat_default"
        assert shown["source"] == "the environment variable AIRFLOW_CONN_XCHAT_DEFAULT"
        assert (shown["refreshes"], shown["token_store"]) == (False, None)
