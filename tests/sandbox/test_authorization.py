from collections.abc import Callable

import httpx
import pytest

from xchat_sandbox import FORBIDDEN_GROUP_ID, GROUP_ID, Sandbox, Token, create_app, running_sandbox

BODY = {"seen_until_sequence_id": "1"}


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer nobody",
        "Bearer sandbox-token x",
        "Basic c2FuZGJveDp0b2tlbg==",
        "sandbox-token",
    ],
)
def test_without_a_known_bearer_token_nothing_is_answered(sandbox: Sandbox, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    url = f"{sandbox.url}/2/chat/conversations/{GROUP_ID}"
    for answer in (httpx.get(url, headers=headers), httpx.post(f"{url}/read", headers=headers, json=BODY)):
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        problem = answer.json()
        assert (problem["type"], problem["title"]) == ("about:blank", "Unauthorized")
    assert sandbox.read_marks() == {}


def test_only_an_unknown_token_is_called_invalid(sandbox: Sandbox, connect: Callable[..., httpx.Client]) -> None:
    assert 'error="invalid_token"' in connect(sandbox, "nobody").get(GROUP_ID).headers["www-authenticate"]
    missing = httpx.get(f"{sandbox.url}/2/chat/conversations/{GROUP_ID}")
    assert "error" not in missing.headers["www-authenticate"]


def test_the_scheme_has_no_case(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/2/chat/conversations/{GROUP_ID}"
    assert httpx.get(url, headers={"authorization": "bearer sandbox-token"}).status_code == 200


def test_the_token_is_checked_before_the_request(sandbox: Sandbox, connect: Callable[..., httpx.Client]) -> None:
    assert connect(sandbox, "nobody").get("abc?page=2").status_code == 401
    assert connect(sandbox, "sandbox-read-only-token").post("abc/read", json=[]).status_code == 403


def test_a_token_without_the_scope_is_forbidden(sandbox: Sandbox, connect: Callable[..., httpx.Client]) -> None:
    client = connect(sandbox, "sandbox-read-only-token")
    assert client.get(GROUP_ID).status_code == 200
    answer = client.post(f"{GROUP_ID}/read", json=BODY)
    assert answer.status_code == 403
    problem = answer.json()
    assert problem["type"].endswith("/client-forbidden")
    assert problem["missing_scopes"] == ["dm.write"]
    assert "dm.write" in problem["detail"]
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert sandbox.read_marks() == {}


@pytest.mark.parametrize("missing", ["dm.read", "tweet.read", "users.read"])
def test_every_scope_of_the_contract_is_needed(connect: Callable[..., httpx.Client], missing: str) -> None:
    scopes = frozenset({"dm.read", "tweet.read", "users.read"}) - {missing}
    with running_sandbox(tokens=[Token("narrow", scopes=scopes)]) as sandbox:
        answer = connect(sandbox, "narrow").get(GROUP_ID)
        assert answer.status_code == 403
        assert answer.json()["missing_scopes"] == [missing]


def test_a_token_given_as_text_may_do_everything(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(tokens=["a-token-of-its-own"]) as sandbox:
        client = connect(sandbox, "a-token-of-its-own")
        assert client.get(GROUP_ID).status_code == 200
        assert client.post(f"{GROUP_ID}/read", json=BODY).status_code == 200


def test_a_single_text_is_a_single_token(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(tokens="abc") as sandbox:
        assert connect(sandbox, "abc").get(GROUP_ID).status_code == 200
        assert connect(sandbox, "a").get(GROUP_ID).status_code == 401


def test_a_token_acts_for_its_user(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(tokens=[Token("token-of-dora", user_id="9000000000000000104")]) as sandbox:
        client = connect(sandbox, "token-of-dora")
        assert client.get(FORBIDDEN_GROUP_ID).status_code == 200
        assert client.get("g9000000000000000201").status_code == 403
        assert client.get("9000000000000000103").json()["data"] == {"id": "9000000000000000103-9000000000000000104"}


def test_a_token_does_not_show_in_its_repr() -> None:
    assert "hush" not in repr(Token("hush"))


@pytest.mark.parametrize("value", ["", "two words", "tab\t", "line\n", "snow\N{SNOWMAN}"])
def test_a_token_that_no_header_can_carry_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="access token"):
        create_app(tokens=[value])


def test_a_token_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="no user 77"):
        create_app(tokens=[Token("lost", user_id="77")])
