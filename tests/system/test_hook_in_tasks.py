"""The hook in @task functions: by ``dag.test()`` and in real workers, with a connection from the database."""

from __future__ import annotations

from collections import Counter

import pytest

DONE = ["Release crew", True]
GROUP = "/2/chat/conversations/g9000000000000000201"


@pytest.fixture(scope="module", params=["dag_test", "worker"])
def run(request):
    """The run of each kind."""
    fixture = {"dag_test": "runs", "worker": "supervised_runs"}[request.param]
    return request.getfixturevalue(fixture)["hook_in_tasks"]


@pytest.mark.parametrize("task", ["plain", "coroutine", "first_loop", "second_loop"])
def test_a_task_gets_and_marks(run, task):
    assert run.tasks[task].state == "success"
    assert run.tasks[task].returned == DONE


def test_one_hook_serves_two_event_loops(run):
    assert run.tasks["two_loops_with_one_hook"].returned == [DONE, DONE]


def test_one_hook_serves_several_calls_at_once(run):
    assert run.tasks["several_at_once"].returned == ["g9000000000000000201"] * 3


def test_nothing_is_asked_twice(run):
    assert Counter(run.lines) == {f"GET {GROUP}": 9, f"POST {GROUP}/read": 6}
    marks = [request["body"]["seen_until_sequence_id"] for request in run.requests if request["method"] == "POST"]
    assert sorted(marks) == ["1", "2", "3", "4", "5", "6"]
