import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from xchat_sandbox import GROUP_ID, Sandbox


def control(sandbox: Sandbox, name: str) -> Any:
    answer = httpx.get(f"{sandbox.url}/_sandbox/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_requests_are_logged_in_order_as_they_were_sent(sandbox: Sandbox, client: httpx.Client) -> None:
    answers = [
        client.get(f"{GROUP_ID}?user.fields=id%2Cname&expansions=admin_ids"),
        client.post(f"{GROUP_ID}/read", json={"seen_until_sequence_id": "1"}),
        client.post(f"{GROUP_ID}/read", content=b"not json", headers={"content-type": "application/json"}),
        client.get("1%3A2"),
        httpx.get(f"{sandbox.url}/nowhere"),
    ]
    prefix = "/2/chat/conversations"
    expected = [
        {
            "method": "GET",
            "path": f"{prefix}/{GROUP_ID}",
            "query": "user.fields=id%2Cname&expansions=admin_ids",
            "status": 200,
            "body": None,
        },
        {
            "method": "POST",
            "path": f"{prefix}/{GROUP_ID}/read",
            "query": "",
            "status": 200,
            "body": {"seen_until_sequence_id": "1"},
        },
        {"method": "POST", "path": f"{prefix}/{GROUP_ID}/read", "query": "", "status": 400, "body": None},
        {
            "method": "GET",
            "path": f"{prefix}/1:2",
            "path_raw": f"{prefix}/1%3A2",
            "query": "",
            "status": 400,
            "body": None,
        },
        {"method": "GET", "path": "/nowhere", "query": "", "status": 404, "body": None},
    ]
    entries = sandbox.requests()
    assert control(sandbox, "requests") == {"requests": entries}
    times = [entry.pop("time") for entry in entries]
    assert 0 < times[0] < times[1] < times[2] < times[3] < times[4]
    # The last one was not for an operation.
    ids = [entry.pop("transaction_id") for entry in entries]
    assert ids == [answer.headers.get("x-transaction-id") for answer in answers]
    assert ids[4] is None
    assert len(set(ids[:4])) == 4
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids[:4])
    assert entries == expected


def test_the_body_is_logged_even_if_the_request_is_refused_before_it_is_read(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/2/chat/conversations/{GROUP_ID}/read"
    httpx.post(url, json={"seen_until_sequence_id": "1"})
    assert sandbox.requests()[0]["status"] == 401
    assert sandbox.requests()[0]["body"] == {"seen_until_sequence_id": "1"}


@pytest.mark.parametrize("name", ["access_token", "Access_Token", "access%5Ftoken", "%61ccess_token"])
def test_no_token_is_ever_shown(sandbox: Sandbox, connect: Callable[..., httpx.Client], name: str) -> None:
    secret = "hush-hush-hush"
    connect(sandbox, secret).get(f"{GROUP_ID}?expansions=x&{name}={secret}&a=b")
    refused = connect(sandbox).get(f"{GROUP_ID}?{name}={secret}")
    assert refused.status_code == 400
    assert sandbox.requests()[0]["query"] == f"expansions=x&{name}=REDACTED&a=b"
    assert secret not in json.dumps(control(sandbox, "requests"))
    assert secret not in refused.text
    assert "sandbox-token" not in json.dumps(sandbox.requests())


def test_control_endpoints_are_not_logged(sandbox: Sandbox) -> None:
    for name in ("requests", "read-marks", "conversations", "nowhere"):
        httpx.get(f"{sandbox.url}/_sandbox/{name}")
    assert sandbox.requests() == []


def test_reset_goes_back_to_the_seed(sandbox: Sandbox, client: httpx.Client) -> None:
    client.post(f"{GROUP_ID}/read", json={"seen_until_sequence_id": "5"})
    sandbox.change_conversation(GROUP_ID, group_name="Another")
    sandbox.faults([{"kind": "drop-before"}])
    assert control(sandbox, "read-marks") == sandbox.read_marks() == {GROUP_ID: "5"}
    assert httpx.post(f"{sandbox.url}/_sandbox/reset").status_code == 204
    assert control(sandbox, "read-marks") == {}
    assert control(sandbox, "requests") == {"requests": []}
    assert next(each["group_name"] for each in sandbox.conversations() if each["id"] == GROUP_ID) == "Release crew"
    assert sandbox.faults() == 0
    answer = client.post(f"{GROUP_ID}/read", json={"seen_until_sequence_id": "4"})
    assert answer.headers["x-rate-limit-remaining"] == "899"
    assert sandbox.read_marks() == {GROUP_ID: "4"}


def test_the_overview_tells_what_to_ask_for(sandbox: Sandbox, client: httpx.Client) -> None:
    conversations = control(sandbox, "conversations")["conversations"]
    assert conversations == sandbox.conversations()
    assert [each["type"] for each in conversations].count("direct") >= 2
    assert [each["type"] for each in conversations].count("group") >= 2
    for each in conversations:
        expected = 200 if each["open_to_default_token"] else 403
        assert client.get(each["id"]).status_code == expected
        body = {"seen_until_sequence_id": each["latest_sequence_id"]}
        assert client.post(f"{each['id']}/read", json=body).status_code == expected
        assert (each["group_name"] is None) == (each["type"] == "direct")
    assert {each["open_to_default_token"] for each in conversations} == {True, False}


def test_the_wrong_method_is_refused(sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.url}/_sandbox/reset").status_code == 405
    assert httpx.post(f"{sandbox.url}/_sandbox/requests").status_code == 405


def test_a_copy_of_the_log_is_a_copy(sandbox: Sandbox, client: httpx.Client) -> None:
    client.get(GROUP_ID)
    sandbox.requests()[0]["status"] = 0
    assert sandbox.requests()[0]["status"] == 200
