"""The environment in which all is compared: this project beside its peers, with the versions in peers.txt."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import HERE, ROOT

PINS = HERE / "peers.txt"


def python() -> Path:
    """Give the environment's interpreter; make the environment first, where there is none with these pins."""
    made_of = f"{sys.version}{PINS.read_text(encoding='utf-8')}{ROOT}"
    folder = HERE / ".peers" / hashlib.sha256(made_of.encode()).hexdigest()[:12]
    interpreter, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        print("==> setting up an environment with the peers (once)", flush=True)
        shutil.rmtree(folder.parent, ignore_errors=True)  # with that of other pins
        run("venv", "--python", sys.executable, str(folder))
        run("pip", "install", "--python", str(interpreter), "--requirement", str(PINS))
        run("pip", "install", "--python", str(interpreter), "--no-deps", "--editable", str(ROOT))
        ready.touch()
    return interpreter


def write_pins() -> None:
    """Choose versions anew; what the development set has, too, stays as it is there."""
    options = ["--constraint", "constraints.txt", "--universal", "--python-version", "3.11"]
    written = ["--no-emit-index-url", "--no-annotate", "--no-header", "--output-file", str(PINS)]
    run("pip", "compile", str(HERE / "peers.in"), "pyproject.toml", *options, *written)


def run(*arguments: str) -> None:
    """Run uv."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([str(uv), "--quiet", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    write_pins()
