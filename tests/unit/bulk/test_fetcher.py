"""Many conversations in one task: each once, at the pace that X allows, and never again what there is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_xchat.bulk.checkpoint import open_checkpoint
from airflow_provider_xchat.exceptions import (
    XChatAPIError,
    XChatAuthError,
    XChatConnectionError,
    XChatConversationsError,
    XChatConversationsRefusedError,
    XChatInputError,
    XChatRateLimitError,
    XChatServerError,
)
from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator
from xchat_sandbox import generated_ids, running_sandbox

FETCH = Path(__file__).with_name("fetch_many.py")
TOKEN = "a-token-of-the-tests"
IDS = list(generated_ids(60))
DIRECT = "900000001-9000000000000000101"


@pytest.fixture(scope="module")
def xchat_sandbox_server():
    with running_sandbox(tokens=[TOKEN], conversations=400, latency=0.01) as running:
        yield running


@pytest.fixture(autouse=True)
def connection(sandbox, monkeypatch):
    fields = {"conn_type": "xchat", "host": sandbox.url, "password": TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))


class State(dict):
    """The task's state store of Airflow 3.3, as far as it is used."""

    def set(self, key, value, *, retention=None):
        self[key] = value

    def delete(self, key):
        self.pop(key, None)


class Task:
    """A task instance with its tries; what the operator is given of Airflow."""

    def __init__(self):
        self.state = State()
        self.pushed = {}
        self.try_number = 1

    def run(self, **arguments):
        arguments = {"conversation_ids": IDS, "max_concurrency": 8, **arguments}
        operator = GetChatConversationsOperator(task_id="many", **arguments)
        return operator.call_api(self.context())

    def context(self):
        ti = SimpleNamespace(
            dag_id="d",
            run_id="r",
            task_id="many",
            map_index=-1,
            try_number=self.try_number,
            max_tries=3,
            xcom_push=lambda key, value: self.pushed.update({key: value}),
        )
        return {"ti": ti, "task_state_store": self.state}


@pytest.fixture
def task():
    return Task()


def asked(sandbox):
    return [request["path"].rsplit("/", 1)[-1] for request in sandbox.requests()]


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_all_of_them(sandbox, task):
    result = task.run()
    assert (result["requested"], result["fetched"], result["failed"]) == (60, 60, 0)
    assert list(result["conversations"]) == IDS
    assert result["conversations"][IDS[7]]["data"][0]["id"] == IDS[7]
    assert sorted(asked(sandbox)) == IDS
    assert not task.state


def test_fields_are_asked_for(sandbox, task):
    task.run(conversation_ids=IDS[:2], chat_conversation_fields=["group_name"])
    assert {request["query"] for request in sandbox.requests()} == {"chat_conversation.fields=group_name"}


@pytest.mark.parametrize("given", [json.dumps(IDS[:3]), repr(IDS[:3]), tuple(IDS[:3]), set(IDS[:3])])
def test_the_list_may_come_in_any_form(task, given):
    assert task.run(conversation_ids=given)["fetched"] == 3


def test_one_that_is_listed_twice_is_fetched_once(sandbox, task):
    pairs = [f"{first}{joined}{second}" for joined in "-:" for first, second in permutations(DIRECT.split("-"))]
    result = task.run(conversation_ids=pairs)
    assert list(result["conversations"]) == [DIRECT]
    assert len(sandbox.requests()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"conversation_ids": 7}, "Invalid conversation_ids 7 (int): expected a list"),
        ({"conversation_ids": "g1"}, "Invalid conversation_ids 'g1' (str): expected a list"),
        ({"max_concurrency": 0}, "Invalid max_concurrency 0 (int)"),
        ({"max_concurrency": "many"}, "Invalid max_concurrency 'many' (str)"),
        ({"fail_on": "some"}, "Invalid fail_on 'some' (str): expected one of 'any', 'all', 'never'"),
        ({"chat_conversation_fields": ["colour"]}, "Unknown names in chat_conversation_fields: 'colour'"),
    ],
)
def test_bad_input_is_refused(sandbox, task, arguments, said):
    with pytest.raises(XChatInputError) as caught:
        task.run(**arguments)
    assert said in str(caught.value)
    assert not sandbox.requests()


