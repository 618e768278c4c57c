"""The hook against the sandbox, and against a server that answers whatever it is told."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from typing import Any

import pytest

from airflow_provider_xchat.exceptions import (
    XChatAuthError,
    XChatConnectionError,
    XChatForbiddenError,
    XChatInputError,
    XChatNotFoundError,
    XChatRateLimitError,
    XChatServerError,
)
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.operators.xchat import GetChatConversationOperator
from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger
from xchat_sandbox import GROUP_ID as GROUP
from xchat_sandbox import running_sandbox
from xchat_sandbox.oauth.tokens import READ_ONLY_TOKEN

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module", params=["array", "object"])
def sandbox(request):
    with running_sandbox(answer_form=request.param, tokens=[TOKEN]) as running:
        yield running


@pytest.fixture
def connection(monkeypatch):
    """Set the connection of the default id, as a deployment does by environment variable."""

    def connect(host: str, password: str | None = TOKEN, **extra: Any) -> None:
        fields = {"conn_type": "xchat", "host": host, "password": password, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))

    return connect


@pytest.fixture(params=["sync", "async"])
def hook(request):
    """The hook's methods or their coroutines, under the same names."""
    made = XChatHook()
    if request.param == "sync":
        with made:
            yield made
        return

    async def run(coroutine):
        async with made:
            return await coroutine

    class Coroutines:
        def get_conversation(self, *args, **kwargs):
            return asyncio.run(run(made.aget_conversation(*args, **kwargs)))

        def mark_conversation_read(self, *args, **kwargs):
            return asyncio.run(run(made.amark_conversation_read(*args, **kwargs)))

    yield Coroutines()


@pytest.mark.contract
def test_a_conversation_with_its_participants(sandbox, connection, hook):
    connection(sandbox.url)
    sandbox.reset()
    answer = hook.get_conversation(
        GROUP,
        chat_conversation_fields=["group_name", "updated_at"],
        expansions=["participant_ids"],
        user_fields=["verified"],
    )
    (conversation,) = answer["data"]
    assert (conversation["id"], conversation["group_name"]) == (GROUP, "Release crew")
    users = answer["includes"]["users"]
    assert [user["id"] for user in users] == conversation["participant_ids"]
    assert all("verified" in user for user in users)
    (request,) = sandbox.requests()
    assert (request["method"], request["path"]) == ("GET", f"/2/chat/conversations/{GROUP}")
    assert sorted(request["query"].split("&")) == [
        "chat_conversation.fields=group_name,updated_at",
        "expansions=participant_ids",
        "user.fields=verified",
    ]


@pytest.mark.contract
def test_a_colon_pair_becomes_a_dash_pair(sandbox, connection, hook):
    connection(sandbox.url)
    sandbox.reset()
    hook.get_conversation("900000001:9000000000000000101")
    (request,) = sandbox.requests()
    assert request["path"] == "/2/chat/conversations/900000001-9000000000000000101"


@pytest.mark.contract
def test_marking_as_read(sandbox, connection, hook):
    connection(sandbox.url)
    sandbox.reset()
    assert hook.mark_conversation_read(GROUP, 1987654321987654321) == {"data": {"success": True}}
    assert hook.mark_conversation_read(GROUP, "7") == {"data": {"success": True}}
    assert sandbox.read_marks() == {GROUP: "1987654321987654321"}
    assert [request["body"] for request in sandbox.requests()] == [
        {"seen_until_sequence_id": "1987654321987654321"},
        {"seen_until_sequence_id": "7"},
    ]


@pytest.mark.contract
def test_bad_input_is_refused_before_anything_is_sent(sandbox, connection, hook):
    connection(sandbox.url)
    sandbox.reset()
    for call in (
        lambda: hook.get_conversation("../users/me"),
        lambda: hook.get_conversation(GROUP, expansions="member_ids"),
        lambda: hook.get_conversation(GROUP, chat_conversation_fields=["no_such_field"]),
        lambda: hook.get_conversation(GROUP, user_fields=["name", "nam"]),
        lambda: hook.mark_conversation_read(GROUP, "last"),
        lambda: hook.mark_conversation_read("", 1),
    ):
        with pytest.raises(XChatInputError):
            call()
    assert sandbox.requests() == []


@pytest.mark.contract
def test_an_unknown_name_that_is_allowed_is_sent(sandbox, connection, hook):
    connection(sandbox.url)
    sandbox.reset()
    with pytest.raises(Exception, match="X answered 400"):
        hook.get_conversation(GROUP, chat_conversation_fields=["id", "brand_new"], allow_unknown=["brand_new"])
    (request,) = sandbox.requests()
    assert request["query"] == "chat_conversation.fields=id,brand_new"


