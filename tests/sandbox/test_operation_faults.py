import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from xchat_sandbox import GROUP_ID, OTHER_GROUP_ID, Sandbox, running_sandbox

BODY = {"seen_until_sequence_id": "1"}
PROBLEMS = [
    "about:blank", "client-forbidden", "credits", "credits-depleted", "disallowed-resource", "field-hydration-failure",
    "field-unauthorized", "internal-error", "invalid-request", "not-authorized-for-field",
    "not-authorized-for-resource", "rate-limit-exceeded", "resource-not-found", "resource-unavailable",
    "unsupported-authentication", "usage-capped",
]  # fmt: skip


def remaining(answer: httpx.Response) -> str:
    left: str = answer.headers["x-rate-limit-remaining"]
    return left


def test_a_status_befalls_one_request_which_counts(sandbox: Sandbox, client: httpx.Client) -> None:
    assert sandbox.faults([{"kind": "status", "status": 503}]) == 1
    answers = [client.post(f"{GROUP_ID}/read", json=BODY), client.post(f"{OTHER_GROUP_ID}/read", json=BODY)]
    assert [answer.status_code for answer in answers] == [503, 200]
    assert answers[0].json() == {
        "type": "about:blank", "title": "Service Unavailable", "detail": "Service Unavailable", "status": 503,
    }  # fmt: skip
    assert [remaining(answer) for answer in answers] == ["899", "898"]
    assert sandbox.read_marks() == {OTHER_GROUP_ID: "1"}
    entries = sandbox.requests()
    assert [entry["status"] for entry in entries] == [503, 200]
    assert [entry["transaction_id"] for entry in entries] == [each.headers["x-transaction-id"] for each in answers]
    assert sandbox.faults() == 0


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_of_every_type_can_be_had(
    sandbox: Sandbox,
    client: httpx.Client,
    problem_errors: Callable[[dict[str, Any]], list[str]],
    problem: str,
) -> None:
    sandbox.faults([{"kind": "status", "status": 402, "problem": problem}])
    answer = client.get(GROUP_ID)
    assert answer.status_code == 402
    assert answer.headers["content-type"] == "application/problem+json"
    members = answer.json()
    assert members["status"] == 402
    assert members["title"] and members["detail"]
    assert members["type"].rpartition("/")[2] == problem
    assert problem_errors(members) == []


def test_errors_come_in_other_forms(sandbox: Sandbox, client: httpx.Client) -> None:
    forms = ["legacy", "flat", "html", "empty"]
    sandbox.faults([{"kind": "status", "status": 429, "form": form} for form in forms])
    legacy, flat, html, empty = [client.get(GROUP_ID) for _ in forms]
    error = {"code": 88, "message": "Too Many Requests"}
    assert legacy.json() == {"errors": [error]}
    assert flat.json() == error
    assert legacy.headers["content-type"] == flat.headers["content-type"] == "application/json"
    assert "429 Too Many Requests" in html.text
    assert html.headers["content-type"].startswith("text/html")
    assert (empty.status_code, empty.content) == (429, b"")
    assert "content-type" not in empty.headers


