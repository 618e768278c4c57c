import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from xchat_sandbox import Sandbox, running_sandbox

Post = Callable[..., httpx.Response]


def rotations(sandbox: Sandbox) -> int:
    refreshes: int = sandbox.chains()[0]["refreshes"]
    return refreshes


def test_a_status_comes_before_anything_is_done(sandbox: Sandbox, refresh: Post) -> None:
    token = sandbox.grant().refresh_token
    assert sandbox.token_faults([{"kind": "status", "status": 503}]) == 1
    answer = refresh(sandbox, token)
    assert (answer.status_code, answer.content) == (503, b"")
    assert sandbox.token_faults() == 0
    assert refresh(sandbox, token).status_code == 200
    assert [entry["status"] for entry in sandbox.token_requests()] == [503, 200]


def test_a_status_may_come_with_headers(sandbox: Sandbox, refresh: Post) -> None:
    sandbox.token_faults([{"kind": "status", "status": 307, "headers": {"location": "http://127.0.0.1:1/"}}])
    answer = refresh(sandbox, "any")
    assert (answer.status_code, answer.headers["location"]) == (307, "http://127.0.0.1:1/")


def test_a_connection_is_dropped_before_anything_is_done(sandbox: Sandbox, refresh: Post) -> None:
    token = sandbox.grant().refresh_token
    sandbox.token_faults([{"kind": "drop-before"}])
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        refresh(sandbox, token)
    assert rotations(sandbox) == 0
    assert refresh(sandbox, token).status_code == 200
    assert [entry["status"] for entry in sandbox.token_requests()] == [None, 200]
    assert [entry["status"] for entry in sandbox.requests()] == [None, 200]


def test_a_connection_is_dropped_after_the_rotation(sandbox: Sandbox, refresh: Post) -> None:
    token = sandbox.grant().refresh_token
    sandbox.token_faults([{"kind": "rotate-then-drop"}])
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        refresh(sandbox, token)
    assert rotations(sandbox) == 1
    assert refresh(sandbox, token).status_code == 400


def test_an_answer_is_late_after_the_rotation(sandbox: Sandbox, refresh: Post) -> None:
    token = sandbox.grant().refresh_token
    sandbox.token_faults([{"kind": "rotate-then-delay", "seconds": 0.5}])
    start = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(refresh, sandbox, token)
        while rotations(sandbox) == 0:
            time.sleep(0.01)
        assert refresh(sandbox, token).status_code == 400
        assert not late.done()
        assert late.result().status_code == 200
    assert time.monotonic() - start >= 0.5


def test_a_request_is_held_up_before_the_rotation(sandbox: Sandbox, refresh: Post) -> None:
    token = sandbox.grant().refresh_token
    sandbox.token_faults([{"kind": "delay", "seconds": 0.5}])
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(refresh, sandbox, token)
        while not sandbox.token_requests():
            time.sleep(0.01)
        assert refresh(sandbox, token).status_code == 200
        assert late.result().status_code == 400


def test_a_client_that_does_not_wait_loses_the_rotation(sandbox: Sandbox) -> None:
    token = sandbox.grant().refresh_token
    sandbox.token_faults([{"kind": "rotate-then-delay", "seconds": 0.2}])
    form = {"grant_type": "refresh_token", "client_id": "sandbox-public-client", "refresh_token": token}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{sandbox.url}/2/oauth2/token", data=form, timeout=0.1)
    assert rotations(sandbox) == 1


def test_any_body_can_be_answered(sandbox: Sandbox, refresh: Post) -> None:
    token = sandbox.grant().refresh_token
    huge = "x" * 5_000_000
    sandbox.token_faults(
        [
            {"kind": "body", "content_type": "text/html", "body": "<html>", "status": 200},
            {"kind": "body", "content_type": "application/json", "body": huge, "status": 500},
        ]
    )
    answer = refresh(sandbox, token)
    assert (answer.status_code, answer.text) == (200, "<html>")
    assert answer.headers["content-type"].startswith("text/html")
    answer = refresh(sandbox, token)
    assert (answer.status_code, answer.text) == (500, huge)
    assert answer.headers["content-type"] == "application/json"
    assert rotations(sandbox) == 0


