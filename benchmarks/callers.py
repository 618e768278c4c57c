"""
Calls X's two operations over and over in one way, and says what that took; each way is a fresh process.

``python -m benchmarks.callers WAY URL COUNT`` prints JSON: seconds and seconds of CPU time, for gets and for marks;
with ``--profile`` instead which part of the time of gets each package takes.
All ways send the same path, query, body and token, and end with the answer's JSON as a dict; X's SDK with its model.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

from benchmarks.profiling import shares

CONVERSATION, MESSAGE, TOKEN = "g1800000000000000000", "1987654321987654399", "benchmark-token"
# Another one each time, so that nothing is gained by remembering whole requests.
CONVERSATIONS = [f"g{1_800_000_000_000_000_000 + number}" for number in range(1000)]
FIELDS = ["created_at", "group_name", "is_muted", "type", "updated_at"]
EXPANSIONS = ["participant_ids"]
USER_FIELDS = ["created_at", "name", "public_metrics", "username"]

Call = Callable[[str], Any]


def plain_httpx(url: str) -> tuple[Call, Call]:
    """Call with httpx alone, as its documentation shows it."""
    import httpx

    client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    path = "/2/chat/conversations"

    def get(conversation: str) -> Any:
        return client.get(f"{path}/{conversation}", params=query()).raise_for_status().json()

    def mark(conversation: str) -> Any:
        return (
            client.post(f"{path}/{conversation}/read", json={"seen_until_sequence_id": MESSAGE})
            .raise_for_status()
            .json()
        )

    return get, mark


def plain_requests(url: str) -> tuple[Call, Call]:
    """Call with requests alone, likewise."""
    import requests

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    path = f"{url}/2/chat/conversations"

    def read(response: requests.Response) -> Any:
        response.raise_for_status()
        return response.json()

    def get(conversation: str) -> Any:
        return read(session.get(f"{path}/{conversation}", params=query(), timeout=30))

    def mark(conversation: str) -> Any:
        return read(session.post(f"{path}/{conversation}/read", json={"seen_until_sequence_id": MESSAGE}, timeout=30))

    return get, mark


def xdk(url: str) -> tuple[Call, Call]:
    """Call with X's own SDK, whose answers are pydantic models: there is no way past them."""
    from xdk import Client  # type: ignore[import-not-found]
    from xdk.chat.models import MarkConversationReadRequest  # type: ignore[import-not-found]

    chat = Client(base_url=url, access_token=TOKEN).chat
    body = MarkConversationReadRequest(seen_until_sequence_id=MESSAGE)

    def get(conversation: str) -> Any:
        return chat.get_conversation(conversation, FIELDS, EXPANSIONS, USER_FIELDS)

    def mark(conversation: str) -> Any:
        return chat.mark_conversation_read(conversation, body)

    return get, mark


def generated(url: str) -> tuple[Call, Call]:
    """Call with the generated client, and take the raw JSON."""
    from xchat_client import Client
    from xchat_client.api.chat import get_chat_conversation, mark_chat_conversation_read
    from xchat_client.models import MarkChatConversationReadRequest

    client = Client(url, token=TOKEN)

    def get(conversation: str) -> Any:
        return get_chat_conversation.sync_detailed(
            conversation,
            client=client,
            expansions=EXPANSIONS,
            chat_conversation_fields=FIELDS,
            user_fields=USER_FIELDS,
        ).json()

    def mark(conversation: str) -> Any:
        body = MarkChatConversationReadRequest(seen_until_sequence_id=MESSAGE)
        return mark_chat_conversation_read.sync_detailed(conversation, client=client, body=body).json()

    return get, mark


def hook(url: str) -> tuple[Call, Call]:
    """Call with the hook: checks, limits, attempts and a deadline are on top."""
    os.environ["AIRFLOW_CONN_XCHAT_DEFAULT"] = json.dumps({"conn_type": "xchat", "host": url, "password": TOKEN})
    from airflow_provider_xchat.hooks.xchat import XChatHook

    hook = XChatHook()

    def get(conversation: str) -> Any:
        return hook.get_conversation(
            conversation, chat_conversation_fields=FIELDS, expansions=EXPANSIONS, user_fields=USER_FIELDS
        )

    def mark(conversation: str) -> Any:
        return hook.mark_conversation_read(conversation, MESSAGE)

    return get, mark


def query() -> dict[str, str]:
    """Write the query as X's document says: lists as one value each."""
    return {
        "chat_conversation.fields": ",".join(FIELDS),
        "expansions": ",".join(EXPANSIONS),
        "user.fields": ",".join(USER_FIELDS),
    }


WAYS = {"httpx": plain_httpx, "requests": plain_requests, "xdk": xdk, "generated client": generated, "hook": hook}


def measured(call: Call, count: int) -> dict[str, float]:
    """Call, and say what it took."""
    all_of(call, 20)  # connections, caches
    began, cpu = time.perf_counter(), time.process_time()
    all_of(call, count)
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}


def all_of(call: Call, count: int) -> None:
    """Call for one conversation after the other."""
    for conversation in islice(cycle(CONVERSATIONS), count):
        call(conversation)


def as_dict(answer: Any) -> Any:
    """Make a dict of a model."""
    return answer if isinstance(answer, dict) else answer.model_dump()


def main() -> None:
    """Print what it took."""
    way, url, count = sys.argv[1:4]
    get, mark = WAYS[way](url)
    if not as_dict(get(CONVERSATION))["data"] or as_dict(mark(CONVERSATION))["data"]["success"] is not True:
        sys.exit("another answer than expected")
    if sys.argv[4:] == ["--profile"]:
        all_of(get, 20)
        print(json.dumps(shares(lambda: all_of(get, int(count)))))
        return
    print(json.dumps({"get": measured(get, int(count)), "mark": measured(mark, int(count))}))


if __name__ == "__main__":
    main()
