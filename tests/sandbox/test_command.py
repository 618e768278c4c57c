import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from xchat_sandbox import GROUP_ID

COMMAND = [sys.executable, "-m", "xchat_sandbox"]

Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """A function that starts the command, and returns the process and the URL it tells."""
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [*COMMAND, "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"X Chat sandbox on (http://127\.0\.0\.1:[0-9]+)\n", line)
        assert match, line
        return process, match[1]

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def get(url: str, token: str = "sandbox-token") -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.get(f"{url}/2/chat/conversations/{GROUP_ID}", headers=headers)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(start: Start, stop: signal.Signals) -> None:
    process, url = start()
    assert get(url).json()["data"] == {"id": GROUP_ID}
    os.kill(process.pid, stop)
    rest, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    # One line on standard output, and it was read above; a hint for humans goes to standard error.
    assert rest == ""
    assert url in errors
    assert "sandbox-token" in errors
    assert "Traceback" not in errors
    with pytest.raises(httpx.ConnectError):
        get(url)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_options_reach_the_sandbox(start: Start) -> None:
    process, url = start(
        "--answer-form", "array", "--token", "one-more", "--token", "and-another", "--rate-limit", "1",
        "--rate-window", "60.5",
    )  # fmt: skip
    for token in ("one-more", "and-another"):
        assert get(url, token).json() == {"data": [{"id": GROUP_ID}], "meta": {"result_count": 1}}
        assert get(url, token).status_code == 429
    process.terminate()
    output, errors = process.communicate(timeout=10)
    assert not re.search("one-more|and-another", output + errors)


def test_what_is_for_load_tests_can_be_had(start: Start) -> None:
    _, url = start("--conversations", "2", "--latency", "0.2", "--daily-limit", "1", "--daily-window", "30")
    start_of_request = time.monotonic()
    headers = {"authorization": "Bearer sandbox-token"}
    for number, status in ((2, 200), (1, 429)):
        answer = httpx.get(f"{url}/2/chat/conversations/g910000000000000000{number}", headers=headers)
        assert answer.status_code == status
    assert time.monotonic() - start_of_request >= 0.4
    assert int(answer.headers["x-user-limit-24hour-reset"]) <= time.time() + 31


def test_options_reach_the_authorization_server(start: Start) -> None:
    _, url = start("--strict", "--access-token-lifetime", "0.2")
    grant = httpx.post(f"{url}/_sandbox/grants").json()
    form = {
        "grant_type": "refresh_token",
        "client_id": "sandbox-public-client",
        "refresh_token": grant["refresh_token"],
    }
    answers = [httpx.post(f"{url}/2/oauth2/token", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[0].json()["expires_in"] == 1
    (chain,) = httpx.get(f"{url}/_sandbox/chains").json()["chains"]
    assert not chain["alive"]
    time.sleep(max(0, grant["expires_at"] - time.time()))
    assert get(url, grant["access_token"]).status_code == 401


def test_a_port_in_use_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert f"port {port}" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "70000"], "70000"),
        (["--port", "http"], "http"),
        (["--port", "-1"], "-1"),
        (["--answer-form", "list"], "list"),
        (["--rate-limit", "-1"], "rate limit"),
        (["--rate-limit", "many"], "many"),
        (["--rate-window", "0"], "rate window"),
        (["--latency", "-1"], "latency"),
        (["--access-token-lifetime", "0"], "access token lifetime"),
        (["--access-token-lifetime", "long"], "long"),
        (["--token", "two words"], "access token"),
        (["--host", "192.0.2.1"], "192.0.2.1"),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_bad_arguments_are_told_in_one_line(arguments: list[str], named: str) -> None:
    run = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith("xchat-sandbox: ")
    assert named in run.stderr
    assert "two words" not in run.stderr


def test_help_is_help() -> None:
    run = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=30, check=True)
    for option in ("--host", "--port", "--answer-form", "--token", "--rate-limit", "--rate-window"):
        assert option in run.stdout
    for option in ("--strict", "--access-token-lifetime", "--conversations", "--latency", "--daily-limit"):
        assert option in run.stdout
