"""What makes a task fail; the tasks of a DAG do not depend on each other."""

from datetime import timedelta

from airflow.sdk import dag

from airflow_provider_xchat.operators.xchat import (
    GetChatConversationOperator,
    GetChatConversationsOperator,
    MarkConversationReadOperator,
)

GROUP = "g9000000000000000201"
RETRIES = {"retries": 3, "retry_delay": timedelta(0)}


@dag(schedule=None, default_args=RETRIES)
def bad_input():
    GetChatConversationOperator(
        task_id="unknown_field", conversation_id=GROUP, chat_conversation_fields="{{ ['group_nmae', 'type'] }}"
    )
    GetChatConversationOperator(
        task_id="one_text_for_a_list", conversation_id=GROUP, chat_conversation_fields="{{ 'group_name,type' }}"
    )
    GetChatConversationOperator(task_id="conversation_id", conversation_id="{{ 'the board room' }}")
    GetChatConversationOperator.partial(task_id="mapped").expand(conversation_id=["the board room"])
    GetChatConversationsOperator(task_id="conversation_ids", conversation_ids="{{ ['g1', 'the board room'] }}")
    GetChatConversationsOperator(task_id="output_path", conversation_ids=["g1"], output_path="nowhere://bucket/file")
    MarkConversationReadOperator(task_id="sequence_id", conversation_id=GROUP, seen_until_sequence_id="{{ '12ab' }}")
    GetChatConversationOperator(task_id="no_password", conversation_id=GROUP, xchat_conn_id="xchat_no_password")


@dag(schedule=None, default_args=RETRIES)
def refused():
    GetChatConversationOperator(task_id="unknown_token", conversation_id=GROUP, xchat_conn_id="xchat_unknown_token")
    GetChatConversationOperator(task_id="no_credits", conversation_id=GROUP, xchat_conn_id="xchat_no_credits")
    GetChatConversationOperator(task_id="not_a_member", conversation_id="g9000000000000000203")
    MarkConversationReadOperator(
        task_id="scope_missing", conversation_id=GROUP, seen_until_sequence_id=1, xchat_conn_id="xchat_read_only"
    )
    GetChatConversationOperator(task_id="unknown_conversation", conversation_id="g404")


@dag(schedule=None, default_args=RETRIES)
def retried():
    GetChatConversationOperator(task_id="server_error", conversation_id=GROUP, xchat_conn_id="xchat_server_error")
    GetChatConversationOperator(
        task_id="unknown_field_allowed",
        conversation_id=GROUP,
        chat_conversation_fields=["newer"],
        allow_unknown=["newer"],
    )


@dag(schedule=None)
def problems():
    def get(scenario):
        GetChatConversationOperator(task_id=scenario, conversation_id=GROUP, xchat_conn_id=f"xchat_{scenario}")

    def mark(scenario):
        MarkConversationReadOperator(
            task_id=scenario, conversation_id=GROUP, seen_until_sequence_id=1, xchat_conn_id=f"xchat_{scenario}"
        )

    get("errors_beside_data")
    get("errors_without_data")
    mark("errors_beside_mark")
    mark("not_marked")


@dag(schedule=None)
def some_failed():
    ids = [GROUP, "g404"]
    GetChatConversationsOperator(task_id="no_xcom", conversation_ids=ids, do_xcom_push=False)
    GetChatConversationsOperator(task_id="multiple_outputs", conversation_ids=ids, multiple_outputs=True)


@dag(schedule=None)
def mapped_outputs():
    def fetch(task_id, **arguments):
        partial = GetChatConversationsOperator.partial(task_id=task_id, **arguments)
        partial.expand(conversation_ids=[[GROUP], ["g9000000000000000202"]])

    fetch("one_path", output_path="{{ dag.folder }}/{{ ds }}/one.jsonl")
    fetch("own_paths", output_path="{{ dag.folder }}/out/{{ ti.map_index }}.jsonl")


bad_input()
some_failed()
mapped_outputs()
refused()
retried()
problems()
