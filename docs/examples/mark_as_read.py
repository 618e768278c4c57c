"""Mark several conversations as read, each in its own task."""

from airflow.sdk import dag, task

from airflow_provider_xchat.operators.xchat import MarkConversationReadOperator


@dag(schedule=None)
def mark_as_read():
    @task
    def handled():
        return [
            {"conversation_id": "g9000000000000000201", "seen_until_sequence_id": "1987654321987654399"},
            {"conversation_id": "g9000000000000000202", "seen_until_sequence_id": "2000000000000000007"},
        ]

    MarkConversationReadOperator.partial(task_id="mark").expand_kwargs(handled())


mark_as_read()