class TestFailures:
    IDS = (IDS[0], "g9000000000000000203", "nobody", "g404", IDS[1])

    def test_one_loses_none_of_the_others(self, task):
        result = task.run(conversation_ids=self.IDS, fail_on="never")
        assert list(result["conversations"]) == [IDS[0], IDS[1]]
        assert {name: error["type"] for name, error in result["errors"].items()} == {
            "g9000000000000000203": "XChatForbiddenError",
            "nobody": "XChatInputError",
            "g404": "XChatNotFoundError",
        }
        assert (result["requested"], result["fetched"], result["failed"]) == (5, 2, 3)

    def test_any_fails_the_task_and_the_result_is_there(self, task):
        with pytest.raises(XChatConversationsRefusedError, match="2 of 4 conversations could not be fetched"):
            task.run(conversation_ids=[each for each in self.IDS if each != "nobody"])
        assert task.pushed["return_value"]["fetched"] == 2
        assert not task.state

    def test_any_id_that_cannot_be_one_fails_the_task_before_anything_is_sent(self, sandbox, task, capsys):
        wrong = [f"nobody{number}" for number in range(13)]
        operator = GetChatConversationsOperator(task_id="many", conversation_ids="{{ params.ids }}")
        operator.conversation_ids = [IDS[0], *wrong, IDS[1]]  # as rendered
        with pytest.raises(XChatInputError, match=r": 'nobody0' \(str\), .*'nobody9' \(str\) and 3 more; exp"):
            operator.call_api(task.context())
        logged = capsys.readouterr().out
        assert all(f"Invalid id in conversation_ids: '{each}'" in logged for each in wrong)
        assert (sandbox.requests(), task.pushed, task.state) == ([], {}, {})

    def test_otherwise_they_are_failures_among_others_and_logged_first(self, sandbox, task, caplog):
        with pytest.raises(XChatConversationsRefusedError):
            task.run(conversation_ids=["nobody", "nowhere"], fail_on="all")
        assert task.run(conversation_ids=["nobody", IDS[0]], fail_on="all")["failed"] == 1
        assert "Conversation nowhere: Invalid conversation_id 'nowhere'" in caplog.text
        assert len(sandbox.requests()) == 1

    @pytest.mark.parametrize(("ids", "fails"), [([IDS[0], "g404"], False), (["g404", "g405"], True)])
    def test_all(self, task, ids, fails):
        if not fails:
            assert task.run(conversation_ids=ids, fail_on="all")["failed"] == 1
            return
        with pytest.raises(XChatConversationsRefusedError):
            task.run(conversation_ids=ids, fail_on="all")

    def test_a_retry_asks_for_what_failed(self, sandbox, task):
        sandbox.faults([{"kind": "status", "status": 503, "conversation_id": IDS[3], "times": 4}])
        with pytest.raises(XChatConversationsError) as caught:
            task.run()
        assert caught.value.errors[IDS[3]]["status"] == 503
        assert asked(sandbox).count(IDS[3]) == 4
        task.try_number = 2
        assert task.run()["fetched"] == 60
        assert len(sandbox.requests()) == 64

    def test_what_concerns_all_stops_all(self, sandbox, task, monkeypatch):
        fields = {"conn_type": "xchat", "host": sandbox.url, "password": "another-token"}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
        with pytest.raises(XChatAuthError):
            task.run()
        assert len(sandbox.requests()) <= 8

    def test_so_does_a_server_that_only_fails(self, sandbox, task):
        sandbox.faults([{"kind": "status", "status": 500, "times": None}])
        with pytest.raises(XChatServerError):
            task.run(max_concurrency=4)
        assert len(sandbox.requests()) < 4 * 20

    @pytest.mark.parametrize(
        "answer",
        [
            {"status": 400, "problem": "invalid-request"},
            {"status": 403},
            {"status": 403, "form": "html"},
            {"status": 404, "problem": "resource-not-found"},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("fail_on", ["any", "never"])
    def test_so_does_a_refusal_of_each(self, sandbox, task, answer, fail_on):
        sandbox.faults([{"kind": "status", "times": None, **answer}])
        with pytest.raises(XChatAPIError) as caught:
            task.run(fail_on=fail_on, max_concurrency=4)
        assert caught.value.status == answer["status"]
        assert len(sandbox.requests()) <= 10 + 4

    @pytest.mark.parametrize("gone_first", [True, False])
    def test_but_not_the_refusal_of_some(self, sandbox, task, gone_first):
        gone = [f"g404{number}" for number in range(30)]
        ids = [*gone, *IDS[:5]] if gone_first else [*IDS[:5], *gone]
        result = task.run(conversation_ids=ids, fail_on="never")
        assert (result["fetched"], result["failed"]) == (5, 30)

    def test_failures_in_a_row_are_counted_across_waits_for_the_limit(self, task, monkeypatch):
        with running_sandbox(tokens=[TOKEN], conversations=60, rate_limit=20, rate_window=2) as sandbox:
            fields = {"conn_type": "xchat", "host": sandbox.url, "password": TOKEN}
            monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
            sandbox.faults([{"kind": "status", "status": 500, "times": None}])
            waits = []

            def run():
                while True:
                    try:
                        return task.run(rate_limit_wait=0, max_concurrency=5)
                    except XChatRateLimitError as error:
                        waits.append(error)
                        time.sleep(max(error.retry_at.timestamp() - time.time(), 0))

            with pytest.raises(XChatServerError):
                run()
        assert len(waits) <= 2

    def test_a_server_that_never_answers_is_no_rate_limit(self, wire, task, monkeypatch):
        fields = {"conn_type": "xchat", "host": wire.url, "password": TOKEN, "extra": {"timeout": 1}}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
        wire.delay = 5
        with pytest.raises(XChatConnectionError):
            task.run(deadline=3, max_concurrency=5)


def test_the_rate_limit_is_kept_to_and_nothing_is_fetched_twice(task):
    with running_sandbox(tokens=[TOKEN], conversations=60, rate_limit=25, rate_window=2) as sandbox:
        os.environ["AIRFLOW_CONN_XCHAT_DEFAULT"] = json.dumps(
            {"conn_type": "xchat", "host": sandbox.url, "password": TOKEN}
        )
        waits = 0
        while True:
            try:
                result = task.run(rate_limit_wait=0)
            except XChatRateLimitError as error:
                waits += 1
                time.sleep(max(error.retry_at.timestamp() - time.time(), 0))
            else:
                break
        statuses = [request["status"] for request in sandbox.requests()]
    assert result["fetched"] == 60
    assert waits == 2
    assert (statuses.count(200), len(statuses)) == (60, 60)


class TestOutput:
    def test_a_file_of_json_lines(self, task, tmp_path):
        path = tmp_path / "a" / "b.jsonl"
        result = task.run(output_path=str(path), conversation_ids=[*IDS, "g404"], fail_on="all")
        assert result == {"path": str(path), "requested": 61, "fetched": 60, "failed": 1}
        records = {record["conversation_id"]: record for record in lines(path)}
        assert records.keys() == {*IDS, "g404"}
        assert records[IDS[0]]["answer"]["data"][0]["id"] == IDS[0]
        assert records["g404"]["error"]["status"] == 404
        assert [each.name for each in path.parent.iterdir()] == ["b.jsonl"]

    def test_an_object(self, task):
        from airflow.sdk.io import attach
        from fsspec.implementations.memory import MemoryFileSystem

        attach("memory", fs=MemoryFileSystem())
        result = task.run(output_path="memory://bucket/some/many.jsonl")
        assert result["fetched"] == 60
        written = ObjectStoragePath(result["path"])
        assert len(written.read_text().splitlines()) == 60
        assert [each.name for each in written.parent.iterdir() if each.is_file()] == ["many.jsonl"]

    def test_one_that_cannot_be_written_fails_the_task(self, task, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OSError, match="file"):
            task.run(output_path=str(tmp_path / "file" / "many.jsonl"))

    def test_half_a_line_is_passed_over(self, task, sandbox, tmp_path):
        sandbox.faults([{"kind": "status", "status": 503, "conversation_id": IDS[3], "times": 4}])
        path = tmp_path / "many.jsonl"
        with pytest.raises(XChatConversationsError):
            task.run(output_path=str(path))
        (partial,) = tmp_path.glob("*.partial")
        with partial.open("a") as file:
            file.write('{"conversation_id": "g')
        task.try_number = 2
        assert task.run(output_path=str(path))["fetched"] == 60
        assert len(lines(path)) == 60

    @pytest.mark.parametrize("output", [True, False])
    def test_the_next_try_is_given_another_list(self, task, sandbox, tmp_path, output):
        sandbox.faults([{"kind": "status", "status": 503, "conversation_id": IDS[3], "times": 4}])
        path = tmp_path / "many.jsonl" if output else None
        with pytest.raises(XChatConversationsError):
            task.run(output_path=path)
        task.try_number = 2
        arguments = {"output_path": path, "conversation_ids": [*IDS[:20], "g404"], "fail_on": "all"}
        result = task.run(max_concurrency=1, **arguments)
        assert (result["requested"], result["fetched"], result["failed"]) == (21, 20, 1)
        assert asked(sandbox)[63:] == [IDS[3], "g404"]
        written = [record["conversation_id"] for record in lines(path)] if path else list(result["conversations"])
        assert sorted(written) == sorted([*IDS[:20], "g404"] if path else IDS[:20])

    def test_two_tries_at_once_write_each_answer_once(self, task, sandbox, tmp_path):
        sandbox.faults([{"kind": "status", "status": 503, "conversation_id": IDS[3], "times": 4}])
        path = tmp_path / "many.jsonl"
        with pytest.raises(XChatConversationsError):
            task.run(output_path=path)
        (partial,) = tmp_path.glob("*.partial")
        partial.write_text(2 * partial.read_text(encoding="utf-8"), encoding="utf-8")
        task.try_number = 2
        assert task.run(output_path=path)["fetched"] == 60
        assert sorted(record["conversation_id"] for record in lines(path)) == IDS


@pytest.mark.parametrize("output", [True, False])
def test_a_killed_task_is_gone_on_with(sandbox, tmp_path, migrated_database, airflow_environment, output):
    home = tmp_path / "home"
    home.mkdir()
    (home / "airflow.db").write_bytes(migrated_database.read_bytes())
    connection = {"conn_type": "xchat", "host": sandbox.url, "password": TOKEN}
    environment = airflow_environment(home, AIRFLOW_CONN_XCHAT_DEFAULT=json.dumps(connection))
    path = str(tmp_path / "many.jsonl") if output else ""

    def start(try_number):
        command = [sys.executable, FETCH, "400", str(try_number), path]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    with start(1) as first:
        while len(sandbox.requests()) < 200:
            assert first.poll() is None
            time.sleep(0.01)
        os.kill(first.pid, signal.SIGKILL)
        first.stdout.close()
    time.sleep(0.2)
    before = len(sandbox.requests())
    with start(2) as second:
        result = json.loads(second.stdout.read().splitlines()[-1])
    assert (result["requested"], result["fetched"]) == (400, 400)
    again = len(sandbox.requests()) - 400
    assert before < 400
    if output:  # what was under way or not yet written when the process died: no more than a moment's worth
        assert again <= 60
    else:  # there is no state store of a task here, so nothing was kept
        assert again == before
    if output:
        assert len({record["conversation_id"] for record in lines(Path(path))}) == 400


def test_what_could_not_be_saved_is_saved_once():
    class Down(State):
        def set(self, key, value, **options):
            if not self:
                self["down"] = "once"
                raise ConnectionError("the state store is down")
            super().set(key, value, **options)

    context = {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1), "task_state_store": Down()}
    progress = open_checkpoint(context, None)
    records = [{"conversation_id": each, "answer": {}} for each in IDS[:3]]
    with pytest.raises(ConnectionError):
        progress.add(records)
    progress.add(records)
    assert list(progress.records()) == records


def test_progress_is_kept_apart(tmp_path):
    def place(**changed):
        names = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, **changed}
        progress = open_checkpoint({"ti": SimpleNamespace(**names)}, ObjectStoragePath(str(tmp_path / "many.jsonl")))
        progress.add([{"conversation_id": "g1"}])

    for changed in ({}, {"run_id": "s"}, {"map_index": 1}):
        place(**changed)
    assert len(list(tmp_path.glob("many.jsonl.*.partial"))) == 3


