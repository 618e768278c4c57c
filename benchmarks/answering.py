"""
A server that answers X's two operations with bytes made beforehand, so that what is measured is the caller.

A process of its own: ``python -m benchmarks.answering [--list]`` prints its URL, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from email.utils import formatdate
from typing import Any

USERS = 5


def conversation(conversations: int | None = None, users: int = USERS) -> dict[str, Any]:
    """
    Make an answer of getChatConversation.

    :param conversations: how many it has in a list; None for one that stands alone, as X sends it
    :param users: how many users it includes
    """
    ids = [str(1_500_000_000_000_000_000 + number) for number in range(users)]
    groups = [
        {
            "id": f"g{1_800_000_000_000_000_000 + number}",
            "type": "group",
            "group_name": f"Group {number}",
            "group_avatar_url": f"https://ton.example/avatars/{number}.jpg",
            "is_muted": False,
            "admin_ids": ids[:2],
            "member_ids": ids,
            "participant_ids": ids,
            "screen_capture_blocking_enabled": True,
            "screen_capture_detection_enabled": False,
            "created_at": "2026-01-02T03:04:05.000Z",
            "updated_at": "2026-07-08T09:10:11.000Z",
        }
        for number in range(conversations or 1)
    ]
    return {
        "data": groups[0] if conversations is None else groups,
        "includes": {"users": [user(number, each) for number, each in enumerate(ids)]},
    }


def user(number: int, identifier: str) -> dict[str, Any]:
    """Make a user with what the expansions of a conversation give."""
    return {
        "id": identifier,
        "name": f"User {number}",
        "username": f"user_{number}",
        "created_at": "2019-05-06T07:08:09.000Z",
        "description": "Reads, writes, and waits for neither. " * 2,
        "location": "Somewhere",
        "url": "https://t.example/abc",
        "profile_image_url": f"https://pbs.example/profile_images/{number}/normal.jpg",
        "protected": False,
        "verified": True,
        "verified_type": "blue",
        # Both names of one count: X's documents changed it, and its SDK refuses a user without the new one.
        "public_metrics": {
            "followers_count": 1234,
            "following_count": 56,
            "tweet_count": 7890,
            "post_count": 7890,
            "listed_count": 12,
        },
        "entities": {
            "url": {
                "urls": [
                    {
                        "start": 0,
                        "end": 23,
                        "url": "https://t.example/abc",
                        "expanded_url": "https://example.org/",
                        "display_url": "example.org",
                    }
                ]
            }
        },
    }


def canned(body: Any) -> bytes:
    """Make a whole answer, with the headers that X is known to send."""
    content = json.dumps(body).encode()
    now = time.time()
    head = (
        "HTTP/1.1 200 OK\r\n"
        f"date: {formatdate(now, usegmt=True)}\r\n"
        "content-type: application/json; charset=utf-8\r\n"
        f"content-length: {len(content)}\r\n"
        "x-rate-limit-limit: 1000000\r\n"
        "x-rate-limit-remaining: 999999\r\n"
        f"x-rate-limit-reset: {int(now) + 890}\r\n"
        "x-transaction-id: 0123456789abcdef\r\n"
        "cache-control: no-cache, no-store, max-age=0\r\n"
        "\r\n"
    )
    return head.encode() + content


class Answering(asyncio.Protocol):
    """Answers one connection: whatever is read with the conversation, whatever is posted with a mark."""

    got = canned(conversation(1 if "--list" in sys.argv else None))
    marked = canned({"data": {"success": True}})

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go to."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is there as a whole."""
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            post = self._pending.startswith(b"POST")
            end += 4 + (content_length(self._pending[:end]) if post else 0)
            if len(self._pending) < end:
                return
            self._pending = self._pending[end:]
            self._transport.write(self.marked if post else self.got)


def content_length(head: bytes) -> int:
    """Read how long a body is."""
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


async def main() -> None:
    """Answer until nobody holds the other end of standard input."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
