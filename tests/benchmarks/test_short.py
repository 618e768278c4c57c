"""That the benchmarks run, each with all of its rows; how fast anything is, is no matter of tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow

CALLERS = ["httpx", "requests", "xdk", "generated client", "hook"]
PROFILED = ["httpx", "generated client", "hook"]
PARSERS = [
    *("json.loads", "xchat_client, raw", "xchat_client", "stock generator", "xdk"),
    *("pydantic, lean", "pydantic, lean, from bytes", "msgspec"),
]

# The rows of each table, in order; tables of one subject stand one after the other.
ROWS = {
    "dag_parse": [
        [
            "airflow_provider_xchat.operators.xchat",
            "airflow_provider_xchat.sensors.xchat",
            "airflow_provider_xchat.triggers.xchat",
            "airflow.providers.standard.operators.bash",
            "airflow.providers.standard.sensors.date_time",
            "airflow.providers.standard.triggers.temporal",
            "airflow.triggers.base",
            "airflow.providers.slack.operators.slack",
            "airflow.providers.http.operators.http",
            "airflow.providers.airbyte.operators.airbyte",
        ],
        ["GetChatConversationOperator", "BashOperator", "HttpOperator"],
        ["provider_info"],
    ],
    "cold_client": [["httpx", "xchat_client", "xdk"]],
    "calls": [CALLERS, CALLERS, PROFILED],
    "parse": [PARSERS, PARSERS],
    "thrift": [
        [
            "get",
            "mark as read",
            "Test connection",
            "a sensor, an hour of minutes",
            "50 watchers of 10 conversations, an hour of minutes",
            "10 tasks that find an expired token",
            "20 tasks, 15 allowed in a window",
        ]
    ],
    "pipeline": [["codegen sync", "codegen generate", "codegen check", "openapi-python-client alone"]],
    "token_rotation": [["FileTokenStore", "AirflowVariableStore"]],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of results of a run in short mode."""
    folder = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "benchmarks", "--short", "--results", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def tables(results):
    """The tables by subject."""
    found = {}
    for table in json.loads((results / "short.json").read_text())["tables"]:
        found.setdefault(table["subject"], []).append(table)
    return found


@pytest.mark.parametrize("subject", ROWS)
def test_has_all_rows(tables, subject):
    assert [[row[""] for row in table["rows"]] for table in tables[subject]] == ROWS[subject]


def test_measures_many_conversations(tables):
    assert all(table["rows"] for table in tables["many_conversations"])


def test_nothing_is_sent_after_a_timeout(tables):
    rows = tables["many_conversations"][2]["rows"]
    assert [row["requests after the end"] for row in rows] == [0] * len(rows) and rows


def test_all_of_the_time_goes_somewhere(tables):
    for row in tables["calls"][2]["rows"]:
        assert sum(figure for figure in row.values() if isinstance(figure, float)) == pytest.approx(100)


def test_every_row_has_a_figure(tables):
    rows = [row for listed in tables.values() for table in listed for row in table["rows"]]
    assert all(any(isinstance(figure, int | float) for figure in row.values()) for row in rows)


def test_operators_import_nothing_heavy(tables):
    assert "of httpx, attrs and xchat_client ours import: nothing" in tables["dag_parse"][0]["notes"]


def test_no_request_is_wasted(tables):
    """Counts are no times: they are the same on any machine."""
    (table,) = tables["thrift"]
    assert {row[""]: row["refused"] for row in table["rows"]} == dict.fromkeys(ROWS["thrift"][0], 0)
    exact = [row for row in table["rows"] if "hour" not in row[""]]
    assert [row["requests"] for row in exact] == [row["ideal"] for row in exact]


def test_the_text_has_the_same_tables(results, tables):
    text = (results / "short.txt").read_text()
    assert all(table["title"] in text for listed in tables.values() for table in listed)
    assert "cores" in text.splitlines()[0]