def test_a_status_without_a_name_or_a_body_can_be_had(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults([{"kind": "status", "status": 599}, {"kind": "status", "status": 204, "form": "empty"}])
    assert client.get(GROUP_ID).json()["status"] == 599
    assert client.get(GROUP_ID).status_code == 204


def test_headers_are_added_replaced_and_removed(sandbox: Sandbox, client: httpx.Client) -> None:
    headers = {
        "X-Rate-Limit-Remaining": "0",
        "x-rate-limit-reset": "soon",
        "x-rate-limit-limit": None,
        "retry-after": "7",
    }
    sandbox.faults(
        [
            {"kind": "status", "status": 429, "headers": headers},
            {"kind": "delay", "seconds": 0, "headers": {"x-transaction-id": None, "none-such": None}},
            {"kind": "body", "body": "", "headers": {"x-transaction-id": "mine"}},
        ]
    )
    answer = client.get(GROUP_ID)
    assert (remaining(answer), answer.headers["x-rate-limit-reset"], answer.headers["retry-after"]) == (
        "0",
        "soon",
        "7",
    )
    assert "x-rate-limit-limit" not in answer.headers
    answer = client.get(GROUP_ID)
    assert (answer.status_code, remaining(answer)) == (200, "898")
    assert "x-transaction-id" not in answer.headers
    assert client.get(GROUP_ID).headers["x-transaction-id"] == "mine"
    assert [entry["transaction_id"] for entry in sandbox.requests()][1:] == [None, "mine"]


def test_any_body_can_be_answered(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults(
        [
            {"kind": "body", "body": "<html>sign in</html>"},
            {"kind": "body", "body": '{"data":[]}', "content_type": "text/plain", "status": 201},
            {"kind": "body", "body": "\N{SNOWMAN}", "content_type": "application/json"},
        ]
    )
    answers = [client.get(GROUP_ID) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 201, 200]
    assert [answer.text for answer in answers] == ["<html>sign in</html>", '{"data":[]}', "\N{SNOWMAN}"]
    assert answers[0].headers["content-type"].startswith("text/html")
    assert answers[2].headers["content-type"] == "application/json"


def test_an_answer_may_be_partial(
    sandbox: Sandbox, client: httpx.Client, schema_errors: Callable[[str, Any], list[str]]
) -> None:
    error = {"title": "Odd", "type": "about:blank"}
    sandbox.faults([{"kind": "partial"}, {"kind": "partial", "errors": [error], "data": False}, {"kind": "partial"}])
    answer = client.get(GROUP_ID)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"id": GROUP_ID}
    assert schema_errors("GetChatConversationResponse", answer.json()) == []
    assert answer.json()["errors"][0]["type"].endswith("/resource-not-found")
    answer = client.post(f"{GROUP_ID}/read", json=BODY)
    assert (answer.status_code, answer.json()) == (200, {"errors": [error]})
    assert sandbox.read_marks() == {GROUP_ID: "1"}
    # A refusal is left alone.
    assert client.get("g77").json()["status"] == 404


def test_a_request_is_held_up_before_it_is_looked_at(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults([{"kind": "delay", "seconds": 0.3}])
    with ThreadPoolExecutor(1) as pool:
        start = time.monotonic()
        late = pool.submit(client.post, f"{GROUP_ID}/read", json=BODY)
        while not sandbox.requests():
            time.sleep(0.01)
        assert remaining(client.post(f"{OTHER_GROUP_ID}/read", json=BODY)) == "899"
        assert sandbox.read_marks() == {OTHER_GROUP_ID: "1"}
        assert remaining(late.result()) == "898"
    assert time.monotonic() - start >= 0.3
    assert sandbox.read_marks() == {OTHER_GROUP_ID: "1", GROUP_ID: "1"}


@pytest.mark.parametrize("kind", ["drip", "drip-headers"])
def test_an_answer_comes_in_drops(sandbox: Sandbox, client: httpx.Client, kind: str) -> None:
    usual = client.get(GROUP_ID)
    sandbox.faults([{"kind": kind, "bytes": 12, "seconds": 0.02}])
    with client.stream("GET", GROUP_ID) as answer:
        pieces = list(answer.iter_raw())
    assert len(pieces) >= 3
    assert b"".join(pieces) == usual.content
    assert answer.headers["content-type"] == "application/json"
    assert remaining(answer) == "898"
    # Whether the connection lives on or not: the next request is answered.
    assert client.get(GROUP_ID).status_code == 200
    assert [entry["status"] for entry in sandbox.requests()] == [200] * 3


def test_the_head_comes_in_drops_too(sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "drip-headers", "bytes": 5, "seconds": 0.005}])
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    received = []
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        lines = [
            f"GET /2/chat/conversations/{GROUP_ID} HTTP/1.1",
            f"host: {host}",
            "authorization: Bearer sandbox-token",
        ]
        head = "\r\n".join([*lines, "", ""])
        connection.sendall(head.encode())
        while piece := connection.recv(1000):
            received.append(piece)
    assert received[0] == b"HTTP/"
    assert len(received) > 20
    assert b"".join(received).startswith(b"HTTP/1.1 200 \r\n")
    assert b"".join(received).endswith(b'{"data":{"id":"g9000000000000000201"}}')


