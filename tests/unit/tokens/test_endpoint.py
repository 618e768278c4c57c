"""What comes from a token endpoint that is hostile, broken, or not one at all."""

from __future__ import annotations

import time

import pytest

from airflow_provider_xchat.exceptions import XChatAnswerError, XChatAPIError, XChatConnectionError
from airflow_provider_xchat.tokens import Token
from airflow_provider_xchat.tokens.endpoint import TokenEndpoint

REFRESH = "the-refresh-token-that-was-sent"
GOOD = {
    "token_type": "bearer",
    "expires_in": 7200,
    "access_token": "the-next-access-token",
    "refresh_token": "the-next-refresh-token",
    "scope": "dm.read",
}


def without(*names):
    return {name: value for name, value in GOOD.items() if name not in names}


@pytest.fixture
def endpoint(wire):
    return TokenEndpoint(wire.url, "the-client", "the-client-secret", timeout=2.0)


@pytest.fixture
def refresh(endpoint):
    return lambda **options: endpoint.refresh(Token("the-old-access-token", REFRESH), **options)


def test_what_is_sent_and_read(wire, refresh):
    wire.says(200, GOOD)
    token = refresh()
    assert (token.access_token, token.refresh_token) == (GOOD["access_token"], GOOD["refresh_token"])
    assert (token.scope, round(token.expires_at - token.rotated_at)) == ("dm.read", 7200)
    assert wire.request.line == "POST /2/oauth2/token HTTP/1.1"
    assert wire.request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert wire.request.body == f"grant_type=refresh_token&refresh_token={REFRESH}".encode()
    assert wire.request.headers["authorization"].startswith("Basic ")


def test_a_public_client_has_its_id_in_the_body(wire):
    wire.says(200, GOOD)
    TokenEndpoint(wire.url, "the client").refresh(Token(None, REFRESH))
    assert wire.request.body.endswith(b"&client_id=the+client")
    assert "authorization" not in wire.request.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(wire, refresh, status):
    wire.says(status, headers={"location": f"{wire.url}/elsewhere"})
    with pytest.raises(XChatAPIError, match=f"X answered {status} to POST /2/oauth2/token"):
        refresh()
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>Log in to the network first</html>", "text/html"),
        (b"", None),
        (b"null", "application/json"),
        (b"[1]", "application/json"),
        (b'"token"', "application/json"),
        (b"[" * 50_000, "application/json"),
        (b"\xff\xfe", "application/json"),
    ],
)
def test_a_success_that_is_no_token(wire, refresh, body, content_type):
    wire.says(200, body, content_type)
    with pytest.raises(XChatAnswerError, match=r"without a token .*: expected a JSON object"):
        refresh()


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_huge_body_is_not_read(wire, refresh, status):
    wire.says(status, b"x" * 50_000_000, "text/html")
    with pytest.raises(XChatAnswerError, match=f"X answered {status} to .* with more than 65536 bytes"):
        refresh()


def test_a_body_that_grows_by_decompression_is_not_read(wire, refresh):
    import gzip

    wire.says(200, gzip.compress(b" " * 100_000_000), headers={"content-encoding": "gzip"})
    with pytest.raises(XChatAnswerError, match="with more than 65536 bytes"):
        refresh()


def test_a_body_that_cannot_be_decompressed(wire, refresh):
    wire.says(200, b"plain", headers={"content-encoding": "gzip"})
    with pytest.raises(
        XChatConnectionError, match=r"no complete response to POST /2/oauth2/token from .*: DecodingError"
    ):
        refresh()


@pytest.mark.parametrize("lifetime", [-1, 0, None, "soon", True, [], 1e999])
def test_a_lifetime_that_is_none_is_unknown(wire, refresh, lifetime):
    wire.says(200, {**GOOD, "expires_in": lifetime})
    assert refresh().expires_at is None
    assert not refresh().is_due()


