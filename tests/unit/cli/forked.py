"""
A process that has imported Airflow, which takes seconds, and is forked for each command that a test runs.

It reads a JSON object a line: what to run (the arguments of ``xchat``, or Python code), the environment on top of its
own, and files for the three standard streams. It answers with the exit status.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

import airflow.models.connection
import airflow.models.variable  # noqa: F401
import httpx  # noqa: F401
from sqlalchemy.orm import configure_mappers

from airflow_provider_xchat.cli.definition import main


def run(job):
    os.setsid()  # no terminal: a prompt reads standard input
    for descriptor, (name, flags) in enumerate(
        ((job["stdin"], os.O_RDONLY), (job["out"], os.O_WRONLY), (job["err"], os.O_WRONLY))
    ):
        os.dup2(os.open(name, flags), descriptor)
    sys.stdin = open(0)  # noqa: SIM115  the other one has read ahead
    os.environ.update(job["environment"])
    if "code" in job:
        exec(job["code"], {"__name__": "__main__"})
    else:
        main(job["arguments"])


def in_child(job):
    try:
        run(job)
        status = 0
    except SystemExit as ended:
        status = ended.code or 0
    except BaseException:  # noqa: BLE001  as the interpreter does it
        traceback.print_exc()
        status = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


configure_mappers()
sys.stdout.write("ready\n")
sys.stdout.flush()
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        in_child(json.loads(line))
    _, ended = os.waitpid(child, 0)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
    sys.stdout.flush()
