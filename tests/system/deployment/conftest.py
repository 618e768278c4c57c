"""What ``make up`` starts: a sandbox and ``airflow standalone``, talked to as a person does, from outside."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, sync_playwright

from airflow_provider_xchat.provider_info import CONNECTION_FIELDS, FIELD_BEHAVIOUR
from demo.sandbox import asked

ROOT = Path(__file__).parent.parent.parent.parent
CHROMIUM = shutil.which("chromium")
# Where pictures for the documentation go; they are thrown away without it.
PICTURES = os.environ.get("XCHAT_PICTURES")
# How long (seconds) until it says where to log in, and how long a DAG run may take.
START = 180
PATIENCE = 240


@dataclass
class Up:
    """A running deployment, as far as it has said what it is."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _token: str | None = field(default=None, repr=False)

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    def said(self, name: str) -> str:
        (value,) = re.findall(rf"^{name} +(\S+)$", self.printed, re.MULTILINE)
        return value

    @property
    def url(self) -> str:
        return self.said("Airflow")

    @property
    def home(self) -> Path:
        return Path(self.said("logs")).parent

    def sandbox(self, path: str, body: Any = None) -> Any:
        """Ask the sandbox about itself."""
        return asked(self.said("sandbox").rpartition("/")[0] + path, body)

    def rest(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """Ask Airflow's REST API."""
        if self._token is None:
            login = {"username": self.said("login"), "password": self.said("password")}
            self._token = asked(f"{self.url}/auth/token", login)["access_token"]
        return asked(f"{self.url}/api/v2/{path}", body, self._token, method)

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        self.until(lambda: dag_id in {dag["dag_id"] for dag in self.rest("dags")["dags"]})
        run = self.rest(f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf or {}})
        return run["dag_run_id"]

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        return self.rest(f"dags/{dag_id}/dagRuns")["dag_runs"]

    def ended(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Wait until a run has ended, and tell the states of its tasks."""
        path = f"dags/{dag_id}/dagRuns/{run_id}"
        self.until(lambda: self.rest(path)["state"] in {"success", "failed"})
        return self.states(dag_id, run_id)

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        tasks = self.rest(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in tasks}

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?deserialize=true"
        return self.rest(path)["value"]

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                log = (self.home / "standalone.log").read_text(errors="replace")
                pytest.fail(f"waited in vain\n{self.printed}\n{log[-5000:]}")
            time.sleep(0.5)


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """What ``make up`` runs; in a group of processes of its own, as a shell has it."""
    folder = tmp_path_factory.mktemp("up")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "demo.up"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running = Up(process)
    reader = threading.Thread(target=lambda: running.lines.extend(process.stdout or ()))
    reader.start()
    try:
        deadline = time.monotonic() + START
        while "Stop with Ctrl-C" not in running.printed:
            assert process.poll() is None, running.printed
            assert time.monotonic() < deadline, running.printed
            time.sleep(0.5)
        yield running
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(90)
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")  # it runs an event loop in the main thread, where other tests run theirs
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here; get it with: apt-get install chromium")
    with sync_playwright() as playwright:
        # Without its sandbox, which root may not have; it sees our own pages, and is to look for no others.
        quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *quiet])
        yield running
        running.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(PICTURES).resolve() if PICTURES else tmp_path_factory.mktemp("pictures")


@dataclass(frozen=True)
class Form:
    """A connection form, as it is shown: its text, and the kind and the placeholder of each field by its name."""

    text: str
    fields: dict[str, tuple[str, str]]

    @classmethod
    def shown(cls, form: Locator, prefix: str) -> Form:
        fields = {}
        for field_ in form.locator("input[name]:visible, textarea[name]:visible").all():
            kind, name, placeholder = field_.evaluate("each => [each.type, each.name, each.placeholder]")
            fields[name.removeprefix(prefix)] = (kind, placeholder)
        return cls(form.inner_text(), fields)

    def __or__(self, other: Form) -> Form:
        return Form(self.text + other.text, {**self.fields, **other.fields})

    def is_complete(self) -> None:
        """Check that it has our labels and help texts, no other field, and secrets in password fields."""
        labels = ["API URL", "Client ID", "Access Token", *(field["label"] for field in CONNECTION_FIELDS.values())]
        lines = {line.strip() for line in self.text.splitlines()}
        assert [label for label in labels if label not in lines] == []
        assert [field["description"] for field in CONNECTION_FIELDS.values() if field["description"] not in lines] == []
        standard = {"description", "host", "login", "password"}
        assert self.fields.keys() - {"conn_id", "connection_id"} == {*standard, *CONNECTION_FIELDS}
        formats = {name: field["schema"].get("format") for name, field in CONNECTION_FIELDS.items()}
        secrets = {"password", *(name for name, kind in formats.items() if kind == "password")}
        assert {name for name, (kind, _) in self.fields.items() if kind == "password"} == secrets

    def has_placeholders(self, *names: str) -> None:
        placeholders = FIELD_BEHAVIOUR["placeholders"]
        assert {name: self.fields[name][1] for name in names} == {name: placeholders[name] for name in names}


@pytest.fixture(scope="session")
def form_of() -> Callable[[Locator, str], Form]:
    """A function that reads the form that is shown, whose fields of the extra have names with a prefix."""
    return Form.shown
