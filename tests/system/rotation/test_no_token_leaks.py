"""After all runs, no token and no client secret stands in anything that a fleet has printed, stored or logged."""

from __future__ import annotations

import pytest


@pytest.fixture
def written(fleet):
    """Every file of the home by its path there: the database with its journal, the logs, and what servers printed."""
    files = {path.relative_to(fleet.home.path).as_posix(): path for path in fleet.home.path.rglob("*")}
    return {name: path.read_bytes() for name, path in files.items() if path.is_file()}


def test_not_in_what_was_printed(fleet, tokens):
    assert "Connection success!" in fleet.printed
    assert tokens.found_in(fleet.printed.encode()) == []


def test_not_in_any_file(written, tokens):
    assert {name: found for name, content in written.items() if (found := tokens.found_in(content))} == {}


def test_what_is_searched_for_is_how_secrets_begin(fleet, tokens):
    for name, rotating in fleet.rotating.items():
        kept = fleet.variable(name) or {}
        for secret in (*rotating.grant.secrets, *filter(None, (kept.get("access_token"), kept.get("refresh_token")))):
            assert tokens.found_in(secret.encode()) != []


def test_the_database_was_searched(written, fleet):
    database = b"".join(content for name, content in written.items() if name.startswith("airflow.db"))
    assert fleet.rotating["xchat_operators"].grant.key.encode() in database
    assert b"return_value" in database


def test_the_logs_of_workers_and_triggers_were_searched(written):
    logs = {name: content for name, content in written.items() if name.startswith("logs/") and "task_id=" in name}
    assert any(b"refreshed, saved within" in content for name, content in logs.items() if ".trigger." not in name)
    assert any(b"refreshed, saved within" in content for name, content in logs.items() if ".trigger." in name)
    assert any(b"xchat login --conn-id" in content for content in logs.values())
