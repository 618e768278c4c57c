import json
from typing import Any

import httpx
import pytest

from xchat_sandbox import GROUP_ID, Sandbox

JSON = {"content-type": "application/json"}


def reasons(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"].endswith("/invalid-request")
    assert problem["status"] == 400
    errors: list[dict[str, Any]] = problem["errors"]
    assert errors
    assert all(error["message"] for error in errors)
    return errors


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("expansions=nobody", {"expansions": ["nobody"]}),
        ("user.fields=id,shoe_size", {"user.fields": ["id,shoe_size"]}),
        ("chat_conversation.fields=", {"chat_conversation.fields": [""]}),
        ("chat_conversation.fields", {"chat_conversation.fields": [""]}),
        ("chat_conversation.fields=i,d", {"chat_conversation.fields": ["i,d"]}),
        ("chat_conversation.fields=id,", {"chat_conversation.fields": ["id,"]}),
        ("chat_conversation.fields=id,%20type", {"chat_conversation.fields": ["id, type"]}),
        ("chat_conversation.fields=id%0A", {"chat_conversation.fields": ["id\n"]}),
        ("expansions=admin_ids,admin_ids", {"expansions": ["admin_ids,admin_ids"]}),
        ("expansions=admin_ids&expansions=member_ids", {"expansions": ["admin_ids", "member_ids"]}),
        ("expansions=admin_ids&expansions=admin_ids", {"expansions": ["admin_ids", "admin_ids"]}),
        ("page=2", {"page": ["2"]}),
        ("Expansions=admin_ids", {"Expansions": ["admin_ids"]}),
        ("expansions[]=admin_ids", {"expansions[]": ["admin_ids"]}),
    ],
)
def test_a_query_that_does_not_match_is_refused(
    client: httpx.Client, query: str, parameters: dict[str, list[str]]
) -> None:
    assert parameters in [error["parameters"] for error in reasons(client.get(f"{GROUP_ID}?{query}"))]


def test_the_other_operation_takes_no_query(client: httpx.Client) -> None:
    answer = client.post(f"{GROUP_ID}/read?expansions=admin_ids", json={"seen_until_sequence_id": "1"})
    assert reasons(answer)[0]["parameters"] == {"expansions": ["admin_ids"]}


@pytest.mark.parametrize(
    "address",
    [
        "abc",
        "1:2",
        "1-2-3",
        "G1",
        "g",
        "-",
        "1-",
        "12345678901234567890",
        "+1",
        "1%20",
        "%F0%9F%92%A9",
        "1%0A",
    ],
)
def test_an_id_of_another_form_is_refused(client: httpx.Client, address: str) -> None:
    body = {"seen_until_sequence_id": "1"}
    for answer in (client.get(address), client.post(f"{address}/read", json=body)):
        assert list(reasons(answer)[0]["parameters"]) == ["id"]


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        ({}, {}),
        ([], {}),
        (None, {}),
        ("1", {}),
        ({"seen_until_sequence_id": 1}, {"seen_until_sequence_id": ["1"]}),
        ({"seen_until_sequence_id": None}, {"seen_until_sequence_id": ["None"]}),
        ({"seen_until_sequence_id": ""}, {"seen_until_sequence_id": [""]}),
        ({"seen_until_sequence_id": "-1"}, {"seen_until_sequence_id": ["-1"]}),
        ({"seen_until_sequence_id": "1\n"}, {"seen_until_sequence_id": ["1\n"]}),
        (
            {"seen_until_sequence_id": "\N{ARABIC-INDIC DIGIT ONE}"},
            {"seen_until_sequence_id": ["\N{ARABIC-INDIC DIGIT ONE}"]},
        ),
        ({"seen_until_sequence_id": "1" * 20}, {"seen_until_sequence_id": ["1" * 20]}),
    ],
)
def test_a_body_that_does_not_match_is_refused(
    sandbox: Sandbox, client: httpx.Client, body: Any, parameters: dict[str, list[str]]
) -> None:
    answer = client.post(f"{GROUP_ID}/read", content=json.dumps(body), headers=JSON)
    assert reasons(answer)[0]["parameters"] == parameters
    assert sandbox.read_marks() == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\xfd",
        b'{"seen_until_sequence_id":"1","x":NaN}',
        b'{"seen_until_sequence_id":"\\ud800"}',
        b"[" * 100_000,
        b'"' + b"x" * 100_000 + b'"',
    ],
    ids=["empty", "cut off", "not text", "NaN", "lone surrogate", "too deep", "long"],
)
def test_a_body_that_is_no_json_document_of_use_is_refused(sandbox: Sandbox, client: httpx.Client, body: bytes) -> None:
    answer = client.post(f"{GROUP_ID}/read", content=body, headers=JSON)
    assert reasons(answer)
    assert len(answer.content) < 2_000
    assert httpx.get(f"{sandbox.url}/_sandbox/requests").status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_another_media_type_is_unsupported(client: httpx.Client, content_type: str) -> None:
    answer = client.post(
        f"{GROUP_ID}/read", content='{"seen_until_sequence_id":"1"}', headers={"content-type": content_type}
    )
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["accept"] == "application/json"
    assert answer.json()["status"] == 415


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;x"])
def test_parameters_and_case_of_the_media_type_do_not_matter(client: httpx.Client, content_type: str) -> None:
    answer = client.post(
        f"{GROUP_ID}/read", content='{"seen_until_sequence_id":"1"}', headers={"content-type": content_type}
    )
    assert answer.status_code == 200


def test_all_that_is_wrong_is_told_at_once(client: httpx.Client) -> None:
    errors = reasons(client.post("abc/read?page=2", json={}))
    assert sorted(name for error in errors for name in error["parameters"]) == ["id", "page"]
    assert any("seen_until_sequence_id" in error["message"] for error in errors)


def test_a_body_is_of_no_meaning_to_a_get(client: httpx.Client) -> None:
    assert client.request("GET", GROUP_ID, content=b"{", headers=JSON).status_code == 200
