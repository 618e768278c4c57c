"""
How long one task takes for 1,000 conversations at 100 ms each and 20 at a time: 5 s are the least there is.

Against a sandbox in a process of its own on this machine, which answers 100 ms late. What is measured is the fetching,
with what is kept for a retry; what it takes until it begins is printed beside it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CONVERSATIONS, LATENCY, AT_ONCE, ROUNDS = 1000, 0.1, 20, 3
IDEAL = CONVERSATIONS * LATENCY / AT_ONCE


def main() -> None:
    """Print a table."""
    token = secrets.token_hex()
    options = ["--conversations", str(CONVERSATIONS), "--latency", str(LATENCY), "--rate-limit", "1000000"]
    command = [sys.executable, "-m", "xchat_sandbox", "--token", token, *options]
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as sandbox,
    ):
        try:
            url = next(line.split()[-1] for line in sandbox.stdout or ())
            connection = {"conn_type": "xchat", "host": url, "password": token}
            os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
            os.environ["AIRFLOW_CONN_XCHAT_DEFAULT"] = json.dumps(connection)
            subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
            print(
                f"{CONVERSATIONS} conversations, {AT_ONCE} at a time, {1000 * LATENCY:.0f} ms each; ideal {IDEAL:.1f} s"
            )
            for output in (None, Path(home) / "many.jsonl"):
                print(f"{'JSON Lines' if output else 'XCom':12}", *(f"{took:6.2f} s" for took in measure(output)))
        finally:
            sandbox.terminate()


def measure(output: Path | None) -> list[float]:
    """Fetch them all, a few times."""
    took = []
    for number in range(ROUNDS + 1):
        many = CONVERSATIONS if number else 1  # the first time, modules are imported
        began = time.perf_counter()
        result = fetched(many, output)
        took.append(time.perf_counter() - began)
        if result["fetched"] != many:
            sys.exit(f"not all of them came: {result}")
    print(f"{'start':12} {took.pop(0):6.2f} s")
    return took


def fetched(many: int, output: Path | None) -> dict[str, Any]:
    """Do what a task does, without Airflow around it."""
    from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator
    from xchat_sandbox import generated_ids

    operator = GetChatConversationsOperator(
        task_id="many", conversation_ids=list(generated_ids(many)), max_concurrency=AT_ONCE, output_path=output
    )
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="many", map_index=-1, try_number=1, max_tries=0)
    return operator.ask({"ti": ti})  # type: ignore[typeddict-item]  # what it needs of it


if __name__ == "__main__":
    main()
