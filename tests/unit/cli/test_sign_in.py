"""The sign-in's own rules, without a network."""

from __future__ import annotations

import base64
import hashlib
import operator
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from airflow_provider_xchat.cli.sign_in import SignIn, scopes_of
from airflow_provider_xchat.exceptions import XChatInputError, XChatSignInError

REDIRECT_URI = "http://127.0.0.1:8723/callback"


@pytest.fixture
def sign_in():
    return SignIn("https://api.x.com", "an id", REDIRECT_URI, ("dm.read", "offline.access"))


def redirected(sign_in, to=REDIRECT_URI, **members):
    return f"{to}?{urlencode({'state': sign_in.state, **members})}"


def test_the_page_is_that_of_x(sign_in):
    parts = urlsplit(sign_in.url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "x.com", "/i/oauth2/authorize")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(sign_in.verifier.encode()).digest()).rstrip(b"=").decode()
    assert dict(parse_qsl(parts.query)) == {
        "response_type": "code",
        "client_id": "an id",
        "redirect_uri": REDIRECT_URI,
        "scope": "dm.read offline.access",
        "state": sign_in.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    assert "+" not in parts.query


@pytest.mark.parametrize(
    ("host", "pages", "expected"),
    [
        ("https://proxy.example/x", None, "https://x.com/"),
        ("http://127.0.0.1:1/x", None, "http://127.0.0.1:1/x/"),
        ("http://sandbox:1", "http://sandbox:1/", "http://sandbox:1/"),
    ],
)
def test_the_page_for_another_host(host, pages, expected):
    """A proxy in front of the API has no page of its own; a sandbox on this machine has."""
    url = SignIn(host, "id", REDIRECT_URI, ("a",), pages).url
    assert url.startswith(f"{expected}i/oauth2/authorize?")


def test_secrets_are_new_and_long_and_do_not_show(sign_in):
    other = SignIn(sign_in.base_url, sign_in.client_id, sign_in.redirect_uri, sign_in.scopes)
    assert other.state != sign_in.state and other.verifier != sign_in.verifier
    assert len(sign_in.state) >= 43 and 43 <= len(sign_in.verifier) <= 128
    assert sign_in.verifier not in sign_in.url + repr(sign_in) and sign_in.state not in repr(sign_in)


@pytest.mark.parametrize(
    "wrap", ["{}", "  {}\n", "{}#_=_"], ids=["as it is", "with spaces around it", "with a fragment"]
)
def test_a_code_is_read(sign_in, wrap):
    assert sign_in.code(wrap.format(redirected(sign_in, code="a/b c"))) == "a/b c"


@pytest.mark.parametrize(
    "to", ["https://app.example/back", "https://APP.example:443/back", "https://app.example/back?x=1"]
)
def test_any_registered_redirect_uri_works(to):
    sign_in = SignIn("https://api.x.com", "id", "https://app.example/back", ("a",))
    url = f"{to}{'&' if '?' in to else '?'}code=abc&state={quote(sign_in.state)}"
    assert sign_in.code(url) == "abc"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: "sEcret-code", "Invalid URL: "),
        (lambda _: "http://[", "Invalid URL: "),
        (lambda sign_in: "http://127.0.0.1:x/?code=sEcret", "Invalid URL: "),
        (lambda sign_in: f"{REDIRECT_URI}?code=sEcret two", "Invalid URL: "),
        (operator.attrgetter("url"), "this is the authorization page"),
        (lambda sign_in: redirected(sign_in, "http://127.0.0.1:8724/callback", code="sEcret"), "127.0.0.1:8724"),
        (lambda sign_in: redirected(sign_in, "http://sEcret@127.0.0.1/callback", code="sEcret"), "http://127.0.0.1/"),
        (redirected, "neither a code nor an error"),
        (lambda sign_in: redirected(sign_in, code=""), "neither a code nor an error"),
        (lambda sign_in: redirected(sign_in, code="sEcret") + "&code=sEcret2", "more than one code"),
        (lambda sign_in: f"{REDIRECT_URI}?code=sEcret", "State mismatch"),
        (lambda sign_in: f"{REDIRECT_URI}?code=sEcret&state=ünlike", "State mismatch"),
        (lambda sign_in: f"{REDIRECT_URI}?error=access_denied&state=other", "State mismatch"),
        (lambda sign_in: redirected(sign_in, error="access_denied"), "Access was denied"),
        (lambda sign_in: redirected(sign_in, error="invalid_scope", error_description="No."), "invalid_scope: No"),
        (lambda sign_in: redirected(sign_in, error="unheard_of"), "unheard_of"),
    ],
)
def test_what_is_no_code_is_told(sign_in, make, said):
    with pytest.raises(XChatSignInError, match=said.replace("?", r"\?")) as caught:
        sign_in.code(make(sign_in))
    assert "sEcret" not in str(caught.value) and sign_in.state not in str(caught.value)
    assert "sEcret" not in repr(caught.value.__cause__)


@pytest.mark.parametrize("uri", ["", "callback", "127.0.0.1:8723", "http://127.0.0.1:x/", "http://a/#b", "http://a b/"])
def test_a_redirect_uri_must_be_one(uri):
    with pytest.raises(XChatInputError, match="redirect URI"):
        SignIn("https://api.x.com", "id", uri, ("a",))


def test_scopes():
    assert scopes_of(" dm.read, users.read dm.read\n") == ("dm.read", "users.read")
    for text in ("", " , ", 'a"b'):
        with pytest.raises(XChatInputError, match="expected names"):
            scopes_of(text)
