"""How all figures come about: in fresh processes, by turns, and of several rounds the median."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Bench:
    """
    What a benchmark is run with.

    :param python: the interpreter of the environment that has this project and all of its peers
    :param home: an AIRFLOW_HOME with a database
    :param short: whether to show only that it runs
    :param developing: the interpreter of the environment that has the pipeline
    """

    python: Path
    home: Path
    short: bool = False
    developing: str = sys.executable

    @property
    def rounds(self) -> int:
        """How often each figure is measured."""
        return 1 if self.short else 7

    def some(self, count: int, in_short: int) -> int:
        """Say how many things to do."""
        return in_short if self.short else count

    def environment(self) -> dict[str, str]:
        """Give the environment of processes: bytecode is written, and no setting of Airflow is inherited."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return {
            **kept,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        }

    def said(self, *arguments: str) -> Any:
        """Run a fresh process of the peers' environment, and read the JSON in its last line."""
        return json.loads(self.printed(str(self.python), *arguments).splitlines()[-1])

    def printed(self, *command: str, folder: Path = ROOT, **environment: str) -> str:
        """Run a command, and give what it printed; end with what it complained of, if it failed."""
        variables = {**self.environment(), **environment}
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-5000:]}")
        return done.stdout

    def by_turns(
        self, ways: Iterable[str], measure: Callable[[str], Result], *, alone: bool = False
    ) -> dict[str, list[Result]]:
        """
        Measure each way once in each round, so that a busy moment of the machine falls on all of them.

        A round goes before, which writes bytecode and fills caches, and is forgotten. The short mode, which is not
        about time, does without, and measures two ways at once.

        :param ways: names of what is compared
        :param measure: measures one of them
        :param alone: whether one would disturb another
        """
        names = list(ways)
        if self.short and not alone:
            with ThreadPoolExecutor(2) as threads:
                return {name: [result] for name, result in zip(names, threads.map(measure, names), strict=True)}
        warming = 0 if self.short else 1
        rounds = [{name: measure(name) for name in names} for _ in range(warming + self.rounds)]
        return {name: [results[name] for results in rounds[warming:]] for name in names}


@contextmanager
def answering(bench: Bench, *, as_list: bool = False, latency: float | None = None) -> Iterator[str]:
    """
    Run the server that answers at once, or the one that is late and counts, in a process of its own.

    :param as_list: whether a conversation comes in a list, as X's document said up to version 2.166
    :param latency: how late the answers come (seconds); None for the server that answers at once
    :return: its URL
    """
    listed = ["--list"] if as_list else []
    server = ["benchmarks.answering", *listed] if latency is None else ["benchmarks.late_answering", str(latency)]
    command = [str(bench.python), "-m", *server]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101  # both are pipes
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()  # which ends it


def median(results: Iterable[Mapping[str, float]], name: str) -> float:
    """Give the median of one figure of all rounds."""
    return statistics.median(result[name] for result in results)
