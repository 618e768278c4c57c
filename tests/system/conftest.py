"""Airflow as its users have it: processes of its own, temporary homes, and servers on loopback to talk to."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from xchat_sandbox import PUBLIC_CLIENT_ID, Sandbox, Token, running_sandbox

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
EXAMPLE = ROOT / "airflow_provider_xchat" / "example_dags" / "example_xchat_conversation.py"
RUN_DAGS = HERE / "run_dags.py"
CONSTRAINTS = ROOT / "constraints.txt"
UV = Path(sys.executable).with_name("uv")

RUN_MARK = "===== run "
TASK_MARK = "[DAG TEST] starting task_id="

# What the scripted server answers below a path of the same name; text is a page, with what was sent put into it.
SCENARIOS: dict[str, tuple[int, Any]] = {
    "errors_beside_data": (
        200,
        {
            "data": {"id": "g9000000000000000201", "type": "group", "sparkle": {"level": 3}},
            "errors": [{"title": "Field Authorization Error", "detail": "admin_ids is not for you."}],
            "meta": {"newer": True},
        },
    ),
    "errors_without_data": (200, {"errors": [{"title": "Oddity", "detail": "Nothing to show today."}]}),
    "errors_beside_mark": (200, {"data": {"success": True}, "errors": [{"message": "Slow day", "code": 130}]}),
    "not_marked": (200, {"data": {"success": False}}),
    "no_credits": (402, {"title": "CreditsDepleted", "detail": "No credits left.", "status": 402}),
    "server_error": (503, {"title": "Service Unavailable", "status": 503}),
    "bad_gateway": (502, {"title": "Bad Gateway", "status": 502}),
    "page": (200, "<html><body>Who sent {sent}?</body></html>"),
    "refusing_page": (400, "<html><body>Nobody wants {sent}.</body></html>"),
}

# Each run by a name of ours: the DAG and the run's configuration.
Runs = dict[str, tuple[str, dict[str, Any] | None]]
RUNS: Runs = {
    "field_lists": ("field_lists", None),
    "field_lists_native": ("field_lists_native", None),
    "templated_ids": ("templated_ids", None),
    "native_ids": ("native_ids", None),
    "native_pair": ("native_ids", {"conversation_id": "900000001-9000000000000000101"}),
    "literal_ids": ("literal_ids", None),
    "mapped": ("mapped", None),
    "mapped_marks": ("mapped_marks", None),
    "hook_in_tasks": ("hook_in_tasks", None),
    "bad_input": ("bad_input", None),
    "some_failed": ("some_failed", None),
    "mapped_outputs": ("mapped_outputs", None),
    "refused": ("refused", None),
    "retried": ("retried", None),
    "problems": ("problems", None),
    "rotates": ("rotates", None),
    "rotated": ("rotates", None),
}
SUPERVISED_RUNS: Runs = {
    "hook_in_tasks": ("hook_in_tasks", None),
    "refused": ("refused", None),
    "rotated": ("rotates", None),
}

# How the sandbox's tokens and the clients' secrets begin.
ISSUED = (b"sandbox-access-", b"sandbox-refresh-", b"sandbox-secret-")


@dataclass(frozen=True)
class Finished:
    """What a process left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line; Airflow logs to the same stream."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def complaints(self) -> list[str]:
        """The lines that Airflow logged as warnings or worse."""
        marks = ("[warning", "[error", "[critical", "Traceback", "Warning:", " WARNING - ", " ERROR - ")
        return [line for line in self.text.splitlines() if any(mark in line for mark in marks)]


