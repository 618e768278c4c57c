"""
Keep an X Chat token fresh from one place.

It is not needed: a task that finds its token about to expire refreshes it, and no two tasks do so at once. It is for
fleets that would rather have their tokens refreshed by a DAG of its own, where an alarm may hang on a failure. X's
tokens last for two hours. This DAG replaces one that has less than 90 minutes to go, every half an hour, so that one
that failed leaves time for another, and no other task ever has to wait for a refresh.

The connection needs a refresh token: ``xchat login --conn-id xchat_default`` puts it there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# In Airflow 3 alone, this comes from airflow.sdk.
from airflow.providers.common.compat.sdk import dag

from airflow_provider_xchat.operators.xchat import RefreshXChatTokenOperator


@dag(
    schedule="*/30 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    doc_md=__doc__,
    tags=["example", "xchat"],
)
def example_xchat_token_refresh() -> None:
    RefreshXChatTokenOperator(task_id="refresh_token", min_remaining=timedelta(minutes=90))


example_xchat_token_refresh()
