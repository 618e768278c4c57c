"""After all runs, nothing is left but what was asked for: no token anywhere, and no progress."""

from __future__ import annotations

import json
import re

import pytest

from xchat_sandbox import generated_ids


@pytest.fixture
def written(limited):
    """Every file of the home by its path there: the database, logs, output, what servers printed; and the tables."""
    files = {path.relative_to(limited.home.path).as_posix(): path for path in limited.home.path.rglob("*")}
    return {
        **{name: path.read_bytes() for name, path in files.items() if path.is_file()},
        # A long value is in pieces in the database's file.
        **{f"table {name}": repr(rows).encode() for name, rows in limited.tables().items()},
    }


def test_no_token_in_any_file(limited, written):
    assert [name for name, content in written.items() if limited.token.encode() in content] == []


def test_no_token_in_any_variable(limited):
    assert limited.variables()
    assert [key for key, value in limited.variables().items() if limited.token in value] == []


def test_all_was_searched(limited, written):
    last = generated_ids(limited.conversations)[-1].encode()
    assert last in written["table rendered_task_instance_fields"]
    assert last in written["table xcom"]
    assert last in written["out/killed_file.jsonl"]
    assert b"xchat_rate_limit_" in written["table variable"]
    logs = [content for name, content in written.items() if name.startswith("logs/") and "task_id=get" in name]
    assert any(b"this task holds no worker slot" in log for log in logs)
    assert any(b"conversations are in the checkpoint" in log for log in logs)


def test_no_progress(limited, request):
    assert limited.progress() == []
    # Before Airflow 3.3, what is fetched is kept for a retry beside the output alone, so that DAG has one, too.
    beside = {"latest": [], "oldest": ["many_deferrable.jsonl"]}[request.node.callspec.params["limited"]]
    outputs = sorted(path.name for path in limited.output.iterdir())
    assert outputs == ["killed_file.jsonl", *beside, "many_reschedule.jsonl"]


def test_counts_and_times_are_all_that_is_known_of_a_limit(limited):
    for key, value in limited.variables().items():
        assert re.fullmatch(r"xchat_rate_limit_[0-9a-f]{16}_(getChatConversation|markChatConversationRead)", key)
        window = json.loads(value)
        assert window.keys() == {
            *("limit", "left", "ends_at", "is_reported", "is_guess", "refused_since", "written_at"),
            *("day_left", "day_ends_at", "in_flight", "acquired_at"),
        }
        assert all(each is None or isinstance(each, (bool, int, float)) for each in window.values())
