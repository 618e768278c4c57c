"""Whatever an id holds, it stays an id: no request reaches another route than the one it was sent to."""

from collections.abc import Callable

import pytest

from xchat_sandbox import Sandbox

BODY = b'{"seen_until_sequence_id":"1"}'


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("POST", "/2/chat/conversations/900000001%2Fread", 405),
        ("POST", "/2/chat/conversations/900000001%2fread", 405),
        ("GET", "/2/chat/conversations/900000001%2Fread", 400),
        ("GET", "/2/chat/conversations/..%2F..%2F..%2F_sandbox%2Frequests", 400),
        ("GET", "/2/chat/conversations/900000001%3Fexpansions=x", 400),
        ("GET", "/2/chat/conversations/900000001%00", 400),
        ("GET", "/2/chat/conversations/900000001%0A", 400),
        ("GET", "/2/chat/conversations/%FF", 400),
        ("GET", "/2/chat/conversations/%", 400),
        ("GET", "/2/chat/conversations/..", 400),
        ("GET", "/2/chat/conversations/.", 400),
        ("GET", "/2/chat/conversations/%2E%2E", 400),
        ("POST", "/2/chat/conversations/../read", 400),
        ("GET", "/2/chat/conversations/../../../_sandbox/requests", 404),
        ("GET", "/2/chat/conversations/../../../_sandbox%2Frequests", 404),
        ("POST", "/2/chat/conversations/../../../_sandbox/reset", 404),
        ("GET", "/%5Fsandbox/requests", 404),
        ("GET", "/2/chat/conversations//", 404),
        ("GET", "/2/chat/conversations/", 404),
        ("GET", "/2/chat/conversations", 404),
        ("GET", "/2/chat/conversations/900000001/", 404),
        ("POST", "/2/chat/conversations/900000001/read/", 404),
        ("POST", "/2/chat/conversations//read", 404),
        ("GET", "//2/chat/conversations/900000001", 404),
        ("GET", "/2/CHAT/conversations/900000001", 404),
        ("GET", "/", 404),
    ],
)
def test_an_id_cannot_leave_its_segment(
    sandbox: Sandbox,
    send_raw: Callable[..., tuple[int, str]],
    method: str,
    target: str,
    status: int,
) -> None:
    body = BODY if method == "POST" else None
    assert send_raw(method, target, body) == (status, "application/problem+json")
    assert sandbox.read_marks() == {}
    assert len(sandbox.requests()) == 1


def test_an_escaped_id_is_the_same_id(sandbox: Sandbox, send_raw: Callable[..., tuple[int, str]]) -> None:
    assert send_raw("POST", "/2/chat/conversations/%67900000000000000020%31/read", BODY)[0] == 200
    assert sandbox.read_marks() == {"g9000000000000000201": "1"}
    assert sandbox.requests()[0]["path"] == "/2/chat/conversations/g9000000000000000201/read"
    assert sandbox.requests()[0]["path_raw"] == "/2/chat/conversations/%67900000000000000020%31/read"
