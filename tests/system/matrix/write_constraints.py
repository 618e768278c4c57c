"""Writes constraints/ as releases.toml says, without the address of any index."""

import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
UV = Path(sys.executable).with_name("uv")

BANNER = "# What Airflow {airflow} had beside it on {as_of}; written by `make matrix-constraints` from releases.toml.\n"


def compiled(release):
    options = ["--quiet", "--no-emit-index-url", "--no-annotate", "--no-header"]
    wanted = [
        "--python-version",
        "3.11",
        "--exclude-newer",
        str(release["as_of"]),
        "--constraint",
        "-",
        "pyproject.toml",
    ]
    return subprocess.run(
        [UV, "pip", "compile", *options, *wanted],
        cwd=ROOT,
        input=f"apache-airflow=={release['airflow']}.*\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def main():
    releases = tomllib.loads((HERE / "releases.toml").read_text(encoding="utf-8"))["release"]
    for release in releases:
        if "as_of" in release:
            path = HERE / "constraints" / f"airflow-{release['airflow']}.txt"
            path.write_text(BANNER.format(**release) + compiled(release), encoding="utf-8")


if __name__ == "__main__":
    main()
