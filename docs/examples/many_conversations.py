"""Fetch many conversations in one task, and continue with the fetched ones."""

from airflow.sdk import dag, task

from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator


@dag(schedule=None)
def many_conversations():
    fetched = GetChatConversationsOperator(
        task_id="fetch",
        conversation_ids=["g9000000000000000201", "g9000000000000000202", "g9000000000000000203"],
        chat_conversation_fields=["group_name"],
        max_concurrency=5,
        fail_on="all",
    )

    @task
    def report(result):
        names = [response["data"][0]["group_name"] for response in result["conversations"].values()]
        refused = {identifier: error["type"] for identifier, error in result["errors"].items()}
        return {"names": names, "refused": refused}

    report(fetched.output)


many_conversations()
