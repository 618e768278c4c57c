"""Event loops in a thread of their own: what the main thread is told by a signal ends them."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from airflow_provider_xchat.bulk.checkpoint import open_checkpoint
from airflow_provider_xchat.bulk.fetcher import ConversationFetcher
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.operators.xchat import GetChatConversationOperator
from airflow_provider_xchat.runtime.ending import EndsWhenKilled
from airflow_provider_xchat.runtime.event_loops import run_in_own_loop
from airflow_provider_xchat.runtime.file_locks import host_lock
from airflow_provider_xchat.sensors.xchat import ChatConversationUpdatedSensor
from xchat_sandbox import PUBLIC_CLIENT_ID, generated_ids, running_sandbox

TOKEN = "a-token-of-the-tests"
IDS = list(generated_ids(200))


class OverError(BaseException):
    """What Airflow raises in the main thread when a task takes too long is no Exception either."""


def _raise():
    raise OverError


@contextmanager
def signalled_when(happened, do=_raise):
    """Do something in the main thread, in the handler of a signal, once something has happened."""

    def watch():
        while not happened():
            if over.wait(0.005):
                return
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    over = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: do())
    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def sandbox(monkeypatch):
    with running_sandbox(tokens=[TOKEN], conversations=200, latency=0.02, strict=True) as sandbox:
        fields = {"conn_type": "xchat", "host": sandbox.url, "password": TOKEN}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
        yield sandbox


def many(hook, state):
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    progress = open_checkpoint({"ti": ti, "task_state_store": state}, None)
    return ConversationFetcher(hook, {}, progress, keep_results=True, try_number=1)


class State(dict):
    def set(self, key, value, *, retention=None):
        self[key] = value

    def delete(self, key):
        self.pop(key, None)


def test_its_result_and_its_errors_come_out():
    async def work(error):
        await asyncio.sleep(0)
        if error:
            raise error
        return threading.current_thread() is threading.main_thread()

    assert run_in_own_loop(work(None)) is False
    with pytest.raises(KeyError, match="this"):
        run_in_own_loop(work(KeyError("this")))


def test_an_exception_in_the_main_thread_stops_all_requests(sandbox):
    state = State()
    with signalled_when(lambda: len(sandbox.requests()) >= 50), pytest.raises(OverError):
        run_in_own_loop(many(XChatHook(), state).fetch(IDS, 8))
    kept = sum(text.count('"answer"') for text in state.values())
    sent = len(sandbox.requests())
    assert sent - 8 <= kept <= sent < 200
    assert not [each for each in threading.enumerate() if each.name == "xchat-event-loop"]


def test_an_unexpected_exception_of_one_worker_stops_the_others(sandbox):
    class Faulty(XChatHook):
        async def aget_conversation(self, conversation_id, **arguments):
            if conversation_id == IDS[20]:
                raise ZeroDivisionError
            return await super().aget_conversation(conversation_id, **arguments)

    state = State()
    with pytest.raises(ZeroDivisionError):
        run_in_own_loop(many(Faulty(), state).fetch(IDS, 8))
    assert len(sandbox.requests()) <= 20 + 8
    assert sum(text.count('"answer"') for text in state.values()) >= 20 - 8


def test_no_refresh_begins_once_the_task_has_ended(sandbox, monkeypatch, tmp_path):
    grant = sandbox.grant()
    extra = {
        "refresh_token": grant.refresh_token,
        "expires_at": 1,
        "store": "airflow_provider_xchat.tokens.FileTokenStore",
        "store_kwargs": {"folder": str(tmp_path)},
    }
    fields = {"conn_type": "xchat", "host": sandbox.url, "login": PUBLIC_CLIENT_ID, "password": grant.access_token}
    monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps({**fields, "extra": extra}))
    key = ConnectionSettings.from_connection(XChatHook.get_connection("xchat_default")).grant.key
    waiting = threading.Event()

    async def fetch():
        work = asyncio.ensure_future(XChatHook().aget_conversation(IDS[0]))
        while not waits_for_the_lock():  # noqa: ASYNC110  it happens in another thread
            await asyncio.sleep(0.01)
        waiting.set()
        await work

    def waits_for_the_lock():
        frames = [frame for frame in sys._current_frames().values() if frame.f_code.co_name == "file_lock"]
        return any(str(frame.f_locals.get("path", "")).endswith(f"{key}.lock") for frame in frames)

    before = set(threading.enumerate())
    with host_lock(key, 60), signalled_when(waiting.is_set), pytest.raises(OverError):
        run_in_own_loop(fetch())
    # The one that waited for the lock is still there, and takes it now.
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()
    assert sandbox.token_requests() == []
    assert sandbox.requests() == []


@pytest.mark.parametrize(
    "task",
    [
        GetChatConversationOperator(task_id="waits_to_try_again", conversation_id=IDS[0]),
        ChatConversationUpdatedSensor(
            task_id="waits_to_poke_again", conversation_id=IDS[1], updated_since="2100-01-01", poke_interval=3
        ),
    ],
    ids=lambda task: task.task_id,
)
def test_a_task_that_is_killed_sends_nothing_more(sandbox, task):
    headers = {"retry-after": "3"}
    fault = {"kind": "status", "status": 503, "times": None, "headers": headers, "conversation_id": IDS[0]}
    sandbox.faults([fault])
    context = {"ti": SimpleNamespace(map_index=-1)}

    def answered():
        return any(request["status"] for request in sandbox.requests())

    with signalled_when(answered, task.on_kill), pytest.raises(SystemExit, match="Airflow has killed this task"):
        task.execute(context)
    assert len(sandbox.requests()) == 1


def test_a_task_that_was_killed_before_it_began_does_nothing(sandbox):
    task = EndsWhenKilled()
    task.on_kill()
    with pytest.raises(SystemExit), task._executing():
        pytest.fail("it has begun")


def test_after_a_timeout_it_may_be_tried_again():
    task = EndsWhenKilled()
    with pytest.raises(OverError), task._executing():
        raise OverError
    task.on_kill()
    with task._executing():
        pass
