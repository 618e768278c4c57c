"""Fetch each conversation of a list in its own task."""

from airflow.sdk import dag, task

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator


@dag(schedule=None)
def mapped_conversations():
    @task
    def listed():
        return ["g9000000000000000201", "g9000000000000000202", "900000001-9000000000000000101"]

    conversations = GetChatConversationOperator.partial(
        task_id="get", chat_conversation_fields=["type", "group_name"]
    ).expand(conversation_id=listed())

    @task
    def names(responses):
        found = [conversation for response in responses for conversation in response["data"]]
        return {each["id"]: each.get("group_name", each["type"]) for each in found}

    names(conversations.output)


mapped_conversations()
