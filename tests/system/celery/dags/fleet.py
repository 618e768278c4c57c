"""Each conversation is read and marked as read, many at a time, by whichever worker is free."""

import os
from datetime import timedelta

from airflow.sdk import Param, dag, task, task_group

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator, MarkConversationReadOperator


@dag(
    schedule=None,
    params={"ids": Param([], type="array"), "seen_until": Param("0", type="string")},
    # For those of the worker that is killed.
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1), "deferrable": True},
    max_active_tasks=int(os.environ["XCHAT_CONCURRENCY"]),
    render_template_as_native_obj=True,
)
def fleet():
    @task
    def listed(params=None):
        return params["ids"]

    @task_group
    def each(conversation_id):
        GetChatConversationOperator(task_id="get", conversation_id=conversation_id) >> MarkConversationReadOperator(
            task_id="mark", conversation_id=conversation_id, seen_until_sequence_id="{{ params.seen_until }}"
        )

    each.expand(conversation_id=listed())


fleet()
