import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from xchat_sandbox import GROUP_ID, Sandbox, create_app, generated_ids, running_sandbox

FIELDS = "chat_conversation.fields=created_at,updated_at,group_name"


def test_conversations_are_generated(
    connect: Callable[..., httpx.Client], document: dict[str, Any], schema_errors: Callable[[str, Any], list[str]]
) -> None:
    ids = generated_ids(120)
    assert ids[0] == "g9100000000000000001"
    assert ids[-1] == "g9100000000000000120"
    assert all(re.fullmatch(r"g[0-9]{1,19}", each) for each in ids)
    with running_sandbox(conversations=120) as sandbox:
        listed = {each["id"]: each for each in sandbox.conversations()}
        assert all(listed[each]["open_to_default_token"] for each in ids)
        assert GROUP_ID in listed
        client = connect(sandbox)
        for each in (ids[0], ids[-1]):
            conversation = client.get(f"{each}?{FIELDS}").json()["data"]
            assert conversation.keys() == {"id", "created_at", "updated_at", "group_name"}
            assert schema_errors("ChatConversation", conversation) == []
            assert client.post(f"{each}/read", json={"seen_until_sequence_id": "1"}).status_code == 200
        sandbox.change_conversation(ids[7], group_name="changed")
        sandbox.reset()
        assert sandbox.conversations() == list(listed.values())
        assert client.get("g9100000000000000121").status_code == 404


def test_there_are_none_unless_they_are_asked_for(client: httpx.Client) -> None:
    assert client.get(generated_ids(1)[0]).status_code == 404


@pytest.mark.parametrize("count", [-1, 1_000_001])
def test_numbers_out_of_range_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="generated conversations"):
        generated_ids(count)
    with pytest.raises(ValueError, match="generated conversations"):
        create_app(conversations=count)


@pytest.mark.parametrize("latency", [-0.1, float("nan"), float("inf")])
def test_a_latency_out_of_range_is_refused(latency: float) -> None:
    with pytest.raises(ValueError, match="latency"):
        create_app(latency=latency)


def test_late_answers_are_waited_for_at_the_same_time(connect: Callable[..., httpx.Client]) -> None:
    ids = generated_ids(100)
    with running_sandbox(conversations=100, latency=0.2) as sandbox, ThreadPoolExecutor(20) as pool:
        client = connect(sandbox)
        start = time.monotonic()
        assert {answer.status_code for answer in pool.map(client.get, ids)} == {200}
        # One after the other they would take 20 seconds; five rounds of twenty take one.
        assert 1 <= time.monotonic() - start < 20
        start = time.monotonic()
        assert connect(sandbox, "nobody").get(ids[0]).status_code == 401
        assert time.monotonic() - start >= 0.2


def test_the_control_endpoints_are_never_late() -> None:
    with running_sandbox(latency=5) as sandbox:
        assert httpx.get(f"{sandbox.url}/_sandbox/read-marks", timeout=4).status_code == 200


def test_what_a_late_request_does_is_done_at_once() -> None:
    with running_sandbox(latency=0.5) as sandbox:
        url = f"{sandbox.url}/2/chat/conversations/{GROUP_ID}/read"
        headers = {"authorization": "Bearer sandbox-token"}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(url, headers=headers, json={"seen_until_sequence_id": "1"}, timeout=0.2)
        assert sandbox.read_marks() == {GROUP_ID: "1"}


@pytest.mark.parametrize("query", ["", f"?{FIELDS}", "?expansions=admin_ids"])
def test_a_query_that_was_good_once_lets_nothing_else_through(client: httpx.Client, query: str) -> None:
    good = client.get(f"{GROUP_ID}{query}")
    assert good.status_code == 200
    assert client.get(f"{GROUP_ID}{query}").content == good.content
    assert client.get(f"abc{query}").status_code == 400
    assert client.get(f"{GROUP_ID}%0A{query}").status_code == 400
    assert client.get(f"g77{query}").status_code == 404
    assert client.get(f"{GROUP_ID}{query or '?'}&page=2").status_code == 400


def test_a_body_that_was_good_once_lets_nothing_else_through(sandbox: Sandbox, client: httpx.Client) -> None:
    for number, status in (("1", 200), ("2", 200), ("x", 400), (3, 400), ("4\n", 400), ("5", 200)):
        answer = client.post(f"{GROUP_ID}/read", json={"seen_until_sequence_id": number})
        assert answer.status_code == status
    assert sandbox.read_marks() == {GROUP_ID: "5"}
    content = '{"seen_until_sequence_id":"6"}'
    for media_type, status in (("text/plain", 415), ("application/json;x", 200)):
        answer = client.post(f"{GROUP_ID}/read", content=content, headers={"content-type": media_type})
        assert answer.status_code == status
