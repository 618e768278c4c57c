"""How a deferrable task with an execution_timeout waits for a rate limit: Airflow 2.11 goes on counting meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

WAIT = """
import json
from datetime import UTC, datetime, timedelta
from airflow_provider_xchat.exceptions import XChatRateLimitError
from airflow_provider_xchat.operators.xchat import GetChatConversationOperator

def waits(**arguments):
    task = GetChatConversationOperator(task_id="get", conversation_id="g1", deferrable=True, **arguments)
    try:
        reset = datetime.now(UTC) + timedelta(minutes=10)
        task._wait_for_reset(XChatRateLimitError.unsent("GET", reset, is_guess=False))
    except BaseException as error:
        return type(error).__name__

print(json.dumps([waits(), waits(execution_timeout=timedelta(minutes=5))]))
"""


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("latest", ["TaskDeferred", "TaskDeferred"]),
        ("oldest", ["TaskDeferred", "AirflowRescheduleException"]),
    ],
)
def test_it_does_not_use_up_a_retry(request, tmp_path, new_home, release, expected):
    python = Path(sys.executable) if release == "latest" else request.getfixturevalue("oldest_python")
    done = new_home(tmp_path, None, python, {}).run("-c", WAIT)
    assert done.status == 0, done.text
    assert done.json == expected
