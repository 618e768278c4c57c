"""On success and on each failure, no secret is in a log of any level, an error, a repr or the log of the sandbox."""

from __future__ import annotations

import base64
import logging
import traceback

import pytest
from airflow.sdk.log import redact

from airflow_provider_xchat.exceptions import XChatError
from airflow_provider_xchat.hooks.xchat import XChatHook
from xchat_sandbox import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET

GROUP = "g9000000000000000201"
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