class TestStateStore:
    """What Airflow 3.3 keeps for a task goes into its database."""

    RECORDS = tuple({"conversation_id": f"g{number}", "answer": {"data": ["x" * 200]}} for number in range(3000))

    @staticmethod
    def progress(state):
        context = {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1), "task_state_store": state}
        return open_checkpoint(context, None)

    @pytest.mark.parametrize("at_a_time", [1500, 7])
    def test_no_value_is_too_large_for_it(self, at_a_time):
        class Small(State):
            def set(self, key, value, *, retention=None):
                if len(value.encode()) > 65_535:
                    raise ValueError("the value is too large")
                super().set(key, value)

        state = Small()
        progress = self.progress(state)
        for first in range(0, len(self.RECORDS), at_a_time):
            progress.add(self.RECORDS[first : first + at_a_time])
        assert list(self.progress(state).records()) == list(self.RECORDS)
        assert progress.is_complete

    def test_what_is_kept_is_bounded(self, caplog):
        state = State()
        progress = self.progress(state)
        for _ in range(20):
            progress.add(self.RECORDS)
        assert sum(map(len, state.values())) == 10_000_000
        assert not progress.is_complete
        assert caplog.text.count("Checkpoint full (10000000 bytes)") == 1
        assert len(list(self.progress(state).records())) > 30_000

    def test_it_expires(self):
        class Expiring(State):
            def set(self, key, value, *, retention):
                super().set(key, retention)

        state = Expiring()
        self.progress(state).add(self.RECORDS[:1])
        assert list(state.values()) == [timedelta(days=7)]


