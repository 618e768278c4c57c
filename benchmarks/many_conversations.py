"""Many conversations: one after the other by the hook, 20 at a time by the operator, and how soon a task ends."""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.fetching import AT_ONCE
from benchmarks.measuring import HERE, Bench, answering, median
from benchmarks.tables import Table

LATENCIES = (0.0, 0.02, 0.1)
# One after the other, the hook is given fewer: each takes as long as the one before.
ALL, FEW = 1000, 100
SIZES = (1000, 10_000, 100_000)


def tables(bench: Bench) -> list[Table]:
    """Measure, and give a table of times, one of sizes, and one of how soon a task ends."""
    return [_times(bench), _sizes(bench), _ends(bench)]


def _times(bench: Bench) -> Table:
    count = bench.some(ALL, 40)
    table = Table(
        "many_conversations",
        f"{count} conversations, {AT_ONCE} at a time; medians of {bench.rounds} fresh processes",
        notes=[
            "ideal: the latency alone; reuse: requests on a connection that was open already",
            f"{AT_ONCE} at a time need {AT_ONCE} connections, which {count - AT_ONCE} of {count} requests can reuse",
            f"the hook was given {bench.some(FEW, 10)}, one after the other",
        ],
    )
    for latency in LATENCIES:
        ways = {
            "hook": ("hook", bench.some(FEW, 10), ""),
            "operator, XCom": ("operator", count, ""),
            "operator, JSON Lines": ("operator", count, "out.jsonl"),
        }

        def fetched(name: str, of: dict[str, tuple[str, int, str]] = ways, late: float = latency) -> dict[str, Any]:
            return _fetched(bench, late, *of[name])

        found = bench.by_turns(ways, fetched)
        for name, results in found.items():
            way, number, _ = ways[name]
            at_once = AT_ONCE if way == "operator" else 1
            table.add(
                f"{1000 * latency:.0f} ms, {name}",
                seconds=median(results, "seconds"),
                ideal=number * latency / at_once,
                CPU_seconds=median(results, "cpu"),
                **_connections(results),
            )
    return table


def _sizes(bench: Bench) -> Table:
    table = Table(
        "many_conversations",
        f"JSON Lines, {AT_ONCE} at a time, a server that answers at once; medians of {bench.rounds} fresh processes",
        notes=["memory: the most that the process had, beyond what it had after it fetched one conversation"],
    )
    sizes = {f"{number} conversations": number for number in (bench.some(size, size // 500) for size in SIZES)}

    def fetched(name: str) -> dict[str, Any]:
        return _fetched(bench, 0.0, "operator", sizes[name], "out.jsonl")

    for name, results in bench.by_turns(sizes, fetched).items():
        seconds = median(results, "seconds")
        table.add(
            name,
            seconds=seconds,
            ms_each=1000 * seconds / sizes[name],
            memory_MiB=median(results, "megabytes"),
            **_connections(results),
        )
    return table


def _ends(bench: Bench) -> Table:
    seconds = 1.0
    table = Table(
        "many_conversations",
        f"a timeout of {seconds:.0f} s for {SIZES[-1]} conversations, {AT_ONCE} at a time; medians of {bench.rounds}"
        " fresh processes",
        notes=["ends after: from the exception in the main thread until the task has saved what it has, and ended"],
    )
    ways = {f"{1000 * latency:.0f} ms": latency for latency in LATENCIES}

    def ended(name: str) -> dict[str, Any]:
        with answering(bench, latency=ways[name]) as url:
            took: dict[str, Any] = bench.said(str(HERE / "ended.py"), url, str(SIZES[-1]), str(seconds))
            first = _counts(url)["requests"]
            time.sleep(1)
            return {**took, "requests": first, "later": _counts(url)["requests"]}

    for name, results in bench.by_turns(ways, ended).items():
        table.add(
            name,
            ends_after_ms=median(results, "milliseconds"),
            requests=median(results, "requests"),
            requests_after_the_end=max(result["later"] for result in results),
        )
    return table


def _counts(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/counts") as answer:  # noqa: S310  our own
        counts: dict[str, int] = json.load(answer)
    return counts


def _connections(results: list[dict[str, Any]]) -> dict[str, Any]:
    requests, connections = (median(results, name) for name in ("requests", "connections"))
    return {"requests": requests, "connections": connections, "reuse": f"{100 * (1 - connections / requests):.2f} %"}


def _fetched(bench: Bench, latency: float, way: str, count: int, output: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, answering(bench, latency=latency) as url:
        path = str(Path(folder) / output) if output else ""
        took: dict[str, Any] = bench.said(str(HERE / "fetching.py"), way, url, str(count), path)
        counts = _counts(url)
        # Without the one that was fetched to begin with, on a connection of its own.
        return {**took, "requests": counts["requests"] - 1, "connections": counts["connections"] - 1}
