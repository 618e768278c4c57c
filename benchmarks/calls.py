"""Sequential calls against a server that answers at once: the client and the hook, beside what others would use."""

from __future__ import annotations

from benchmarks.callers import WAYS
from benchmarks.measuring import Bench, answering, median
from benchmarks.tables import Table


def tables(bench: Bench) -> list[Table]:
    """Measure, and give a table for each operation."""
    count = bench.some(2000, 20)
    with answering(bench) as url:
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
