"""Tokens and grants by themselves."""

from __future__ import annotations

import json
import time

import pytest

from airflow_provider_xchat.tokens import Grant, Token


def test_a_token_survives_a_store():
    token = Token("access", "refresh", time.time() + 7200, "dm.read dm.write", time.time())
    assert Token.from_json(token.to_json()) == token


def test_a_token_with_little_in_it_survives_too():
    assert Token.from_json(Token(refresh_token="refresh").to_json()) == Token(refresh_token="refresh")


def test_members_of_a_later_version_are_ignored():
    assert Token.from_json('{"access_token": "access", "new": {"er": 1}}') == Token("access")


@pytest.mark.parametrize(
    "text",
    [
        "", "secret", "[]", '"secret"', "{}",
        '{"access_token": ["secret"]}', '{"access_token": "a", "expires_at": "x"}',
        '{"access_token": "a", "scope": 7}', '{"access_token": "a", "expires_at": -1}', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused_and_not_shown(text):
    with pytest.raises(ValueError, match="its value is") as caught:
        Token.from_json(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("lives", "left", "due"),
    [(7200, 301, False), (7200, 299, True), (7200, -1, True), (60, 7, False), (60, 5, True), (None, 299, True)],
)
def test_when_it_is_due(lives, left, due):
    now = time.time()
    token = Token("access", "refresh", now + left, rotated_at=None if lives is None else now + left - lives)
    assert token.is_due() is due


def test_jitter_makes_it_due_earlier_and_at_most_twice_as_early():
    token = Token("access", "refresh", time.time() + 450)
    assert (token.is_due(), token.is_due(0.4), token.is_due(0.6)) == (False, False, True)


def test_a_token_of_which_nobody_knows_is_never_due():
    assert not Token("access", "refresh").is_due()
    assert Token(None, "refresh").is_due()


def test_the_key_is_of_the_sign_in():
    key = Grant("client", "refresh").key
    assert key == Grant("client", "refresh", "secret", "access", 1.0).key
    assert key not in (Grant("client", "other").key, Grant("other", "refresh").key)
    assert "token" in key and "refresh" not in key
    assert len(key) < 100


def test_no_repr_shows_a_secret():
    token, grant = Token("s-1", "s-2"), Grant("client", "s-3", "s-4", "s-5")
    assert "s-" not in repr(token) + repr(grant)
    assert json.loads(token.to_json()) == {"access_token": "s-1", "refresh_token": "s-2"}
