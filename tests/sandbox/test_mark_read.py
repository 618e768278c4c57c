from collections.abc import Callable

import httpx
import pytest

from xchat_sandbox import FORBIDDEN_GROUP_ID, GROUP_ID, Sandbox, Token, running_sandbox

MAIN, BEA = "9000000000000000101", "900000001"
pytestmark = pytest.mark.contract
SUCCESS = {"data": {"success": True}}


def mark(client: httpx.Client, address: str, sequence_id: str) -> httpx.Response:
    return client.post(f"{address}/read", json={"seen_until_sequence_id": sequence_id})


def test_a_mark_is_kept(sandbox: Sandbox, client: httpx.Client) -> None:
    answer = mark(client, GROUP_ID, "1987654321987654321")
    assert (answer.status_code, answer.json()) == (200, SUCCESS)
    assert answer.headers["content-type"] == "application/json"
    assert sandbox.read_marks() == {GROUP_ID: "1987654321987654321"}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("999999999999999999", "1000000000000000000", "1000000000000000000"),
        ("1000000000000000000", "999999999999999999", "1000000000000000000"),
        ("9", "10", "10"),
        ("10", "9", "10"),
        ("10", "10", "10"),
        ("10", "0000000000000000009", "10"),
    ],
)
def test_a_mark_moves_forward_only_and_by_number(
    sandbox: Sandbox, client: httpx.Client, first: str, second: str, kept: str
) -> None:
    for sequence_id in (first, second):
        assert mark(client, GROUP_ID, sequence_id).json() == SUCCESS
    assert sandbox.read_marks() == {GROUP_ID: kept}


@pytest.mark.parametrize("address", [BEA, f"{BEA}-{MAIN}", f"{MAIN}-{BEA}"])
def test_the_mark_belongs_to_the_canonical_id(sandbox: Sandbox, client: httpx.Client, address: str) -> None:
    mark(client, address, "5")
    assert sandbox.read_marks() == {f"{BEA}-{MAIN}": "5"}


def test_each_user_has_a_mark_and_the_furthest_is_told(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(tokens=[Token("token-of-bea", user_id=BEA)]) as sandbox:
        mark(connect(sandbox), GROUP_ID, "100")
        mark(connect(sandbox, "token-of-bea"), GROUP_ID, "20")
        assert sandbox.read_marks() == {GROUP_ID: "100"}
        mark(connect(sandbox, "token-of-bea"), GROUP_ID, "101")
        assert sandbox.read_marks() == {GROUP_ID: "101"}
        # Both meant the conversation with the other.
        mark(connect(sandbox), BEA, "7")
        mark(connect(sandbox, "token-of-bea"), MAIN, "8")
        assert sandbox.read_marks()[f"{BEA}-{MAIN}"] == "8"


def test_further_members_of_the_body_are_ignored(sandbox: Sandbox, client: httpx.Client) -> None:
    answer = client.post(f"{GROUP_ID}/read", json={"seen_until_sequence_id": "1", "more": [None]})
    assert answer.status_code == 200
    assert sandbox.read_marks() == {GROUP_ID: "1"}


@pytest.mark.parametrize(("address", "status"), [(FORBIDDEN_GROUP_ID, 403), ("77", 404)])
def test_a_refused_request_marks_nothing(sandbox: Sandbox, client: httpx.Client, address: str, status: int) -> None:
    assert mark(client, address, "1").status_code == status
    assert sandbox.read_marks() == {}
