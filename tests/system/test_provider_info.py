"""What the provider tells Airflow about itself, held against Airflow's own schemas and against the code."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest

from airflow_provider_xchat import __version__
from airflow_provider_xchat.provider_info import get_provider_info

DESCRIBE_OPERATORS = Path(__file__).with_name("describe_operators.py")

RESOLVE = """
import json, pkgutil, sys
print(json.dumps({name: type(pkgutil.resolve_name(name)).__name__ for name in json.load(sys.stdin)}))
"""

NEWLY_IMPORTED = """
import json, sys
import airflow.sdk
from airflow.sdk import BaseOperator, BaseHook
from airflow.providers.common.compat.sdk import BaseOperator, BaseHook, AirflowFailException

before = set(sys.modules)
__import__(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def named(value):
    """Find every name in our package that a description has."""
    if isinstance(value, str):
        return [value] if value.startswith("airflow_provider_xchat.") else []
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [name for item in items for name in named(item)]


def airflow_schema(name):
    """Read a schema of the installed Airflow, without importing it."""
    return json.loads(Path(find_spec("airflow").origin).with_name(name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def operators(bare_home):
    modules = [module for group in get_provider_info()["operators"] for module in group["python-modules"]]
    described = bare_home.run(DESCRIBE_OPERATORS, *modules)
    assert described.status == 0, described.text
    return described.json


def test_is_what_airflow_expects_of_a_provider():
    schema = airflow_schema("provider_info.schema.json")
    jsonschema.validate(get_provider_info(), schema)
    # The schema itself lets through what is misspelt.
    assert get_provider_info().keys() <= schema["properties"].keys()


def test_is_what_airflow_expects_of_its_own_providers():
    # Three members are for those who release Airflow's providers, and are left out of what these say of themselves.
    release = {"state": "ready", "source-date-epoch": 1, "versions": [__version__]}
    jsonschema.validate({**get_provider_info(), **release}, airflow_schema("provider.yaml.schema.json"))


def test_everything_it_names_is_there(bare_home):
    names = named(get_provider_info())
    resolved = bare_home.run("-c", RESOLVE, stdin=json.dumps(names))
    assert resolved.status == 0, resolved.text
    kinds = resolved.json
    assert kinds.keys() == set(names)
    assert kinds["airflow_provider_xchat.hooks.xchat.XChatHook"] == "type"


@pytest.mark.parametrize("kind", ["operators", "sensors", "triggers"])
def test_it_names_the_module_that_users_import(kind):
    # What users import has its place there; the other modules of the folder are what it consists of.
    listed = [module for group in get_provider_info().get(kind, []) for module in group["python-modules"]]
    assert listed == [f"airflow_provider_xchat.{kind}.xchat"]


def test_every_operator_was_looked_at(operators):
    assert operators.keys() == {
        "GetChatConversationOperator",
        "GetChatConversationsOperator",
        "MarkConversationReadOperator",
        "RefreshXChatTokenOperator",
    }


def test_every_argument_of_an_operator_is_a_template(operators):
    for described in operators.values():
        # Airflow asks operators for it before there is anything to render with.
        assert set(described["template_fields"]) == described["given"].keys() - {"deferrable"}


@pytest.mark.parametrize("form", ["copied", "copied_with_hook", "read"])
def test_an_operator_survives_what_airflow_does_with_it(operators, form):
    for described in operators.values():
        assert described[form] == {name: described["given"][name] for name in described[form]}
        assert described[form].keys() >= set(described["template_fields"])
        assert described["read_template_fields"] == described["template_fields"]


@pytest.mark.parametrize("module", ["operators", "hooks"])
def test_parsing_a_dag_imports_nothing_heavy(bare_home, module):
    imported = bare_home.run("-c", NEWLY_IMPORTED, f"airflow_provider_xchat.{module}.xchat")
    assert imported.status == 0, imported.text
    packages = {name.partition(".")[0] for name in imported.json}
    assert f"airflow_provider_xchat.{module}.xchat" in imported.json
    assert packages.isdisjoint({"httpx", "attr", "attrs", "xchat_client"})


def test_an_operator_module_imports_operators_and_what_checks_their_arguments(bare_home):
    imported = bare_home.run("-c", NEWLY_IMPORTED, "airflow_provider_xchat.operators.xchat").json
    # The package itself may be there before, as Airflow reads provider_info.
    own = {name for name in imported if name.startswith("airflow_provider_xchat.")}
    assert own == {
        "airflow_provider_xchat.advice",
        "airflow_provider_xchat.api",
        "airflow_provider_xchat.api.inputs",
        "airflow_provider_xchat.api.known_names",
        "airflow_provider_xchat.exceptions",
        "airflow_provider_xchat.runtime",
        "airflow_provider_xchat.runtime.compat",
        "airflow_provider_xchat.runtime.ending",
        "airflow_provider_xchat.runtime.literal_arguments",
        "airflow_provider_xchat.operators",
        "airflow_provider_xchat.operators.base",
        "airflow_provider_xchat.operators.bulk",
        "airflow_provider_xchat.operators.xchat",
    }