@pytest.mark.contract
def test_errors_of_the_sandbox(sandbox, connection, hook):
    connection(sandbox.url)
    with pytest.raises(XChatNotFoundError, match="404"):
        hook.get_conversation("g1")
    with pytest.raises(XChatForbiddenError, match="403"):
        hook.get_conversation("g9000000000000000203")


@pytest.mark.contract
def test_a_token_that_is_not_good(sandbox, connection, hook):
    connection(sandbox.url, "some-other-token")
    with pytest.raises(XChatAuthError, match="Set a new token as") as caught:
        hook.get_conversation(GROUP)
    assert caught.value.status == 401
    assert "some-other-token" not in str(caught.value)


@pytest.mark.contract
def test_a_token_without_the_scope_for_marking(sandbox, connection, hook):
    with running_sandbox() as other:
        connection(other.url, READ_ONLY_TOKEN)
        assert hook.get_conversation(GROUP)["data"]
        with pytest.raises(XChatForbiddenError, match=r"dm\.write"):
            hook.mark_conversation_read(GROUP, 1)


def test_a_rate_limit(connection, hook):
    with running_sandbox(rate_limit=1, rate_window=600, tokens=[TOKEN]) as limited:
        connection(limited.url)
        hook.get_conversation(GROUP)
        with pytest.raises(XChatRateLimitError, match="The rate limit resets at") as caught:
            hook.get_conversation(GROUP)
    assert caught.value.reset_at is not None


def test_tokens_that_cannot_be_one_are_refused_and_not_shown(wire, connection, hook):
    for token in ("two words", "line\nbreak", "ünï-code"):
        connection(wire.url, token)
        with pytest.raises(XChatInputError, match="password") as caught:
            hook.get_conversation("1")
        assert token not in str(caught.value)
    assert wire.requests == []


def test_the_timeout_of_the_connection(wire, connection, hook):
    wire.delay = 1
    connection(wire.url, timeout=0.1)
    with pytest.raises(XChatConnectionError, match=r"no response to GET /2/chat/conversations/1 .* in time"):
        hook.get_conversation("1")


def test_nobody_listens(connection, hook):
    connection("http://127.0.0.1:1")
    with pytest.raises(XChatConnectionError, match="no complete response to POST /2/chat/conversations/1/read"):
        hook.mark_conversation_read("1", 1)


def test_an_answer_that_is_cut_off(wire, connection, hook):
    connection(wire.url)
    wire.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"
    with pytest.raises(XChatConnectionError, match="no complete response"):
        hook.get_conversation("1")


@pytest.mark.contract
def test_an_answer_of_older_documents_comes_back_as_it_is(wire, connection, hook):
    connection(wire.url)
    group = {
        "id": "g1",
        "admin_ids": ["1"],
        "created_at": "Wed Jan 06 18:40:40 +0000 2021",
        "updated_at": "2026-03-02T16:20:31.000Z",
        "message_ttl_msec": "86400000",
    }
    tweet = {"id": "1346889436626259968", "created_at": "Wed Jan 06 18:40:40 +0000 2021", "text": "t"}
    user = {"id": "2244994945", "created_at": "2013-12-14T04:35:55Z", "name": "X Dev", "username": "TwitterDev"}
    body = {"data": [group], "includes": {"tweets": [tweet], "users": [user]}, "meta": {"result_count": 1}}
    wire.says(200, body)
    assert hook.get_conversation("g1") == body


def test_a_proxys_page(wire, connection, hook):
    connection(wire.url)
    wire.says(502, b"<html>Bad gateway</html>", "text/html")
    with pytest.raises(XChatServerError, match="Bad gateway"):
        hook.get_conversation("1")


def test_one_hook_serves_one_event_loop_after_another(sandbox, connection):
    connection(sandbox.url)
    hook = XChatHook()

    async def twice():
        async with hook:
            await asyncio.gather(*(hook.aget_conversation(GROUP) for _ in range(5)))  # all share one client
        async with hook:
            return await hook.aget_conversation(GROUP)

    assert asyncio.run(twice()) == asyncio.run(twice())
    assert hook.get_conversation(GROUP) == hook.get_conversation(GROUP)
    hook.close()
    with hook:
        assert hook.get_conversation(GROUP)["data"]


