"""Field lists as DAG authors hand them over: each task asks the same conversation, one after the other."""

from airflow.sdk import chain, dag, task

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator

CONVERSATION = "g9000000000000000201"


@task
def names():
    return ["id", "type"]


@dag(schedule=None)
def field_lists():
    chosen = names()

    def get(task_id, **lists):
        return GetChatConversationOperator(task_id=task_id, conversation_id=CONVERSATION, **lists)

    chain(
        chosen,
        get("xcom_arg", chat_conversation_fields=chosen),
        get("xcom_pull", chat_conversation_fields="{{ ti.xcom_pull(task_ids='names') }}"),
        get("json_text", chat_conversation_fields='["id", "type"]'),
        get("templated_items", chat_conversation_fields=["{{ 'id' }}", "type"]),
        get(
            "all_three",
            chat_conversation_fields=("group_name",),
            expansions="{{ ['participant_ids'] | tojson }}",
            user_fields="{{ ['name', 'username'] }}",
        ),
    )


@dag(schedule=None, render_template_as_native_obj=True)
def field_lists_native():
    chosen = names()
    chosen >> GetChatConversationOperator(
        task_id="xcom_pull",
        conversation_id=CONVERSATION,
        chat_conversation_fields="{{ ti.xcom_pull(task_ids='names') }}",
    )


field_lists()
field_lists_native()
