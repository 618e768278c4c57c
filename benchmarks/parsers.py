"""
Reads an answer of getChatConversation over and over in one way, and says what that took; each way is a fresh process.

``python -m benchmarks.parsers WAY CONVERSATIONS USERS STOCK [--short]`` prints JSON; STOCK is the folder of the
generator's own client.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from benchmarks.answering import conversation

Parse = Callable[[bytes], Any]

# As many rounds of at least so long (seconds) each, of which the fastest counts: a parse is a pure function.
ROUNDS, AT_LEAST = 5, 0.1


def json_alone() -> Parse:
    """Read JSON, as the floor of what is not typed."""
    return json.loads


def raw() -> Parse:
    """Read it by way of the generated client's raw path."""
    from xchat_client.types import Response

    def parse(content: bytes) -> Any:
        return Response(status_code=200, content=content, headers={}, read=lambda _: None).json()

    return parse


def ours() -> Parse:
    """Read it into the generated client's models."""
    from xchat_client.models import GetChatConversationResponse

    return lambda content: GetChatConversationResponse.from_dict(json.loads(content))


def stock() -> Parse:
    """Read it into the models that the generator makes of the same document with its own templates."""
    sys.path.insert(0, sys.argv[4])
    from stock_client.models import GetChatConversationResponse  # type: ignore[import-not-found]

    def parse(content: bytes) -> Any:
        return GetChatConversationResponse.from_dict(json.loads(content))

    return parse


def xdk() -> Parse:
    """Read it into the pydantic models of X's own SDK: those of many conversations take a list."""
    from xdk.chat.models import GetConversationsResponse  # type: ignore[import-not-found]

    return lambda content: GetConversationsResponse.model_validate(json.loads(content))


def pydantic() -> Parse:
    """Read it into pydantic models of what the answer has."""
    validate = pydantic_answer().model_validate
    return lambda content: validate(json.loads(content))


def pydantic_bytes() -> Parse:
    """Read it into the same models straight from the bytes, without the JSON as a dict."""
    parse: Parse = pydantic_answer().model_validate_json
    return parse


def pydantic_answer() -> Any:
    """Make pydantic models of what the answer has."""
    from pydantic import create_model

    def make(name: str, members: dict[str, Any]) -> Any:
        fields: dict[str, Any] = {each: (kind, ...) for each, kind in members.items()}
        return create_model(name, **fields)

    return answer_type(make)


def msgspec() -> Parse:
    """Read it into msgspec's structs of what the answer has, straight from the bytes: the floor of what is typed."""
    from msgspec import defstruct
    from msgspec.json import Decoder

    return Decoder(answer_type(lambda name, members: defstruct(name, list(members.items())))).decode


def answer_type(make: Callable[[str, dict[str, Any]], Any]) -> Any:
    """Make types of an answer's objects; dates of users are dates, as in X's document."""
    counts = ("followers_count", "following_count", "tweet_count", "post_count", "listed_count")
    metrics = make("Metrics", dict.fromkeys(counts, int))
    place: Any = make("Place", {"start": int, "end": int, "url": str, "expanded_url": str, "display_url": str})
    entities = make("Entities", {"url": make("Url", {"urls": list[place]})})
    texts = ("id", "name", "username", "description", "location", "url", "profile_image_url", "verified_type")
    flags = {"protected": bool, "verified": bool}
    parts = {"created_at": datetime, "public_metrics": metrics, "entities": entities}
    user: Any = make("User", {**dict.fromkeys(texts, str), **flags, **parts})
    names = ("id", "type", "group_name", "group_avatar_url", "created_at", "updated_at")
    members = dict.fromkeys(("admin_ids", "member_ids", "participant_ids"), list[str])
    flags = dict.fromkeys(("is_muted", "screen_capture_blocking_enabled", "screen_capture_detection_enabled"), bool)
    group: Any = make("Group", {**dict.fromkeys(names, str), **members, **flags})
    return make("Answer", {"data": list[group], "includes": make("Includes", {"users": list[user]})})


WAYS = {
    "json.loads": json_alone,
    "xchat_client, raw": raw,
    "xchat_client": ours,
    "stock generator": stock,
    "xdk": xdk,
    "pydantic, lean": pydantic,
    "pydantic, lean, from bytes": pydantic_bytes,
    "msgspec": msgspec,
}


def main() -> None:
    """Print what it took."""
    way, conversations, users = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    content = json.dumps(conversation(conversations, users)).encode()
    parse = WAYS[way]()
    parse(content)
    rounds, at_least = (1, 0.0) if sys.argv[5:] == ["--short"] else (ROUNDS, AT_LEAST)
    fastest = min(timed(parse, content, at_least) for _ in range(rounds))
    print(json.dumps({"seconds": fastest, "bytes": len(content)}))


def timed(parse: Parse, content: bytes, at_least: float) -> float:
    """Parse for a while, and say how long one time took."""
    count, began = 0, time.perf_counter()
    while True:
        parse(content)
        count += 1
        took = time.perf_counter() - began
        if took >= at_least:
            return took / count


if __name__ == "__main__":
    main()
