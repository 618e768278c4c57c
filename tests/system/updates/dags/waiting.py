"""DAGs that start by themselves, and wait for a conversation to change after that."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import dag

from airflow_provider_xchat.sensors.xchat import ChatConversationUpdatedSensor

START = datetime(2026, 1, 1, tzinfo=UTC)
SINCE = "{{ dag_run.start_date }}"

# A scheduler that is slow takes the end of a try for that of the next one when a task resumes within seconds, and fails
# it. On a busy machine that happens to sensors that look every second.
AGAIN = {"retries": 5, "retry_delay": timedelta(seconds=1)}


def waiting(number, mode):
    @dag(f"waiting_{mode}", schedule="@once", start_date=START, catchup=False)
    def one_sensor():
        ChatConversationUpdatedSensor(
            task_id="wait",
            conversation_id=f"{{{{ 'g910000000000000000{number}' }}}}",
            updated_since=SINCE,
            chat_conversation_fields=["group_name"],
            mode="poke" if mode == "deferrable" else mode,
            deferrable=mode == "deferrable",
            poke_interval=1,
            timeout=200,
            **AGAIN,
        )

    return one_sensor()


@dag(schedule="@once", start_date=START, catchup=False)
def in_vain():
    arguments = {
        "conversation_id": "g9100000000000000004",
        "updated_since": SINCE,
        "deferrable": True,
        "poke_interval": timedelta(seconds=1),
        "timeout": 3,
        **AGAIN,
    }
    ChatConversationUpdatedSensor(task_id="fails", **arguments)
    ChatConversationUpdatedSensor(task_id="is_skipped", soft_fail=True, **arguments)


for number, mode in enumerate(("poke", "reschedule", "deferrable"), start=1):
    waiting(number, mode)
in_vain()
