"""The wheel installed beside Airflow 3.3: Airflow's commands find it, its connection type and its example DAG."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_xchat import __version__
from airflow_provider_xchat.provider_info import get_provider_info

TOKEN = secrets.token_hex(32)
BUNDLE = "airflow-provider-xchat-example-dags"

FORM = """
import json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

(form,) = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "xchat"]
print(json.dumps(form.model_dump()))
"""

# One column for each core; a connection is added before it is shown.
COMMANDS = (
    {
        "add_type": (
            "connections add by_type --conn-type xchat --conn-host http://127.0.0.1:9 --conn-login my-client-id"
            f' --conn-password {TOKEN} --conn-extra {{"timeout":5}}'
        ),
        "add_uri": f"connections add by_uri --conn-uri xchat://my-client-id:{TOKEN}@api.x.com/https?timeout=5",
        "add_json": (
            f'connections add by_json --conn-json {{"conn_type":"xchat","host":"https://api.x.com","password":"{TOKEN}"}}'
        ),
        "get_type": "connections get by_type --output json",
        "get_uri": "connections get by_uri --output json",
        "get_json": "connections get by_json --output json",
        "test": "connections test xchat_default",
    },
    {
        "provider": "providers get airflow-provider-xchat --full --output json",
        "providers": "providers list --output json",
        "hooks": "providers hooks --output json",
        "process": f"dag-processor --num-runs 1 --bundle-name {BUNDLE}",
        "dags": "dags list --output json",
        "import_errors": "dags list-import-errors --output json",
    },
)
NAMES = [name for column in COMMANDS for name in column]

# Airflow's own, whichever provider is there: "connections add" uses code that it warns of, the DAG processor imports
# starlette's test client, and "dags" would like to have an optional package.
UNRELATED = (
    "ProvidersManager.hooks is deprecated. Use ProvidersManagerTaskRuntime.hooks from task-sdk instead.",
    "Using `httpx` with `starlette.testclient` is deprecated; install `httpx2` instead.",
    "Could not import graphviz. Rendering graph to the graphical format will not be possible.",
)


@pytest.fixture(scope="module")
def done(installed):
    """How each command ended."""

    def run(column):
        return {name: installed.airflow(*command.split()) for name, command in column.items()}

    with ThreadPoolExecutor() as pool:
        return {name: finished for column in pool.map(run, COMMANDS) for name, finished in column.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_command_succeeds_without_a_complaint(done, name):
    complaints = [line for line in done[name].complaints if not any(text in line for text in UNRELATED)]
    assert (done[name].status, complaints) == (0, [])


@pytest.mark.parametrize("name", NAMES)
def test_what_airflow_complains_of_is_not_ours(done, name):
    assert [line for line in done[name].complaints if "xchat" in line.lower()] == []


def test_the_provider_is_listed(done):
    listed = {provider["package_name"]: provider for provider in done["providers"].json}
    assert listed["airflow-provider-xchat"] == {
        "package_name": "airflow-provider-xchat",
        "description": "Read X Chat conversations and mark them as read",
        "version": __version__,
    }


def test_the_provider_is_shown(done):
    (shown,) = done["provider"].json
    # Airflow cuts the full stop off, and adds the last member.
    expected = {**get_provider_info(), "description": "Read X Chat conversations and mark them as read"}
    assert shown == {**expected, "documentation-url": None}


def test_the_connection_type_has_its_hook(done):
    (hook,) = [hook for hook in done["hooks"].json if hook["connection_type"] == "xchat"]
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
def test_a_connection_may_be_added_in_each_form(done, form, fields):
    (connection,) = done[f"get_{form}"].json
    expected = {"conn_type": "xchat", "password": TOKEN, "is_encrypted": "True", **fields}
    assert {name: connection[name] for name in expected} == expected


@pytest.mark.parametrize("form", ["type", "uri", "json"])
def test_adding_a_connection_shows_no_token(done, form):
    assert "Successfully added" in done[f"add_{form}"].out
    assert TOKEN not in done[f"add_{form}"].text


def test_a_connection_is_tested_against_x(done, sandbox):
    assert "Connection success!" in done["test"].out
    assert "/2/chat/conversations/0" in [request["path"] for request in sandbox.requests()]


@pytest.mark.parametrize("command", ["script", "airflow"])
def test_xchat_is_a_command(installed, command):
    run = {
        "script": lambda *arguments: installed.run(installed.python.with_name("xchat"), *arguments),
        "airflow": lambda *arguments: installed.airflow("xchat", *arguments),
    }[command]
    done = run("status", "--output", "json")
    assert (done.status, done.err) == (0, "")
    shown = json.loads(done.out)
    assert shown["conn_id"] == "xchat_default"
    assert shown["source"] == "the environment variable AIRFLOW_CONN_XCHAT_DEFAULT"
    assert (shown["refreshes"], shown["token_store"]) == (False, None)


def test_the_dag_processor_finds_the_examples(done, installed):
    dags = done["dags"].json
    assert sorted(dag["dag_id"] for dag in dags) == [
        "example_xchat_conversation",
        "example_xchat_token_refresh",
        "example_xchat_wait_for_update",
        "example_xchat_watch_updates",
    ]
    assert {dag["bundle_name"] for dag in dags} == {BUNDLE}
    assert all(dag["fileloc"].startswith(str(installed.python.parent.parent)) for dag in dags)
    assert done["import_errors"].json == []


@pytest.mark.parametrize(
    "module",
    [
        "hooks.xchat",
        "operators.xchat",
        "sensors.xchat",
        "triggers.xchat",
        "assets.xchat",
        "example_dags.example_xchat_conversation",
        "example_dags.example_xchat_conversation_updates",
        "example_dags.example_xchat_token_refresh",
    ],
)
def test_imports_without_a_deprecation(installed, module):
    done = installed.run("-W", "error::DeprecationWarning", "-c", f"import airflow_provider_xchat.{module}")
    assert (done.status, done.text) == (0, "")


@pytest.fixture(scope="module")
def form(installed):
    """The connection form, as Airflow's web interface is given it."""
    done = installed.run("-c", FORM)
    assert (done.status, done.complaints) == (0, [])
    return done.json


