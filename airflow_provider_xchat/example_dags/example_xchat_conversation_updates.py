"""
Wait for updates of an X Chat group in two ways.

A sensor waits inside a DAG run for an update after the start of the run. It is deferred, so it holds no worker slot. An
asset watcher waits outside of DAG runs: Airflow 3 starts a run for each update of the group, and passes X's response to
it. Both poll X once a minute, and each poll costs a request. X reports ``updated_at`` only for groups.
"""

from __future__ import annotations

from typing import Any

# If you need only Airflow 3, import these from airflow.sdk.
from airflow.providers.common.compat.sdk import Asset, Param, dag, task

from airflow_provider_xchat.sensors.xchat import ChatConversationUpdatedSensor
from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger

try:
    from airflow.sdk import AssetWatcher
except ImportError:  # Airflow 2.11 has no asset watchers
    AssetWatcher = None  # type: ignore[assignment, misc]

GROUP = "g9000000000000000201"


@dag(
    schedule=None,
    catchup=False,
    tags=["example", "xchat"],
    params={"conversation_id": Param(GROUP, type="string", description="Id of one of your groups")},
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
    def report(response: dict[str, Any]) -> str:
        (found,) = response["data"]
        text = f"{found.get('group_name', '(no name)')} was updated at {found['updated_at']}"
        print(text)
        return text

    report(conversation.output)


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
        def report(triggering_asset_events: Any = None) -> list[str]:
            updates = [event.extra["payload"] for event in triggering_asset_events[group]]
            texts = [f"{update['conversation_id']} was updated at {update['updated_at']}" for update in updates]
            print("\n".join(texts))
            return texts

        report()

    example_xchat_watch_updates()
