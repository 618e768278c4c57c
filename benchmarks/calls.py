"""Sequential calls against a server that answers at once: the client and the hook, beside what others would use."""

from __future__ import annotations

from benchmarks.callers import WAYS
from benchmarks.measuring import Bench, answering, median
from benchmarks.tables import Table


def tables(bench: Bench) -> list[Table]:
    """Measure, and give a table for each operation, and one of what takes the time."""
    with answering(bench) as url:
        return [*timed(bench, url), profiled(bench, url)]


def timed(bench: Bench, url: str) -> list[Table]:
    """Measure calls."""
    count = bench.some(2000, 20)
    found = bench.by_turns(WAYS, lambda way: bench.said("-m", "benchmarks.callers", way, url, str(count)))
    made = []
    for operation in ("get", "mark"):
        table = Table(
            "calls",
            f"{count} sequential {operation}s on one connection, µs each; medians of {bench.rounds} fresh processes",
            notes=["all end with the answer's JSON, X's SDK with its model; speed: httpx's time in this one's time"],
        )
        took = {way: [result[operation] for result in results] for way, results in found.items()}
        alone = median(took["httpx"], "seconds")
        for way, results in took.items():
            seconds = median(results, "seconds")
            table.add(
                way,
                time=1e6 * seconds / count,
                CPU_time=1e6 * median(results, "cpu") / count,
                speed=f"{alone / seconds:.2f}x",
            )
        made.append(table)
    return made


def profiled(bench: Bench, url: str) -> Table:
    """Tell what takes the time of a get."""
    count = str(bench.some(500, 20))
    found = bench.by_turns(
        ["httpx", "generated client", "hook"],
        lambda way: bench.said("-m", "benchmarks.callers", way, url, count, "--profile"),
    )
    table = Table(
        "calls",
        f"where the time of {count} gets goes, % under the profiler; medians of {bench.rounds} fresh processes",
        notes=["sockets: sending, and waiting for the answer; what is written in C counts for who calls it"],
    )
    for way, results in found.items():
        table.add(way, **{package: 100 * median(results, package) for package in results[0]})
    return table