def test_the_form_is_named(form):
    assert (form["connection_type"], form["hook_name"]) == ("xchat", "X Chat")
    assert form["hook_class_name"] == "airflow_provider_xchat.hooks.xchat.XChatHook"


@pytest.mark.parametrize(
    ("field", "title", "placeholder"),
    [
        ("host", "API URL", "https://api.x.com"),
        ("login", "Client ID", "client id of your app in X's developer portal"),
        ("password", "Access Token", "OAuth 2.0 user access token"),
    ],
)
def test_the_form_labels_the_standard_fields(form, field, title, placeholder):
    assert form["standard_fields"][field] == {"hidden": False, "title": title, "placeholder": placeholder}


@pytest.mark.parametrize("field", ["url_schema", "port"])
def test_the_form_hides_what_is_not_used(form, field):
    assert form["standard_fields"][field]["hidden"]


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        ("refresh_token", {"title": "Refresh Token", "type": ["string", "null"], "format": "password"}),
        ("client_secret", {"title": "Client Secret", "type": ["string", "null"], "format": "password"}),
        ("expires_at", {"title": "Expires At", "type": ["integer", "null"]}),
        ("timeout", {"title": "Timeout", "type": ["number", "null"]}),
        ("store", {"title": "Token Store", "type": ["string", "null"]}),
        (
            "store_kwargs",
            {"title": "Token Store Arguments", "type": ["string", "null"], "format": "password"},
        ),
    ],
)
def test_the_form_has_fields_of_its_own(form, field, schema):
    assert form["extra_fields"][field]["schema"] == schema
    assert form["extra_fields"][field]["description"]


def test_the_form_has_no_further_fields(form):
    assert list(form["extra_fields"]) == [
        *["refresh_token", "client_secret", "expires_at", "timeout"],
        *["store", "store_kwargs"],
    ]
