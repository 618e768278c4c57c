"""A task that Airflow ends while it fetches; its arguments come from the environment, as JSON."""

import json
import os
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator
from xchat_sandbox import generated_ids

arguments = json.loads(os.environ["XCHAT_ARGUMENTS"])
seconds = arguments.pop("execution_timeout", None)

with DAG("ending", schedule=None, start_date=datetime(2026, 1, 1)):  # noqa: DTZ001  Airflow takes it for UTC
    GetChatConversationsOperator(
        task_id="many",
        conversation_ids=generated_ids(arguments.pop("count")),
        execution_timeout=None if seconds is None else timedelta(seconds=seconds),
        **arguments,
    )
