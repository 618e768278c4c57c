"""
Act when an X Chat group has changed, in two ways.

A sensor waits within a DAG run for a change after the run's beginning; deferred, it holds no worker slot meanwhile. A
watcher needs no run to wait in: Airflow 3 starts one for each change of the group, and hands over what X said of it.
Both ask X once a minute; each time costs a request. X tells of groups alone when they were updated.
"""

from __future__ import annotations

from typing import Any

# In Airflow 3 alone, these come from airflow.sdk.
from airflow.providers.common.compat.sdk import Asset, Param, dag, task

from airflow_provider_xchat.sensors.xchat import ChatConversationUpdatedSensor
from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger

try:
    from airflow.sdk import AssetWatcher
except ImportError:  # Airflow 2.11 has no watchers
    AssetWatcher = None  # type: ignore[assignment, misc]

GROUP = "g9000000000000000201"


@dag(
    schedule=None,
    catchup=False,
    tags=["example", "xchat"],
    params={"conversation_id": Param(GROUP, type="string", description="A group of yours")},
)
def example_xchat_wait_for_update() -> None:
    conversation = ChatConversationUpdatedSensor(
        task_id="wait_for_update",
        conversation_id="{{ params.conversation_id }}",
        updated_since="{{ dag_run.start_date }}",
        chat_conversation_fields=["group_name", "updated_at"],
        deferrable=True,
        poke_interval=60,
        timeout=60 * 60,
    )

    @task
    def tell(answer: dict[str, Any]) -> str:
        (found,) = answer["data"]
        text = f"{found.get('group_name', '(no name)')} was updated at {found['updated_at']}"
        print(text)
        return text

    tell(conversation.output)


example_xchat_wait_for_update()

if AssetWatcher is not None:
    group = Asset(
        "example_xchat_group",
        watchers=[
            AssetWatcher(
                name="example_xchat_group_updates",
                trigger=ChatConversationUpdatedTrigger(conversation_id=GROUP, poll_interval=60),
            )
        ],
    )

    @dag(schedule=[group], catchup=False, tags=["example", "xchat"])
    def example_xchat_watch_updates() -> None:
        @task
        def tell(triggering_asset_events: Any = None) -> list[str]:
            changes = [event.extra["payload"] for event in triggering_asset_events[group]]
            texts = [f"{change['conversation_id']} was updated at {change['updated_at']}" for change in changes]
            print("\n".join(texts))
            return texts

        tell()

    example_xchat_watch_updates()
