"""An operator that lets the triggerer ask for a conversation, as a user of the hook's coroutines may write one."""

from airflow.providers.common.compat.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_xchat.hooks.xchat import XChatHook


class ConversationTrigger(BaseTrigger):
    def __init__(self, conversation_id, connection):
        super().__init__()
        self.arguments = {"conversation_id": conversation_id, "connection": connection}

    def serialize(self):
        return f"{type(self).__module__}.{type(self).__name__}", self.arguments

    async def run(self):
        async with XChatHook(self.arguments["connection"]) as hook:
            answer = await hook.aget_conversation(self.arguments["conversation_id"])
        yield TriggerEvent(answer["data"][0]["id"])


class DeferredConversationOperator(BaseOperator):
    def __init__(self, *, conversation_id, connection, **kwargs):
        super().__init__(**kwargs)
        self.conversation_id = conversation_id
        self.connection = connection

    def execute(self, context):
        self.defer(trigger=ConversationTrigger(self.conversation_id, self.connection), method_name="resume")

    def resume(self, context, event):
        return event
