"""An error answer of any kind gives back its status, headers and bytes; nothing on the way parses it."""

from __future__ import annotations

import gzip
import itertools

import httpx
import pytest

BODIES = {
    "problem": b'{"type": "https://api.twitter.com/2/problems/resource-not-found", "title": "Not Found"}',
    "legacy": b'{"errors": [{"code": 88, "message": "Rate limit exceeded"}]}',
    "flat": b'{"code": 7, "message": "no"}',
    "text": b"upstream connect error",
    "html": b"<html><body>Bad gateway</body></html>",
    "empty": b"",
    "truncated": b'{"type": "https://api.twi',
    "null": b"null",
    "binary": bytes(range(256)),
}
CONTENT_TYPES = ["application/problem+json", "application/json", "text/plain", "text/html", None, "nonsense"]
STATUSES = [300, 304, 400, 401, 402, 403, 404, 418, 429, 499, 500, 502, 503, 520, 599, 777]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("name", BODIES)
def test_status_headers_and_bytes_come_back(wire, get, mark, name, content_type, connect):
    body = BODIES[name]
    client = connect()
    for call, status in itertools.product((get, mark), STATUSES):
        if status == 304 and body:  # such an answer has no body
            continue
        wire.says(status, body, content_type, {"x-rate-limit-reset": "1789", "x-transaction-id": "t"})
        answer = call("1", client=client)
        assert answer.status_code == status
        assert answer.content == body
        assert answer.headers["X-Rate-Limit-Reset"] == "1789"
        assert answer.headers["content-type" if content_type else "x-transaction-id"] == content_type or "t"
        assert answer.parsed is None
        assert isinstance(answer.text, str)


@pytest.mark.contract
def test_the_plain_functions_give_none_for_an_error(wire, connect):
    from xchat_client.api.chat import get_chat_conversation

    wire.says(404, BODIES["problem"])
    with connect() as client:
        assert get_chat_conversation.sync("1", client=client) is None


def test_a_compressed_body_is_unpacked(wire, get, connect):
    wire.says(503, gzip.compress(b'{"title": "busy"}'), headers={"content-encoding": "gzip"})
    assert get("1", client=connect()).json() == {"title": "busy"}


def test_a_body_that_is_not_compressed_although_its_header_says_so_comes_back_as_it_is(wire, get, connect):
    for encoding in ("gzip", "deflate", "br", "zstd", "x-unknown"):
        wire.says(502, b"<html>", "text/html", {"content-encoding": encoding})
        answer = get("1", client=connect())
        assert (answer.status_code, answer.content) == (502, b"<html>")


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", b"nonsense\r\n\r\n"],
    ids=["nothing", "cut off", "not HTTP"],
)
def test_no_whole_answer_is_a_transport_error(wire, get, answer, connect):
    wire.answer = answer
    with pytest.raises(httpx.TransportError):
        get("1", client=connect())
