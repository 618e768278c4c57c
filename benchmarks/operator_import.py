"""
What importing the operators adds to a process that has ``airflow.sdk`` loaded: time and modules.

Each figure is the median of fresh processes with warm bytecode. Nothing is asserted: it prints.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

RUNS = 11

MODULES = [
    "airflow_provider_xchat.operators.xchat",
    "airflow_provider_xchat.provider_info",
    "airflow.providers.standard.operators.bash",
]

PROBE = """
import importlib, json, sys, time
import airflow.sdk
from airflow.sdk import BaseOperator
before = set(sys.modules)
begun = time.perf_counter()
importlib.import_module(sys.argv[1])
seconds = time.perf_counter() - begun
added = sorted(set(sys.modules) - before)
print(json.dumps({"seconds": seconds, "added": added}))
"""


def measure(module: str, home: str) -> tuple[float, list[str]]:
    """
    Import a module in a fresh process.

    :param module: its name
    :param home: an AIRFLOW_HOME for the process
    :return: seconds, and the names of the modules that it added
    """
    environment = {**os.environ, "AIRFLOW_HOME": home}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", PROBE, module]
    result = json.loads(subprocess.check_output(command, env=environment, text=True).splitlines()[-1])
    return result["seconds"], result["added"]


def main() -> None:
    """Print a line for each module."""
    with tempfile.TemporaryDirectory() as home:
        for module in MODULES:  # warm the bytecode
            measure(module, home)
        # Interleaved, so that a busy moment of the machine does not fall on one module alone.
        rounds = [{module: measure(module, home) for module in MODULES} for _ in range(RUNS)]
    print(f"added to a process with airflow.sdk loaded; medians of {RUNS} fresh processes")
    for module in MODULES:
        milliseconds = statistics.median(one[module][0] for one in rounds) * 1000
        print(f"  {module:45} {milliseconds:7.2f} ms  {len(rounds[0][module][1]):3} modules")
    heavy = [
        name for name in rounds[0][MODULES[0]][1] if name.split(".")[0] in ("httpx", "attr", "attrs", "xchat_client")
    ]
    print(f"  of httpx, attrs and xchat_client the operators import: {', '.join(heavy) or 'nothing'}")


if __name__ == "__main__":
    main()
