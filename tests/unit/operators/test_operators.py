"""Both operators against the sandbox, with the client that X's document makes, whichever document that is."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator, MarkConversationReadOperator
from xchat_sandbox import GROUP_ID as GROUP
from xchat_sandbox import running_sandbox

MESSAGE = "1987654321987654399"

pytestmark = pytest.mark.contract


@pytest.fixture(params=["object", "array"])
def sandbox(request, monkeypatch):
    with running_sandbox(answer_form=request.param) as running:
        fields = {"conn_type": "xchat", "host": running.url, "password": "sandbox-token"}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
        yield running


@pytest.fixture
def context():
    return {"ti": SimpleNamespace(map_index=-1)}


def test_a_conversation_with_what_it_can_show(sandbox, context):
    fields = ["created_at", "group_name", "type", "updated_at"]
    operator = GetChatConversationOperator(
        task_id="get",
        conversation_id=GROUP,
        chat_conversation_fields=fields,
        expansions=["participant_ids"],
        user_fields=["username", "public_metrics"],
    )
    answer = operator.execute(context)
    (conversation,) = answer["data"]
    assert conversation["created_at"] == "2026-01-12T09:00:00.000Z"
    assert (conversation["id"], conversation["group_name"]) == (GROUP, "Release crew")
    assert [user["id"] for user in answer["includes"]["users"]] == conversation["participant_ids"]
    (request,) = sandbox.requests()
    assert f"chat_conversation.fields={','.join(fields)}" in request["query"]


def test_a_mark(sandbox, context):
    operator = MarkConversationReadOperator(task_id="mark", conversation_id=GROUP, seen_until_sequence_id=MESSAGE)
    assert operator.execute(context) == {"data": {"success": True}}
    assert sandbox.read_marks() == {GROUP: MESSAGE}


def test_every_module_can_be_imported():
    code = """if True:
        import importlib, pkgutil
        import airflow_provider_xchat as package
        names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
        for name in names:
            importlib.import_module(name)
        print(len(names))
    """
    import airflow_provider_xchat as package

    expected = len(list(pkgutil.walk_packages(package.__path__, f"{package.__name__}.")))
    assert int(subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()[-1]) == expected