@pytest.mark.parametrize("folder", ["file", "memory"])
def test_what_was_left_beside_an_output_expires(folder, tmp_path):
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    attach("memory", fs=MemoryFileSystem())
    output = ObjectStoragePath(f"file://{tmp_path}/many.jsonl" if folder == "file" else "memory://left/many.jsonl")

    def kept(run_id, at=output):
        ti = SimpleNamespace(dag_id="d", run_id=run_id, task_id="t", map_index=-1)
        return open_checkpoint({"ti": ti}, at)

    def left():
        return [each for each in output.fs.ls(output.parent.path, detail=False) if each.endswith(".partial")]

    kept("old").add([{"conversation_id": "g1"}])
    (old,) = left()
    (file,) = output.fs.find(old)
    if folder == "file":
        os.utime(file, (0, time.time() - 8 * 24 * 3600))
    else:
        output.fs.store[file].modified = datetime.now(UTC) - timedelta(days=8)
    kept("younger").add([{"conversation_id": "g2"}])
    assert old not in left()
    (younger,) = left()
    kept("another", output.parent / "other.jsonl")
    assert left() == [younger]


class TestBeforeAirflow33:
    """There is no state store, and Variables are no place for answers."""

    @pytest.fixture
    def task(self):
        made = Task()
        made.state = None
        return made

    def test_a_retry_fetches_again_and_a_warning_says_so(self, sandbox, task, caplog):
        sandbox.faults([{"kind": "status", "status": 503, "conversation_id": IDS[3], "times": 4}])
        with pytest.raises(XChatConversationsError):
            task.run(conversation_ids=IDS[:5])
        task.try_number = 2
        assert task.run(conversation_ids=IDS[:5])["fetched"] == 5
        assert len(sandbox.requests()) == 4 + 4 + 5
        assert "No checkpoint: a retry fetches all conversations again" in caplog.text

    def test_it_waits_for_the_limit_in_its_worker_slot(self, task, monkeypatch):
        with running_sandbox(tokens=[TOKEN], conversations=60, rate_limit=25, rate_window=2) as sandbox:
            fields = {"conn_type": "xchat", "host": sandbox.url, "password": TOKEN}
            monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
            assert task.run(rate_limit_wait=0)["fetched"] == 60
            assert len(sandbox.requests()) == 60


