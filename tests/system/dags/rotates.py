"""A conversation asked for twice, with a token that rotates."""

from airflow.sdk import chain, dag

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator

GROUP = "g9000000000000000201"


@dag(schedule=None)
def rotates():
    chain(
        GetChatConversationOperator(task_id="first", conversation_id=GROUP, xchat_conn_id="xchat_rotating"),
        GetChatConversationOperator(task_id="second", conversation_id=GROUP, xchat_conn_id="xchat_rotating"),
    )


rotates()
