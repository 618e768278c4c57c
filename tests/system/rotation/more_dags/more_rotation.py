"""What the latest fleet alone runs: tasks that are coroutines, as older versions have none, and what takes long."""

import asyncio
from datetime import UTC, datetime

from airflow.sdk import dag, task

from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.operators.xchat import GetChatConversationOperator

GROUP = "g9000000000000000201"
START = datetime(2026, 1, 1, tzinfo=UTC)


@dag(schedule="@once", start_date=START, catchup=False)
def coroutines():
    @task
    async def first():
        async with XChatHook("xchat_coroutines") as hook:
            answers = await asyncio.gather(*(hook.aget_conversation(GROUP) for _ in range(5)))
        return [answer["data"][0]["id"] for answer in answers]

    @task
    async def second():
        async with XChatHook("xchat_coroutines") as hook:
            return (await hook.aget_conversation(GROUP))["data"][0]["id"]

    first() >> second()


@dag(schedule="@once", start_date=START, catchup=False)
def endpoint_failures():
    for name in ("bad_gateway", "page"):
        GetChatConversationOperator(task_id=name, conversation_id=GROUP, xchat_conn_id=f"xchat_{name}")


coroutines()
endpoint_failures()
