"""What each outcome costs: requests, counted by the sandbox, beside what it would ideally cost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.measuring import Bench
from benchmarks.tables import Table
from xchat_sandbox import PUBLIC_CLIENT_ID, Sandbox, running_sandbox

TOKEN = "a-token-of-the-benchmarks"  # noqa: S105
CONVERSATIONS, WATCHERS, LIMIT = 10, 50, 15


@dataclass
class Outcome:
    """
    Something that is wanted.

    :param name: what it is
    :param what: what ``spending.py`` calls it
    :param ideal: how many requests it takes at least, and of one that polls, how many there are intervals for
    :param number: how many times, tasks or intervals
    :param interval: how long (seconds) an interval is
    :param signs_in: whether with tokens that are refreshed, of which the first has expired
    :param window: how long (seconds) a window of 15 requests is; 0 for no limit
    """

    name: str
    what: str
    ideal: int
    number: int = 1
    interval: float = 0.0
    signs_in: bool = False
    window: float = 0.0


def tables(bench: Bench) -> list[Table]:
    """Count, and give the table."""
    polls, refreshing, limited = bench.some(60, 5), bench.some(100, 10), bench.some(60, 20)
    table = Table(
        "thrift",
        "requests to X for each outcome, counted by the sandbox",
        notes=[
            "ideal: the least that there could be; of what polls, one for each conversation and interval",
            "an hour is 60 intervals, of a second each and not a minute; what an answer takes comes on top of each,",
            "so that a few fewer fit in",
        ],
    )
    if bench.short:
        table.notes.append(f"short: {polls} intervals are not an hour")
    outcomes = [
        Outcome("get", "get", 1),
        Outcome("mark as read", "mark", 1),
        Outcome("Test connection", "connection", 1),
        Outcome("a sensor, an hour of minutes", "sensor", polls, polls, 1.0),
        Outcome(
            f"{WATCHERS} watchers of {CONVERSATIONS} conversations, an hour of minutes",
            "watchers",
            CONVERSATIONS * polls,
            polls,
            1.0,
        ),
        Outcome(f"{refreshing} tasks that find an expired token", "tasks", 1 + refreshing, refreshing, signs_in=True),
        Outcome(
            f"{limited} tasks, {LIMIT} allowed in a window",
            "tasks",
            limited,
            limited,
            window=2.0 if bench.short else 8.0,
        ),
    ]
    # Side by side, as nothing is timed, and each has a sandbox of its own.
    with ThreadPoolExecutor(3) as threads:
        for outcome, found in zip(outcomes, threads.map(partial(counted, bench), outcomes), strict=True):
            table.add(outcome.name, **found)
    return [table]


def counted(bench: Bench, outcome: Outcome) -> dict[str, Any]:
    """Do it, and count."""
    limits: dict[str, Any] = {"rate_limit": 1_000_000}
    if outcome.window:
        limits = {"rate_limit": LIMIT, "rate_window": outcome.window}
    with running_sandbox(tokens=[TOKEN], conversations=CONVERSATIONS, strict=True, **limits) as sandbox:
        bench.printed(
            bench.developing,
            "-m",
            "benchmarks.spending",
            outcome.what,
            str(outcome.number),
            str(outcome.interval),
            AIRFLOW_CONN_XCHAT_DEFAULT=json.dumps(connection(sandbox, signs_in=outcome.signs_in)),
        )
        statuses = [request["status"] for request in sandbox.requests()]  # refreshes among them
        refreshes = len(sandbox.token_requests())
    return {
        "requests": len(statuses),
        "ideal": outcome.ideal,
        "refreshes": refreshes,
        "refused": sum(status in {401, 429} for status in statuses),
    }


def connection(sandbox: Sandbox, *, signs_in: bool) -> dict[str, Any]:
    """Describe a connection, of a sign-in whose token has expired or of a token that never does."""
    if not signs_in:
        return {"conn_type": "xchat", "host": sandbox.url, "password": TOKEN}
    granted = sandbox.grant(expires_in=0)
    extra = {"refresh_token": granted.refresh_token, "expires_at": 1}
    return {
        "conn_type": "xchat",
        "host": sandbox.url,
        "login": PUBLIC_CLIENT_ID,
        "password": granted.access_token,
        "extra": extra,
    }
