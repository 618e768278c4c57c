"""When a trigger fires, and when it does not."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from xchat_sandbox import GROUP_ID as GROUP

LONG_AGO = "2020-01-01T00:00:00Z"


def asked(sandbox):
    return [request for request in sandbox.requests() if request["path"].endswith(GROUP)]


async def seen(running, sandbox, more=1):
    """Wait until the trigger has got another answer, and has made of it what it does."""
    count = len(asked(sandbox))
    # The last one may have been sent before the caller changed something, and the one before may be on its way.
    await running.until(lambda: len(asked(sandbox)) >= count + more + 1)


async def test_the_first_answer_only_says_where_it_stands(watch, sandbox):
    watcher = watch(conversation_id=GROUP)
    await seen(watcher, sandbox, 3)
    assert watcher.events == []


async def test_fires_once_for_each_change(watch, sandbox):
    watcher = watch(conversation_id=GROUP)
    await seen(watcher, sandbox)
    for name in ("first", "second", "third"):
        changed = sandbox.change_conversation(GROUP, group_name=name)
        await watcher.until(lambda name=name: name in watcher.names)
    await seen(watcher, sandbox, 3)
    assert watcher.names == ["first", "second", "third"]
    last = watcher.events[-1]
    assert last["conversation_id"] == GROUP
    assert datetime.fromisoformat(last["updated_at"]) == datetime.fromisoformat(changed["updated_at"])
    (conversation,) = last["conversation"]["data"]
    assert {**changed, **conversation, "updated_at": changed["updated_at"]} == changed
    assert {"group_name", "is_muted", "type"} <= conversation.keys()


async def test_fires_for_what_is_newer_than_updated_since(watch, sandbox):
    watcher = watch(conversation_id=GROUP, updated_since=LONG_AGO)
    await watcher.until(lambda: watcher.events)
    await seen(watcher, sandbox, 2)
    assert len(watcher.events) == 1


@pytest.mark.parametrize("zone", ["", "+00:00"])
async def test_does_not_fire_for_the_moment_of_updated_since(watch, sandbox, zone):
    updated_at = sandbox.change_conversation(GROUP)["updated_at"]
    since = datetime.fromisoformat(updated_at).astimezone(UTC).replace(tzinfo=None).isoformat() + zone
    watcher = watch(conversation_id=GROUP, updated_since=since)
    await seen(watcher, sandbox, 2)
    assert watcher.events == []


async def test_does_not_fire_for_a_time_that_goes_back(watch, sandbox):
    watcher = watch(conversation_id=GROUP)
    await seen(watcher, sandbox)
    sandbox.change_conversation(GROUP, updated_at="2020-02-02T00:00:00.000Z")
    await seen(watcher, sandbox, 2)
    assert watcher.events == []


async def test_one_event_is_enough_for_a_task(watch, sandbox, asset_state):
    waiting = watch(conversation_id=GROUP, updated_since=LONG_AGO, once=True)
    await waiting.until(waiting.task.done)
    assert len(waiting.events) == 1
    assert asset_state.kept == {}


async def test_goes_on_where_another_has_ended(watch, sandbox):
    first = watch(conversation_id=GROUP)
    await seen(first, sandbox)
    sandbox.change_conversation(GROUP, group_name="while the first runs")
    await first.until(lambda: first.events)
    await first.stop()
    sandbox.change_conversation(GROUP, group_name="while none runs")
    second = watch(conversation_id=GROUP)
    await second.until(lambda: second.events)
    await seen(second, sandbox, 2)
    assert (first.names, second.names) == (["while the first runs"], ["while none runs"])


async def test_goes_on_where_one_has_ended_that_never_fired(watch, sandbox):
    first = watch(conversation_id=GROUP)
    await seen(first, sandbox)
    await first.stop()
    sandbox.change_conversation(GROUP, group_name="while none runs")
    second = watch(conversation_id=GROUP)
    await second.until(lambda: second.events)
    assert second.names == ["while none runs"]


async def test_another_interval_does_not_make_it_forget(watch, sandbox):
    first = watch(conversation_id=GROUP)
    await seen(first, sandbox)
    await first.stop()
    sandbox.change_conversation(GROUP, group_name="while none runs")
    second = watch(conversation_id=GROUP, poll_interval=0.2, max_failures=9)
    await second.until(lambda: second.events)


async def test_keeps_the_time_and_nothing_else(watch, sandbox, asset_state):
    watcher = watch(conversation_id=GROUP)
    await seen(watcher, sandbox)
    updated_at = sandbox.change_conversation(GROUP)["updated_at"]
    await watcher.until(lambda: watcher.events)
    ((key, value),) = asset_state.kept.items()
    assert key.startswith("xchat_updates_")
    assert datetime.fromisoformat(value) == datetime.fromisoformat(updated_at)


async def test_a_task_that_has_just_asked_spares_the_first_request(watch, sandbox):
    waiting = watch(
        conversation_id=GROUP, updated_since=LONG_AGO, once=True, poll_interval=1.5, polled_at=datetime.now(UTC)
    )
    began = time.monotonic()
    await waiting.until(lambda: waiting.events)
    assert time.monotonic() - began > 1.3


async def test_what_was_asked_long_ago_spares_nothing(watch, sandbox):
    waiting = watch(conversation_id=GROUP, updated_since=LONG_AGO, once=True, poll_interval=0.2, polled_at=LONG_AGO)
    await waiting.until(lambda: waiting.events)


async def test_fields_are_completed_by_the_time(watch, sandbox):
    waiting = watch(conversation_id=GROUP, updated_since=LONG_AGO, once=True, chat_conversation_fields="['group_name']")
    await waiting.until(lambda: waiting.events)
    assert asked(sandbox)[-1]["query"] == "chat_conversation.fields=group_name,updated_at"
