"""Refresh tokens in a script; several processes can run at the same time."""

import os

from xchat_client import Client
from xchat_client.api.chat import get_chat_conversation

from airflow_provider_xchat.tokens import FileTokenStore, Grant
from airflow_provider_xchat.tokens.auth import XChatAuth
from airflow_provider_xchat.tokens.rotation import RotatingTokens

url = os.environ.get("XCHAT_URL", "https://api.x.com")
grant = Grant(client_id=os.environ["XCHAT_CLIENT_ID"], refresh_token=os.environ["XCHAT_REFRESH_TOKEN"])
tokens = RotatingTokens(grant, FileTokenStore(os.environ["XCHAT_TOKEN_FOLDER"]), base_url=url)

with Client(url, auth=XChatAuth(tokens)) as client:
    response = get_chat_conversation.sync_detailed("g9000000000000000201", client=client)
print(response.status_code)
