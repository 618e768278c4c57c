import base64
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from xchat_sandbox import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET, Sandbox

Post = Callable[..., httpx.Response]
SignIn = Callable[..., dict[str, str]]
Works = Callable[[Sandbox, str], bool]

PUBLIC = "sandbox-public-client"
ALL_SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read", "offline.access")


def control(sandbox: Sandbox, name: str) -> Any:
    answer = httpx.get(f"{sandbox.url}/_sandbox/{name}")
    assert answer.status_code == 200
    return answer.json()


def test_a_grant_without_a_browser(sandbox: Sandbox, refresh: Post, works: Works) -> None:
    grant = sandbox.grant()
    assert grant.scopes == ALL_SCOPES
    assert 7190 < grant.expires_at - time.time() <= 7200
    assert works(sandbox, grant.access_token)
    assert refresh(sandbox, grant.refresh_token).json()["scope"] == " ".join(ALL_SCOPES)
    narrow = sandbox.grant(scopes=["dm.read"])
    assert (narrow.scopes, narrow.refresh_token) == (("dm.read",), None)
    assert sandbox.grant(scopes="dm.read  dm.write dm.read").scopes == ("dm.read", "dm.write")
    expired = sandbox.grant(expires_in=-1, client_id=CONFIDENTIAL_CLIENT_ID)
    assert expired.expires_at < time.time()
    assert not works(sandbox, expired.access_token)


def test_a_grant_acts_for_its_user(sandbox: Sandbox) -> None:
    grant = sandbox.grant(user_id="9000000000000000104")
    url = f"{sandbox.url}/2/chat/conversations/g9000000000000000203"
    assert httpx.get(url, headers={"authorization": f"Bearer {grant.access_token}"}).status_code == 200


def test_a_grant_over_http(sandbox: Sandbox, works: Works) -> None:
    url = f"{sandbox.url}/_sandbox/grants"
    grant = httpx.post(url).json()
    assert set(grant) == {"access_token", "refresh_token", "expires_at", "scopes"}
    assert works(sandbox, grant["access_token"])
    wanted = {"client_id": CONFIDENTIAL_CLIENT_ID, "scopes": ["dm.read"], "expires_in": 0.5, "user_id": "900000001"}
    grant = httpx.post(url, json=wanted).json()
    assert (grant["refresh_token"], grant["scopes"]) == (None, ["dm.read"])
    assert grant["expires_at"] - time.time() <= 0.5
    assert [each["client_id"] for each in sandbox.chains()] == [PUBLIC, CONFIDENTIAL_CLIENT_ID]


@pytest.mark.parametrize(
    "wanted",
    [
        {"client_id": "nobody"},
        {"scopes": ["dm.everything"]},
        {"user_id": "77"},
        {"expires_in": float("inf")},
        {"expires_in": "soon"},
        {"scopes": [["dm.read"]]},
        {"scope": "dm.read"},
        ["dm.read"],
    ],
)
def test_an_impossible_grant_is_refused(sandbox: Sandbox, wanted: Any) -> None:
    answer = httpx.post(f"{sandbox.url}/_sandbox/grants", content=json.dumps(wanted).replace("Infinity", "1e999"))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert sandbox.chains() == []


def test_an_impossible_grant_is_refused_in_python(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="no client nobody"):
        sandbox.grant(client_id="nobody")
    with pytest.raises(ValueError, match=r"no scope dm\.all"):
        sandbox.grant(scopes="dm.read dm.all")
    with pytest.raises(ValueError, match="no user 77"):
        sandbox.grant(user_id="77")
    with pytest.raises(ValueError, match="nan"):
        sandbox.grant(expires_in=float("nan"))


def test_access_tokens_are_expired_over_http(sandbox: Sandbox, works: Works) -> None:
    grant = sandbox.grant()
    answer = httpx.post(f"{sandbox.url}/_sandbox/expire")
    assert (answer.status_code, answer.json()) == (200, {"expired": 1})
    assert not works(sandbox, grant.access_token)


