"""Run the sandbox in its own process for a demonstration, and print each step."""

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
    """A step failed; the message contains the step and the reason."""


def signals_interrupt() -> None:
    """Treat each signal that ends a process like Ctrl-C, so that child processes are stopped, too."""
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, _interrupted)


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def step(text: str) -> None:
    """
    Print the next step.

    :param text: the step
    """
    print(f"==> {text}", flush=True)


@contextmanager
def sandbox(*options: str) -> Iterator[str]:
    """
    Run the sandbox while the context lasts.

    :param options: options of its command line
    :return: a context manager that returns the URL of the sandbox
    :raises DemoError: if the sandbox does not start
    """
    step("starting the X Chat sandbox on a free loopback port")
    command = [sys.executable, "-m", "xchat_sandbox", "--port", "0", *options]
    # In its own session, so that Ctrl-C does not reach it: the sandbox must run until all other processes have stopped.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if " on http" not in line:
            raise DemoError(f"the sandbox did not start: {line.strip() or 'no output'}")
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
    Send a request, and return the JSON of the response.

    :param url: a URL of the sandbox or of Airflow
    :param body: the request body, sent as JSON
    :param token: the bearer token
    :param method: the HTTP method; by default GET, or POST with a body
    :return: the JSON of the response
    """
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def granted(url: str) -> dict[str, Any]:
    """
    Sign in at the sandbox.

    :param url: the URL of the sandbox
    :return: the tokens; the access token has expired
    """
    grant: dict[str, Any] = asked(f"{url}/_sandbox/grants", {"expires_in": 0})
    return grant


def connection(url: str, grant: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the fields of an Airflow connection to the sandbox, in Airflow's JSON form.

    :param url: the URL of the sandbox
    :param grant: the tokens from :func:`granted`
    :return: the fields
    """
    return {
        "conn_type": "xchat",
        "host": url,
        "login": "sandbox-public-client",
        "password": grant["access_token"],
        "extra": {"refresh_token": grant["refresh_token"], "expires_at": int(grant["expires_at"])},
    }


def clean_environment() -> dict[str, str]:
    """Return the environment of this process without its Airflow variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}


def run(name: str, command: list[str], environment: dict[str, str], secrets: list[str]) -> None:
    """
    Run a command, and wait for its end.

    :param name: name of the command, for the error
    :param command: the command
    :param environment: its environment
    :param secrets: texts to mask in its output
    :raises DemoError: if it fails, with its last lines of output
    """
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        log = "\n".join(done.stdout.splitlines()[-40:])
        for secret in secrets:
            log = log.replace(secret, "***")
        raise DemoError(f"{name} failed with exit code {done.returncode}. The last lines of its output:\n{log}")