@dataclass(frozen=True)
class AirflowHome:
    """An AIRFLOW_HOME, and the interpreter whose Airflow works in it."""

    path: Path
    python: Path = Path(sys.executable)
    settings: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What the caller has set for an Airflow or a Python of his own stays outside."""
        foreign = ("AIRFLOW", "PYTHON", "VIRTUAL_ENV")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
            "AIRFLOW_HOME": str(self.path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **self.settings,
        }

    def run(self, *arguments: str | Path, stdin: str = "") -> Finished:
        done = subprocess.run(
            [self.python, *arguments],
            env=self.environment,
            cwd=self.path,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def airflow(self, *arguments: str | Path) -> Finished:
        return self.run("-m", "airflow", *arguments)

    @contextmanager
    def running(self, *arguments: str) -> Iterator[None]:
        """One of Airflow's servers, for as long as the block lasts; what it prints goes to a file in the home."""
        with (self.path / f"{arguments[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                [self.python, "-m", "airflow", *arguments],
                env=self.environment,
                cwd=self.path,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@dataclass(frozen=True)
class TaskResult:
    """How a task instance ended, and what was logged while it ran."""

    state: str
    try_number: int
    max_tries: int
    returned: Any
    rendered: dict[str, Any] | None
    log: str
    outputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunResult:
    """How a DAG run ended, and what the sandbox saw of it."""

    state: str
    tasks: dict[str, TaskResult]
    requests: list[dict[str, Any]]

    @property
    def states(self) -> dict[str, str]:
        return {name: task.state for name, task in self.tasks.items()}

    @property
    def lines(self) -> list[str]:
        return [f"{request['method']} {request['path']}" for request in self.requests]


@dataclass(frozen=True)
class RunResults:
    """The results of several runs by name, and everything that their process printed."""

    by_name: dict[str, RunResult]
    printed: str

    def __getitem__(self, name: str) -> RunResult:
        return self.by_name[name]


@dataclass(frozen=True)
class Tokens:
    """The static access tokens of this session; neither they nor those that are issued may turn up anywhere."""

    full: str = field(default_factory=secrets.token_hex, repr=False)
    stored: str = field(default_factory=secrets.token_hex, repr=False)
    read_only: str = field(default_factory=secrets.token_hex, repr=False)
    unknown: str = field(default_factory=secrets.token_hex, repr=False)
    scripted: str = field(default_factory=secrets.token_hex, repr=False)

    def found_in(self, content: bytes) -> list[str]:
        """Tell the names of the tokens that a content has, and how those begin that were issued."""
        issued = [beginning.decode() for beginning in ISSUED if beginning in content]
        return [name for name, token in vars(self).items() if token.encode() in content] + issued


@dataclass
class Scripted:
    """A server that answers each scenario as it stands in SCENARIOS, and what it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture(scope="session")
def sandbox(tokens: Tokens) -> Iterator[Sandbox]:
    reader = Token(tokens.read_only, scopes=frozenset({"dm.read", "tweet.read", "users.read"}))
    with running_sandbox(tokens=[tokens.full, tokens.stored, reader], strict=True) as running:
        yield running


@pytest.fixture(scope="session")
def scripted() -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scenario = self.path.split("/")[1]
            script.asked.append(scenario)
            received = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            status, body = SCENARIOS[scenario]
            if isinstance(body, str):
                kind, text = "text/html", body.format(sent=f"{self.headers.get('authorization')} {received}")
            else:
                kind, text = "application/json", json.dumps(body)
            content = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815  the name that http.server looks for

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        script = Scripted(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield script
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def bare_home(tmp_path_factory: pytest.TempPathFactory) -> AirflowHome:
    """A home without a database, for what only imports."""
    path = tmp_path_factory.mktemp("bare-home")
    (path / "airflow.cfg").touch()
    return AirflowHome(path)


@pytest.fixture(scope="session")
def airflow_home(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_database: Path,
    sandbox: Sandbox,
    scripted: Scripted,
    tokens: Tokens,
) -> AirflowHome:
    """A home with the example DAG, the DAGs next to this file, connections, and an executor that starts processes."""
    path = tmp_path_factory.mktemp("airflow-home")
    shutil.copytree(HERE / "dags", path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLE, path / "dags")
    connections = {
        "default": (sandbox.url, tokens.full),
        "no_password": (sandbox.url, None),
        "unknown_token": (sandbox.url, tokens.unknown),
        "read_only": (sandbox.url, tokens.read_only),
        **{scenario: (f"{scripted.url}/{scenario}", tokens.scripted) for scenario in SCENARIOS},
    }
    settings = {
        f"AIRFLOW_CONN_XCHAT_{name.upper()}": json.dumps({"conn_type": "xchat", "host": host, "password": token})
        for name, (host, token) in connections.items()
    }
    settings |= {
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{_free_port()}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
    }
    return _home(path, migrated_database, Path(sys.executable), settings)


@pytest.fixture(scope="session")
def api_server(airflow_home: AirflowHome) -> Iterator[str]:
    """Airflow's API server for workers, which may still be starting; its health URL."""
    url = airflow_home.settings["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    port = url.split(":")[2].split("/")[0]
    options = ["--apps", "execution", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    with airflow_home.running("api-server", *options):
        yield f"{url}health"


@pytest.fixture(scope="session")
def runs(airflow_home: AirflowHome, api_server: str, sandbox: Sandbox, tokens: Tokens) -> RunResults:
    """
    RUNS, by ``dag.test()``, in one process, as the first task of a process takes seconds.

    The API server is asked for here because it starts meanwhile.
    """
    stored = {"conn_type": "xchat", "host": sandbox.url, "password": tokens.stored}
    grant = sandbox.grant(expires_in=-60)
    extra = {"refresh_token": grant.refresh_token, "expires_at": round(grant.expires_at)}
    rotating = {**stored, "login": PUBLIC_CLIENT_ID, "password": grant.access_token, "extra": json.dumps(extra)}
    connections = {"xchat_stored": stored, "xchat_rotating": rotating}
    return _run_dags(airflow_home, RUNS, sandbox, connections, use_executor=False)


@pytest.fixture(scope="session")
def supervised_runs(airflow_home: AirflowHome, runs: RunResults, api_server: str, sandbox: Sandbox) -> RunResults:
    """SUPERVISED_RUNS, each task in a process of its own that reaches the database only through the API server."""
    _wait_for(api_server)
    return _run_dags(airflow_home, SUPERVISED_RUNS, sandbox, connections={}, use_executor=True)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks or would track."""
    folder = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _uv("build", "--wheel", "--out-dir", folder, source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def new_environment() -> Callable[..., Path]:
    """A function that makes a virtual environment, installs into it in several steps, and gives its interpreter."""

    def make(path: Path, *steps: list[str | Path]) -> Path:
        _uv("venv", "--python", sys.executable, path)
        python = path / "bin" / "python"
        for step in steps:
            _uv("pip", "install", "--python", python, *step)
        return python

    return make


@pytest.fixture(scope="session")
def python_of(
    tmp_path_factory: pytest.TempPathFactory, new_environment: Callable[..., Path], wheel: Path
) -> Callable[[str], Path]:
    """
    A function that gives an interpreter with a release of Airflow (2.11, …), and the wheel without extras.

    What else is there is what there was in the release's time: later versions of it may not be fit for each other.
    """
    folder = tmp_path_factory.mktemp("releases")

    def make(release: str) -> Path:
        airflow = f"apache-airflow=={release}.*"
        return new_environment(folder / release, ["--constraint", _constraints(release), airflow, wheel])

    return _once(make)


@pytest.fixture(scope="session")
def database_of(
    tmp_path_factory: pytest.TempPathFactory, python_of: Callable[[str], Path], migrated_database: Path
) -> Callable[[str], Path]:
    """A function that gives a database of a release, which nothing was written to since its migration."""
    folder = tmp_path_factory.mktemp("databases")

    def make(release: str) -> Path:
        if _constraints(release) == CONSTRAINTS:
            return migrated_database
        (folder / release).mkdir()
        migrated = _home(folder / release, None, python_of(release), {}).airflow("db", "migrate")
        assert migrated.status == 0, migrated.text
        return folder / release / "airflow.db"

    return _once(make)


@pytest.fixture(scope="session")
def oldest_python(python_of: Callable[[str], Path]) -> Path:
    """An interpreter with the oldest Airflow that we support."""
    return python_of("2.11")


def _constraints(release: str) -> Path:
    path = HERE / "matrix" / "constraints" / f"airflow-{release}.txt"
    return path if path.exists() else CONSTRAINTS


def _once(make: Callable[[str], Path]) -> Callable[[str], Path]:
    """Make what has a name when it is first asked for, by whichever thread."""
    locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        with locks[name]:
            if name not in made:
                made[name] = make(name)
            return made[name]

    return get


def _uv(*arguments: str | Path) -> None:
    done = subprocess.run([UV, "--quiet", *arguments], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def run_dags() -> Callable[..., RunResults]:
    """A function that runs DAGs by ``dag.test()``, all in one process."""
    return _run_dags


@pytest.fixture(scope="session")
def new_home() -> Callable[..., AirflowHome]:
    """A function that makes a home of a folder."""
    return _home


@pytest.fixture(scope="session")
def latest_settings() -> Callable[..., tuple[str, dict[str, str]]]:
    """A function that gives the URL and the settings of an Airflow 3 that runs several tasks at a time."""

    def settings(parallelism: int, **more: str) -> tuple[str, dict[str, str]]:
        url = f"http://127.0.0.1:{_free_port()}"
        return url, {
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(parallelism),
            **more,
        }

    return settings


@pytest.fixture(scope="session")
def oldest_home(
    oldest_python: Path, database_of: Callable[[str], Path], new_home: Callable[..., AirflowHome]
) -> Callable[..., AirflowHome]:
    """A function that makes a home of a folder, for the oldest Airflow that we support."""

    def make(path: Path, **settings: str) -> AirflowHome:
        # Its executor starts tasks by the command "airflow", one after the other.
        found = {"PATH": f"{oldest_python.parent}{os.pathsep}{os.environ['PATH']}"}
        common = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}
        return new_home(path, database_of("2.11"), oldest_python, {**found, **common, **settings})

    return make


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A function that finds a port for a server."""
    return _free_port


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., None]:
    """A function that waits until a URL answers."""
    return _wait_for


def _home(path: Path, database: Path | None, python: Path, settings: dict[str, str]) -> AirflowHome:
    if database is not None:
        shutil.copy(database, path)
    # Without it, processes that start at the same time each write one, with a key of their own.
    (path / "airflow.cfg").touch()
    fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return AirflowHome(path, python, {"AIRFLOW__CORE__FERNET_KEY": fernet_key, **settings})


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _run_dags(
    home: AirflowHome,
    wanted: Runs,
    sandbox: Sandbox,
    connections: dict[str, Any],
    *,
    use_executor: bool = False,
    folder: Path | None = None,
    attributes: dict[str, dict[str, Any]] | None = None,
) -> RunResults:
    """Run DAGs, of the home's folder or another one; some may have attributes of their tasks set, by run and task."""
    result_file = home.path / f"results-{'executor' if use_executor else 'test'}.json"
    attributes = attributes or {}
    plan = {
        "connections": connections,
        "folder": folder and str(folder),
        "runs": [
            {"dag": dag_id, "conf": conf, "attributes": attributes.get(name, {})}
            for name, (dag_id, conf) in wanted.items()
        ],
        "sandbox": sandbox.url,
        "use_executor": use_executor,
    }
    done = home.run(RUN_DAGS, result_file, stdin=json.dumps(plan))
    assert done.status == 0, done.text
    results = json.loads(result_file.read_text(encoding="utf-8"))
    logs = done.out.split(RUN_MARK)[1:]
    by_name = {name: _run_result(*parts) for name, *parts in zip(wanted, results, logs, strict=True)}
    return RunResults(by_name, done.text)


def _run_result(result: dict[str, Any], log: str) -> RunResult:
    logs: dict[str, str] = {}
    for part in log.split(TASK_MARK)[1:]:
        task_id, map_index = part.split()[:2]
        index = map_index.removeprefix("map_index=")
        name = task_id if index == "-1" else f"{task_id}[{index}]"
        logs[name] = logs.get(name, "") + part
    tasks = {name: TaskResult(**task, log=logs.get(name, "")) for name, task in result["tasks"].items()}
    return RunResult(result["state"], tasks, result["requests"])
