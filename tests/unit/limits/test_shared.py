"""Processes that share a rate limit by an Airflow Variable, and coroutines that share it in memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_xchat.exceptions import XChatRateLimitError, XChatServerError
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.runtime.file_locks import host_lock
from xchat_sandbox import GROUP_ID as GROUP
from xchat_sandbox import running_sandbox

ASK = Path(__file__).with_name("share_limit.py")
TOKEN = "a-token-of-the-tests"


def connection(sandbox):
    return json.dumps({"conn_type": "xchat", "host": sandbox.url, "password": TOKEN})


def statuses(sandbox):
    return Counter(request["status"] for request in sandbox.requests())


def test_processes_learn_from_one_another(tmp_path, migrated_database, airflow_environment):
    (tmp_path / "airflow.db").write_bytes(migrated_database.read_bytes())
    with running_sandbox(tokens=[TOKEN], rate_limit=4, rate_window=3) as sandbox:
        environment = airflow_environment(tmp_path, AIRFLOW_CONN_XCHAT_DEFAULT=connection(sandbox))
        done = subprocess.run(
            [sys.executable, ASK, "12"], env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        waits = json.loads(done.stdout.splitlines()[-1])
        assert statuses(sandbox)[200] == 12
        # Three windows, and what is known of them before anything is sent.
        assert statuses(sandbox)[429] <= 3
    assert sum(waits) > 0


@pytest.mark.parametrize(
    ("known", "count", "expected"),
    [
        ("none", 150, {"fetched": 100, "XChatRateLimitError": 50}),
        # By the clock of who wrote it, the window ends in 3 hours; one second after it was written.
        ("ahead", 1, {"fetched": 1, "XChatRateLimitError": 1}),
        ("nonsense", 1, {"fetched": 1}),
    ],
)
def test_what_others_have_written(tmp_path, migrated_database, airflow_environment, known, count, expected):
    (tmp_path / "airflow.db").write_bytes(migrated_database.read_bytes())
    with running_sandbox(tokens=[TOKEN], rate_limit=100, rate_window=120) as sandbox:
        environment = airflow_environment(tmp_path, AIRFLOW_CONN_XCHAT_DEFAULT=connection(sandbox))
        command = [sys.executable, ASK.with_name("share_many.py"), str(count), known]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1]) == expected
        assert statuses(sandbox) == {200: expected["fetched"]}


@pytest.mark.parametrize("processes", [1, 4])
def test_a_days_limit_is_never_overshot(tmp_path, migrated_database, airflow_environment, processes):
    (tmp_path / "airflow.db").write_bytes(migrated_database.read_bytes())
    with running_sandbox(tokens=[TOKEN], daily_limit=50, daily_window=3600, latency=0.05) as sandbox:
        environment = airflow_environment(tmp_path, AIRFLOW_CONN_XCHAT_DEFAULT=connection(sandbox))
        command = [sys.executable, ASK.with_name("share_many.py"), "80", "none", "20"]
        running = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(processes)
        ]
        outcomes = Counter()
        for each in running:
            printed, _ = each.communicate(timeout=120)
            outcomes.update(json.loads(printed.splitlines()[-1]))
        assert outcomes == {"fetched": 50, "XChatRateLimitError": 80 * processes - 50}
        assert statuses(sandbox) == {200: 50}


@pytest.fixture
def limited(monkeypatch):
    with running_sandbox(tokens=[TOKEN], rate_limit=5, rate_window=60) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", connection(sandbox))
        yield sandbox


def test_coroutines_take_what_is_left_and_nothing_more(limited):
    async def all_at_once():
        async with XChatHook() as hook:
            return await asyncio.gather(*(hook.aget_conversation(GROUP) for _ in range(30)), return_exceptions=True)

    outcomes = Counter(type(outcome) for outcome in asyncio.run(all_at_once()))
    assert outcomes == {dict: 5, XChatRateLimitError: 25}
    assert statuses(limited) == {200: 5}


def test_nothing_is_sent_before_the_reset(limited):
    with XChatHook() as hook:
        for _ in range(5):
            hook.get_conversation(GROUP)
        for _ in range(3):
            with pytest.raises(XChatRateLimitError, match="was not sent: The rate limit resets at") as caught:
                hook.get_conversation(GROUP)
    assert caught.value.nothing_sent
    assert caught.value.retry_at == caught.value.reset_at
    assert statuses(limited) == {200: 5}


def test_each_operation_has_a_limit_of_its_own(limited):
    with XChatHook() as hook:
        for _ in range(5):
            hook.get_conversation(GROUP)
        assert hook.mark_conversation_read(GROUP, 1)["data"]["success"]


def test_one_that_finds_out_nothing_lets_the_next_one(limited):
    limited.faults([{"kind": "status", "status": 500, "headers": {"x-rate-limit-remaining": None}, "times": 4}])
    with XChatHook() as hook:
        with pytest.raises(XChatServerError):
            hook.get_conversation(GROUP)
        assert hook.get_conversation(GROUP)
    assert len(limited.requests()) == 5


def test_one_that_is_cancelled_before_it_has_taken_a_request_takes_none(limited):
    """A thread takes it, which goes on after that."""

    async def cancel_and_ask():
        async with XChatHook() as hook:
            sender = await hook._senders.for_running_loop()
            with host_lock(sender._limits.for_operation("getChatConversation").key, 60):
                asked = asyncio.create_task(hook.aget_conversation(GROUP))
                await asyncio.sleep(0.5)
                asked.cancel()
                assert isinstance((await asyncio.gather(asked, return_exceptions=True))[0], asyncio.CancelledError)
                await asyncio.sleep(0.5)
            return await hook.aget_conversation(GROUP)

    assert asyncio.run(cancel_and_ask())["data"]
    assert statuses(limited) == {200: 1}


def test_the_days_limit_counts_too(monkeypatch):
    with running_sandbox(tokens=[TOKEN], daily_limit=2, daily_window=3600) as sandbox, XChatHook() as hook:
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", connection(sandbox))
        for _ in range(2):
            hook.get_conversation(GROUP)
        with pytest.raises(XChatRateLimitError) as caught:
            hook.get_conversation(GROUP)
        assert statuses(sandbox) == {200: 2}
        assert caught.value.retry_at.timestamp() - time.time() > 1800
