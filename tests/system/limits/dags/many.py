"""Many conversations in one task: more than the rate limit lets through at once, and with a worker that is killed."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow import __version__
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator

HOME = Path(os.environ["AIRFLOW_HOME"])
IDS = [f"g91{number:017}" for number in range(1, int(os.environ["XCHAT_CONVERSATIONS"]) + 1)]
# Before Airflow 3.3 there is no state store: a task that is to give its worker slot back needs an output.
KEPT = {"output_path": str(HOME / "out" / "many_deferrable.jsonl")} if __version__ < "3.3" else {}
START = datetime(2026, 1, 1)  # noqa: DTZ001  Airflow takes it for UTC


def tell_process(context):
    """Leave word which process works on the task, for who kills it."""
    ti = context["ti"]
    (HOME / f"{ti.dag_id}.{ti.try_number}.pid").write_text(str(os.getpid()))


for name, options in {
    "many_deferrable": {"rate_limit_wait": 1, "deferrable": True, **KEPT},
    "many_reschedule": {"rate_limit_wait": 1, "output_path": str(HOME / "out" / "many_reschedule.jsonl")},
    "killed_xcom": {"retries": 1, "retry_delay": timedelta(seconds=1)},
    "killed_file": {
        "retries": 1,
        "retry_delay": timedelta(seconds=1),
        "output_path": str(HOME / "out" / "killed_file.jsonl"),
    },
}.items():
    with DAG(name, schedule="@once", start_date=START, catchup=False):
        GetChatConversationsOperator(
            task_id="get",
            xchat_conn_id=f"xchat_{name}",
            conversation_ids=IDS,
            max_concurrency=4,
            on_execute_callback=tell_process,
            **options,
        )
