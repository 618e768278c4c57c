"""How long generate and check take, beside the generator alone. Nothing is asserted: it prints."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 5


def seconds(command: list[str], folder: Path) -> float:
    """
    Run a command in a fresh process.

    :param command: the command
    :param folder: where it runs
    :return: how long it took
    """
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    """Print a line for each command."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary) / "project"
        ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", ".codegen-*")
        shutil.copytree(ROOT, project, ignore=ignored)
        alone = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--meta", "none"]
        commands = {
            "codegen generate": [sys.executable, "-m", "codegen", "generate"],
            "codegen check": [sys.executable, "-m", "codegen", "check"],
            "openapi-python-client alone": [*alone, "--path", "openapi.yaml", "--output-path", "alone", "--overwrite"],
        }
        rounds = [{name: seconds(command, project) for name, command in commands.items()} for _ in range(RUNS)]
    print(f"medians of {RUNS} fresh processes, on {os.cpu_count()} cores")
    for name in commands:
        print(f"  {name:30} {statistics.median(one[name] for one in rounds):6.2f} s")


if __name__ == "__main__":
    main()
