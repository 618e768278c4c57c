"""A server, or a proxy before it, that repeats the request: the token gets into nothing that goes on from there."""

from __future__ import annotations

import asyncio
import json
import traceback
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from airflow_provider_xchat.exceptions import XChatConnectionError, XChatError
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator
from airflow_provider_xchat.triggers.errors import to_payload
from xchat_sandbox import GROUP_ID as GROUP
from xchat_sandbox import running_sandbox

TOKEN = "a+token/of~the~tests="
ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in TOKEN)

ECHOES = {
    "a page": (f"<p>Authorization: Bearer {TOKEN}</p>", "text/html"),
    "a URL": (f"<p>bearer={quote(TOKEN, safe='')}</p>", "text/html"),
    "a problem": (json.dumps({"title": "Said", "detail": f"Bearer {TOKEN}", TOKEN: [{"deep": TOKEN}]}), "text/json"),
    "JSON with a backslash": ('{"title": "Bearer ' + TOKEN.replace("/", "\\/") + '"}', "text/json"),
    "JSON with escapes": (f'{{"title": "Bearer {ESCAPED}"}}', "text/json"),
    "a name": ("{}", f"text/{TOKEN}"),
}


@pytest.fixture
def connected(wire, monkeypatch):
    fields = {"conn_type": "xchat", "host": wire.url, "password": TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
    return wire


def is_clean(text: str) -> bool:
    forms = (TOKEN, quote(TOKEN, safe=""), TOKEN.replace("/", "\\/"), ESCAPED)
    return not any(form in text for form in forms)


def told(error: BaseException) -> str:
    facts = {**vars(error)}
    return f"{''.join(traceback.format_exception(error))} {error!r} {facts} {to_payload(error)}"


@pytest.mark.parametrize(
    ("status", "echo"),
    # A success that is not JSON is asked for four times, so once will do.
    [(200, "a page"), (200, "a problem"), (200, "JSON with escapes")]
    + [(status, echo) for status in (400, 401, 403, 418, 429) for echo in ECHOES],
)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_neither_in_an_error_nor_in_a_result(connected, status, echo, mode, caplog):
    body, kind = ECHOES[echo]
    connected.says(status, body.encode(), kind, {"x-transaction-id": f"of {TOKEN}", "retry-after": "600"})
    hook = XChatHook(deadline=15)
    with caplog.at_level("DEBUG", logger="airflow_provider_xchat"):
        try:
            answer = hook.get_conversation("1") if mode == "sync" else asyncio.run(hook.aget_conversation("1"))
        except XChatError as error:
            said = told(error)
        else:
            said = json.dumps(answer)
    assert is_clean(said + caplog.text)
    assert status == 200 or "***" in said
    assert connected.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_not_in_the_error_for_an_answer_that_is_no_http(connected):
    connected.answer = f"HTTP/1.1 200 OK\r\nBearer {TOKEN}\r\n\r\n".encode()
    with pytest.raises(XChatConnectionError, match="RemoteProtocolError") as caught, XChatHook(deadline=15) as hook:
        hook.get_conversation("1")
    assert is_clean(told(caught.value))


def test_not_in_what_the_test_button_says(connected):
    connected.says(403, f"Bearer {TOKEN}".encode(), "text/html")
    good, message = XChatHook().test_connection()
    assert not good
    assert "***" in message
    assert is_clean(message)


def test_not_in_what_the_operator_for_many_returns(connected, tmp_path):
    connected.says(404, f"Bearer {TOKEN}".encode(), "text/html")
    pushed = {}
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="many", map_index=-1, try_number=1, max_tries=1)
    ti.xcom_push = lambda key, value: pushed.update({key: value})
    path = tmp_path / "out.jsonl"
    many = GetChatConversationsOperator(task_id="many", conversation_ids=["1", "2"], fail_on="never")
    result = many.call_api({"ti": ti})
    many.output_path = str(path)
    many.call_api({"ti": ti})
    written = path.read_text(encoding="utf-8")
    for text in (json.dumps(result), written):
        assert "Bearer ***" in text
    assert is_clean(f"{result} {pushed} {written}")


def test_a_token_that_is_a_usual_word_takes_nothing_out_of_an_answer(monkeypatch):
    with running_sandbox(tokens=["crew"]) as sandbox, XChatHook() as hook:
        fields = {"conn_type": "xchat", "host": sandbox.url, "password": "crew"}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
        answer = hook.get_conversation(GROUP, chat_conversation_fields=["group_name"])
        assert answer["data"][0]["group_name"] == "Release crew"
