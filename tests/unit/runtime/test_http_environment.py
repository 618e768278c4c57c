"""Settings for proxies and certificates that cannot be used, and servers that TLS does or does not trust."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from airflow_provider_xchat.exceptions import XChatConnectionError, XChatError, XChatInputError
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.tokens import Token
from airflow_provider_xchat.tokens.endpoint import TokenEndpoint

UNUSABLE = {
    "ALL_PROXY": ["socks5://me:pass-word@127.0.0.1:1", "socks://me:pass-word@127.0.0.1:1"],
    "HTTPS_PROXY": ["ftp://me:pass-word@127.0.0.1"],
    "http_proxy": ["http://me:pass-word@127.0.0.1:port"],
    "NO_PROXY": ["[::1"],
    "SSL_CERT_FILE": ["/no/such/file", __file__],
    "SSLKEYLOGFILE": ["/no/such/folder/keys"],
}


def connect(monkeypatch, url, **extra):
    fields = {"conn_type": "xchat", "host": url, "password": "tok-en", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(fields))


async def asked():
    async with XChatHook() as hook:
        return await hook.aget_conversation("1")


def refreshed(url, verify=None):
    return TokenEndpoint(url, "app", verify=verify).refresh(Token(refresh_token="old"))


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in UNUSABLE.items() for value in values])
def test_a_variable_that_cannot_be_used_is_named(wire, monkeypatch, name, value):
    connect(monkeypatch, wire.url)
    monkeypatch.setenv(name, value)
    for ask in (lambda: XChatHook().get_conversation("1"), lambda: asyncio.run(asked()), lambda: refreshed(wire.url)):
        with pytest.raises(XChatInputError, match=rf"^Invalid .*environment variable {name} .*: expected .*") as caught:
            ask()
        assert "pass-word" not in str(caught.value)
    good, message = XChatHook().test_connection()
    assert not good
    assert f"environment variable {name} " in message
    assert wire.requests == []


@pytest.fixture
def certificate(tmp_path):
    """The files of a certificate that nobody has signed, for 127.0.0.1."""
    return made_certificate(tmp_path)


def made_certificate(folder):
    key, public = folder / "key.pem", folder / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    make += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*make, "-keyout", key, "-out", public], check=True, capture_output=True)
    return key, public


@contextmanager
def serving(key=None, public=None):
    """A server that counts those who connect, with TLS where it has a certificate."""
    context = None
    if key is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, key)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self, body=b'{"data": []}'):
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET(b'{"token_type": "bearer", "access_token": "new", "refresh_token": "newer"}')

    class Server(ThreadingHTTPServer):
        connected = 0

        def finish_request(self, request, client_address):
            self.connected += 1
            with suppress(OSError):
                if context is None:
                    super().finish_request(request, None)
                    return
                with context.wrap_socket(request, server_side=True) as encrypted:
                    super().finish_request(encrypted, None)

    Handler.log_message = lambda *_: None
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server, f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_certificate_that_nobody_has_signed(certificate, monkeypatch):
    with serving(*certificate) as (server, url):
        connect(monkeypatch, url)
        asks = (lambda: XChatHook().get_conversation("1"), lambda: asyncio.run(asked()), lambda: refreshed(url))
        for number, ask in enumerate(asks, 1):
            with pytest.raises(
                XChatConnectionError, match=r"from https://127.* certificate cannot be .*verify in .*SSL_CERT_FILE"
            ):
                ask()
            assert server.connected == number
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
        with XChatHook() as hook:
            assert hook.get_conversation("1") == asyncio.run(asked()) == {"data": []}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_private_ca_that_the_connection_names(certificate, tmp_path, monkeypatch, kind):
    verify = certificate[1]
    if kind == "folder":  # as Kubernetes mounts a secret, with other files in it
        verify = tmp_path / "mounted"
        (verify / "..data").mkdir(parents=True)
        (verify / "ca.crt").write_text(f"# Düsseldorf\n{certificate[1].read_text()}", encoding="latin-1")
        (verify / "notes").write_bytes(b"\x00\xff")
    with serving(*certificate) as (_, url):
        connect(monkeypatch, url, verify=str(verify))
        with XChatHook() as hook:
            assert hook.get_conversation("1") == asyncio.run(asked()) == {"data": []}
        assert XChatHook().test_connection() == (True, "X accepts the token.")
        assert refreshed(url, str(verify)).access_token == "new"


def test_a_task_refreshes_with_the_private_ca_of_its_connection(certificate, tmp_path, monkeypatch):
    store = {"store": "airflow_provider_xchat.tokens.FileTokenStore", "store_kwargs": {"folder": str(tmp_path)}}
    with serving(*certificate) as (_, url):
        fields = {"conn_type": "xchat", "host": url, "login": "app"}
        extra = {"refresh_token": "old", "verify": str(certificate[1]), **store}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps({**fields, "extra": extra}))
        assert XChatHook().refresh_access_token() is None
        with XChatHook() as hook:
            assert hook.get_conversation("1") == {"data": []}


def test_other_hosts_are_not_trusted_beside_the_private_ca(certificate, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    with serving(*certificate) as (server, url):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
        connect(monkeypatch, url, verify=str(made_certificate(other)[1]))
        asks = (lambda: XChatHook().get_conversation("1"), lambda: asyncio.run(asked()))
        for number, ask in enumerate(asks, 1):
            with pytest.raises(XChatConnectionError, match="certificate cannot be verified"):
                ask()
            assert server.connected == number


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n", "a folder"])
def test_a_verify_that_cannot_be_used_is_named(wire, tmp_path, monkeypatch, content):
    verify = tmp_path / "ca.pem"
    if content == "a folder":
        verify.mkdir()
    elif content is not None:
        verify.write_bytes(content)
    connect(monkeypatch, wire.url, verify=str(verify))
    expected = (
        rf"^connection '.*' has an invalid verify '{verify}' in its extra .*: expected the path of a file or folder"
    )
    asks = (
        lambda: XChatHook().get_conversation("1"),
        lambda: asyncio.run(asked()),
        lambda: refreshed(wire.url, str(verify)),
    )
    for ask in asks:
        with pytest.raises(XChatInputError, match=expected):
            ask()
    good, message = XChatHook().test_connection()
    assert not good
    assert message.startswith(f"connection 'xchat_default' has an invalid verify '{verify}'")
    assert wire.requests == []


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_https_for_a_server_that_speaks_http(monkeypatch, mode):
    with serving() as (server, url):
        connect(monkeypatch, url)
        with pytest.raises(XChatConnectionError, match=r"does not speak TLS\. Check the scheme") as caught:
            XChatHook().get_conversation("1") if mode == "sync" else asyncio.run(asked())
        assert caught.value.nothing_sent
        assert server.connected == 1


def test_a_connection_that_is_not_there(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_XCHAT_DEFAULT", raising=False)
    with pytest.raises(XChatError, match=r"Connection 'xchat_default' not found .* To sign in: xchat login"):
        XChatHook().get_conversation("1")
