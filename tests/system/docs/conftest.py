"""The examples of the documentation, run by Airflow against the sandbox, in the files that its pages show."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xchat_sandbox import PUBLIC_CLIENT_ID, Sandbox, running_sandbox

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SHIPPED = ROOT / "airflow_provider_xchat" / "example_dags"

# By the name of the file that has it, the DAG; they run in this order.
DAGS = {
    "README.md": "inbox",
    "mapped_conversations.py": "mapped_conversations",
    "many_conversations.py": "many_conversations",
    "conversations_to_file.py": "conversations_to_file",
    "mark_as_read.py": "mark_as_read",
    "hook_in_tasks.py": "hook_in_tasks",
    "errors_in_tasks.py": "errors_in_tasks",
    "example_xchat_conversation.py": "example_xchat_conversation",
    "example_xchat_token_refresh.py": "example_xchat_token_refresh",
}

WRITES = "conversations_to_file"


@dataclass(frozen=True)
class Examples:
    """The runs by file, the sandbox that they asked, the Airflow that they ran in, and where it has written to."""

    runs: Any
    sandbox: Sandbox
    home: Any
    written: Path


@pytest.fixture(scope="session")
def examples(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_database: Path,
    new_home: Callable[..., Any],
    run_dags: Callable[..., Any],
) -> Iterator[Examples]:
    """All that run by ``dag.test()``, one after the other, with a token that has an hour to live."""
    path = tmp_path_factory.mktemp("examples")
    written = path / "written"
    (path / "dags").mkdir()
    (path / "dags" / "inbox.py").write_text(_first_dag(), encoding="utf-8")
    for folder in (EXAMPLES, SHIPPED):
        for name in DAGS:
            if (folder / name).exists():
                shutil.copy(folder / name, path / "dags")
    home = new_home(path, migrated_database, Path(sys.executable), {})
    wanted = {name: (dag_id, {"folder": str(written)} if WRITES in name else None) for name, dag_id in DAGS.items()}
    with running_sandbox(strict=True) as sandbox:
        grant = sandbox.grant(expires_in=3600)
        extra = {"refresh_token": grant.refresh_token, "expires_at": round(grant.expires_at)}
        connection = {
            "conn_type": "xchat",
            "host": sandbox.url,
            "login": PUBLIC_CLIENT_ID,
            "password": grant.access_token,
            "extra": json.dumps(extra),
        }
        yield Examples(run_dags(home, wanted, sandbox, {"xchat_default": connection}), sandbox, home, written)


def _first_dag() -> str:
    """Take the DAG out of the README, where its first screen has it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(
        r"\[start:first-dag] -->\n```python\n(.*?)```\n<!-- --8<-- \[end:first-dag]", readme, re.DOTALL
    )
    return code


@pytest.fixture
def script(tmp_path: Path, airflow_environment: Callable[..., dict[str, str]]) -> Callable[..., str]:
    """A function that runs an example that is no DAG, with variables for its environment, and gives what it prints."""

    def run(name: str, **variables: str) -> str:
        environment = airflow_environment(tmp_path) | variables
        command = [sys.executable, EXAMPLES / name]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
