"""The sandbox that demonstrations talk to, in a process of its own, and what they say to a person meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

__all__ = [
    "DemoError",
    "asked",
    "clean_environment",
    "connection",
    "granted",
    "run",
    "sandbox",
    "signals_interrupt",
    "step",
]


class DemoError(Exception):
    """A step failed; the message says which and why."""


def signals_interrupt() -> None:
    """Have every signal that ends a process do what a Ctrl-C does, so that it takes along what it has started."""
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, _interrupted)


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def step(text: str) -> None:
    """
    Say what comes next.

    :param text: the step
    """
    print(f"==> {text}", flush=True)


@contextmanager
def sandbox(*options: str) -> Iterator[str]:
    """
    Run the sandbox while the context lasts.

    :param options: of its command line
    :return: a context manager that gives its URL
    :raises DemoError: when it does not start
    """
    step("starting the X Chat sandbox on a free loopback port")
    command = [sys.executable, "-m", "xchat_sandbox", "--port", "0", *options]
    # In a session of its own: a Ctrl-C is for us, and it is needed until all others have stopped.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if " on http" not in line:
            raise DemoError(f"the sandbox did not start: {line.strip() or 'it says nothing'}")
        url = line.split()[-1]
        print(f"    {url}", flush=True)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def asked(url: str, body: Mapping[str, Any] | None = None, token: str | None = None, method: str | None = None) -> Any:
    """
    Ask for JSON.

    :param url: the sandbox's, or Airflow's
    :param body: to send, as JSON
    :param token: to send as a bearer token
    :param method: another HTTP method than GET, or POST with a body
    :return: the answer
    """
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def granted(url: str) -> dict[str, Any]:
    """
    Sign in at the sandbox.

    :param url: the sandbox's
    :return: the tokens; the access token has expired
    """
    grant: dict[str, Any] = asked(f"{url}/_sandbox/grants", {"expires_in": 0})
    return grant


def connection(url: str, grant: Mapping[str, Any]) -> dict[str, Any]:
    """
    Give the members of an Airflow connection, as JSON has them.

    :param url: the sandbox's
    :param grant: what :func:`granted` gave
    :return: the members
    """
    return {
        "conn_type": "xchat",
        "host": url,
        "login": "sandbox-public-client",
        "password": grant["access_token"],
        "extra": {"refresh_token": grant["refresh_token"], "expires_at": int(grant["expires_at"])},
    }


def clean_environment() -> dict[str, str]:
    """Give this process's environment without what the caller has set for an Airflow of his own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}


def run(name: str, command: list[str], environment: dict[str, str], secrets: list[str]) -> None:
    """
    Run a command to its end.

    :param name: what to call it
    :param command: the command
    :param environment: its environment
    :param secrets: what must not be shown of its output
    :raises DemoError: when it fails, with its last lines
    """
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        log = "\n".join(done.stdout.splitlines()[-40:])
        for secret in secrets:
            log = log.replace(secret, "***")
        raise DemoError(f"{name} ended with status {done.returncode}; its last lines:\n{log}")
