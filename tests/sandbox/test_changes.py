import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from xchat_sandbox import GROUP_ID, Sandbox, Token, running_sandbox

PAIR = "9000000000000000101-900000001"
FIELDS = {"chat_conversation.fields": "updated_at,group_name,is_muted"}


def test_a_change_is_seen_by_clients(sandbox: Sandbox, client: httpx.Client) -> None:
    before = client.get(GROUP_ID, params=FIELDS).json()["data"]
    changed = sandbox.change_conversation(GROUP_ID, group_name="Renamed", is_muted=True)
    after = client.get(GROUP_ID, params=FIELDS).json()["data"]
    assert (after["group_name"], after["is_muted"]) == ("Renamed", True)
    assert after["updated_at"] == changed["updated_at"] > before["updated_at"]
    assert changed["participant_ids"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", after["updated_at"])


def test_each_change_is_later_than_the_one_before(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(4) as pool:
        times = list(pool.map(lambda _: sandbox.change_conversation(GROUP_ID)["updated_at"], range(100)))
    assert len(set(times)) == 100
    sandbox.change_conversation(GROUP_ID, updated_at="2999-12-31T23:59:59.999Z")
    assert sandbox.change_conversation(GROUP_ID)["updated_at"] == "3000-01-01T00:00:00.000Z"


@pytest.mark.parametrize("earlier", ["yesterday", None, 7, "2026-01-01T00:00:00", "9999-12-31T23:59:59.999Z"])
def test_any_time_can_be_set_and_left(sandbox: Sandbox, client: httpx.Client, earlier: Any) -> None:
    assert sandbox.change_conversation(GROUP_ID, updated_at=earlier)["updated_at"] == earlier
    assert client.get(GROUP_ID, params=FIELDS).json()["data"]["updated_at"] == earlier
    assert sandbox.change_conversation(GROUP_ID)["updated_at"] > "2026-01"


def test_conversations_are_changed_over_http(sandbox: Sandbox, client: httpx.Client) -> None:
    url = f"{sandbox.url}/_sandbox/conversations"
    answer = httpx.post(f"{url}/{GROUP_ID}", json={"group_name": "Over HTTP"})
    assert (answer.status_code, answer.json()["group_name"]) == (200, "Over HTTP")
    assert httpx.post(f"{url}/{GROUP_ID}").json()["updated_at"] > answer.json()["updated_at"]
    # By itself, a user id stands for the main user's conversation with that user; a pair has no order.
    for address in (PAIR, "900000001", "900000001-9000000000000000101"):
        assert httpx.post(f"{url}/{address}", json={"is_muted": True}).json()["id"] == "900000001-9000000000000000101"
    sandbox.reset()
    assert client.get(GROUP_ID, params=FIELDS).json()["data"]["group_name"] == "Release crew"


def test_an_unknown_conversation_is_not_changed(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="no conversation g77"):
        sandbox.change_conversation("g77", is_muted=True)
    answer = httpx.post(f"{sandbox.url}/_sandbox/conversations/g77", json={})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "members",
    ["[]", "{", '"text"', "null", '{"id": "g1"}', '{"participant_ids": null}', '{"participant_ids": [1]}'],
)
def test_what_cannot_be_a_change_is_refused(sandbox: Sandbox, members: str) -> None:
    before = sandbox.conversations()
    answer = httpx.post(f"{sandbox.url}/_sandbox/conversations/{GROUP_ID}", content=members)
    assert answer.status_code == 400
    assert sandbox.conversations() == before


def test_what_is_no_json_cannot_be_set(sandbox: Sandbox) -> None:
    for value in (float("nan"), {1, 2}, b"bytes"):
        with pytest.raises(ValueError, match="JSON"):
            sandbox.change_conversation(GROUP_ID, group_name=value)


def test_a_change_is_a_copy(sandbox: Sandbox) -> None:
    names = ["a"]
    sandbox.change_conversation(GROUP_ID, labels=names)
    names.append("b")
    assert sandbox.change_conversation(GROUP_ID)["labels"] == ["a"]


def test_who_is_no_participant_any_more_sees_nothing(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.change_conversation(GROUP_ID, participant_ids=["900000001"])
    assert client.get(GROUP_ID).status_code == 403


def test_odd_members_do_not_break_expansions(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.change_conversation(GROUP_ID, member_ids=None, admin_ids=["77", 5, "900000001"])
    answer = client.get(GROUP_ID, params={"expansions": "member_ids,admin_ids"})
    assert answer.status_code == 200
    assert [user["id"] for user in answer.json()["includes"]["users"]] == ["900000001"]


def test_two_sandboxes_change_apart(connect: Callable[..., httpx.Client]) -> None:
    token = Token("other")
    with running_sandbox() as one, running_sandbox(tokens=[token]) as other:
        one.change_conversation(GROUP_ID, group_name="One's own")
        assert "One's own" not in json.dumps(other.conversations())
