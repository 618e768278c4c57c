"""Read an X Chat conversation with its participants, summarize it in a task, and mark it as read."""

from __future__ import annotations

from typing import Any

# If you need only Airflow 3, import these from airflow.sdk.
from airflow.providers.common.compat.sdk import Param, dag, task

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator, MarkConversationReadOperator


@dag(
    schedule=None,
    catchup=False,
    tags=["example", "xchat"],
    params={
        "conversation_id": Param("g9000000000000000201", type="string", description="Id of one of your conversations"),
        "seen_until_sequence_id": Param(
            "1987654321987654399", type="string", description="Id of the last message event that counts as read"
        ),
    },
)
def example_xchat_conversation() -> None:
    conversation = GetChatConversationOperator(
        task_id="get_conversation",
        conversation_id="{{ params.conversation_id }}",
        chat_conversation_fields=["group_name", "type", "updated_at"],
        expansions=["participant_ids"],
        user_fields=["name", "username"],
    )

    @task
    def summarize(response: dict[str, Any]) -> dict[str, Any]:
        (found,) = response["data"]
        users = response.get("includes", {}).get("users", [])
        summary = {
            "id": found["id"],
            "name": found.get("group_name", "(no name)"),
            "members": [f"{user['name']} (@{user['username']})" for user in users],
            "last_update": found.get("updated_at"),
        }
        print(f"{summary['name']}: {len(users)} members, last update {summary['last_update']}")
        return summary

    summary = summarize(conversation.output)
    MarkConversationReadOperator(
        task_id="mark_as_read",
        conversation_id=summary["id"],
        seen_until_sequence_id="{{ params.seen_until_sequence_id }}",
    )


example_xchat_conversation()
