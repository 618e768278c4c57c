"""
Fetches conversations in this process, and says what that took.

``python fetching.py WAY URL COUNT OUTPUT``, where the way is ``hook`` (one after the other) or ``operator`` (20 at a
time; to a file, if there is an output).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

AT_ONCE = 20


def by_hook(ids: list[str], _output: str) -> int:
    """Fetch one after the other."""
    from airflow_provider_xchat.hooks.xchat import XChatHook

    with XChatHook() as hook:
        return sum(1 for identifier in ids if hook.get_conversation(identifier)["data"])


def by_operator(ids: list[str], output: str) -> int:
    """Do what a task does, without Airflow around it."""
    from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator

    operator = GetChatConversationsOperator(
        task_id="many", conversation_ids=ids, max_concurrency=AT_ONCE, output_path=output or None
    )
    names = {"dag_id": "d", "run_id": "r", "task_id": "many", "map_index": -1, "try_number": 1, "max_tries": 0}
    ti = SimpleNamespace(**names, xcom_push=lambda **_: None)
    result = operator.call_api({"ti": ti})  # type: ignore[typeddict-item]  # what it needs of it
    return int(result["fetched"])


def megabytes() -> float:
    """Tell the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(way: str, url: str, count: str, output: str) -> None:
    """Fetch one, so that modules are imported, then all of them."""
    os.environ["AIRFLOW_CONN_XCHAT_DEFAULT"] = json.dumps({"conn_type": "xchat", "host": url, "password": "a-token"})
    fetch: Callable[[list[str], str], int] = {"hook": by_hook, "operator": by_operator}[way]
    fetch(["g1"], output)
    ids = [f"g{1_900_000_000_000_000_000 + number}" for number in range(int(count))]
    before, cpu, began = megabytes(), time.process_time(), time.perf_counter()
    fetched = fetch(ids, output)
    took: dict[str, Any] = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    if fetched != len(ids):
        sys.exit(f"{fetched} of {len(ids)} came")
    print(json.dumps({**took, "megabytes": megabytes() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
