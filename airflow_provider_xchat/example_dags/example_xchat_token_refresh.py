"""
Refresh an X Chat token in one place.

This DAG is optional: a task refreshes its token when the token expires soon, and only one task refreshes at a time. Use
this DAG if you prefer one place that refreshes, for example to attach an alert to its failure.

X's tokens expire after two hours. Every half hour, this DAG replaces a token that expires within 90 minutes. So there
is time for another run if one fails, and no other task has to wait for a refresh.

The connection needs a refresh token, which ``xchat login --conn-id xchat_default`` writes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# If you need only Airflow 3, import this from airflow.sdk.
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