def test_token_requests_are_logged(sandbox: Sandbox, refresh: Post, post_form: Post) -> None:
    refresh(sandbox, sandbox.grant().refresh_token)
    refresh(sandbox, "dead")
    basic = f"{CONFIDENTIAL_CLIENT_ID}:{CONFIDENTIAL_CLIENT_SECRET}"
    post_form(sandbox, {"grant_type": "authorization_code"}, basic)
    post_form(sandbox, {"grant_type": "password", "client_id": ""})
    post_form(sandbox, {"client_id": "nobody"})
    post_form(sandbox, {"token": "x"}, to="revoke")
    entries = sandbox.token_requests()
    times = [entry.pop("time") for entry in entries]
    assert times == sorted(times)
    assert times[0] > 0
    names = ("grant_type", "client_id", "client_authentication", "status", "error")
    assert entries == [
        dict(zip(names, values, strict=True))
        for values in [
            ("refresh_token", PUBLIC, "body", 200, None),
            ("refresh_token", PUBLIC, "body", 400, "invalid_request"),
            ("authorization_code", CONFIDENTIAL_CLIENT_ID, "basic", 400, "invalid_request"),
            (None, None, "none", 401, "invalid_client"),
            (None, None, "body", 400, "invalid_request"),
        ]
    ]
    assert control(sandbox, "token-requests") == {"token_requests": sandbox.token_requests()}
    assert control(sandbox, "chains") == {"chains": sandbox.chains()}


def test_reset_forgets_grants_faults_and_logs(
    sandbox: Sandbox, refresh: Post, works: Works, sign_in: SignIn, post_form: Post
) -> None:
    grant = sandbox.grant()
    form = sign_in(sandbox)
    refresh(sandbox, "dead")
    sandbox.token_faults([{"kind": "drop-before"}])
    assert httpx.post(f"{sandbox.url}/_sandbox/reset").status_code == 204
    assert (sandbox.chains(), sandbox.token_requests(), sandbox.requests()) == ([], [], [])
    assert not works(sandbox, grant.access_token)
    assert refresh(sandbox, grant.refresh_token).status_code == 400
    assert post_form(sandbox, form).status_code == 400
    assert works(sandbox, "sandbox-token")


def test_requests_to_the_authorization_server_are_logged_without_what_is_secret(
    sandbox: Sandbox, authorize: Post, refresh: Post
) -> None:
    authorize(sandbox, state="hush")
    refresh(sandbox, "hush")
    authorization, token = sandbox.requests()
    assert authorization["path"] == "/i/oauth2/authorize"
    assert "&state=REDACTED&code_challenge=REDACTED&code_challenge_method=S256" in authorization["query"]
    assert "response_type=code&client_id=sandbox-public-client" in authorization["query"]
    assert (authorization["status"], authorization["body"]) == (302, None)
    assert token.pop("time") > authorization["time"]
    assert token == {"method": "POST", "path": "/2/oauth2/token", "query": "", "status": 200 + 200, "body": None,
                     "transaction_id": None}  # fmt: skip


def test_no_secret_is_in_any_log(
    sandbox: Sandbox,
    sign_in: SignIn,
    post_form: Post,
    works: Works,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # The sandbox runs in this process; what the client of this test logs is not what is looked at.
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    basic = f"{CONFIDENTIAL_CLIENT_ID}:{CONFIDENTIAL_CLIENT_SECRET}"
    form = sign_in(sandbox, client_id=CONFIDENTIAL_CLIENT_ID, state="hush-state")
    tokens = post_form(sandbox, form, basic).json()
    assert works(sandbox, tokens["access_token"])
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    sandbox.token_faults([{"kind": "status", "status": 503}, {"kind": "rotate-then-drop"}])
    post_form(sandbox, again, basic)
    with pytest.raises(httpx.RemoteProtocolError):
        post_form(sandbox, again, basic)
    post_form(sandbox, again, basic)
    post_form(sandbox, {"token": tokens["refresh_token"]}, basic, "revoke")
    # In every wrong place, too.
    secret = {**form, **again, "client_secret": CONFIDENTIAL_CLIENT_SECRET, "token": tokens["access_token"]}
    for to in ("token", "revoke", "token/", "tokens"):
        url = f"{sandbox.url}/2/oauth2/{to}"
        httpx.post(url, json=secret, params=secret | {"state": "hush-state"})
    httpx.post(f"{sandbox.url}/2/oauth2%2Ftoken", json=secret)
    for value in secret.values():
        if value.startswith("sandbox-"):
            post_form(sandbox, {"grant_type": value, "client_id": value})
            post_form(sandbox, {}, f"{value}:{value}")
    logs = json.dumps([control(sandbox, name) for name in ("requests", "token-requests", "chains")])
    logs += json.dumps([sandbox.requests(), sandbox.token_requests(), sandbox.chains()])
    logs += caplog.text + "".join(capfd.readouterr())
    secrets = [tokens["access_token"], tokens["refresh_token"], form["code"], form["code_verifier"]]
    for hidden in (*secrets, CONFIDENTIAL_CLIENT_SECRET, "hush-state", base64.b64encode(basic.encode()).decode()):
        assert hidden not in logs
