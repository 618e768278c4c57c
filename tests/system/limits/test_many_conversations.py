"""Many conversations in one task: fetched once, whether it has to wait for the rate limit or its worker dies."""

from __future__ import annotations

import json

import pytest

from xchat_sandbox import generated_ids

WAITING = {"deferrable": "deferred", "reschedule": "up_for_reschedule"}


def asked(limited, dag_id):
    """The conversations that were asked for, in that order."""
    return [request["path"].rsplit("/", 1)[-1] for request in limited.sandboxes[dag_id].requests()]


def fetched(limited, dag_id):
    """The conversations that the task has brought home, after a look at the rest of what it returned."""
    (result,) = limited.returned(dag_id)
    counts = {"requested": limited.conversations, "fetched": limited.conversations, "failed": 0}
    path = limited.output / f"{dag_id}.jsonl"
    if "path" in result:
        assert result == {"path": str(path), **counts}
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        answers = {line["conversation_id"]: line["answer"] for line in lines}
        assert len(lines) == len(answers)
    else:
        assert not path.exists()
        answers = result.pop("conversations")
        assert result == {**counts, "errors": {}}
    assert all(answer["data"][0]["id"] == identifier for identifier, answer in answers.items())
    return sorted(answers)


def keeps(limited, kept):
    """Whether there is a place for what the task has fetched."""
    return kept == "file" or limited.keeps_state


@pytest.mark.parametrize("mode", WAITING)
class TestRateLimit:
    def test_succeeds_at_its_first_try(self, limited, mode):
        assert limited.ended(f"many_{mode}") == [("success", 1)]
        assert fetched(limited, f"many_{mode}") == generated_ids(limited.conversations)

    def test_each_is_asked_for_once_and_let_through(self, limited, mode):
        requests = limited.sandboxes[f"many_{mode}"].requests()
        assert {request["status"] for request in requests} == {200}
        assert sorted(asked(limited, f"many_{mode}")) == generated_ids(limited.conversations)

    def test_holds_no_worker_slot_while_it_waits(self, limited, mode):
        assert WAITING[mode] in {state for sample in limited.samples[f"many_{mode}"] for state in sample}


@pytest.mark.parametrize("kept", ["xcom", "file"])
class TestKilledWorker:
    def test_the_retry_succeeds(self, limited, kept):
        assert limited.ended(f"killed_{kept}") == [("success", 2)]
        assert fetched(limited, f"killed_{kept}") == generated_ids(limited.conversations)

    def test_the_retry_asks_for_the_rest_only(self, limited, kept):
        ids = generated_ids(limited.conversations)
        requests = asked(limited, f"killed_{kept}")
        first, second = requests[: limited.slow.stop], requests[limited.slow.stop :]
        assert sorted(first) == ids[: limited.slow.stop]
        assert sorted(second) == (ids[limited.slow.start :] if keeps(limited, kept) else ids)

    def test_what_there_was_had_been_kept(self, limited, kept):
        assert bool(limited.kept[f"killed_{kept}"]) is keeps(limited, kept)
