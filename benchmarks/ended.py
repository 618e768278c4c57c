"""
Fetches conversations in this process until a timeout of Airflow's ends it, and says how soon that was.

``python ended.py URL COUNT SECONDS``
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from types import FrameType, SimpleNamespace
from typing import Any

AT_ONCE = 20


class OverError(BaseException):
    """What Airflow raises when a task takes too long is no Exception either."""


def main(url: str, count: str, seconds: str) -> None:
    """Fetch one, so that modules are imported, then many, until the time is up."""
    os.environ["AIRFLOW_CONN_XCHAT_DEFAULT"] = json.dumps({"conn_type": "xchat", "host": url, "password": "a-token"})
    from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator

    raised_at = 0.0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal raised_at
        raised_at = time.perf_counter()
        raise OverError

    with tempfile.TemporaryDirectory() as folder:

        def fetch(ids: list[str], run_id: str) -> Any:
            operator = GetChatConversationsOperator(
                task_id="many", conversation_ids=ids, max_concurrency=AT_ONCE, output_path=f"{folder}/{run_id}.jsonl"
            )
            names = {"dag_id": "d", "run_id": run_id, "task_id": "many", "map_index": -1, "try_number": 1}
            ti = SimpleNamespace(**names, max_tries=0)
            return operator.call_api({"ti": ti})  # type: ignore[typeddict-item]  # what it needs of it

        fetch(["g1"], "first")
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, float(seconds))
        try:
            fetch([f"g{1_900_000_000_000_000_000 + number}" for number in range(int(count))], "second")
        except OverError:
            print(json.dumps({"milliseconds": 1000 * (time.perf_counter() - raised_at)}))
        else:
            sys.exit("all of them came before the time was up")


if __name__ == "__main__":
    main(*sys.argv[1:])
