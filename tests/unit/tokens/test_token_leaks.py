"""On success and on each failure, no secret is in a log of any level, an error, a repr or the log of the sandbox."""

from __future__ import annotations

import base64
import logging
import sys
import traceback
import types

import pytest
from airflow.sdk.log import redact

from airflow_provider_xchat.exceptions import XChatError, XChatInputError, XChatTokenStoreError
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.tokens.lease import Lease
from xchat_sandbox import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET
from xchat_sandbox import GROUP_ID as GROUP

BASIC = base64.b64encode(f"{CONFIDENTIAL_CLIENT_ID}:{CONFIDENTIAL_CLIENT_SECRET}".encode()).decode()

# How the sandbox begins each token that it issues, and what it never issued.
SECRETS = (
    "sandbox-access-",
    "sandbox-refresh-",
    CONFIDENTIAL_CLIENT_SECRET,
    BASIC,
    "never-issued",
    "bad-token",
    "wrong",
)

# What the call ends with, what is changed in the connection, and how the token endpoint behaves.
CASES = {
    "success": ("success", {}, []),
    "x_fails": ("XChatServerError", {}, [{"kind": "status", "status": 500}] * 3),
    "x_says_nothing": ("XChatConnectionError", {}, [{"kind": "drop-before"}] * 3),
    "the_answer_is_lost": ("XChatAuthError", {}, [{"kind": "rotate-then-drop"}]),
    "html": ("XChatAnswerError", {}, [{"kind": "body", "body": "<html>"}] * 3),
    "redirect": (
        "XChatAPIError",
        {},
        [{"kind": "status", "status": 307, "headers": {"location": "http://127.0.0.1:9/"}}],
    ),
    "other_token_type": ("XChatAnswerError", {}, [{"kind": "answer", "set": {"token_type": "mac"}}] * 3),
    "token_with_a_line_break": (
        "XChatAnswerError",
        {},
        [{"kind": "answer", "set": {"access_token": "bad-token\r\nx: y"}}] * 3,
    ),
    "no_refresh_token": ("success", {}, [{"kind": "answer", "remove": ["refresh_token"]}]),
    "dead_refresh_token": ("XChatAuthError", {"refresh_token": "never-issued"}, []),
    "wrong_secret": ("XChatAuthError", {"client_secret": "a-wrong-one"}, []),
    "password_that_is_none": ("XChatInputError", {"password": "bad-token\n"}, []),
    "refresh_token_that_is_none": ("XChatInputError", {"refresh_token": "bad-token\n"}, []),
    "store_down": ("XChatTokenStoreError", {"store_kwargs": {"folder": "/dev/null/no/folder"}}, []),
    "store_that_cannot_be_made": ("XChatInputError", {"store_kwargs": {"no_such": "a-wrong-one"}}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_shows_a_secret(sandbox, connect, case, caplog, capsys):
    expected, changes, faults = CASES[case]
    caplog.set_level(logging.DEBUG)
    grant = sandbox.grant(client_id=CONFIDENTIAL_CLIENT_ID, expires_in=0)
    fields = {"login": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_CLIENT_SECRET, **changes}
    connect(sandbox, grant, **fields)
    sandbox.token_faults(faults)
    shown, ended = [], "success"
    with XChatHook() as hook:
        shown.append(repr(hook.test_connection()))
        try:
            shown.append(repr(hook.get_conversation(GROUP)))
        except XChatError as error:
            ended = type(error).__name__
            shown += [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
        shown += [repr(hook), repr(vars(hook))]
        if expected != "XChatInputError":
            shown += [repr(hook.client), repr(vars(hook.client)), repr(vars(hook.client._settings["auth"]))]
    assert ended == expected
    shown += [caplog.text, *capsys.readouterr(), repr(sandbox.requests()), repr(sandbox.token_requests())]
    text = "\n".join(shown).replace(CONFIDENTIAL_CLIENT_ID, "").replace("sandbox-confidential", "")
    for secret in SECRETS:
        assert secret not in text


def test_airflow_masks_every_secret(sandbox, connect, rotating):
    """Also what a task prints by itself, or gets into a traceback of somebody else's code."""
    grant = sandbox.grant(client_id=CONFIDENTIAL_CLIENT_ID, expires_in=0)
    connect(sandbox, grant, login=CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_CLIENT_SECRET)
    with XChatHook() as hook:
        hook.get_conversation(GROUP)
    after = rotating(grant, client_id=CONFIDENTIAL_CLIENT_ID).stored()
    for secret in (grant.access_token, grant.refresh_token, *after.secrets, CONFIDENTIAL_CLIENT_SECRET, BASIC):
        assert redact(f"found {secret} here") == "found *** here"


class TalkativeStore:
    """A store of a user's own, whose errors say more than they should."""

    def __init__(self, url, when):
        self.url = url
        self.when = when
        self.texts = {}
        if when == "make":
            raise ValueError(f"cannot parse {url}")

    def load(self, key):
        if self.when == "load":
            raise ConnectionError(f"{self.url} is away, I had {self.texts}")
        if self.when == "lose":
            return None
        return self.texts.get(key)

    def save(self, key, value):
        if self.when == "save":
            raise ConnectionError(f"{self.url} does not take {value}; its password is wrong-for-the-store")
        self.texts[key] = value

    def delete(self, key):
        raise NotImplementedError


@pytest.mark.parametrize("when", ["make", "load", "save", "lose"])
def test_a_store_that_says_too_much_is_cleaned(sandbox, connect, monkeypatch, caplog, when):
    monkeypatch.setitem(sys.modules, "talkative", types.SimpleNamespace(Store=TalkativeStore))
    monkeypatch.setattr(Lease.__init__, "__defaults__", (0.1,))  # seconds to wait for others
    caplog.set_level(logging.DEBUG)
    kwargs = {"url": "redis://worker:wrong-for-the-store@127.0.0.1:1/0", "when": when}
    grant = sandbox.grant(client_id=CONFIDENTIAL_CLIENT_ID, expires_in=0)
    fields = {"login": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_CLIENT_SECRET}
    connect(sandbox, grant, **fields, store="talkative.Store", store_kwargs=kwargs)
    expected = XChatInputError if when == "make" else XChatTokenStoreError
    with pytest.raises(expected) as caught, XChatHook() as hook:
        hook.get_conversation(GROUP)
    shown = "\n".join([*traceback.format_exception(caught.value), repr(vars(caught.value)), caplog.text])
    for secret in SECRETS:
        assert secret not in shown


def test_an_answer_that_repeats_the_tokens(sandbox, connect):
    grant = sandbox.grant()
    connect(sandbox, grant)
    echo = f"<p>{grant.access_token} {grant.refresh_token}</p>"
    sandbox.faults([{"kind": "body", "status": 403, "body": echo, "content_type": "text/html"}])
    with pytest.raises(XChatError) as caught, XChatHook() as hook:
        hook.get_conversation(GROUP)
    said = f"{''.join(traceback.format_exception(caught.value))} {vars(caught.value)}"
    assert "<p>*** ***</p>" in said
    assert not any(secret in said for secret in SECRETS)
