"""Use the hook in a plain @task, and in a coroutine that fetches several conversations at once."""

import asyncio

from airflow.sdk import dag, task

from airflow_provider_xchat.hooks.xchat import XChatHook


@dag(schedule=None)
def hook_in_tasks():
    # --8<-- [start:plain]
    @task
    def members(conversation_id):
        with XChatHook() as hook:
            response = hook.get_conversation(conversation_id, expansions=["member_ids"], user_fields=["username"])
        return [user["username"] for user in response["includes"]["users"]]

    # --8<-- [end:plain]
    # --8<-- [start:coroutine]
    @task  # coroutines need Airflow 3.2 or later
    async def names(conversation_ids):
        async with XChatHook() as hook:
            calls = [hook.aget_conversation(each, chat_conversation_fields=["group_name"]) for each in conversation_ids]
            responses = await asyncio.gather(*calls)
        return [response["data"][0]["group_name"] for response in responses]

    # --8<-- [end:coroutine]
    # --8<-- [start:mark]
    @task
    def mark(conversation_id, sequence_id):
        with XChatHook() as hook:
            return hook.mark_conversation_read(conversation_id, sequence_id)["data"]["success"]

    # --8<-- [end:mark]
    members("g9000000000000000201")
    names(["g9000000000000000201", "g9000000000000000202"])
    mark("g9000000000000000201", "1987654321987654399")


hook_in_tasks()
