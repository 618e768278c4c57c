"""What a trigger puts up with, for how long, and what it says."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, TaskDeferred

from airflow_provider_xchat.exceptions import (
    XChatAnswerError,
    XChatAuthError,
    XChatInputError,
    XChatNotFoundError,
    XChatServerError,
)
from airflow_provider_xchat.sensors.xchat import ChatConversationUpdatedSensor
from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger
from xchat_sandbox import GROUP_ID as GROUP
from xchat_sandbox import running_sandbox

NO_GROUP = "g9999"
DIRECT = "900000001-9000000000000000101"
LONG_AGO = "2020-01-01T00:00:00Z"
NO_TIME = "on a fine day"


def count(sandbox):
    return len(sandbox.requests())


async def test_puts_up_with_failures_that_pass(watch, sandbox):
    sandbox.change_conversation(GROUP, updated_at=NO_TIME)
    watcher = watch(conversation_id=GROUP, updated_since=LONG_AGO, max_failures=3)
    await watcher.until(lambda: count(sandbox) >= 2)
    sandbox.change_conversation(GROUP, updated_at="2030-01-01T00:00:00.000Z")
    await watcher.until(lambda: watcher.events)


async def test_raises_after_too_many_in_a_row(watch, sandbox, capfd):
    sandbox.change_conversation(GROUP, updated_at=NO_TIME)
    watcher = watch(conversation_id=GROUP, max_failures=3)
    began = time.monotonic()
    with pytest.raises(XChatAnswerError, match=r"updated_at 'on a fine day' .*: expected a time in ISO 8601"):
        await watcher.until(lambda: False)
    assert count(sandbox) == 3
    assert time.monotonic() - began > 0.1 + 0.2  # it doubles
    said = capfd.readouterr().out
    assert (said.count("next request at"), said.count("giving up after 3 consecutive failures")) == (2, 1)


async def test_a_success_starts_the_count_again(watch, sandbox):
    watcher = watch(conversation_id=GROUP, max_failures=3)
    for _ in range(4):
        before = count(sandbox)
        await watcher.until(lambda before=before: count(sandbox) >= before + 2)
        sandbox.change_conversation(GROUP, updated_at=NO_TIME)
        before = count(sandbox)
        await watcher.until(lambda before=before: count(sandbox) > before)
        sandbox.change_conversation(GROUP)
        await watcher.until(lambda before=before: count(sandbox) > before + 1)


async def test_a_server_that_fails(watch, wire, connect):
    connect(wire.url)
    wire.says(503, {"title": "Service Unavailable", "status": 503})
    watcher = watch(conversation_id=GROUP, max_failures=1)
    with pytest.raises(XChatServerError):
        await watcher.until(lambda: False)


@pytest.mark.parametrize(
    ("conversation_id", "error"), [(NO_GROUP, XChatNotFoundError), (DIRECT, XChatInputError)], ids=["unknown", "direct"]
)
async def test_what_lasts_is_raised_at_once(watch, sandbox, conversation_id, error):
    watcher = watch(conversation_id=conversation_id)
    with pytest.raises(error):
        await watcher.until(lambda: False)
    assert count(sandbox) == 1


async def test_says_why_a_direct_conversation_cannot_be_waited_for(watch):
    watcher = watch(conversation_id=DIRECT)
    with pytest.raises(XChatInputError, match=r"of type 'direct' has no updated_at.*only for groups"):
        await watcher.until(lambda: False)


async def test_one_that_is_made_again_does_not_ask_at_once(watch, sandbox):
    """As Airflow does with a watcher that has failed, about every second."""
    requests = []
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        watcher = watch(conversation_id=NO_GROUP, poll_interval=0.5)
        with pytest.raises(XChatNotFoundError):
            await watcher.until(lambda: False)
        requests.append(time.monotonic())
    assert count(sandbox) == len(requests)
    pauses = [later - earlier for earlier, later in pairwise(requests)]
    assert all(pause > 0.5 * 2**number * 0.9 for number, pause in enumerate(pauses))
    assert len(requests) <= 5


async def test_a_new_sign_in_is_seen(watch, sandbox, connect):
    connect(sandbox.url, "a-token-that-nobody-knows")
    watcher = watch(conversation_id=GROUP, updated_since=LONG_AGO)
    with pytest.raises(XChatAuthError):
        await watcher.until(lambda: False)
    connect(sandbox.url)
    watcher = watch(conversation_id=GROUP, updated_since=LONG_AGO)
    await watcher.until(lambda: watcher.events)


async def test_a_connection_that_is_missing_may_come(watch, sandbox, monkeypatch):
    connection = "AIRFLOW_CONN_XCHAT_LATE"
    watcher = watch(conversation_id=GROUP, updated_since=LONG_AGO, xchat_conn_id="xchat_late", max_failures=50)
    await asyncio.sleep(0.3)
    monkeypatch.setenv(connection, f'{{"conn_type": "xchat", "host": "{sandbox.url}", "password": "nobody-s"}}')
    with pytest.raises(XChatAuthError):
        await watcher.until(lambda: False)


async def test_no_event_before_it_is_remembered(watch, sandbox, asset_state):
    watcher = watch(conversation_id=GROUP, updated_since=LONG_AGO, max_failures=4)
    asset_state.failures = 2
    await watcher.until(lambda: asset_state.failures == 0)
    assert watcher.events == []
    await watcher.until(lambda: watcher.events)
    assert count(sandbox) == 3
    assert len(asset_state.kept) == 1


async def test_raises_when_it_can_never_remember(watch, sandbox, asset_state):
    asset_state.failures = 1000
    watcher = watch(conversation_id=GROUP, max_failures=3)
    with pytest.raises(RuntimeError, match="the supervisor has not answered"):
        await watcher.until(lambda: False)
    assert (count(sandbox), watcher.events) == (3, [])


async def test_a_rate_limit_is_waited_for_and_no_failure(watch, connect):
    with running_sandbox(tokens=["a-token-with-few-requests"], rate_limit=2, rate_window=2) as sandbox:
        connect(sandbox.url, "a-token-with-few-requests")
        watcher = watch(conversation_id=GROUP, max_failures=1)
        await watcher.until(lambda: count(sandbox) >= 5)
        sandbox.change_conversation(GROUP)
        await watcher.until(lambda: watcher.events)
        assert len([request for request in sandbox.requests() if request["status"] == 429]) <= 1
        await watcher.stop()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"conversation_id": "a group of mine"}, "Invalid conversation_id 'a group of mine'"),
        ({"conversation_id": GROUP, "updated_since": "yesterday"}, "Invalid updated_since 'yesterday'"),
        ({"conversation_id": GROUP, "poll_interval": 0}, "Invalid poll_interval 0"),
        ({"conversation_id": GROUP, "poll_interval": -1}, "Invalid poll_interval -1"),
        ({"conversation_id": GROUP, "chat_conversation_fields": "group_name"}, "expected a list of names"),
    ],
)
def test_wrong_arguments_are_refused_where_they_are_written(arguments, said):
    with pytest.raises(XChatInputError, match=said) as raised:
        ChatConversationUpdatedTrigger(**arguments)
    assert isinstance(raised.value, TypeError)  # at any other error, the triggerer ends itself


@pytest.mark.parametrize(
    ("conversation_id", "error"), [(NO_GROUP, XChatNotFoundError), (DIRECT, XChatInputError)], ids=["unknown", "direct"]
)
async def test_what_lasts_reaches_the_task_as_what_it_is(watch, sandbox, conversation_id, error):
    watcher = watch(conversation_id=conversation_id, once=True)
    await watcher.until(lambda: watcher.events)
    (payload,) = watcher.events
    sensor = ChatConversationUpdatedSensor(task_id="wait", conversation_id=conversation_id, updated_since="2026-01-01")
    with pytest.raises(error) as caught:
        sensor.execute_complete({}, payload)
    assert isinstance(caught.value, AirflowFailException)
    assert conversation_id in str(caught.value)
    assert count(sandbox) == 1
    soft = ChatConversationUpdatedSensor(
        task_id="soft", conversation_id=conversation_id, updated_since="2026-01-01", soft_fail=True
    )
    with pytest.raises(AirflowSkipException):
        soft.execute_complete({}, payload)


async def test_a_new_token_is_found_by_those_that_wait(watch, sandbox, connect):
    first = sandbox.grant()
    connect(sandbox.url, first.access_token)
    groups = (GROUP, "g9000000000000000202")
    watchers = [watch(conversation_id=group, updated_since="2029-01-01T00:00:00Z") for group in groups]
    await watchers[0].until(lambda: count(sandbox) >= 4)
    sandbox.expire_access_tokens()
    connect(sandbox.url, sandbox.grant().access_token)
    sandbox.change_conversation(GROUP, updated_at="2030-01-01T00:00:00.000Z")
    await watchers[0].until(lambda: watchers[0].events)
    assert not watchers[1].task.done()
    assert len([request for request in sandbox.requests() if request["status"] == 401]) <= 2


async def test_max_failures_may_be_a_text(watch, sandbox):
    sandbox.change_conversation(GROUP, updated_at=NO_TIME)
    watcher = watch(conversation_id=GROUP, max_failures="2")
    with pytest.raises(XChatAnswerError):
        await watcher.until(lambda: False)
    assert count(sandbox) == 2


@pytest.mark.parametrize("given", ["many", 0, 1.5])
def test_max_failures_that_is_no_count_is_refused_when_the_file_is_parsed(given):
    with pytest.raises(XChatInputError, match="Invalid max_failures"):
        ChatConversationUpdatedTrigger(conversation_id=GROUP, max_failures=given)
    with pytest.raises(XChatInputError, match="Invalid max_failures"):
        ChatConversationUpdatedSensor(task_id="wait", conversation_id=GROUP, updated_since=LONG_AGO, max_failures=given)


def test_a_deferrable_sensor_without_an_interval_is_refused_before_any_request(sandbox):
    with pytest.raises(XChatInputError, match="Invalid poke_interval 0"):
        ChatConversationUpdatedSensor(
            task_id="wait", conversation_id=GROUP, updated_since=LONG_AGO, poke_interval=0, deferrable=True
        )
    assert count(sandbox) == 0


async def test_the_interval_grows_up_to_the_longest_one(watch, sandbox):
    watcher = watch(conversation_id=GROUP, poll_interval=0.1, longest_interval=0.4)
    await watcher.until(lambda: count(sandbox) >= 6)
    times = [request["time"] for request in sandbox.requests()]
    for (earlier, later), least in zip(pairwise(times), [0.1, 0.2, 0.4, 0.4, 0.4], strict=False):
        assert later - earlier > least - 0.05
    assert watcher.trigger.serialize()[1]["longest_interval"] == 0.4


@pytest.mark.parametrize(
    ("arguments", "longest"),
    [
        ({}, None),
        ({"max_wait": 7}, None),
        ({"exponential_backoff": True, "max_wait": timedelta(minutes=2)}, 120.0),
        ({"exponential_backoff": True, "max_wait": 90}, 90.0),
        ({"exponential_backoff": True, "timeout": 3600}, 3600.0),
    ],
)
def test_a_deferred_sensor_backs_off_as_it_is_told(sandbox, arguments, longest):
    sensor = ChatConversationUpdatedSensor(
        task_id="wait",
        conversation_id=GROUP,
        updated_since="2100-01-01",
        poke_interval=5,
        deferrable=True,
        **arguments,
    )
    with pytest.raises(TaskDeferred) as deferred:
        sensor.poke({})
    assert deferred.value.trigger.serialize()[1].get("longest_interval") == longest
