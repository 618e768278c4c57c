"""What triggers of one event loop share: requests, and the hook that sends them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from airflow.triggers.shared_stream import SharedStreamManager
from xchat_client.known_values import KNOWN_VALUES

from airflow_provider_xchat.triggers.shared_hooks import SharedHook
from airflow_provider_xchat.triggers.updates import fields_to_request
from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger
from xchat_sandbox import GROUP_ID as GROUP

LONG_AGO = "2020-01-01T00:00:00Z"
SENSORS, WATCHERS, CONVERSATIONS = 500, 200, 70


def key(**arguments):
    return ChatConversationUpdatedTrigger(**{"conversation_id": GROUP, **arguments}).shared_stream_key()


@pytest.mark.parametrize("other", ["1:2", "2-1", "2:1"])
def test_all_spellings_of_a_conversation_are_one(other):
    assert key(conversation_id="1-2") == key(conversation_id=other)


@pytest.mark.parametrize(
    "same",
    [
        {"poll_interval": 5},
        {"max_failures": 1},
        {"once": True},
        {"updated_since": LONG_AGO},
        {"chat_conversation_fields": []},
    ],
)
def test_what_is_not_sent_makes_no_difference(same):
    assert key() == key(**same)


@pytest.mark.parametrize(
    "other",
    [{"conversation_id": "g1"}, {"xchat_conn_id": "another"}, {"chat_conversation_fields": ["group_name"]}],
)
def test_what_is_asked_makes_a_difference(other):
    assert key() != key(**other)


def test_the_order_of_fields_makes_no_difference():
    assert key(chat_conversation_fields=["type", "id"]) == key(chat_conversation_fields='["id", "type", "updated_at"]')


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"updated_since": datetime(2026, 1, 1, tzinfo=UTC), "poll_interval": timedelta(minutes=1), "once": True},
        {"conversation_id": 123, "chat_conversation_fields": ("id",), "polled_at": LONG_AGO},
    ],
)
def test_serializes_to_json_and_back(arguments):
    path, kwargs = ChatConversationUpdatedTrigger(**{"conversation_id": GROUP, **arguments}).serialize()
    assert path == "airflow_provider_xchat.triggers.xchat.ChatConversationUpdatedTrigger"
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert ChatConversationUpdatedTrigger(**kwargs).serialize() == (path, kwargs)


async def test_triggers_share_requests_where_airflow_shares_nothing(watch, sandbox):
    watchers = [watch(conversation_id=GROUP, updated_since=LONG_AGO, once=True) for _ in range(20)]
    for watcher in watchers:
        await watcher.until(lambda watcher=watcher: watcher.events)
    assert len(sandbox.requests()) <= 2


async def test_asks_as_often_as_the_fastest_wants(watch, sandbox):
    just_now = datetime.now(UTC)
    slow = watch(conversation_id=GROUP, updated_since=LONG_AGO, poll_interval=600, polled_at=just_now, once=True)
    await asyncio.sleep(0.3)
    assert sandbox.requests() == []
    fast = watch(conversation_id=GROUP, updated_since=LONG_AGO, poll_interval=0.2, polled_at=just_now)
    await fast.until(lambda: fast.events)
    assert len(sandbox.requests()) == 1
    await slow.until(lambda: slow.events)
    await fast.until(lambda: len(sandbox.requests()) >= 3)
    await fast.stop()
    at_most = len(sandbox.requests()) + 1
    await asyncio.sleep(0.7)
    assert len(sandbox.requests()) <= at_most


async def test_one_that_comes_later_causes_no_request(watch, sandbox):
    first = watch(conversation_id=GROUP, updated_since=LONG_AGO, poll_interval=1)
    await first.until(lambda: first.events)
    later = [watch(conversation_id=GROUP, updated_since=LONG_AGO, poll_interval=1, once=True) for _ in range(10)]
    assert len(sandbox.requests()) == 1
    for each in later:
        await each.until(lambda each=each: each.events)
    assert len(sandbox.requests()) == 2


async def test_one_of_them_that_ends_does_not_take_the_answer_from_the_others(watch, sandbox):
    watchers = [watch(conversation_id=GROUP, updated_since=LONG_AGO, poll_interval=0.5, once=True) for _ in range(3)]
    await asyncio.sleep(0.05)
    await watchers[0].stop()
    for watcher in watchers[1:]:
        await watcher.until(lambda watcher=watcher: watcher.events)


async def test_the_last_one_closes_the_connections(watch, sandbox):
    watchers = [watch(conversation_id=GROUP), watch(conversation_id="g9000000000000000202")]
    await watchers[0].until(lambda: len(sandbox.requests()) >= 2)
    open_hooks = SharedHook._by_loop[asyncio.get_running_loop()]
    (shared,) = open_hooks.values()
    await watchers[0].stop()
    assert list(open_hooks.values()) == [shared]
    await watchers[1].stop()
    assert not open_hooks


async def test_hundreds_in_airflows_own_shared_streams(sandbox, asset_state):
    """500 deferred sensors and 200 watchers, as the triggerer of Airflow 3.3 runs them."""
    manager = SharedStreamManager()
    fired: Counter[int] = Counter()
    conversations = [each["id"] for each in sandbox.conversations() if each["open_to_default_token"]]
    groups = [each for each in conversations if each.startswith("g91")][:CONVERSATIONS]

    async def run(number, trigger):
        trigger.asset_state_store = asset_state
        stream = manager.subscribe(trigger_id=number, trigger=trigger, key=trigger.shared_stream_key())
        try:
            async for _ in trigger.filter_shared_stream(stream):
                fired[number] += 1
        finally:
            await manager.unsubscribe(number, trigger.shared_stream_key())

    def trigger(number):
        # Each watcher is another one, or Airflow would have one row for them.
        since = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        once = number < SENSORS
        return ChatConversationUpdatedTrigger(
            conversation_id=groups[number % CONVERSATIONS], updated_since=since, once=once, poll_interval=3
        )

    tasks = [asyncio.create_task(run(number, trigger(number))) for number in range(SENSORS + WATCHERS)]
    async with asyncio.timeout(60):
        while len(fired) < SENSORS + WATCHERS:  # noqa: ASYNC110  tests wait like anybody outside
            await asyncio.sleep(0.05)
    requests = Counter(request["path"] for request in sandbox.requests())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await manager.stop_all()

    assert set(fired.values()) == {1}
    assert len(requests) == CONVERSATIONS
    # A second one where the first had come before the last triggers were there.
    assert max(requests.values()) <= 3


def test_each_trigger_has_a_variable_of_its_own():
    """Or one that has moved on would take the change from the other, where both start again after it."""
    first, second = (ChatConversationUpdatedTrigger(conversation_id=GROUP, max_failures=number) for number in (5, 6))
    assert first._cursor()._variable != second._cursor()._variable
    assert first._cursor()._key == second._cursor()._key  # within the state of an asset, which is its own


def test_asks_for_what_the_document_lists():
    assert set(fields_to_request(None)) <= set(KNOWN_VALUES["get_chat_conversation"]["chat_conversation_fields"])
