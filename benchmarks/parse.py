"""Reading answers: the raw JSON and the generated client's models, beside what others would use."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measuring import Bench, median
from benchmarks.parsers import WAYS
from benchmarks.tables import Table

SIZES = [(1, 50), (100, 100)]


def tables(bench: Bench) -> list[Table]:
    """Measure, and give a table for each size."""
    with tempfile.TemporaryDirectory() as folder:
        make_stock(bench, Path(folder))
        return [table(bench, conversations, users, folder) for conversations, users in SIZES]


def make_stock(bench: Bench, folder: Path) -> None:
    """Have the generator make a client of the same document with its own templates."""
    document = folder / "document.yaml"
    document.write_text(bench.printed(bench.developing, "-m", "codegen", "document"), encoding="utf-8")
    generator = str(bench.python.with_name("openapi-python-client"))
    target = str(folder / "stock_client")
    bench.printed(
        generator, "generate", "--path", str(document), "--meta", "none", "--output-path", target, folder=folder
    )


def table(bench: Bench, conversations: int, users: int, stock: str) -> Table:
    """Measure all ways of reading one answer."""
    arguments = (str(conversations), str(users), stock, *(["--short"] if bench.short else []))
    found = bench.by_turns(WAYS, lambda way: bench.said("-m", "benchmarks.parsers", way, *arguments))
    size = found["json.loads"][0]["bytes"]
    made = Table(
        "parse",
        f"an answer with {conversations} conversations and {users} users ({size / 1000:.0f} kB), µs;"
        f" medians of {bench.rounds} fresh processes",
        notes=[
            "lean, and msgspec: models of just the members that are there, all of them required",
            "beyond JSON: what making models takes, where json.loads comes first",
        ],
    )
    alone, ours = (median(found[way], "seconds") for way in ("json.loads", "xchat_client"))
    after_json = {"xchat_client", "stock generator", "xdk", "pydantic, lean"}
    for way, results in found.items():
        seconds = median(results, "seconds")
        made.add(
            way,
            time=1e6 * seconds,
            beyond_JSON=1e6 * (seconds - alone) if way in after_json else None,
            time_of_JSON=f"{seconds / alone:.2f}x",
            time_of_ours=f"{seconds / ours:.2f}x",
        )
    return made
