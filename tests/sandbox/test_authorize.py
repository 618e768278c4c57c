from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from xchat_sandbox import Client, Sandbox, create_app, running_sandbox

STATE = "a state & more"
Authorize = Callable[..., httpx.Response]


def sent_to(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 302
    assert answer.headers["cache-control"] == "no-store"
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def test_the_user_consents_at_once(sandbox: Sandbox, authorize: Authorize) -> None:
    answer = authorize(sandbox)
    assert answer.headers["location"].startswith("http://127.0.0.1:49152/callback?code=")
    assert sent_to(answer) == {"code": sent_to(answer)["code"], "state": STATE}
    assert sent_to(authorize(sandbox))["code"] != sent_to(answer)["code"]


def test_a_redirect_uri_keeps_its_query(sandbox: Sandbox, authorize: Authorize) -> None:
    answer = authorize(sandbox, redirect_uri="http://localhost:1/back?a=b")
    assert answer.headers["location"].startswith("http://localhost:1/back?a=b&code=")


def test_the_user_may_say_no(sandbox: Sandbox, authorize: Authorize) -> None:
    answer = sent_to(authorize(sandbox, consent="deny"))
    assert (answer["error"], answer["state"]) == ("access_denied", STATE)
    assert "code" not in answer
    with running_sandbox(consent="deny") as denying:
        assert sent_to(authorize(denying))["error"] == "access_denied"
        assert "code" in sent_to(authorize(denying, consent="allow"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"scope": "dm.read dm.everything"}, "invalid_scope"),
        ({"scope": None}, "invalid_request"),
        ({"scope": ""}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_what_is_wrong_is_told_to_the_client(
    sandbox: Sandbox, authorize: Authorize, changes: dict[str, str | None], error: str
) -> None:
    answer = sent_to(authorize(sandbox, **changes))
    assert (answer["error"], answer["state"]) == (error, STATE)
    assert "code" not in answer


def test_a_state_is_needed(sandbox: Sandbox, authorize: Authorize) -> None:
    answer = sent_to(authorize(sandbox, state=None))
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


def test_a_parameter_must_not_be_repeated(sandbox: Sandbox, authorize: Authorize) -> None:
    query = authorize(sandbox).request.url.query.decode()
    url = f"{sandbox.url}/i/oauth2/authorize?{query}"
    assert sent_to(httpx.get(f"{url}&scope=dm.read"))["error"] == "invalid_request"
    assert "state" not in sent_to(httpx.get(f"{url}&state=x"))
    for fatal in ("client_id=sandbox-public-client", "redirect_uri=http%3A%2F%2Flocalhost"):
        assert httpx.get(f"{url}&{fatal}").status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://127.0.0.1/callback"},
        {"redirect_uri": "http://example.com/callback"},
        {"redirect_uri": "http://127.0.0.1.example.com/callback"},
        {"redirect_uri": "http://127.0.0.1@example.com/"},
        {"redirect_uri": "http://127.0.0.1\\@example.com/"},
        {"redirect_uri": "http://127.0.0.1:1/#fragment"},
        {"redirect_uri": "http://127.0.0.1:99999/"},
        {"redirect_uri": "http://127.0.0.1/\r\nset-cookie: a=b"},
        {"redirect_uri": "/callback"},
    ],
)
def test_nobody_is_redirected_to_a_stranger(
    sandbox: Sandbox, authorize: Authorize, changes: dict[str, str | None]
) -> None:
    answer = authorize(sandbox, **changes)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert "location" not in answer.headers


def test_registered_redirect_uris_are_exact_but_for_the_port_on_loopback(authorize: Authorize) -> None:
    client = Client("app", redirect_uris=("https://example.com/back", "http://127.0.0.1/back"))
    with running_sandbox(clients=[client]) as sandbox:
        for uri, status in {
            "https://example.com/back": 302,
            "http://127.0.0.1:5/back": 302,
            "https://example.com:444/back": 400,
            "https://example.com/back?x=y": 400,
            "http://127.0.0.1:5/": 400,
            "http://localhost:5/back": 400,
        }.items():
            assert authorize(sandbox, client_id="app", redirect_uri=uri).status_code == status, uri


def test_only_get_is_answered(sandbox: Sandbox, authorize: Authorize) -> None:
    url = authorize(sandbox).request.url
    assert httpx.head(url).status_code == 405
    assert httpx.post(url).status_code == 405


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"access_token_lifetime": 0}, "access token lifetime"),
        ({"access_token_lifetime": float("nan")}, "access token lifetime"),
        ({"code_lifetime": -1}, "code lifetime"),
        ({"consent": "maybe"}, "consent"),
        ({"dead_grant_error": "oops"}, "dead grant error"),
        ({"clients": [Client("a"), Client("a")]}, "two clients a"),
        ({"clients": [Client("sandbox-public-client")]}, "two clients"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        create_app(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "client", [{"client_id": ""}, {"client_id": "a", "client_secret": ""}, {"client_id": "a", "redirect_uris": ("b",)}]
)
def test_a_malformed_client_is_refused(client: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="client"):
        Client(**client)  # type: ignore[arg-type]


def test_a_secret_does_not_show_in_a_repr() -> None:
    assert "hush" not in repr(Client("a", "hush"))
