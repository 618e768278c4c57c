"""Catch the errors of conversations that the account cannot read; all other errors fail the task."""

from airflow.sdk import dag, task

from airflow_provider_xchat.exceptions import XChatForbiddenError, XChatNotFoundError
from airflow_provider_xchat.hooks.xchat import XChatHook


@dag(schedule=None)
def errors_in_tasks():
    @task
    def group_name(conversation_id):
        with XChatHook() as hook:
            try:
                response = hook.get_conversation(conversation_id, chat_conversation_fields=["group_name"])
            except (XChatForbiddenError, XChatNotFoundError) as error:
                print(f"{conversation_id}: {error.title}, request {error.request_id}")
                return None
        return response["data"][0]["group_name"]

    group_name.expand(conversation_id=["g9000000000000000201", "g9000000000000000203"])


errors_in_tasks()
