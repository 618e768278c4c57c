"""
Run the example DAG in Airflow against the sandbox: ``make demo``.

The demo starts the sandbox on a free loopback port. Airflow gets a temporary home with an SQLite database, and a
connection in an environment variable, whose access token has expired. Airflow runs the example DAG, and the demo prints
the result. It removes all files at the end.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from demo.sandbox import DemoError, asked, clean_environment, connection, granted, run, sandbox, signals_interrupt, step

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "airflow_provider_xchat" / "example_dags" / "example_xchat_conversation.py"
RUN_DAG = Path(__file__).with_name("run_dag.py")


def main() -> int:
    """
    Run the demonstration.

    :return: 0 when everything worked, 1 otherwise
    """
    begun = time.monotonic()
    signals_interrupt()
    try:
        with tempfile.TemporaryDirectory(prefix="xchat-demo-") as home, sandbox("--strict") as url:
            conversation = _group(f"{url}/_sandbox/conversations")
            grant = granted(url)
            tokens = [grant["access_token"], grant["refresh_token"]]
            environment = _environment(Path(home), connection(url, grant))
            step(f"Airflow {version('apache-airflow')} migrates an SQLite database in a temporary AIRFLOW_HOME")
            run("airflow db migrate", [sys.executable, "-m", "airflow", "db", "migrate"], environment, tokens)
            step(f"Airflow runs {EXAMPLE.name}: get_conversation, summarize, mark_as_read")
            result = _run_dag(Path(home), environment, tokens, conversation)
            requests = asked(f"{url}/_sandbox/requests")["requests"]
            marks = asked(f"{url}/_sandbox/read-marks")
    except DemoError as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The sandbox has stopped, and the temporary folder is removed.", file=sys.stderr)
        return 130
    _report(result, requests, marks)
    print(f"\nDone in {time.monotonic() - begun:.0f} s. The sandbox has stopped, and the temporary folder is removed.")
    return 0


def _environment(home: Path, members: dict[str, Any]) -> dict[str, str]:
    # No other connection and no other configuration.
    (home / "dags").mkdir()
    shutil.copy(EXAMPLE, home / "dags")
    return {
        **clean_environment(),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_XCHAT_DEFAULT": json.dumps(members),
    }


def _run_dag(
    home: Path, environment: dict[str, str], tokens: list[str], conversation: dict[str, Any]
) -> dict[str, Any]:
    result_file = home / "result.json"
    conf = {"conversation_id": conversation["id"], "seen_until_sequence_id": conversation["latest_sequence_id"]}
    command = [sys.executable, str(RUN_DAG), str(result_file), json.dumps(conf)]
    run("the DAG run", command, environment, tokens)
    result: dict[str, Any] = json.loads(result_file.read_text())
    return result


def _group(url: str) -> dict[str, Any]:
    """Return a group conversation of the demo's user."""
    conversations = asked(url)["conversations"]
    group: dict[str, Any] = next(c for c in conversations if c["type"] == "group" and c["open_to_default_token"])
    return group


def _report(result: dict[str, Any], requests: list[dict[str, Any]], marks: dict[str, str]) -> None:
    tasks = result["tasks"]
    summary = tasks["summarize"]["returned"]
    print(f"\nThe DAG run ended with the state {result['state']}:")
    for task_id, task in tasks.items():
        print(f"    {task_id}: {task['state']}")
    print("\nFetched conversation:")
    print(f"    name         {summary['name']}")
    print(f"    members      {', '.join(summary['members'])}")
    print(f"    last update  {summary['last_update']}")
    print("\nMarked as read:")
    for conversation_id, sequence_id in marks.items():
        print(f"    {conversation_id} up to message {sequence_id}")
    print(f"    X Chat's response: {json.dumps(tasks['mark_as_read']['returned'])}")
    print("\nRequests to the sandbox (the access token had expired, so the first task refreshed it):")
    for request in requests:
        query = f"?{request['query']}" if request["query"] else ""
        print(f"    {request['method']} {request['path']}{query} -> {request['status']}")


if __name__ == "__main__":
    sys.exit(main())
