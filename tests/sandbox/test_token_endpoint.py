from collections.abc import Callable

import httpx
import pytest

from xchat_sandbox import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET, Client, Sandbox, running_sandbox

Post = Callable[..., httpx.Response]
SignIn = Callable[..., dict[str, str]]
Works = Callable[[Sandbox, str], bool]

CONFIDENTIAL = f"{CONFIDENTIAL_CLIENT_ID}:{CONFIDENTIAL_CLIENT_SECRET}"
DEAD = {"grant_type": "refresh_token", "refresh_token": "dead"}
PROMISED = {"token_type": "bearer", "expires_in": 7200, "scope": "dm.read tweet.read users.read offline.access"}


def refused(answer: httpx.Response, status: int, error: str) -> bool:
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error", "error_description"}
    return (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_public_client_signs_in_and_refreshes(
    sandbox: Sandbox, sign_in: SignIn, post_form: Post, works: Works
) -> None:
    answer = post_form(sandbox, sign_in(sandbox))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    first = answer.json()
    assert {name: first[name] for name in PROMISED} == PROMISED
    assert set(first) == {*PROMISED, "access_token", "refresh_token"}
    assert works(sandbox, first["access_token"])
    second = post_form(sandbox, {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}).json()
    assert set(second) == set(first)
    assert {name: second[name] for name in PROMISED} == PROMISED
    assert not {first["access_token"], first["refresh_token"]} & {second["access_token"], second["refresh_token"]}
    assert works(sandbox, second["access_token"])


def test_a_confidential_client_signs_in_and_refreshes(
    sandbox: Sandbox, sign_in: SignIn, post_form: Post, works: Works
) -> None:
    form = sign_in(sandbox, client_id=CONFIDENTIAL_CLIENT_ID)
    first = post_form(sandbox, form, CONFIDENTIAL).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = post_form(sandbox, form, CONFIDENTIAL).json()
    assert works(sandbox, second["access_token"])
    assert sandbox.chains() == [
        {"client_id": CONFIDENTIAL_CLIENT_ID, "alive": True, "refreshes": 1, "reused_dead_token": 0}
    ]


def test_credentials_are_form_encoded_before_they_become_basic(post_form: Post) -> None:
    with running_sandbox(clients=[Client("an id:", "a+b%c: \N{SNOWMAN}")]) as sandbox:
        assert refused(post_form(sandbox, DEAD, "an+id%3A:a%2Bb%25c%3A+%E2%98%83"), 400, "invalid_request")
        assert refused(post_form(sandbox, DEAD, "an id%3A:a+b%c: \N{SNOWMAN}"), 401, "invalid_client")


@pytest.mark.parametrize(
    ("form", "basic"),
    [
        ({"client_id": "nobody"}, None),
        ({"client_id": ""}, None),
        ({"client_id": CONFIDENTIAL_CLIENT_ID}, None),
        ({"client_id": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_CLIENT_SECRET}, None),
        ({"client_secret": CONFIDENTIAL_CLIENT_SECRET}, None),
        ({}, f"{CONFIDENTIAL_CLIENT_ID}:wrong"),
        ({}, f"{CONFIDENTIAL_CLIENT_ID}:"),
        ({}, CONFIDENTIAL_CLIENT_ID),
        ({}, f"nobody:{CONFIDENTIAL_CLIENT_SECRET}"),
        ({}, "sandbox-public-client:"),
        ({}, ":"),
    ],
)
def test_a_client_must_show_who_it_is(
    sandbox: Sandbox, post_form: Post, form: dict[str, str], basic: str | None
) -> None:
    token = sandbox.grant(client_id=CONFIDENTIAL_CLIENT_ID).refresh_token
    assert token is not None
    for to in ("token", "revoke"):
        asked = {"grant_type": "refresh_token", "refresh_token": token, "token": token, **form}
        answer = post_form(sandbox, asked, basic, to)
        assert refused(answer, 401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert sandbox.chains()[0]["alive"]
    assert sandbox.chains()[0]["refreshes"] == 0


@pytest.mark.parametrize("authorization", ["Bearer sandbox-token", "Basic !!!", "Basic", "Basic /w==", ""])
def test_other_authorization_headers_are_refused(sandbox: Sandbox, authorization: str) -> None:
    headers = {"authorization": authorization}
    answer = httpx.post(f"{sandbox.url}/2/oauth2/token", data=DEAD, headers=headers)
    assert refused(answer, 401, "invalid_client")


def test_a_client_shows_who_it_is_once(sandbox: Sandbox, post_form: Post) -> None:
    form = {**DEAD, "client_id": CONFIDENTIAL_CLIENT_ID}
    answer = post_form(sandbox, form, CONFIDENTIAL)
    assert refused(answer, 400, "invalid_request")
    assert "Authorization header and in the body" in answer.json()["error_description"]


@pytest.mark.parametrize("missing", ["grant_type", "code", "redirect_uri", "code_verifier"])
def test_every_field_of_an_exchange_is_needed(sandbox: Sandbox, sign_in: SignIn, post_form: Post, missing: str) -> None:
    form = sign_in(sandbox)
    answer = post_form(sandbox, {**form, missing: ""})
    assert refused(answer, 400, "invalid_request")
    assert missing in answer.json()["error_description"]
    # It did not use up the code.
    assert post_form(sandbox, form).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "sandbox-code-nobody-has"},
        {"redirect_uri": "http://127.0.0.1:49153/callback"},
        {"code_verifier": "another-verifier-that-is-long-enough-for-its-rfc"},
    ],
)
def test_an_exchange_must_fit_the_authorization(
    sandbox: Sandbox, sign_in: SignIn, post_form: Post, changes: dict[str, str]
) -> None:
    assert refused(post_form(sandbox, {**sign_in(sandbox), **changes}), 400, "invalid_request")
    assert sandbox.chains() == []