def test_members_of_a_good_answer_are_changed(sandbox: Sandbox, refresh: Post, works: Callable[..., bool]) -> None:
    token = sandbox.grant().refresh_token
    change = {"kind": "answer", "set": {"expires_in": -5, "new": None}, "remove": ["refresh_token", "scope"]}
    sandbox.token_faults([change, change])
    answer = refresh(sandbox, token).json()
    assert set(answer) == {"token_type", "expires_in", "access_token", "new"}
    assert answer["expires_in"] == -5
    assert works(sandbox, answer["access_token"])
    # An error is left alone.
    assert set(refresh(sandbox, token).json()) == {"error", "error_description"}


def test_each_fault_befalls_one_request_however_many_come_at_once(sandbox: Sandbox, refresh: Post) -> None:
    tokens = [sandbox.grant().refresh_token for _ in range(30)]
    assert sandbox.token_faults([{"kind": "status", "status": 503}] * 4) == 4
    assert sandbox.token_faults([{"kind": "status", "status": 502}] * 6) == 10
    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(lambda token: refresh(sandbox, token).status_code, tokens))
    assert (statuses.count(503), statuses.count(502), statuses.count(200)) == (4, 6, 20)
    # The queue is used up in order.
    assert [entry["status"] for entry in sandbox.token_requests()][:10] == [503] * 4 + [502] * 6


def test_faults_are_queued_over_http(sandbox: Sandbox, refresh: Post) -> None:
    url = f"{sandbox.url}/_sandbox/token-faults"
    answer = httpx.post(url, json=[{"kind": "status", "status": 502}, {"kind": "drop-before"}])
    assert (answer.status_code, answer.json()) == (200, {"waiting": 2})
    assert refresh(sandbox, "any").status_code == 502
    sandbox.reset()
    assert httpx.post(url, json=[]).json() == {"waiting": 0}


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "earthquake"},
        {"kind": ["status"]},
        {"kind": "status"},
        {"kind": "status", "status": 99},
        {"kind": "status", "status": "503"},
        {"kind": "status", "status": 503, "seconds": 1},
        {"kind": "status", "status": 503, "headers": {"a": "b\r\nc"}},
        {"kind": "delay"},
        {"kind": "delay", "seconds": -1},
        {"kind": "delay", "seconds": True},
        {"kind": "drop-before", "seconds": 1},
        {"kind": "body"},
        {"kind": "body", "body": "\ud800"},
        {"kind": "body", "body": "x", "status": 204},
        {"kind": "answer", "remove": "scope"},
        {"kind": "answer", "set": []},
        "drop-before",
    ],
)
def test_what_is_no_fault_is_refused_with_all_that_come_with_it(sandbox: Sandbox, fault: Any) -> None:
    faults = [{"kind": "drop-before"}, fault]
    with pytest.raises(ValueError, match="token fault"):
        sandbox.token_faults(faults)
    answer = httpx.post(f"{sandbox.url}/_sandbox/token-faults", content=json.dumps(faults))
    assert answer.status_code == 400
    assert "token fault" in answer.json()["detail"]
    assert sandbox.token_faults() == 0


def test_what_is_no_json_cannot_be_set(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="out of range: set"):
        sandbox.token_faults([{"kind": "answer", "set": {"expires_in": float("nan")}}])


def test_a_request_that_is_held_up_does_not_hold_up_the_end(refresh: Post, caplog: pytest.LogCaptureFixture) -> None:
    with ThreadPoolExecutor(1) as pool:
        with running_sandbox() as sandbox:
            sandbox.token_faults([{"kind": "delay", "seconds": 60}])
            late = pool.submit(refresh, sandbox, "any")
            while not sandbox.token_requests():
                time.sleep(0.01)
            leaving = time.monotonic()
        assert time.monotonic() - leaving < 3
        with pytest.raises(httpx.TransportError):
            late.result()
    assert "Traceback" not in caplog.text
