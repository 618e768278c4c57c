"""The wheel: what is in it, and what it does where there is no Airflow."""

from __future__ import annotations

import json
import subprocess
import zipfile
from configparser import ConfigParser
from email import message_from_bytes

import pytest

from airflow_provider_xchat import __version__

PACKAGES = {
    "airflow_provider_xchat": "airflow_provider_xchat",
    "xchat_client": "generated/xchat_client",
    "xchat_sandbox": "xchat_sandbox",
}

CALL = """
import importlib.util, sys
from airflow_provider_xchat import __version__
from xchat_client import Client
from xchat_client.api.chat import get_chat_conversation, mark_chat_conversation_read
from xchat_client.models import MarkChatConversationReadRequest

assert importlib.util.find_spec("airflow") is None
url, group = sys.argv[1:]
with Client(url, token=sys.stdin.read()) as client:
    answer = get_chat_conversation.sync(group, client=client, chat_conversation_fields=["group_name"])
    body = MarkChatConversationReadRequest(seen_until_sequence_id="1987654321987654399")
    marked = mark_chat_conversation_read.sync(group, client=client, body=body)
print(__version__, answer.data.group_name, marked.data.success)
"""


@pytest.fixture(scope="module")
def content(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def dist_info(content):
    """The wheel's own files by their names."""
    prefix = f"airflow_provider_xchat-{__version__}.dist-info/"
    return {name.removeprefix(prefix): data for name, data in content.items() if name.startswith(prefix)}


@pytest.fixture(scope="module")
def metadata(dist_info):
    return message_from_bytes(dist_info["METADATA"])


def test_holds_the_three_packages_and_nothing_else(content, dist_info, source):
    tracked = {
        f"{package}/{path.relative_to(source / folder).as_posix()}": path.read_bytes()
        for package, folder in PACKAGES.items()
        for path in (source / folder).rglob("*")
        if path.is_file()
    }
    shipped = {name: data for name, data in content.items() if ".dist-info/" not in name}
    assert shipped.keys() == tracked.keys()
    assert shipped == tracked
    assert len(content) == len(shipped) + len(dist_info)


@pytest.mark.parametrize(
    "name", [*(f"{package}/py.typed" for package in PACKAGES), "xchat_sandbox/contract/openapi.yaml"]
)
def test_holds_what_is_not_code_too(content, name):
    assert name in content


def test_entry_points(dist_info):
    entry_points = ConfigParser()
    entry_points.read_string(dist_info["entry_points.txt"].decode())
    assert dict(entry_points["apache_airflow_provider"]) == {
        "provider_info": "airflow_provider_xchat.provider_info:get_provider_info"
    }
    assert entry_points["console_scripts"]["xchat-sandbox"] == "xchat_sandbox.__main__:main"
    assert entry_points["pytest11"] == {"xchat-sandbox": "xchat_sandbox.pytest_plugin"}


@pytest.mark.parametrize("classifier", ["Framework :: Apache Airflow", "Framework :: Apache Airflow :: Provider"])
def test_is_classified_as_a_provider(metadata, classifier):
    assert classifier in metadata.get_all("Classifier")


def test_says_where_its_documentation_is(metadata):
    assert metadata.get_all("Project-URL") == ["Documentation, https://airflow-provider-xchat.readthedocs.io/"]


def test_license(metadata, dist_info, source):
    assert metadata["License-Expression"] == "Apache-2.0"
    assert dist_info["licenses/LICENSE"] == (source / "LICENSE").read_bytes()


def test_the_client_works_without_airflow(tmp_path, new_environment, wheel, sandbox, tokens):
    python = new_environment(tmp_path / "venv", ["attrs", "httpx"], ["--no-deps", wheel])
    done = subprocess.run(
        [python, "-I", "-W", "error", "-c", CALL, sandbox.url, "g9000000000000000201"],
        input=tokens.full,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__} Release crew True\n", "")


ASK = """
import asyncio
from airflow_provider_xchat.hooks.xchat import XChatHook

hook = XChatHook()
print(asyncio.run(hook.aget_conversation("g9000000000000000201")) == hook.get_conversation("g9000000000000000201"))
"""


def test_the_oldest_common_compat_is_enough(
    metadata, tmp_path, new_environment, new_home, migrated_database, wheel, sandbox, tokens
):
    declared = next(line for line in metadata.get_all("Requires-Dist") if "common-compat" in line)
    python = new_environment(tmp_path / "venv", ["apache-airflow==3.3.*", wheel], [declared.replace(">=", "==")])
    connection = {"conn_type": "xchat", "host": sandbox.url, "password": tokens.full}
    (tmp_path / "home").mkdir()
    settings = {"AIRFLOW_CONN_XCHAT_DEFAULT": json.dumps(connection)}
    done = new_home(tmp_path / "home", migrated_database, python, settings).run("-c", ASK)
    assert (done.status, done.out.splitlines()[-1]) == (0, "True")
