"""A task's process: fetches as many conversations as it is told to, and prints what came of it."""

import json
import sys
from types import SimpleNamespace

from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator
from xchat_sandbox import generated_ids

count, try_number, path = sys.argv[1:]
ti = SimpleNamespace(dag_id="d", run_id="r", task_id="many", map_index=-1, try_number=int(try_number), max_tries=3)
operator = GetChatConversationsOperator(
    task_id="many", conversation_ids=list(generated_ids(int(count))), max_concurrency=8, output_path=path or None
)
result = operator.call_api({"ti": ti})
print(json.dumps({name: result[name] for name in ("requested", "fetched", "failed")}))  # noqa: T201
