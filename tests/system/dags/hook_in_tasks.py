"""The hook inside @task functions of each kind."""

import asyncio

from airflow.sdk import dag, task

from airflow_provider_xchat.hooks.xchat import XChatHook

GROUP = "g9000000000000000201"


async def get_and_mark(hook, sequence_id):
    answer = await hook.aget_conversation(GROUP, chat_conversation_fields=["group_name"])
    marked = await hook.amark_conversation_read(GROUP, sequence_id)
    await hook.aclose()
    return [answer["data"][0]["group_name"], marked["data"]["success"]]


@dag(schedule=None, params={"connection": "xchat_stored"})
def hook_in_tasks():
    @task
    def plain(params):
        hook = XChatHook(params["connection"])
        answer = hook.get_conversation(GROUP, chat_conversation_fields=["group_name"])
        marked = hook.mark_conversation_read(GROUP, 1)
        hook.close()
        return [answer["data"][0]["group_name"], marked["data"]["success"]]

    @task
    async def coroutine(params):
        return await get_and_mark(XChatHook(params["connection"]), 2)

    @task
    def loop_of_its_own(params, sequence_id):
        return asyncio.run(get_and_mark(XChatHook(params["connection"]), sequence_id))

    @task
    def two_loops_with_one_hook(params):
        hook = XChatHook(params["connection"])
        return [asyncio.run(get_and_mark(hook, sequence_id)) for sequence_id in (5, 6)]

    @task
    async def several_at_once(params):
        hook = XChatHook(params["connection"])
        answers = await asyncio.gather(*(hook.aget_conversation(GROUP) for _ in range(3)))
        await hook.aclose()
        return [answer["data"][0]["id"] for answer in answers]

    plain()
    coroutine()
    loop_of_its_own.override(task_id="first_loop")(sequence_id=3)
    loop_of_its_own.override(task_id="second_loop")(sequence_id=4)
    two_loops_with_one_hook()
    several_at_once()


hook_in_tasks()
