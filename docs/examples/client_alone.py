"""Use the generated client without Airflow."""

import os

from xchat_client import Client
from xchat_client.api.chat import get_chat_conversation

with Client(os.environ["XCHAT_URL"], token=os.environ["XCHAT_ACCESS_TOKEN"]) as client:
    response = get_chat_conversation.sync_detailed(
        "g9000000000000000201", client=client, chat_conversation_fields=["group_name", "updated_at"]
    )

print(response.status_code, response.headers["x-rate-limit-remaining"])  # response.content contains the bytes
print(response.json()["data"]["group_name"])  # the JSON, unchanged
print(response.parsed.data.updated_at)  # the typed model of a success, None for an error
