"""
Run Airflow's web UI with the provider and the sandbox on this machine, until Ctrl-C: ``make up``.

The command starts the sandbox and ``airflow standalone`` in a temporary AIRFLOW_HOME, with the example DAGs and a
connection whose token expires every two minutes. It prints the URL and the login. At the end, it stops all processes
and removes all files.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
from argparse import ArgumentParser
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import psutil

from demo.sandbox import DemoError, asked, clean_environment, connection, granted, run, sandbox, signals_interrupt, step

EXAMPLES = Path(__file__).resolve().parent.parent / "airflow_provider_xchat" / "example_dags"
PORT = 8080

# Lifetime of an access token in seconds; short, so that users see tokens rotate.
_TOKEN_LIFETIME = 120
# Maximum seconds for the start of Airflow, and for the shutdown of its processes.
_START, _STOP = 120, 20


def main() -> int:
    """
    Run until a signal arrives.

    :return: 0 after a signal, 1 if a process does not start or ends by itself
    """
    parser = ArgumentParser(prog="make up", description="Run Airflow with the provider against an X Chat sandbox.")
    parser.add_argument("--port", type=int, help=f"port of Airflow; by default {PORT}, or a free one if it is in use")
    options = parser.parse_args()
    signals_interrupt()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="xchat-up-", ignore_cleanup_errors=True) as home,
            sandbox("--strict", "--access-token-lifetime", str(_TOKEN_LIFETIME)) as url,
            _airflow(Path(home), url, _port(options.port)) as process,
        ):
            _wait_for_its_end(process, Path(home))
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. All processes have ended, and the temporary folder is removed.", file=sys.stderr)
        return 0


@contextmanager
def _airflow(home: Path, url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    shutil.copytree(EXAMPLES, home / "dags", ignore=shutil.ignore_patterns("__*__*"))
    password = secrets.token_urlsafe(12)
    (home / "simple_auth_manager_passwords.json.generated").write_text(json.dumps({"admin": password}) + "\n")
    environment = _environment(home, port)
    step(f"Airflow {version('apache-airflow')} migrates an SQLite database in a temporary AIRFLOW_HOME")
    run("airflow db migrate", [sys.executable, "-m", "airflow", "db", "migrate"], environment, [])
    _store_connection(home, url, environment)
    step("starting airflow standalone")
    log = home / "standalone.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=environment,
            cwd=home,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches only this process, which then stops all of Airflow's processes in order.
            start_new_session=True,
        )
    try:
        _wait_until_healthy(process, home, f"http://127.0.0.1:{port}/api/v2/monitor/health")
        _say(home, url, port, password)
        yield process
    finally:
        for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(stop, signal.SIG_IGN)
        print("\n==> stopping", flush=True)
        _stop(process)


def _environment(home: Path, port: int) -> dict[str, str]:
    # "airflow standalone" starts its servers with the command "airflow".
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {
        **clean_environment(),
        "PATH": path,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        # Before anything starts: processes that start together would each make one, and could not read the others'.
        "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        # Airflow finds the DAGs that a user adds within seconds.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    }


def _store_connection(home: Path, url: str, environment: dict[str, str]) -> None:
    """Store it in the database, where the web UI shows it."""
    step("storing the connection xchat_default")
    grant = granted(url)
    file = home / "connections.json"
    file.touch(mode=0o600)
    # The Test button of Airflow 3.3.1 and 3.3.2 requires a port; nothing else uses it (apache/airflow#73298).
    file.write_text(json.dumps({"xchat_default": {**connection(url, grant), "port": 0}}))
    command = [sys.executable, "-m", "airflow", "connections", "import", str(file)]
    run("airflow connections import", command, environment, [grant["access_token"], grant["refresh_token"]])
    file.unlink()


def _wait_until_healthy(process: subprocess.Popen[bytes], home: Path, url: str) -> None:
    deadline = time.monotonic() + _START
    while True:
        with suppress(OSError, urllib.error.URLError):
            parts = asked(url)
            if all(parts[name]["status"] == "healthy" for name in ("scheduler", "triggerer", "dag_processor")):
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise DemoError(f"airflow standalone did not start; {_last_lines(home)}")
        time.sleep(0.5)


def _wait_for_its_end(process: subprocess.Popen[bytes], home: Path) -> NoReturn:
    status = process.wait()
    raise DemoError(f"airflow standalone ended by itself with exit code {status}; {_last_lines(home)}")


def _say(home: Path, url: str, port: int, password: str) -> None:
    print(f"""
Airflow   http://127.0.0.1:{port}
login     admin
password  {password}
sandbox   {url}/_sandbox/conversations
DAGs      {home}/dags
logs      {home}/logs

Trigger example_xchat_conversation. Or change a group: example_xchat_watch_updates then runs within a minute:
    curl -X POST {url}/_sandbox/conversations/g9000000000000000201
The connection xchat_default is under Admin, Connections. Stop with Ctrl-C.""")
    sys.stdout.flush()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop "airflow standalone", and the child processes of its servers, which it does not stop itself."""
    ours = _processes(process.pid)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP)
    left = {*ours, *_processes(process.pid)}
    for stop in (psutil.Process.terminate, psutil.Process.kill):
        for each in left:
            with suppress(psutil.NoSuchProcess):
                stop(each)
        _, alive = psutil.wait_procs(left, timeout=5)
        left = set(alive)


def _processes(session: int) -> list[psutil.Process]:
    """Return the processes of a session, and the descendants of its leader in other sessions."""
    found = []
    with suppress(psutil.NoSuchProcess):
        found += psutil.Process(session).children(recursive=True)
    for process in psutil.process_iter():
        with suppress(ProcessLookupError):
            if os.getsid(process.pid) == session:
                found.append(process)
    return found


def _last_lines(home: Path) -> str:
    lines = (home / "standalone.log").read_text(errors="replace").splitlines()[-40:]
    return "\n".join(["the last lines of its output:", *lines])


def _port(wanted: int | None) -> int:
    for port in (PORT, 0) if wanted is None else (wanted,):
        with suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", port)) as listener:
            found: int = listener.getsockname()[1]
            return found
    raise DemoError(f"cannot listen on port {wanted}; leave out --port to use a free port")


if __name__ == "__main__":
    sys.exit(main())
