"""What a connection may say."""

from __future__ import annotations

import pytest
from airflow.sdk import Connection

from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import XChatInputError


def settings(**fields):
    return ConnectionSettings.of(Connection(**{"conn_id": "c", "conn_type": "xchat", "password": "tok-en", **fields}))


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
    ],
)
def test_hosts(fields, url):
    assert settings(**fields).base_url == url


@pytest.mark.parametrize(
    "host",
    ["ftp://x", "https://", "https://u:sec-ret@x", "https://x?k=sec-ret", "https://x#f", "https://x:port", "http://[x"],
)
def test_hosts_that_are_none_are_refused_and_not_shown(host):
    with pytest.raises(XChatInputError, match="connection 'c' has a host that is no plain") as caught:
        settings(host=host)
    assert "sec-ret" not in str(caught.value)


@pytest.mark.parametrize(("timeout", "seconds"), [(5, 5.0), (0.5, 0.5), ("7", 7.0), ("", 30.0), (None, 30.0)])
def test_timeouts(timeout, seconds):
    import json

    assert settings(extra=json.dumps({"timeout": timeout})).timeout == seconds


@pytest.mark.parametrize("timeout", ['"soon"', "0", "-1", "true", "[]", '"nan"', '"inf"', "1e999"])
def test_timeouts_that_are_none(timeout):
    with pytest.raises(XChatInputError, match="expected a number of seconds above 0"):
        settings(extra=f'{{"timeout": {timeout}}}')


def test_without_a_password_it_says_what_belongs_there():
    with pytest.raises(XChatInputError, match="connection 'c' has no password; expected the OAuth"):
        settings(password=None)


def test_the_token_is_not_in_the_repr():
    assert "tok-en" not in repr(settings())
