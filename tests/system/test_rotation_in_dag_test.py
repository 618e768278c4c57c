"""A token that rotates in ``dag.test()``: the next run there uses what came, and so do real workers."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("kind", "name", "refreshes"), [("runs", "rotates", 1), ("runs", "rotated", 0), ("supervised_runs", "rotated", 0)]
)
def test_only_the_first_run_refreshes(request, kind, name, refreshes):
    run = request.getfixturevalue(kind)[name]
    assert run.states == {"first": "success", "second": "success"}
    asked = [(request["path"].split("/")[2], request["status"]) for request in run.requests]
    assert asked == [("oauth2", 200)] * refreshes + [("chat", 200)] * 2


def test_no_refresh_token_was_used_twice(supervised_runs, sandbox):
    (chain,) = sandbox.chains()
    assert (chain["alive"], chain["refreshes"], chain["reused_dead_token"]) == (True, 1, 0)
