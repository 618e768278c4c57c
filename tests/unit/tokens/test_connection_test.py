"""What the Test button does to a connection with a refresh token: it looks, and touches nothing."""

from __future__ import annotations

import os

import pytest

from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.tokens.endpoint import TokenEndpoint
from xchat_sandbox import PUBLIC_CLIENT_ID

UNKNOWN = "The next task refreshes it; this test does not, so it cannot check whether the sign-in is still valid."
EXPIRED = (True, f"The access token has expired. {UNKNOWN}")
REFUSED = (True, f"X refuses the access token: it has expired or was revoked. {UNKNOWN}")
KNOWN = (True, "X accepts the token.")


@pytest.fixture
def test_it(sandbox, tmp_path):
    """A function that tests the default connection, and sees to it that nothing has changed."""

    def test():
        before = stored(tmp_path), sandbox.chains()
        said = XChatHook().test_connection()
        assert (stored(tmp_path), sandbox.chains()) == before
        assert sandbox.token_requests() == []
        return said

    return test


def stored(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_expired_token_costs_no_request(sandbox, connect, test_it):
    connect(sandbox, sandbox.grant(expires_in=0))
    assert test_it() == EXPIRED
    assert sandbox.requests() == []


def test_a_token_of_which_nobody_knows_that_it_has_expired(sandbox, connect, test_it):
    connect(sandbox, sandbox.grant(expires_in=0), expires_at=None)
    assert test_it() == REFUSED
    assert [request["path"] for request in sandbox.requests()] == ["/2/chat/conversations/0"]


def test_no_access_token_yet(sandbox, connect, test_it):
    connect(sandbox, sandbox.grant(), password=None, expires_at=None)
    assert test_it() == EXPIRED


def test_a_good_token(sandbox, connect, test_it):
    connect(sandbox, sandbox.grant())
    assert test_it() == KNOWN


def test_a_token_that_expires_in_a_minute_is_left_alone(sandbox, connect, test_it):
    connect(sandbox, sandbox.grant(expires_in=60))
    assert test_it() == KNOWN


def test_the_rotated_token_is_the_one_that_is_tested(sandbox, connect, rotating):
    grant = sandbox.grant(expires_in=0)
    connect(sandbox, grant)
    rotating(grant).current()
    assert XChatHook().test_connection() == KNOWN
    assert len(sandbox.token_requests()) == 1


def test_under_another_connection_id(sandbox, connect, rotating, monkeypatch):
    """Airflow's web interface tests a copy of the connection, with a random id."""
    grant = sandbox.grant(expires_in=0)
    connect(sandbox, grant)
    rotating(grant).current()

    monkeypatch.setenv("AIRFLOW_CONN_RANDOM", os.environ["AIRFLOW_CONN_XCHAT_DEFAULT"])
    assert XChatHook("random").test_connection() == KNOWN


def test_a_store_that_is_down(sandbox, connect, test_it):
    connect(sandbox, sandbox.grant(), store_kwargs={"folder": "/dev/null/no/folder"})
    good, message = test_it()
    assert not good and "cannot be read: NotADirectoryError" in message


def test_a_refresh_token_without_a_client_id(sandbox, connect, test_it):
    connect(sandbox, sandbox.grant(), login=None)
    good, message = test_it()
    assert not good and "expected the app's client id" in message


def test_a_sign_in_that_was_revoked(sandbox, connect, test_it):
    grant = sandbox.grant()
    connect(sandbox, grant)
    TokenEndpoint(sandbox.url, PUBLIC_CLIENT_ID).revoke(grant.refresh_token)
    good, message = test_it()
    assert not good
    assert "before its expiry: the sign-in may have been revoked" in message
    assert message.endswith("To sign in again: xchat login --conn-id xchat_default")


@pytest.mark.parametrize(("conn_id", "named"), [("Xq3bZ9ab", "CONN_ID"), ("xchat_of_support", "xchat_of_support")])
def test_messages_name_the_connection_that_is_tested(sandbox, connect, monkeypatch, conn_id, named):
    """Airflow's web interface tests a copy, with an id of its own that nobody has ever seen."""
    connect(sandbox, sandbox.grant(), refresh_token=None, expires_at=None, password="unknown")
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", os.environ["AIRFLOW_CONN_XCHAT_DEFAULT"])
    good, message = XChatHook(conn_id).test_connection()
    assert not good
    assert f"Set a new token as the password of connection '{named}'" in message
    assert message.endswith(f"xchat login --conn-id {named} --client-id CLIENT_ID")