def test_a_short_verifier_is_malformed(sandbox: Sandbox, sign_in: SignIn, post_form: Post) -> None:
    assert refused(post_form(sandbox, {**sign_in(sandbox), "code_verifier": "short"}), 400, "invalid_request")


def test_a_code_is_good_once(sandbox: Sandbox, sign_in: SignIn, post_form: Post, works: Works) -> None:
    form = sign_in(sandbox)
    tokens = post_form(sandbox, form).json()
    assert refused(post_form(sandbox, form), 400, "invalid_request")
    assert works(sandbox, tokens["access_token"])


def test_a_try_that_fails_uses_the_code_up(sandbox: Sandbox, sign_in: SignIn, post_form: Post) -> None:
    form = sign_in(sandbox)
    post_form(sandbox, {**form, "code_verifier": "x" * 43})
    assert post_form(sandbox, form).status_code == 400


def test_a_code_is_good_for_its_client_only(sandbox: Sandbox, sign_in: SignIn, post_form: Post) -> None:
    form = sign_in(sandbox)
    assert refused(post_form(sandbox, form, CONFIDENTIAL), 400, "invalid_request")
    assert post_form(sandbox, form).status_code == 200


def test_a_strict_sandbox_ends_the_grant_of_a_code_that_comes_twice(
    strict_sandbox: Sandbox, sign_in: SignIn, post_form: Post, works: Works
) -> None:
    form = sign_in(strict_sandbox)
    tokens = post_form(strict_sandbox, form).json()
    assert refused(post_form(strict_sandbox, form), 400, "invalid_request")
    assert not works(strict_sandbox, tokens["access_token"])
    assert not strict_sandbox.chains()[0]["alive"]


def test_without_offline_access_there_is_no_refresh_token(
    sandbox: Sandbox, sign_in: SignIn, post_form: Post, works: Works
) -> None:
    tokens = post_form(sandbox, sign_in(sandbox, scope="dm.read tweet.read users.read")).json()
    assert "refresh_token" not in tokens
    assert tokens["scope"] == "dm.read tweet.read users.read"
    assert works(sandbox, tokens["access_token"])


def test_scopes_are_respected(sandbox: Sandbox, sign_in: SignIn, post_form: Post) -> None:
    tokens = post_form(sandbox, sign_in(sandbox)).json()
    url = f"{sandbox.url}/2/chat/conversations/g9000000000000000201/read"
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    answer = httpx.post(url, json={"seen_until_sequence_id": "1"}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["missing_scopes"] == ["dm.write"]


@pytest.mark.parametrize("grant_type", ["password", "client_credentials", "refresh_token "])
def test_other_grant_types_are_not_supported(sandbox: Sandbox, post_form: Post, grant_type: str) -> None:
    assert refused(post_form(sandbox, {"grant_type": grant_type}), 400, "unsupported_grant_type")


def test_a_refresh_needs_a_token(sandbox: Sandbox, post_form: Post) -> None:
    assert refused(post_form(sandbox, {"grant_type": "refresh_token"}), 400, "invalid_request")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data", ""])
def test_only_forms_are_read(sandbox: Sandbox, content_type: str) -> None:
    token = sandbox.grant().refresh_token
    body = f"grant_type=refresh_token&client_id=sandbox-public-client&refresh_token={token}"
    headers = {"content-type": content_type}
    for to in ("token", "revoke"):
        answer = httpx.post(f"{sandbox.url}/2/oauth2/{to}", content=f"{body}&token={token}", headers=headers)
        assert refused(answer, 400, "invalid_request")
    assert sandbox.chains()[0] == {"client_id": "sandbox-public-client", "alive": True, "refreshes": 0,
                                   "reused_dead_token": 0}  # fmt: skip


@pytest.mark.parametrize("more", [b"&grant_type=refresh_token", b"&client_id=x", b"&a=\xff"])
def test_a_malformed_form_is_refused(sandbox: Sandbox, more: bytes) -> None:
    body = f"grant_type=refresh_token&client_id=sandbox-public-client&refresh_token={sandbox.grant().refresh_token}"
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    url = f"{sandbox.url}/2/oauth2/token"
    assert refused(httpx.post(url, content=body.encode() + more, headers=headers), 400, "invalid_request")
    assert httpx.post(url, content=body, headers=headers).status_code == 200


def test_a_dead_token_is_refused_as_x_does(sandbox: Sandbox, post_form: Post) -> None:
    answer = post_form(sandbox, DEAD)
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": "Value passed for the token was invalid.",
    }


def test_a_dead_token_can_be_refused_as_the_rfc_does(post_form: Post, sign_in: SignIn) -> None:
    with running_sandbox(dead_grant_error="invalid_grant") as sandbox:
        assert refused(post_form(sandbox, DEAD), 400, "invalid_grant")
        assert refused(post_form(sandbox, {**sign_in(sandbox), "code": "dead"}), 400, "invalid_grant")
        assert refused(post_form(sandbox, {"grant_type": "refresh_token"}), 400, "invalid_request")


def test_only_post_is_answered(sandbox: Sandbox) -> None:
    for to in ("token", "revoke"):
        assert httpx.get(f"{sandbox.url}/2/oauth2/{to}").status_code == 405
