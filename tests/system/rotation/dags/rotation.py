"""DAGs that start by themselves: the first task of each finds a token that is due, and the others what it left."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import chain, dag
from deferred_conversation import DeferredConversationOperator

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator, RefreshXChatTokenOperator

GROUP = "g9000000000000000201"
START = datetime(2026, 1, 1, tzinfo=UTC)
# A busy scheduler fails a task whose trigger fires before it has noticed that the worker is gone.
AGAIN = {"retries": 2, "retry_delay": timedelta(seconds=1)}


@dag(schedule="@once", start_date=START, catchup=False)
def operators():
    chain(
        GetChatConversationOperator(task_id="first", conversation_id=GROUP, xchat_conn_id="xchat_operators"),
        GetChatConversationOperator(task_id="second", conversation_id=GROUP, xchat_conn_id="xchat_operators"),
    )


@dag(schedule="@once", start_date=START, catchup=False, default_args=AGAIN)
def triggers():
    chain(
        DeferredConversationOperator(task_id="first", conversation_id=GROUP, connection="xchat_triggers"),
        DeferredConversationOperator(task_id="second", conversation_id=GROUP, connection="xchat_triggers"),
    )


@dag(schedule="@once", start_date=START, catchup=False)
def refresher():
    chain(
        RefreshXChatTokenOperator(task_id="first", xchat_conn_id="xchat_refresher"),
        RefreshXChatTokenOperator(
            task_id="second", min_remaining=timedelta(minutes=90), xchat_conn_id="xchat_{{ dag.dag_id }}"
        ),
        RefreshXChatTokenOperator(task_id="third", min_remaining="{{ 90 * 60 }}", xchat_conn_id="xchat_refresher"),
        GetChatConversationOperator(task_id="fourth", conversation_id=GROUP, xchat_conn_id="xchat_refresher"),
    )


@dag(schedule="@once", start_date=START, catchup=False)
def failures():
    GetChatConversationOperator(task_id="used_up", conversation_id=GROUP, xchat_conn_id="xchat_used_up")
    DeferredConversationOperator(task_id="used_up_in_trigger", conversation_id=GROUP, connection="xchat_used_up")
    # Its token has an hour to go, so that others would go on with it.
    RefreshXChatTokenOperator(task_id="still_good", xchat_conn_id="xchat_refusing_page")
    RefreshXChatTokenOperator(task_id="no_refresh_token", xchat_conn_id="xchat_static")
    RefreshXChatTokenOperator(task_id="no_number", min_remaining="{{ 'soon' }}", xchat_conn_id="xchat_static")


operators()
triggers()
refresher()
failures()
