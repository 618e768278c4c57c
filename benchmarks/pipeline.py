"""How long sync, generate and check take, beside the generator alone."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import ROOT, Bench, median
from benchmarks.tables import Table

LEFT_OUT = (".venv", ".git", "__pycache__", ".*_cache", ".codegen-*", ".peers", "results", "site", "docs")


def tables(bench: Bench) -> list[Table]:
    """Measure in a copy of this project, and give the table."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(*LEFT_OUT))
        generator = str(Path(sys.executable).with_name("openapi-python-client"))
        alone = [generator, "generate", "--meta", "none", "--path", "openapi.yaml"]
        codegen = [bench.developing, "-m", "codegen"]
        commands = {
            "codegen sync": [*codegen, "sync", "openapi.yaml"],
            "codegen generate": [*codegen, "generate"],
            "codegen check": [*codegen, "check"],
            "openapi-python-client alone": [*alone, "--output-path", "alone", "--overwrite"],
        }
        found = bench.by_turns(commands, lambda name: timed(bench, commands[name], project), alone=True)
    table = Table("pipeline", f"the pipeline, s; medians of {bench.rounds} fresh processes")
    for name, results in found.items():
        table.add(name, time=median(results, "seconds"))
    return [table]


def timed(bench: Bench, command: list[str], folder: Path) -> dict[str, float]:
    """Run a command, and say how long it took."""
    began = time.perf_counter()
    bench.printed(*command, folder=folder)
    return {"seconds": time.perf_counter() - began}
