"""Every example of the documentation does what its page says."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CREW, ON_CALL, BOARD = (f"g900000000000000020{number}" for number in (1, 2, 3))
CONVERSATION = "/2/chat/conversations"

# Examples that are no DAGs, and the one that needs a triggerer, which tests/system/deployment runs.
SCRIPTS = {"client_alone.py", "tokens_without_airflow.py", "test_with_sandbox.py"}
UPDATES = "example_xchat_conversation_updates.py"


def seen(run):
    """What the sandbox was asked, and what it answered."""
    return [f"{request['method']} {request['path']} {request['status']}" for request in run.requests]


def test_each_example_that_a_page_shows_is_run(examples):
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    shown = {Path(name).name for name in re.findall(r"^--8<--\n([^:\n]+)(?::[\w-]+)?\n--8<--$", pages, re.MULTILINE)}
    assert shown == {*examples.runs.by_name, *SCRIPTS, UPDATES}
    assert {path.name for path in (ROOT / "docs" / "examples").glob("*.py")} <= shown


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "mapped_conversations.py",
        "many_conversations.py",
        "conversations_to_file.py",
        "mark_as_read.py",
        "hook_in_tasks.py",
        "errors_in_tasks.py",
        "example_xchat_conversation.py",
        "example_xchat_token_refresh.py",
    ],
)
def test_it_succeeds(examples, name):
    run = examples.runs[name]
    assert run.state == "success"
    assert set(run.states.values()) == {"success"}


def test_the_first_dag_reads_and_marks(examples):
    run = examples.runs["README.md"]
    assert seen(run) == [f"GET {CONVERSATION}/{CREW} 200", f"POST {CONVERSATION}/{CREW}/read 200"]
    assert [user["username"] for user in run.tasks["get"].returned["includes"]["users"]] == [
        "ada_sandbox",
        "bea_burst",
        "carl_canary",
    ]


def test_mapped_tasks_fetch_one_conversation_each(examples):
    run = examples.runs["mapped_conversations.py"]
    assert run.tasks["names"].returned == {
        CREW: "Release crew",
        ON_CALL: "On call",
        "900000001-9000000000000000101": "direct",
    }
    assert len(run.requests) == 3


def test_one_task_fetches_many_and_keeps_those_that_worked(examples):
    run = examples.runs["many_conversations.py"]
    assert run.tasks["report"].returned == {
        "names": ["Release crew", "On call"],
        "refused": {BOARD: "XChatForbiddenError"},
    }
    assert Counter(seen(run)) == {
        f"GET {CONVERSATION}/{CREW} 200": 1,
        f"GET {CONVERSATION}/{ON_CALL} 200": 1,
        f"GET {CONVERSATION}/{BOARD} 403": 1,
    }
    page = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    result = run.tasks["fetch"].returned
    assert _form(json.loads(shown)) == _form(result)


def _form(result):
    """Reduce a result to what the page shows of it."""
    errors = {
        name: {member: value for member, value in error.items() if member != "message"}
        for name, error in result["errors"].items()
    }
    counts = {name: result[name] for name in ("requested", "fetched", "failed")}
    return [counts, list(result["conversations"]), errors]


def test_a_file_has_a_line_for_each_conversation(examples):
    run = examples.runs["conversations_to_file.py"]
    assert run.tasks["members"].returned == {CREW: 3, ON_CALL: 4}
    path = examples.written / "conversations.jsonl"
    assert run.tasks["write"].returned == {"path": str(path), "requested": 2, "fetched": 2, "failed": 0}
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_mapped_marks_are_sent(examples):
    run = examples.runs["mark_as_read.py"]
    assert Counter(seen(run)) == {
        f"POST {CONVERSATION}/{CREW}/read 200": 1,
        f"POST {CONVERSATION}/{ON_CALL}/read 200": 1,
    }


def test_the_hook_works_in_plain_tasks_and_in_coroutines(examples):
    run = examples.runs["hook_in_tasks.py"]
    assert run.tasks["members"].returned == ["ada_sandbox", "bea_burst", "carl_canary"]
    assert run.tasks["names"].returned == ["Release crew", "On call"]
    assert run.tasks["mark"].returned is True


def test_a_task_goes_on_after_an_error_that_it_expects(examples):
    run = examples.runs["errors_in_tasks.py"]
    assert [run.tasks[f"group_name[{index}]"].returned for index in (0, 1)] == ["Release crew", None]
    assert sorted(seen(run)) == [f"GET {CONVERSATION}/{CREW} 200", f"GET {CONVERSATION}/{BOARD} 403"]


def test_the_token_was_refreshed_once_and_by_the_dag_for_it(examples):
    assert seen(examples.runs["example_xchat_token_refresh.py"]) == ["POST /2/oauth2/token 200"]
    asked = [request["path"] for run in examples.runs.by_name.values() for request in run.requests]
    assert asked.count("/2/oauth2/token") == 1


def test_a_test_suite_of_a_reader_passes(examples, tmp_path):
    shutil.copy(ROOT / "docs" / "examples" / "test_with_sandbox.py", tmp_path)
    options = ["-q", "-p", "no:cacheprovider", "--config-file", "/dev/null", "--rootdir", tmp_path]
    done = examples.home.run("-m", "pytest", *options, tmp_path / "test_with_sandbox.py")
    assert done.status == 0, done.text
    assert "3 passed" in done.out


def test_the_client_alone_prints_an_answer(script, examples):
    printed = script("client_alone.py", XCHAT_URL=examples.sandbox.url, XCHAT_ACCESS_TOKEN="sandbox-token")
    assert re.fullmatch(r"200 \d+\nRelease crew\n2026-03-02 16:20:31\+00:00\n", printed)


def test_tokens_rotate_without_airflow(script, examples, tmp_path):
    grant = examples.sandbox.grant(expires_in=0)
    variables = {
        "XCHAT_URL": examples.sandbox.url,
        "XCHAT_CLIENT_ID": "sandbox-public-client",
        "XCHAT_REFRESH_TOKEN": grant.refresh_token,
        "XCHAT_TOKEN_FOLDER": str(tmp_path / "tokens"),
    }
    before = len(examples.sandbox.token_requests())
    printed = [script("tokens_without_airflow.py", **variables).splitlines()[-1] for _ in range(2)]
    assert printed == ["200", "200"]
    assert len(examples.sandbox.token_requests()) == before + 1
