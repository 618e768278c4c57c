"""The generated client, without Airflow."""

import os

from xchat_client import Client
from xchat_client.api.chat import get_chat_conversation

with Client(os.environ["XCHAT_URL"], token=os.environ["XCHAT_ACCESS_TOKEN"]) as client:
    answer = get_chat_conversation.sync_detailed(
        "g9000000000000000201", client=client, chat_conversation_fields=["group_name", "updated_at"]
    )

print(answer.status_code, answer.headers["x-rate-limit-remaining"])  # of any answer; answer.content has its bytes
print(answer.json()["data"]["group_name"])  # the JSON as it came
print(answer.parsed.data.updated_at)  # the typed model of a success, else None
