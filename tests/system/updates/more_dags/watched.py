"""DAGs that run when a conversation changes; two watchers of the same one."""

from airflow.sdk import Asset, AssetWatcher, dag, task

from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger

for name, failures in (("one", 5), ("another", 6)):
    trigger = ChatConversationUpdatedTrigger(
        conversation_id="g9100000000000000005", poll_interval=1, max_failures=failures
    )
    asset = Asset(f"{name}_conversation", watchers=[AssetWatcher(name=f"{name}_watcher", trigger=trigger)])

    @dag(f"watched_by_{name}", schedule=[asset], catchup=False)
    def watched():
        @task
        def names(triggering_asset_events=None):
            events = [event for events in triggering_asset_events.values() for event in events]
            return [event.extra["payload"]["conversation"]["data"][0]["group_name"] for event in events]

        names()

    watched()
