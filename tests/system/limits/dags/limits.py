"""More tasks than the rate limit lets through at once, in both ways to wait for it."""

import os
from datetime import datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator

IDS = [f"g91{number:017}" for number in range(1, int(os.environ["XCHAT_TASKS"]) + 1)]
START = datetime(2026, 1, 1)  # noqa: DTZ001  Airflow takes it for UTC

for mode in ("deferrable", "reschedule"):
    with DAG(f"limited_{mode}", schedule="@once", start_date=START, catchup=False):
        GetChatConversationOperator.partial(
            task_id="get",
            xchat_conn_id=f"xchat_limited_{mode}",
            deferrable=mode == "deferrable",
            rate_limit_wait=1,
            max_active_tis_per_dag=len(IDS),
        ).expand(conversation_id=IDS)
