"""More tasks than the rate limit lets through at once, in both ways to wait for it; and marks, some of them twice."""

import os
from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, task, task_group

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator, MarkConversationReadOperator

IDS = [f"g91{number:017}" for number in range(1, int(os.environ["XCHAT_TASKS"]) + 1)]
MARKS = [
    {"conversation_id": IDS[0], "seen_until_sequence_id": "8"},
    {"conversation_id": IDS[1], "seen_until_sequence_id": "9"},
    {"conversation_id": IDS[0], "seen_until_sequence_id": 8},
]
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

with DAG("marks_listed", schedule="@once", start_date=START, catchup=False):
    MarkConversationReadOperator.partial(task_id="mark", xchat_conn_id="xchat_marks_listed").expand_kwargs(MARKS)

with DAG("marks_returned", schedule="@once", start_date=START, catchup=False):

    @task
    def unread():
        return MARKS

    MarkConversationReadOperator.partial(task_id="mark", xchat_conn_id="xchat_marks_returned").expand_kwargs(unread())

with DAG("marks_grouped", schedule="@once", start_date=START, catchup=False):

    @task_group
    def each(conversation_id):
        MarkConversationReadOperator(
            task_id="mark",
            conversation_id=conversation_id,
            seen_until_sequence_id="7",
            xchat_conn_id="xchat_marks_grouped",
        )

    each.expand(conversation_id=IDS[:2])
