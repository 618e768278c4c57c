"""``xchat status`` and ``xchat logout``, and the same commands in Airflow's own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from xchat_sandbox import PUBLIC_CLIENT_ID


def rows(done):
    assert done.status == 0, done
    return {line[:15].strip(): line[15:] for line in done.out.splitlines()}


def test_of_a_fresh_sign_in(commands, sandbox):
    commands.login(sandbox, "--conn-id", "fresh")
    shown = rows(commands.xchat("status", "--conn-id", "fresh"))
    assert shown["connection"] == "fresh, from the Airflow database"
    assert shown["API URL"] == sandbox.url
    assert shown["client"] == f"{PUBLIC_CLIENT_ID} (public)"
    assert shown["scopes"] == "dm.read dm.write tweet.read users.read offline.access"
    assert shown["access token"].startswith("expires 20") and re.search(
        r"\(in (1 h 59 min|2 h)\)", shown["access token"]
    )
    assert shown["last rotation"] == "none yet"
    assert shown["token store"].startswith("Airflow Variables, key xchat_token_")
    assert [request["grant_type"] for request in sandbox.token_requests()] == ["authorization_code"]
    assert not [request for request in sandbox.requests() if request["path"].startswith("/2/chat")]


def test_of_a_connection_that_was_written_by_hand(commands, sandbox):
    """What was granted is not known before X says it again."""
    grant = sandbox.grant()
    extra = {"refresh_token": grant.refresh_token}
    commands.store("by_hand", host=sandbox.url, login=PUBLIC_CLIENT_ID, password=grant.access_token, extra=extra)
    shown = rows(commands.xchat("status", "--conn-id", "by_hand"))
    assert shown["scopes"] == "unknown until the first refresh"
    assert shown["access token"] == "expiry unknown"


def test_of_one_that_was_rotated(commands, sandbox):
    commands.login(sandbox, "--conn-id", "rotated")
    commands.rotate("rotated")
    shown = rows(commands.xchat("status", "--conn-id", "rotated"))
    assert shown["scopes"] == "dm.read dm.write tweet.read users.read offline.access"
    assert shown["last rotation"].startswith("20") and shown["last rotation"].endswith("s ago)")
    known = json.loads(commands.xchat("status", "--conn-id", "rotated", "--output", "json").out)
    assert known["scopes"] == shown["scopes"].split() and known["refreshes"] is True
    assert (
        datetime.fromisoformat(known["expires_at"]) > datetime.now(UTC) > datetime.fromisoformat(known["last_rotation"])
    )
    assert known["token_store_key"] in commands.variables()


def test_of_an_expired_one_with_a_store_of_its_own(commands, sandbox, tmp_path):
    extra = {
        "refresh_token": "r" * 20,
        "client_secret": "c" * 20,
        "expires_at": 1_700_000_000,
        "store": "airflow_provider_xchat.tokens.FileTokenStore",
        "store_kwargs": {"folder": str(tmp_path / "password-in-here")},
    }
    commands.store("expired", login="app", password="p" * 20, extra=extra)
    done = commands.xchat("status", "--conn-id", "expired")
    shown = rows(done)
    assert shown["client"] == "app (confidential)" and shown["API URL"] == "https://api.x.com"
    assert shown["access token"].startswith("expired 2023-11-14T22:13:20+00:00 (")
    assert shown["access token"].endswith("; the next task refreshes it")
    assert shown["token store"].startswith("airflow_provider_xchat.tokens.FileTokenStore, key xchat_token_")
    assert not any(secret in done.out for secret in ("r" * 20, "c" * 20, "p" * 20, "password-in-here"))
    assert list(tmp_path.iterdir()) == []


def test_of_a_static_token_from_the_environment(commands, sandbox):
    value = json.dumps({"conn_type": "xchat", "password": "a-static-token"})
    done = commands.xchat("status", "--conn-id", "static", AIRFLOW_CONN_STATIC=value)
    shown = rows(done)
    assert shown["connection"] == "static, from the environment variable AIRFLOW_CONN_STATIC"
    assert shown["client"] == "unknown" and shown["scopes"] == "unknown"
    assert shown["access token"] == "expiry unknown"
    assert shown["last rotation"].startswith("none: a static token")
    assert "a-static-token" not in done.out + done.err


@pytest.mark.parametrize("command", ["status", "logout"])
def test_of_a_connection_that_cannot_be_used(commands, sandbox, command):
    missing = commands.xchat(command, "--conn-id", "mis sing").error
    assert "Invalid connection id 'mis sing'" in missing
    missing = commands.xchat(command, "--conn-id", "missing").error
    assert "Connection 'missing' not found" in missing and "xchat login --conn-id missing --client-id" in missing
    commands.store(f"no-client-{command}", extra={"refresh_token": "r" * 20})
    assert (
        "no login: expected the app's client id" in commands.xchat(command, "--conn-id", f"no-client-{command}").error
    )
    store = {"refresh_token": "r" * 20, "store": "no.such.Store"}
    commands.store(f"no-store-{command}", login="app", extra=store)
    error = commands.xchat(command, "--conn-id", f"no-store-{command}").error
    assert "Cannot import store 'no.such.Store'" in error
    folder = {"folder": f"{commands.folder}/airflow.db"}
    store |= {"store": "airflow_provider_xchat.tokens.FileTokenStore", "store_kwargs": folder}
    commands.store(f"bad-store-{command}", login="app", extra=store)
    error = commands.xchat(command, "--conn-id", f"bad-store-{command}").error
    assert "the token store (FileTokenStore) cannot be read: NotADirectoryError" in error
    broken = commands.xchat(command, "--conn-id", "broken", AIRFLOW_CONN_BROKEN='{"password": "sEcret"')
    assert "the environment variable AIRFLOW_CONN_BROKEN cannot be read" in broken.error
    assert "sEcret" not in broken.err


@pytest.mark.parametrize("rotated", [False, True])
def test_logout_revokes_and_removes(commands, sandbox, rotated):
    conn_id = f"leaving-{rotated}"
    commands.login(sandbox, "--conn-id", conn_id)
    before = commands.variables()
    if rotated:
        commands.rotate(conn_id)
        assert len(commands.variables()) == len(before) + 2
    done = commands.xchat("logout", "--conn-id", conn_id)
    assert done.status == 0 and "revoked at X, and its tokens deleted" in done.out, done
    assert [chain["alive"] for chain in sandbox.chains()] == [False]
    assert commands.stored(conn_id) == {
        "conn_type": "xchat", "description": None, "host": sandbox.url, "login": PUBLIC_CLIENT_ID, "password": None,
        "schema": None, "port": 0, "extra": {},
    }  # fmt: skip
    assert commands.variables() == before
    assert "has no password" in commands.xchat("status", "--conn-id", conn_id).error
    assert "already signed out" in commands.xchat("logout", "--conn-id", conn_id).out
    assert commands.login(sandbox, "--conn-id", conn_id).status == 0
    assert commands.works(conn_id)


def test_logout_of_a_static_token(commands, sandbox):
    grant = sandbox.grant(scopes="dm.read tweet.read users.read")
    commands.store("static", host=sandbox.url, login=PUBLIC_CLIENT_ID, password=grant.access_token)
    assert commands.works("static")
    assert commands.xchat("logout", "--conn-id", "static").status == 0
    assert commands.stored("static")["password"] is None
    assert sandbox._authorization.grants.find(grant.access_token) is None


def test_logout_that_cannot_revoke_removes_nothing_unless_forced(commands, sandbox, take_port):
    gone = {"host": f"http://127.0.0.1:{take_port()}", "login": "app", "password": "p" * 20}
    commands.store("cut-off", **gone, extra={"refresh_token": "r" * 20, "timeout": 2})
    error = commands.xchat("logout", "--conn-id", "cut-off").error
    assert "Token not revoked: no complete response to POST /2/oauth2/revoke" in error and "--force" in error
    assert commands.stored("cut-off")["password"] == "p" * 20
    forced = commands.xchat("logout", "--conn-id", "cut-off", "--force")
    assert forced.status == 0 and "deleted here, but not revoked at X" in forced.out
    assert "xchat: warning: token not revoked, it may still be valid at X" in forced.err
    stored = commands.stored("cut-off")
    assert stored["password"] is None and stored["extra"] == {"timeout": 2}
    commands.store("nameless", host=sandbox.url, password="p" * 20)
    assert "expected the client id of the token's app" in commands.xchat("logout", "--conn-id", "nameless").error


def test_logout_of_what_it_cannot_write(commands, sandbox):
    grant = sandbox.grant()
    members = {"conn_type": "xchat", "host": sandbox.url, "login": PUBLIC_CLIENT_ID, "password": grant.access_token}
    value = json.dumps({**members, "extra": {"refresh_token": grant.refresh_token}})
    error = commands.xchat("logout", "--conn-id", "env", AIRFLOW_CONN_ENV=value).error
    assert "is revoked, but logout cannot change the environment variable AIRFLOW_CONN_ENV" in error
    assert "delete the connection there" in error
    assert [chain["alive"] for chain in sandbox.chains()] == [False]


def test_logout_names_those_who_lose_their_token_too(commands, sandbox):
    commands.login(sandbox, "--conn-id", "first")
    stored = commands.stored("first")
    commands.store("second", **{name: stored[name] for name in ("host", "login", "password", "extra")})
    assert "same sign-in, which is revoked: second" in commands.xchat("logout", "--conn-id", "first").err


def test_both_ways_to_call_it(environment, sandbox):
    """As a script, and in Airflow 3.2 and later as a command of its own; in processes that nobody has warmed up."""
    scripts = Path(sys.executable).parent
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in (
            [sys.executable, "-m", "airflow_provider_xchat.cli.definition", "--help"],
            [scripts / "airflow", "xchat", "status", "--help"],
            [scripts / "airflow", "xchat", "status", "--conn-id", "nowhere"],
        )
    ]
    ended = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 1], ended
    assert all(name in ended[0][0] for name in ("login", "status", "logout"))
    assert "--conn-id" in ended[1][0] and "airflow xchat status" in ended[1][0]
    assert ended[2][0] == "" and "xchat: error: Connection 'nowhere' not found" in ended[2][1]


def test_what_airflow_imports_at_every_start_is_light():
    code = "import sys, airflow_provider_xchat.cli.definition; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"airflow", "httpx", "sqlalchemy", "http.server", "webbrowser"} & set(imported)
