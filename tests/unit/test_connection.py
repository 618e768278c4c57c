"""What a connection may say."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection

from airflow_provider_xchat.cli import connections
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.tokens import Grant


def settings(**fields):
    return ConnectionSettings.from_connection(
        Connection(**{"conn_id": "c", "conn_type": "xchat", "password": "tok-en", **fields})
    )


def test_a_password_alone_is_a_connection():
    read = settings()
    assert (read.base_url, read.access_token, read.timeout) == ("https://api.x.com", "tok-en", 30.0)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "https://api.x.com/"}, "https://api.x.com"),
        ({"host": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080"),
        ({"host": " https://proxy.example/x/ "}, "https://proxy.example/x"),
        ({"host": "api.x.com"}, "https://api.x.com"),
        ({"host": "127.0.0.1", "port": 8080, "schema": "http"}, "http://127.0.0.1:8080"),
        ({"host": ""}, "https://api.x.com"),
        ({"host": "https://proxy.example", "port": 8443}, "https://proxy.example:8443"),
        ({"host": "https://proxy.example:8443/x", "port": 8443}, "https://proxy.example:8443/x"),
        ({"host": "proxy.example/x", "port": 8443}, "https://proxy.example:8443/x"),
        ({"host": "http://[::1]/", "port": 80}, "http://[::1]:80"),
        ({"host": "https://proxy.example", "port": 0}, "https://proxy.example"),
    ],
)
def test_hosts(fields, url):
    assert settings(**fields).base_url == url


@pytest.mark.parametrize(
    "host",
    ["ftp://x", "https://", "https://u:sec-ret@x", "https://x?k=sec-ret", "https://x#f", "https://x:port", "http://[x"],
)
def test_hosts_that_are_none_are_refused_and_not_shown(host):
    with pytest.raises(XChatInputError, match="connection 'c' has an invalid host: expected an") as caught:
        settings(host=host)
    assert "sec-ret" not in str(caught.value)


def test_two_ports_are_refused():
    with pytest.raises(XChatInputError, match="port 1 in host and 2 in port: expected one port"):
        settings(host="https://proxy.example:1", port=2)


@pytest.mark.parametrize(
    "extra", ['"sec-ret"', r'"{\"refresh_token\": \"sec-ret\"}"', '["sec-ret"]', "7", "true", "null"]
)
def test_an_extra_that_is_no_object(extra):
    with pytest.raises(XChatInputError, match=r"'c' has an invalid extra .*: expected a JSON object") as caught:
        ConnectionSettings.from_connection(stored_with(extra))
    with pytest.raises(XChatInputError, match="an invalid extra"):
        connections._fields(stored_with(extra))
    assert "sec-ret" not in str(caught.value)


def stored_with(extra):
    return Connection(conn_id="c", conn_type="xchat", password="tok-en", extra=extra)


@pytest.mark.parametrize(("timeout", "seconds"), [(5, 5.0), (0.5, 0.5), ("7", 7.0), ("", 30.0), (None, 30.0)])
def test_timeouts(timeout, seconds):
    assert settings(extra=json.dumps({"timeout": timeout})).timeout == seconds


@pytest.mark.parametrize("timeout", ['"soon"', "0", "-1", "true", "[]", '"nan"', '"inf"', "1e999"])
def test_timeouts_that_are_none(timeout):
    with pytest.raises(XChatInputError, match="expected a positive number of seconds"):
        settings(extra=f'{{"timeout": {timeout}}}')


@pytest.mark.parametrize(
    ("verify", "path"),
    [("/ca.pem", "/ca.pem"), (" ca ", "ca"), ("", None), (None, None), (True, None), ("true", None), ("True", None)],
)
def test_certificates(verify, path):
    assert settings(extra=json.dumps({"verify": verify})).verify == path


@pytest.mark.parametrize("verify", ["false", '"False"', "0", "7", "[]", "{}"])
def test_certificates_that_are_none_and_no_verification(verify):
    with pytest.raises(
        XChatInputError, match=r"'c' has an invalid verify .*: expected the path .* cannot be turned off"
    ):
        settings(extra=f'{{"verify": {verify}}}')


def test_without_a_password_it_says_what_belongs_there():
    with pytest.raises(XChatInputError, match="connection 'c' has no password: expected the OAuth"):
        settings(password=None)


def test_the_token_is_not_in_the_repr():
    assert "tok-en" not in repr(settings())


class TestGrant:
    """What tokens are rotated with."""

    EXTRA = {"refresh_token": "ref-resh", "client_secret": "sec-ret", "expires_at": 1_780_000_000}  # noqa: RUF012

    def test_all_of_it(self):
        read = settings(login=" the-client ", extra=json.dumps(self.EXTRA))
        assert read.grant == Grant("the-client", "ref-resh", "sec-ret", "tok-en", 1_780_000_000)
        assert (read.store, read.store_kwargs) == (None, {})

    @pytest.mark.parametrize("expires_at", ["1780000000", 1780000000.0, "1.78e9"])
    def test_a_time_may_be_text(self, expires_at):
        """The form of Airflow 2.11 has text fields only."""
        read = settings(login="c", extra=json.dumps({**self.EXTRA, "expires_at": expires_at}))
        assert read.grant.expires_at == 1_780_000_000

    @pytest.mark.parametrize("empty", ["", None])
    def test_empty_fields_are_none(self, empty):
        members = ("client_secret", "expires_at", "timeout", "verify", "store", "store_kwargs")
        extra = {"refresh_token": "ref-resh", **dict.fromkeys(members, empty)}
        read = settings(login="c", extra=json.dumps(extra))
        assert read.grant == Grant("c", "ref-resh", access_token="tok-en")
        assert (read.timeout, read.store, read.store_kwargs) == (30.0, None, {})

    @pytest.mark.parametrize("empty", ["", None])
    def test_without_a_refresh_token_it_is_a_static_token(self, empty):
        assert settings(login="c", extra=json.dumps({**self.EXTRA, "refresh_token": empty})).grant is None

    def test_a_refresh_token_needs_no_password(self):
        read = settings(login="c", password=None, extra=json.dumps({"refresh_token": "ref-resh"}))
        assert (read.access_token, read.grant) == (None, Grant("c", "ref-resh"))

    def test_a_refresh_token_needs_a_client_id(self):
        with pytest.raises(XChatInputError, match="'c' has a refresh_token but no login: expected the app's client id"):
            settings(extra=json.dumps(self.EXTRA))

    @pytest.mark.parametrize("member", ["refresh_token", "client_secret"])
    @pytest.mark.parametrize("value", ["line-sec-ret\n", "two sec-ret", "sec-rét", 7, ["sec-ret"]])
    def test_secrets_that_cannot_be_one_are_refused_and_not_shown(self, member, value):
        with pytest.raises(XChatInputError, match=f"'c' has an invalid {member}: expected ASCII") as caught:
            settings(login="c", extra=json.dumps({**self.EXTRA, member: value}))
        assert "sec-r" not in str(caught.value)

    @pytest.mark.parametrize("value", ["soon", -1, 0, True, [], "2026-11-22T03:00:00Z"])
    def test_times_that_are_none(self, value):
        with pytest.raises(XChatInputError, match=r"has an invalid expires_at .*: expected seconds since 1970"):
            settings(login="c", extra=json.dumps({**self.EXTRA, "expires_at": value}))

    @pytest.mark.parametrize("kwargs", [{"folder": "/x"}, '{"folder": "/x"}'])
    def test_a_store(self, kwargs):
        """Its arguments come as text from the connection form."""
        read = settings(login="c", extra=json.dumps({**self.EXTRA, "store": "a.b.C", "store_kwargs": kwargs}))
        assert (read.store, read.store_kwargs) == ("a.b.C", {"folder": "/x"})

    @pytest.mark.parametrize("store", ["nodots", 7, ["a.b"]])
    def test_stores_that_are_none(self, store):
        with pytest.raises(XChatInputError, match=r"has an invalid store .*: expected the dotted path of a class"):
            settings(login="c", extra=json.dumps({**self.EXTRA, "store": store}))

    @pytest.mark.parametrize("kwargs", ["sec-ret", "[1]", [1], 7, "7"])
    def test_arguments_of_a_store_that_are_none_are_not_shown(self, kwargs):
        with pytest.raises(XChatInputError, match=r"has invalid store_kwargs .*: expected a JSON object") as caught:
            settings(login="c", extra=json.dumps({**self.EXTRA, "store": "a.b.C", "store_kwargs": kwargs}))
        assert "sec-ret" not in str(caught.value)

    def test_no_repr_shows_a_secret(self):
        extra = {**self.EXTRA, "store": "a.b.C", "store_kwargs": {"password": "pass-word"}}
        shown = repr(settings(login="c", extra=json.dumps(extra)))
        for secret in ("tok-en", "ref-resh", "sec-ret", "pass-word"):
            assert secret not in shown


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "***"},
        {"extra": '{"refresh_token": "***"}', "login": "app"},
        {"extra": '{"refresh_token": "good", "client_secret": "*****"}', "login": "app"},
        {"extra": '{"store_kwargs": {"url": "***"}}'},
    ],
)
def test_the_mask_of_a_secret_is_none(fields):
    with pytest.raises(XChatInputError, match=r"connection 'c' has only asterisks as .*: expected the secret itself"):
        settings(**fields)


@pytest.mark.parametrize("conn_type", ["http", "", None])
def test_other_types_are_refused(conn_type):
    with pytest.raises(XChatInputError, match=r"connection 'c' has type .*: expected 'xchat'"):
        settings(conn_type=conn_type)


@pytest.mark.parametrize(
    ("member", "likely"),
    [("refreshtoken", "refresh_token"), ("Client-Secret", "client_secret"), ("extra__xchat__expires_at", "expires_at")],
)
def test_a_misspelt_member_is_told(member, likely, caplog):
    settings(extra=json.dumps({member: "x", "mine": 1, "timeout": 5}))
    ours = [record for record in caplog.records if record.name == "airflow_provider_xchat.connection"]
    assert [record.getMessage() for record in ours] == [
        f"connection 'c' has the unknown field {member!r} in its extra: did you mean {likely!r}?"
    ]


def test_milliseconds_are_told():
    extra = json.dumps({"refresh_token": "good", "expires_at": 1780000000123})
    with pytest.raises(XChatInputError, match=r"in milliseconds: expected seconds since .* such as 1780000000$"):
        settings(extra=extra, login="app")