def test_a_client_that_leaves_a_drip_does_no_harm(
    sandbox: Sandbox, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults([{"kind": kind, "bytes": 1, "seconds": 0.2} for kind in ("drip", "drip-headers")])
    for _ in range(2):
        with pytest.raises(httpx.ReadTimeout):
            client.get(GROUP_ID, timeout=0.1)
    time.sleep(0.3)
    assert client.get(GROUP_ID).status_code == 200
    assert caplog.text == ""


def test_a_connection_is_dropped_before_anything_is_done(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults([{"kind": "drop-before"}])
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        client.post(f"{GROUP_ID}/read", json=BODY)
    assert sandbox.read_marks() == {}
    assert remaining(client.post(f"{GROUP_ID}/read", json=BODY)) == "899"
    assert [entry["status"] for entry in sandbox.requests()] == [None, 200]


def test_a_connection_is_dropped_after_all_is_done(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults([{"kind": "drop-after"}])
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        client.post(f"{GROUP_ID}/read", json=BODY)
    assert sandbox.read_marks() == {GROUP_ID: "1"}
    assert remaining(client.post(f"{GROUP_ID}/read", json=BODY)) == "898"
    assert [entry["status"] for entry in sandbox.requests()] == [None, 200]


def test_a_connection_is_reset_in_the_middle_of_a_body(sandbox: Sandbox, client: httpx.Client) -> None:
    length = len(client.get(GROUP_ID).content)
    sandbox.faults([{"kind": "reset"}])
    received = b""
    with client.stream("GET", GROUP_ID) as answer:
        assert (answer.status_code, answer.headers["content-length"]) == (200, str(length))
        with pytest.raises(httpx.ReadError):  # noqa: PT012 - what came before is looked at, too
            for piece in answer.iter_raw():
                received += piece
    assert len(received) == length // 2
    assert client.get(GROUP_ID).status_code == 200
    assert [entry["status"] for entry in sandbox.requests()] == [200, 200, 200]


def test_json_is_cut_off(sandbox: Sandbox, client: httpx.Client) -> None:
    whole = client.get(GROUP_ID).content
    sandbox.faults([{"kind": "truncated"}])
    answer = client.get(GROUP_ID)
    assert answer.content == whole[: len(whole) // 2]
    assert answer.headers["content-length"] == str(len(whole) // 2)
    assert answer.headers["content-type"] == "application/json"


def test_a_fault_may_befall_many_requests_or_all(sandbox: Sandbox, client: httpx.Client) -> None:
    assert sandbox.faults([{"kind": "status", "status": 500, "times": 2}]) == 1
    assert sandbox.faults([{"kind": "status", "status": 502, "times": None}]) == 2
    assert [client.get(GROUP_ID).status_code for _ in range(6)] == [500, 500, 502, 502, 502, 502]
    assert sandbox.faults() == 1
    sandbox.clear_faults()
    assert sandbox.faults() == 0
    assert client.get(GROUP_ID).status_code == 200


def test_a_fault_befalls_what_it_is_meant_for(sandbox: Sandbox, client: httpx.Client) -> None:
    mark = {"operation": "markChatConversationRead", "conversation_id": OTHER_GROUP_ID}
    sandbox.faults(
        [
            {"kind": "drop-before", **mark},
            {"kind": "status", "status": 500, "conversation_id": OTHER_GROUP_ID},
            {"kind": "status", "status": 502, "operation": "getChatConversation"},
        ]
    )
    assert client.post(f"{GROUP_ID}/read", json=BODY).status_code == 200
    assert [client.get(GROUP_ID).status_code for _ in range(2)] == [502, 200]
    assert [client.get(OTHER_GROUP_ID).status_code for _ in range(2)] == [500, 200]
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(f"{OTHER_GROUP_ID}/read", json=BODY)
    assert sandbox.faults() == 0


def test_who_is_not_let_in_leaves_a_fault_alone(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(rate_limit=1) as sandbox:
        read_only = connect(sandbox, "sandbox-read-only-token")
        sandbox.faults([{"kind": "status", "status": 500, "times": 2}])
        assert connect(sandbox, "nobody").get(GROUP_ID).status_code == 401
        assert read_only.post(f"{GROUP_ID}/read", json=BODY).status_code == 403
        assert [read_only.get(GROUP_ID).status_code for _ in range(2)] == [500, 429]
        # What is wrong with it is not looked at before the fault.
        assert connect(sandbox).get("abc").status_code == 500


def test_each_fault_befalls_one_request_however_many_come_at_once(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults([{"kind": "status", "status": 503, "times": 5}, {"kind": "status", "status": 502}])
    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: client.get(GROUP_ID).status_code, range(20)))
    assert (statuses.count(503), statuses.count(502), statuses.count(200)) == (5, 1, 14)


def test_faults_are_queued_and_cleared_over_http(sandbox: Sandbox, client: httpx.Client) -> None:
    url = f"{sandbox.url}/_sandbox/faults"
    answer = httpx.post(url, json=[{"kind": "status", "status": 402, "times": None}, {"kind": "drop-after"}])
    assert (answer.status_code, answer.json()) == (200, {"waiting": 2})
    assert client.get(GROUP_ID).status_code == 402
    answer = httpx.delete(url)
    assert (answer.status_code, answer.json()) == (200, {"waiting": 0})
    assert client.get(GROUP_ID).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        "drop-before",
        {"kind": "rotate-then-drop"},
        {"kind": "status"},
        {"kind": "status", "status": True},
        {"kind": "status", "status": 500, "problem": "earthquake"},
        {"kind": "status", "status": 500, "problem": ["credits"]},
        {"kind": "status", "status": 500, "form": "xml"},
        {"kind": "status", "status": 500, "form": "flat", "problem": "credits"},
        {"kind": "status", "status": 204},
        {"kind": "status", "status": 500, "headers": {"content-length": "5"}},
        {"kind": "status", "status": 500, "headers": {"two words": "x"}},
        {"kind": "status", "status": 500, "headers": {"x": " padded"}},
        {"kind": "body", "body": "x", "status": 304},
        {"kind": "partial", "errors": []},
        {"kind": "partial", "errors": ["text"]},
        {"kind": "partial", "data": 0},
        {"kind": "delay"},
        {"kind": "drip", "seconds": 1},
        {"kind": "drip", "seconds": 1, "bytes": 0},
        {"kind": "drop-before", "headers": {}},
        {"kind": "drop-before", "times": 0},
        {"kind": "drop-before", "times": 1.5},
        {"kind": "drop-before", "operation": "deleteEverything"},
        {"kind": "drop-before", "operation": []},
        {"kind": "drop-before", "conversation_id": 7},
    ],
)
def test_what_is_no_fault_is_refused_with_all_that_come_with_it(sandbox: Sandbox, fault: Any) -> None:
    faults = [{"kind": "drop-before"}, fault]
    with pytest.raises(ValueError, match="fault"):
        sandbox.faults(faults)
    answer = httpx.post(f"{sandbox.url}/_sandbox/faults", content=json.dumps(faults))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "fault" in answer.json()["detail"]
    assert sandbox.faults() == 0
    assert httpx.post(f"{sandbox.url}/_sandbox/faults", json={"kind": "drop-before"}).status_code == 400