ODD = rb'{"data": [{"id": "%s", "group_name": "a\u0000b\ud83dc \ud83d\ude00", "x\u0000": [NaN, -Infinity, 1e999]}]}'


@pytest.mark.parametrize("output", [True, False])
def test_odd_text_in_an_answer_is_made_storable(wire, task, tmp_path, monkeypatch, caplog, output):
    fields = {"conn_type": "xchat", "host": wire.url, "password": TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
    wire.says(200, ODD % b"g1")
    path = tmp_path / "many.jsonl"
    result = task.run(conversation_ids=["g1"], output_path=path if output else None)

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    text = path.read_text(encoding="utf-8") if output else json.dumps(result["conversations"]["g1"])
    record = json.loads(text, parse_constant=refuse)
    (conversation,) = (record["answer"] if output else record)["data"]
    assert conversation == {
        "id": "g1",
        "group_name": "a\ufffdb\ufffdc \U0001f600",
        "x\ufffd": [None, None, None],
    }
    json.dumps(conversation, ensure_ascii=False).encode()
    assert "cannot be stored" in caplog.text


def test_odd_text_in_a_refusal_is_made_storable(wire, task, monkeypatch):
    fields = {"conn_type": "xchat", "host": wire.url, "password": TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))
    for body in (b'{"title": "No\\u0000\\ud800"}', b"<html>No\x00</html>"):
        wire.says(404, body)
        result = task.run(conversation_ids=["g1"], fail_on="never")
        task.try_number += 1
        message = result["errors"]["g1"]["message"]
        assert "\ufffd" in message
        assert "\x00" not in message
        message.encode()
