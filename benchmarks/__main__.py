"""``python -m benchmarks``: measures everything beside its peers, and writes what it found into ``results/``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.measuring import HERE, Bench
from benchmarks.tables import Table

#: modules that give tables
SUBJECTS = [
    "dag_parse",
    "cold_client",
    "calls",
    "many_conversations",
    "parse",
    "thrift",
    "pipeline",
    "token_rotation",
    "triggerer",
]
#: takes minutes, and has no short form
LONG = ["triggerer"]


def main() -> int:
    """Measure what was asked for."""
    options = arguments()
    began = time.monotonic()
    made: list[Table] = []
    with home() as folder:
        bench = Bench(peers.python(), folder, short=options.short)
        bench.printed(str(bench.python), "-m", "airflow", "db", "migrate")
        for subject in options.subjects:
            print(f"==> {subject}, {time.monotonic() - began:.0f} s after the start", flush=True)
            for table in importlib.import_module(f"benchmarks.{subject}").tables(bench):
                made.append(table)
                print(table.text(), flush=True)
    print(f"==> {written(options.results, made, short=options.short)}; {time.monotonic() - began:.0f} s in all")
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure this project beside its peers.")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"{', '.join(SUBJECTS)}; all of them")
    parser.add_argument(
        "--short", action="store_true", default=bool(os.environ.get("BENCH_SHORT")), help="show only that it runs"
    )
    parser.add_argument("--results", type=Path, default=HERE / "results", metavar="FOLDER", help="where to write")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    options.subjects = options.subjects or [each for each in SUBJECTS if not (options.short and each in LONG)]
    return options


@contextmanager
def home() -> Iterator[Path]:
    """Give an AIRFLOW_HOME for a while."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def written(folder: Path, made: list[Table], *, short: bool) -> str:
    """Write text and JSON; say where."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    when = datetime.now(UTC).isoformat(timespec="seconds")
    git = shutil.which("git")
    asked = [git or "git", "describe", "--always", "--dirty"]
    revision = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=HERE).stdout if git else ""
    name = "short" if short else "benchmarks"
    head = (
        f"{when}, {machine}, revision {revision.strip() or 'unknown'}{', short mode: one round' if short else ''}\n\n"
    )
    text = "\n".join(table.text() for table in made)
    (folder / f"{name}.txt").write_text(head + text, encoding="utf-8")
    whole: dict[str, Any] = {"time": when, "machine": machine, "revision": revision.strip(), "short": short}
    whole["tables"] = [table.json() for table in made]
    (folder / f"{name}.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return f"{folder / name}.txt and .json"


if __name__ == "__main__":
    sys.exit(main())
