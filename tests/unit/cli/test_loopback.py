"""The listener, with real sockets."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest

from airflow_provider_xchat.cli.loopback import LoopbackListener
from airflow_provider_xchat.exceptions import XChatInputError, XChatSignInError


def any_state(_state):
    return True


@pytest.fixture
def base(take_port):
    return f"http://127.0.0.1:{take_port()}"


def test_the_redirect_is_given_whole_and_leaves_no_trace(base, capfd):
    with LoopbackListener(f"{base}/callback", any_state) as listener:
        answer = httpx.get(f"{base}/callback?state=a%20b&code=sEcret")
        assert listener.wait_for_redirect(5) == f"{base}/callback?state=a%20b&code=sEcret"
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
    assert "The sign-in continues in the terminal" in answer.text and "sEcret" not in answer.text
    assert capfd.readouterr() == ("", "")


def test_everything_else_is_passed_over(base, capfd):
    with LoopbackListener(f"{base}/callback", any_state) as listener, httpx.Client(base_url=base) as browser:
        for path in ("/favicon.ico", "/callback", "/callback?x=1", "/callback/?code=1", "/?code=1"):
            assert browser.get(path).status_code == 404
        assert browser.post("/callback?code=1").status_code == 501
        with pytest.raises(XChatSignInError, match=f"No redirect to {base}/callback within 0 s"):
            listener.wait_for_redirect(0.01)
    assert capfd.readouterr() == ("", "")


def test_a_connection_that_says_nothing_keeps_nobody_waiting(base):
    port = int(base.rpartition(":")[2])
    with LoopbackListener(base, any_state) as listener, socket.create_connection(("127.0.0.1", port)):
        threading.Thread(target=httpx.get, args=(f"{base}/?code=1",)).start()
        assert listener.wait_for_redirect(5).endswith("/?code=1")


def test_the_port_is_free_again_afterwards(base):
    for _ in range(2):
        with LoopbackListener(base, any_state):
            pass


def test_localhost_listens_on_127_0_0_1(base):
    with LoopbackListener(base.replace("127.0.0.1", "localhost"), any_state) as listener:
        httpx.get(f"{base}/?code=1")
        assert listener.wait_for_redirect(5).startswith("http://localhost:")


def test_a_taken_port_is_told(base):
    with LoopbackListener(base, any_state), pytest.raises(XChatInputError) as caught:
        LoopbackListener(base, any_state)
    assert f"Port {base.rpartition(':')[2]} of 127.0.0.1 is already in use" in str(caught.value)
    assert "--redirect-uri" in str(caught.value) and "--no-browser" in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["https://127.0.0.1/callback", "http://example.com/callback", "http://0.0.0.0:1/", "xchat://callback"]
)
def test_only_loopback_is_listened_on(uri):
    with pytest.raises(XChatInputError, match="expected an http URL on this machine"):
        LoopbackListener(uri, any_state)


def test_a_page_elsewhere_cannot_end_the_sign_in(base):
    with LoopbackListener(f"{base}/callback", lambda state: state == "mine") as listener:
        for query in ("code=1", "code=1&state=", "error=access_denied&state=other", "code=1&state=mine&state=other"):
            answer = httpx.get(f"{base}/callback?{query}")
            assert (answer.status_code, "different sign-in" in answer.text) == (400, True)
        with pytest.raises(XChatSignInError, match="No redirect to"):
            listener.wait_for_redirect(0.01)
        httpx.get(f"{base}/callback?code=2&state=mine")
        assert listener.wait_for_redirect(5).endswith("code=2&state=mine")