def test_one_hook_serves_two_event_loops_at_once(sandbox, connection):
    connection(sandbox.url)
    hook, turns = XChatHook(), threading.Barrier(2)
    made = []

    async def several():
        async with hook:
            for _ in range(3):
                turns.wait(30)
                await hook.aget_conversation(GROUP)
                turns.wait(30)
                made.append(await hook._senders.for_running_loop())

    threads = [threading.Thread(target=lambda: asyncio.run(several())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len(set(made)) == 2


def test_the_client_is_there_for_whoever_wants_models(sandbox, connection):
    from xchat_client.api.chat import get_chat_conversation

    connection(sandbox.url)
    hook = XChatHook()
    answer = get_chat_conversation.sync_detailed(GROUP, client=hook.client, expansions=["participant_ids"])
    assert answer.parsed.includes.users[0].username == "ada_sandbox"
    assert hook.get_conn() is hook.client
    assert TOKEN not in repr(hook.client) + repr(vars(hook.client)) + repr(vars(hook))
    hook.close()


class TestConnectionTest:
    """What the Test button does."""

    def test_a_good_token(self, sandbox, connection):
        connection(sandbox.url)
        assert XChatHook().test_connection() == (True, "X accepts the token.")

    def test_a_bad_token(self, sandbox, connection):
        connection(sandbox.url, "bad")
        good, message = XChatHook().test_connection()
        assert not good and "Set a new token as" in message and "bad" not in message.split()

    def test_no_password(self, sandbox, connection):
        connection(sandbox.url, None)
        good, message = XChatHook().test_connection()
        assert not good and "has no password" in message

    def test_nobody_listens(self, connection):
        connection("http://127.0.0.1:1")
        good, message = XChatHook().test_connection()
        assert not good and "no complete response" in message

    @pytest.mark.parametrize(
        ("status", "good"),
        [(200, True), (400, True), (404, True), (429, True), (402, False), (403, False), (500, False)],
    )
    def test_what_x_answers(self, wire, connection, status, good):
        connection(wire.url)
        wire.says(status, {"title": "Said"})
        assert XChatHook().test_connection()[0] is good
        assert wire.request.target == "/2/chat/conversations/0"


def test_a_call_that_succeeds_leaves_a_line_in_the_log(sandbox, connection, caplog):
    connection(sandbox.url)
    with caplog.at_level("INFO"), XChatHook() as hook:
        hook.get_conversation(GROUP)
        hook.mark_conversation_read(GROUP, "17")
    said = [record.getMessage() for record in caplog.records if record.name == "airflow_provider_xchat.sending.sender"]
    ids = [request["transaction_id"] for request in sandbox.requests()[-2:]]
    assert [line.rpartition(", ")[0] for line in said] == [
        f"Conversation {GROUP} fetched: status 200, request id {ids[0]}",
        f"Conversation {GROUP} marked as read up to 17: status 200, request id {ids[1]}",
    ]


@pytest.mark.parametrize(
    ("blocks", "instead"),
    [
        (lambda hook: hook.get_conversation(GROUP), "hook.aget_conversation"),
        (lambda hook: hook.mark_conversation_read(GROUP, 1), "hook.amark_conversation_read"),
        (lambda hook: hook.refresh_access_token(), "asyncio.to_thread(hook.refresh_access_token)"),
        (lambda hook: hook.client, "asyncio.to_thread(hook.get_conn)"),
    ],
)
def test_a_method_that_blocks_is_refused_in_a_coroutine(sandbox, connection, blocks, instead):
    connection(sandbox.url)
    sandbox.reset()

    async def call():
        async with XChatHook() as hook:
            with pytest.raises(XChatInputError, match=re.escape(instead)):
                blocks(hook)
            assert sandbox.requests() == []
            with hook:
                return await hook.aget_conversation(GROUP), await asyncio.to_thread(hook.get_conversation, GROUP)

    assert len(asyncio.run(call())) == 2


def test_an_operator_works_where_an_event_loop_runs(sandbox, connection):
    """As in a notebook, where dag.test() runs in the thread of its event loop."""
    connection(sandbox.url)

    async def cell():
        with GetChatConversationOperator(task_id="t", conversation_id=GROUP).hook as hook:
            return hook.get_conversation(GROUP)

    assert asyncio.run(cell())["data"]


def test_a_connection_id_of_digits(sandbox, monkeypatch):
    """Native rendering makes a number of it."""
    fields = {"conn_type": "xchat", "host": sandbox.url, "password": TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_123", json.dumps(fields))
    with GetChatConversationOperator(task_id="t", conversation_id=GROUP, xchat_conn_id=123).hook as made:
        assert made.get_conversation(GROUP)["data"]
    trigger = ChatConversationUpdatedTrigger(conversation_id=GROUP, xchat_conn_id=123)
    assert trigger.serialize()[1]["xchat_conn_id"] == "123"