def test_no_lifetime_is_unknown(wire, refresh):
    wire.says(200, without("expires_in"))
    assert refresh().expires_at is None


@pytest.mark.parametrize("sent", [without("refresh_token"), {**GOOD, "refresh_token": "with\nbreak"}])
def test_without_a_refresh_token_that_can_be_used_the_old_one_is_kept(wire, refresh, sent):
    wire.says(200, sent)
    assert (refresh().access_token, refresh().refresh_token) == ("the-next-access-token", REFRESH)


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": "with\r\nX-Injected: break"},
        {"access_token": "ünï-code"},
        {"access_token": "two words"},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": None},
        {"token_type": "mac"},
        {"token_type": ["bearer"]},
    ],
)
def test_an_access_token_that_cannot_be_used_comes_without_costing_the_refresh_token(wire, refresh, changes):
    wire.says(200, {**GOOD, **changes})
    assert (refresh().access_token, refresh().refresh_token) == (None, "the-next-refresh-token")


@pytest.mark.parametrize("token_type", ["Bearer", "BEARER", None, ""])
def test_a_token_type_in_any_case_or_none(wire, refresh, token_type):
    wire.says(200, {**GOOD, "token_type": token_type})
    assert refresh().access_token == "the-next-access-token"


def test_an_access_token_that_cannot_be_used_is_an_error_after_the_refresh_token_is_saved(sandbox, rotating):
    tokens = rotating(sandbox.grant(expires_in=0))
    sandbox.token_faults([{"kind": "answer", "set": {"token_type": "mac"}}] * 3)
    with pytest.raises(XChatAnswerError, match="no access token that can be used: expected a bearer token"):
        tokens.current()
    assert tokens.current().access_token
    (chain,) = sandbox.chains()
    assert (chain["alive"], chain["refreshes"], chain["reused_dead_token"]) == (True, 4, 0)


def test_an_answer_without_any_token_saves_nothing(sandbox, rotating, wire):
    wire.says(200, {"token_type": "bearer"})
    tokens = rotating(sandbox.grant(expires_in=0), url=wire.url)
    before = tokens.stored()
    with pytest.raises(XChatAnswerError, match="a refresh without a token that can be used"):
        tokens.current()
    assert tokens.stored() == before


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_an_error_that_repeats_what_was_sent(wire, refresh, status):
    sent = f"{REFRESH} the-old-access-token the-client-secret dGhlLWNsaWVudDp0aGUtY2xpZW50LXNlY3JldA=="
    for body in ({"error": "invalid_grant", "error_description": sent}, sent.encode()):
        wire.says(status, body)
        with pytest.raises(XChatAPIError) as caught:
            refresh()
        assert "*** *** *** ***" in str(caught.value)
        assert "***" in repr(caught.value.problems)
        for secret in sent.split():
            assert secret not in str(caught.value) + repr(caught.value) + repr(caught.value.problems)


def test_garbage_in_place_of_http(wire, refresh):
    wire.answer = f"{REFRESH}\r\n\r\n".encode()
    with pytest.raises(XChatConnectionError) as caught:
        refresh()
    assert str(caught.value) == f"no complete response to POST /2/oauth2/token from {wire.url}: RemoteProtocolError"
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


def test_an_answer_that_takes_too_long(wire, refresh):
    wire.delay = 5
    began = time.monotonic()
    with pytest.raises(
        XChatConnectionError, match=r"no response to POST /2/oauth2/token from .* in time \(ReadTimeout\)"
    ):
        refresh(until=time.monotonic() + 1)
    assert time.monotonic() - began < 4


def test_nothing_is_sent_when_the_time_for_it_is_over(wire, refresh):
    with pytest.raises(XChatConnectionError, match="ConnectTimeout"):
        refresh(until=time.monotonic() - 1)
    assert wire.requests == []


def test_the_secret_is_not_in_the_repr(endpoint):
    assert "secret" not in repr(endpoint)
