"""Tasks that wait for the rate limit: all of them succeed, at the price of a wait, and of nothing else."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

WAITING = {"deferrable": "deferred", "reschedule": "up_for_reschedule"}
# When a task's log says until when it waits.
WAITS = re.compile(r"^\W*(?:timestamp\W+)?([0-9-]{10}[T ][0-9:]{8}).* Until (\S+), this task", re.MULTILINE)


@pytest.mark.parametrize("mode", WAITING)
class TestMappedTasks:
    def test_all_succeed_at_their_first_try(self, limited, mode):
        assert limited.ended(f"limited_{mode}") == [("success", 1)] * limited.tasks
        returned = limited.returned(f"limited_{mode}")
        assert len({answer["data"][0]["id"] for answer in returned}) == limited.tasks

    def test_what_is_sent_is_let_through(self, limited, mode):
        statuses = [request["status"] for request in limited.sandboxes[f"limited_{mode}"].requests()]
        assert statuses.count(200) == limited.tasks
        windows = -(-limited.tasks // limited.limit)
        assert statuses.count(429) <= 3 * windows

    def test_nobody_holds_a_worker_slot_while_waiting(self, limited, mode):
        samples = limited.samples[f"limited_{mode}"]
        assert any(
            sample[WAITING[mode]] > limited.slots
            or (sample[WAITING[mode]] and sample[WAITING[mode]] + sample["success"] == limited.tasks)
            for sample in samples
        ), samples

    def test_nobody_comes_back_before_the_scheduler_knows_that_he_has_left(self, limited, mode):
        logs = limited.home.path.glob(f"logs/dag_id=limited_{mode}/**/attempt=1.log")
        waits = [
            datetime.fromisoformat(until).replace(tzinfo=None) - datetime.fromisoformat(said)
            for log in logs
            for said, until in WAITS.findall(log.read_text(encoding="utf-8"))
        ]
        assert waits
        assert min(waits) >= timedelta(seconds=19)  # the times are whole seconds
