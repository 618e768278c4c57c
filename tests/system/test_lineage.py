"""What Airflow's hook lineage and its assets make of conversations."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

READER = """
from airflow.plugins_manager import AirflowPlugin
from airflow.{module} import HookLineageReader

class Lineage(AirflowPlugin):
    name = "lineage"
    hook_lineage_readers = [HookLineageReader]
"""

READ = """
import asyncio, json, sys
from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow_provider_xchat.hooks.xchat import XChatHook

async def read():
    async with XChatHook() as hook:
        await hook.aget_conversation("g9000000000000000202")

with XChatHook() as hook:
    hook.get_conversation("g9000000000000000201")
    hook.mark_conversation_read("g9000000000000000201", "1987654321987654399")
asyncio.run(read())
found = get_hook_lineage_collector().collected_assets
print(json.dumps([sorted(each.asset.uri for each in found.inputs), len(found.outputs)]))
"""

ASSETS = """
import json
from airflow.providers.common.compat.sdk import Asset

def uri(text):
    try:
        return Asset(text).uri
    except ValueError as error:
        return str(error)

print(json.dumps([uri("xchat://conversation/1:2"), uri("xchat://chat/1")]))
"""

OPENLINEAGE = """
import json
from airflow.providers.common.compat.sdk import Asset
from airflow.providers.openlineage.utils.utils import translate_airflow_asset

dataset = translate_airflow_asset(Asset("xchat://conversation/1:2"), None)
print(json.dumps(dataset and [dataset.namespace, dataset.name]))
"""


@pytest.fixture(params=["latest", "oldest"])
def home(request, tmp_path, new_home):
    """An Airflow with a plugin that reads hook lineage."""
    (tmp_path / "plugins").mkdir()
    module = {"latest": "sdk.lineage", "oldest": "lineage.hook"}[request.param]
    (tmp_path / "plugins" / "reader.py").write_text(READER.format(module=module), encoding="utf-8")
    if request.param == "latest":
        return new_home(tmp_path, request.getfixturevalue("migrated_database"), Path(sys.executable), {})
    made = new_home(tmp_path, None, request.getfixturevalue("oldest_python"), {})
    assert made.airflow("db", "migrate").status == 0
    return made


def test_what_was_read_is_an_input(home, sandbox, tokens):
    connection = {"conn_type": "xchat", "host": sandbox.url, "password": tokens.full}
    home.settings["AIRFLOW_CONN_XCHAT_DEFAULT"] = json.dumps(connection)
    done = home.run("-c", READ)
    assert done.status == 0, done.text
    assert done.json == [["xchat://conversation/g9000000000000000201", "xchat://conversation/g9000000000000000202"], 0]


def test_assets_of_the_scheme_are_checked(home):
    done = home.run("-c", ASSETS)
    assert done.status == 0, done.text
    good, bad = done.json
    assert good == "xchat://conversation/1-2"
    # Airflow 2.11 only warns.
    assert "expected xchat://conversation/<conversation id>" in bad or bad == "xchat://chat/1"


def test_openlineage_takes_the_assets(tmp_path, new_home, migrated_database):
    home = new_home(tmp_path, migrated_database, Path(sys.executable), {})
    done = home.run("-c", OPENLINEAGE)
    assert done.status == 0, done.text
    assert done.json == ["xchat", "conversation/1-2"]
