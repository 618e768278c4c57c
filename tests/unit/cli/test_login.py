"""``xchat login`` against the sandbox, from the browser to the connection."""

from __future__ import annotations

import json
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import httpx
import pytest

from airflow_provider_xchat import __version__
from airflow_provider_xchat.connection import ConnectionSettings
from xchat_sandbox import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET, PUBLIC_CLIENT_ID, Client, running_sandbox

SCOPES = "dm.read dm.write tweet.read users.read offline.access"


def test_it_writes_a_connection_that_works(commands, sandbox):
    done = commands.login(sandbox, "--conn-id", "new")
    assert done.status == 0, done
    assert f"Connection 'new' is signed in at {sandbox.url}." in done.out
    assert SCOPES in done.out and "public" in done.out and "(in " in done.out
    assert "warning" not in done.err
    stored = commands.stored("new")
    assert (stored["conn_type"], stored["host"], stored["login"]) == ("xchat", sandbox.url, PUBLIC_CLIENT_ID)
    assert stored["password"].startswith("sandbox-access-")
    assert stored["extra"].keys() == {"expires_at", "refresh_token", "scope"}
    assert isinstance(stored["extra"]["expires_at"], int)
    assert abs(stored["extra"]["expires_at"] - time.time() - 7200) < 60
    assert commands.works("new")
    assert stored["port"] == 0  # for the Test button of Airflow 3.3.1 and 3.3.2
    assert "The sign-in continues in the terminal" in commands.visited


def test_a_connection_that_is_there_needs_no_other_argument(commands, sandbox, take_port):
    kept = {"timeout": 12, "store": "airflow_provider_xchat.tokens.AirflowVariableStore", "mine": [1]}
    extra = {**kept, "client_secret": CONFIDENTIAL_CLIENT_SECRET, "refresh_token": "old", "expires_at": 5}
    members = {"description": "it's ours", "host": sandbox.url, "login": CONFIDENTIAL_CLIENT_ID, "password": "old"}
    commands.store("there", **members, extra=extra)
    uri = f"http://localhost:{take_port()}/"
    done = commands.xchat("login", "--conn-id", "there", "--redirect-uri", uri)
    assert done.status == 0, done
    assert "confidential" in done.out
    stored = commands.stored("there")
    issued = stored["extra"]
    assert {name: stored[name] for name in members if name != "password"} == {
        name: value for name, value in members.items() if name != "password"
    }
    assert {name: issued[name] for name in kept} == kept
    assert issued["client_secret"] == CONFIDENTIAL_CLIENT_SECRET
    assert issued["refresh_token"].startswith("sandbox-refresh-") and issued["expires_at"] > time.time()
    assert sandbox.token_requests()[-1]["client_authentication"] == "basic"
    assert commands.works("there")


def test_a_secret_comes_from_the_environment_or_is_asked_for(commands, sandbox):
    client = ("--client-id", CONFIDENTIAL_CLIENT_ID)
    done = commands.login(sandbox, "--conn-id", "named", *client, XCHAT_CLIENT_SECRET=CONFIDENTIAL_CLIENT_SECRET)
    assert done.status == 0, done
    asked = commands.login(
        sandbox, "--conn-id", "asked", *client, "--confidential", stdin=f"{CONFIDENTIAL_CLIENT_SECRET}\n"
    )
    assert asked.status == 0, asked
    for conn_id in ("named", "asked"):
        assert commands.stored(conn_id)["extra"]["client_secret"] == CONFIDENTIAL_CLIENT_SECRET
    assert "No client secret" in commands.login(sandbox, *client, "--confidential").error


def test_certificates_that_cannot_be_used_are_refused_before_the_sign_in(commands, sandbox):
    commands.store("private", host=sandbox.url, login=PUBLIC_CLIENT_ID, extra={"verify": "/no/such/ca.pem"})
    assert (
        "connection 'private' has an invalid verify '/no/such/ca.pem'"
        in commands.login(sandbox, "--conn-id", "private").error
    )
    assert commands.visited == ""
    commands.store("signed_in", host=sandbox.url, login="app", password="token", extra={"verify": "/no/such/ca.pem"})
    assert "has an invalid verify '/no/such/ca.pem'" in commands.xchat("logout", "--conn-id", "signed_in").error
    assert commands.stored("signed_in")["password"] == "token"


def test_another_client_does_not_get_the_secret_of_the_first(commands, sandbox):
    commands.store("changed", login="first", host=sandbox.url, extra={"client_secret": "of-the-first"})
    assert commands.login(sandbox, "--conn-id", "changed").status == 0
    assert "client_secret" not in commands.stored("changed")["extra"]


def test_what_the_store_has_of_the_old_sign_in_is_removed(commands, sandbox):
    assert commands.login(sandbox, "--conn-id", "again").status == 0
    commands.rotate("again")
    before = [key for key in commands.variables() if key.startswith("xchat_token_")]
    assert before
    assert commands.login(sandbox, "--conn-id", "again").status == 0
    assert not set(before) & set(commands.variables())
    assert commands.works("again")


def test_it_stays_while_another_connection_lives_on_it(commands, sandbox):
    assert commands.login(sandbox, "--conn-id", "one").status == 0
    stored = commands.stored("one")
    commands.store("two", **{name: stored[name] for name in ("host", "login", "password", "extra")})
    commands.rotate("two")
    assert commands.login(sandbox, "--conn-id", "one").status == 0
    sandbox.expire_access_tokens()
    assert commands.works("two")
    assert sandbox.chains()[0] | {"refreshes": 2} == sandbox.chains()[0]


@pytest.mark.parametrize("form", ["json", "uri", "env"])
def test_printing_gives_a_connection_that_works_and_nothing_else(commands, sandbox, form):
    conn_id = f"printed_{form}"
    commands.store(conn_id, login="older", host="https://api.x.com", extra={"timeout": 7, "mine": "it's"})
    done = commands.login(sandbox, "--conn-id", conn_id, "--print", form)
    assert done.status == 0, done
    (line,) = done.out.splitlines()
    value = line
    if form == "env":
        (word,) = shlex.split(line)
        name, _, value = word.partition("=")
        assert name == "AIRFLOW_CONN_PRINTED_ENV"
        assert re.fullmatch(rf"{name}='[^']*'", line)
    assert value.startswith("xchat://" if form == "uri" else "{")
    assert commands.works("given", AIRFLOW_CONN_GIVEN=value)
    if form != "uri":
        assert json.loads(value)["extra"].items() >= {"timeout": 7, "mine": "it's"}.items()
    # This is what may show them, and the search for secrets finds them here.
    assert len(commands.secrets_in(done.out)) == 2
    assert "a browser chats" in done.err
    assert commands.stored(conn_id)["login"] == "older"


def test_pasting_the_url(environment, sandbox):
    """In a process of its own, as its user answers it; and with Airflow logging all it can, to its very end."""
    arguments = ["--no-browser", "--conn-id", "pasted", "--host", sandbox.url, "--client-id", PUBLIC_CLIENT_ID]
    with subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_xchat.cli.definition", "login", "--print", "json", *arguments],
        env={**environment, "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said = ""
        while "oauth2/authorize" not in said:
            said = process.stderr.readline()
        answer = httpx.get(said.strip())
        out, err = process.communicate(answer.headers["location"] + "\n", timeout=30)
    assert process.returncode == 0, err
    connection = json.loads(out)
    assert connection["login"] == PUBLIC_CLIENT_ID
    secrets = (connection["password"], connection["extra"]["refresh_token"], answer.headers["location"])
    assert not any(secret in err for secret in secrets)
    headers = {"authorization": f"Bearer {connection['password']}"}
    assert httpx.get(f"{sandbox.url}/2/chat/conversations/g9000000000000000201", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("", "No URL was pasted"),
        ("abc", "Invalid URL: "),
        ("http://127.0.0.1:8723/callback", "neither a code nor an error"),
        ("http://127.0.0.1:8723/callback?code=sandbox-code-of-another&state=x", "State mismatch"),
        ("http://127.0.0.1:1/?code=sandbox-code-of-another&state=x", "http://127.0.0.1:1/"),
        ("https://x.com/i/oauth2/authorize?state=x", "this is the authorization page"),
    ],
)
def test_pasting_something_else(commands, sandbox, pasted, said):
    uri = ("--redirect-uri", "http://127.0.0.1:8723/callback")
    done = commands.login(sandbox, "--conn-id", "unmade", "--no-browser", *uri, stdin=f"{pasted}\n")
    assert said in done.error and "of-another" not in done.err
    assert commands.stored("unmade") is None
    assert sandbox.token_requests() == []


def test_denied_consent(commands):
    with running_sandbox(consent="deny") as denying:
        done = commands.login(denying, "--conn-id", "unmade")
        assert "Access was denied on X's page" in done.error
        assert denying.token_requests() == []
    assert commands.stored("unmade") is None


def test_an_expired_code(commands):
    with running_sandbox(code_lifetime=0.001) as slow:
        slow.token_faults([{"kind": "delay", "seconds": 0.1}])
        done = commands.login(slow, "--conn-id", "unmade")
    assert "Value passed for the authorization code was invalid" in done.error
    assert "valid once, and for 30 seconds: run the command again" in done.error
    assert commands.stored("unmade") is None


def test_a_port_that_is_taken(commands, sandbox):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = commands.login(sandbox, "--redirect-uri", f"http://127.0.0.1:{port}/callback")
    assert f"Port {port} of 127.0.0.1 is already in use" in done.error
    assert commands.visited == ""


def test_a_client_that_x_does_not_know(commands, sandbox):
    done = commands.login(sandbox, "--client-id", "nobody", "--timeout", "1")
    assert "There is no client with this client_id" in commands.visited
    assert "No redirect to http://127.0.0.1:" in done.error and "developer portal" in done.error


def test_a_wrong_secret(commands, sandbox):
    client = ("--client-id", CONFIDENTIAL_CLIENT_ID)
    done = commands.login(sandbox, *client, XCHAT_CLIENT_SECRET="wrong-secret-of-somebody")
    assert "XCHAT_CLIENT_SECRET or use --confidential" in done.error
    assert "wrong-secret-of-somebody" not in done.out + done.err
    done = commands.login(sandbox, *client, XCHAT_CLIENT_SECRET="a wrong-secret")
    assert "has an invalid client_secret" in done.error and "wrong-secret" not in done.err
    assert "A confidential client needs its secret" in commands.login(sandbox, *client).error


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "drop-before"}, "no complete response to POST /2/oauth2/token"),
        ({"kind": "body", "body": "<html>"}, "Check the API URL"),
        ({"kind": "status", "status": 503}, "X answered 503"),
        ({"kind": "answer", "remove": ["access_token"]}, "no valid access token"),
    ],
)
def test_a_token_endpoint_that_fails(commands, sandbox, fault, said):
    sandbox.token_faults([fault])
    assert said in commands.login(sandbox, "--conn-id", "unmade").error
    assert commands.stored("unmade") is None


def test_a_database_that_does_not_take_the_connection(commands, sandbox):
    trigger = "CREATE TRIGGER refuse BEFORE INSERT ON connection BEGIN SELECT RAISE(ABORT, 'no room today'); END"
    with closing(sqlite3.connect(commands.folder / "airflow.db")) as database:
        database.execute(trigger)
        done = commands.login(sandbox, "--conn-id", "unmade")
        database.execute("DROP TRIGGER refuse")
    assert "the Airflow database cannot be written (no room today)" in done.error
    assert [chain["alive"] for chain in sandbox.chains()] == [False]


def test_a_disk_that_does_not_take_the_printed_connection(commands, sandbox):
    done = commands.login_into_a_full_disk(sandbox)
    assert "Cannot write the output: No space left on device" in done.error
    assert [chain["alive"] for chain in sandbox.chains()] == [False]


def test_missing_scopes_are_named(commands, sandbox):
    done = commands.login(sandbox, "--conn-id", "reader", "--scope", "dm.read tweet.read users.read")
    assert done.status == 0, done
    assert "xchat: warning: Scopes not granted: dm.write. " in done.err
    assert "xchat: warning: X issued no refresh token, as offline.access was not granted" in done.err
    assert commands.stored("reader")["extra"].keys() == {"expires_at", "scope"}
    assert "refresh" not in done.out
    assert commands.works("reader")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--client-id", ""), "expected --client-id"),
        (("--conn-id", "b@d"), "Invalid connection id 'b@d'"),
        (("--conn-id", "of-http"), "has type 'http': expected 'xchat'"),
        (("--conn-id", "of-http", "--print", "json"), "has type 'http'"),
        (("--conn-id", "da-sh", "--print", "env"), "AIRFLOW_CONN_DA-SH is not a valid environment variable name"),
        (("--host", "ftp://x"), "an invalid host"),
        (("--redirect-uri", "https://app.example/back"), "For any other one, use --no-browser"),
        (("--redirect-uri", "callback"), "Invalid redirect URI 'callback'"),
        (("--scope", " "), "expected names such as"),
    ],
)
def test_misuse_is_told_before_anything_happens(commands, sandbox, arguments, said):
    if "of-http" in arguments and commands.stored("of-http") is None:
        commands.store("of-http", conn_type="http", password="theirs")
    assert said in commands.login(sandbox, "--conn-id", "unmade", *arguments).error
    assert commands.visited == ""
    assert commands.stored("unmade") is None


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(commands, sandbox):
    for arguments in (("--client-secret", "hunter2"), ("--client-secret=hunter2",)):
        done = commands.login(sandbox, *arguments)
        assert done.status == 2 and "XCHAT_CLIENT_SECRET" in done.err and "hunter2" not in done.err


def test_no_browser_to_open(commands, sandbox):
    done = commands.login(sandbox, "--timeout", "1", BROWSER="/nowhere/browser", PATH="/nowhere", DISPLAY="")
    assert "Cannot open a browser: open the URL above yourself" in done.err
    assert f"{sandbox.url}/i/oauth2/authorize?" in done.err
    assert "No redirect to" in done.error


def test_a_connection_from_the_environment_is_not_written_past(commands, sandbox):
    value = json.dumps({"conn_type": "xchat", "host": sandbox.url, "login": PUBLIC_CLIENT_ID, "password": "old"})
    done = commands.login(sandbox, "--conn-id", "shadow", AIRFLOW_CONN_SHADOW=value)
    assert "comes from the environment variable AIRFLOW_CONN_SHADOW, which overrides" in done.error
    assert "--print" in done.error
    assert commands.visited == "" and commands.stored("shadow") is None
    printed = commands.login(sandbox, "--conn-id", "shadow", "--print", "env", AIRFLOW_CONN_SHADOW=value)
    assert printed.status == 0, printed


def test_without_a_database(environment, sandbox, take_port, tmp_path):
    """In processes of its own: nothing is written, and a connection can be printed all the same."""
    bare = {**environment, "AIRFLOW_HOME": str(tmp_path), "VISITED": str(tmp_path / "visited")}
    command = [sys.executable, "-m", "airflow_provider_xchat.cli.definition"]
    login = ("login", "--client-id", PUBLIC_CLIENT_ID, "--host", sandbox.url)
    printing = (*login, "--print", "json", "--redirect-uri", f"http://127.0.0.1:{take_port()}/")
    processes = [
        subprocess.Popen([*command, *arguments], env=bare, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for arguments in (("status",), login, printing)
    ]
    (_, status), (_, login), (printed, said) = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [1, 1, 0], said
    for err in (status, login):
        assert "xchat: error: the Airflow database cannot be read (no such table: connection)" in err
        assert "airflow db migrate" in err and "Traceback" not in err
    assert "An existing connection is ignored" in said
    connection = json.loads(printed)
    settings = ConnectionSettings.from_connection(_Connection(connection))
    assert settings.grant is not None and settings.base_url == sandbox.url


class _Connection:
    conn_id, conn_type = "printed", "xchat"
    port = schema = None

    def __init__(self, members):
        self.host, self.login, self.password = (members[name] for name in ("host", "login", "password"))
        self.extra_dejson = members["extra"]


def test_a_registered_redirect_uri_that_is_not_this_one(commands):
    with running_sandbox(clients=[Client("strict-app", redirect_uris=("https://app.example/back",))]) as registered:
        done = commands.login(registered, "--client-id", "strict-app", "--timeout", "1")
        assert "redirect URI with those in X's developer portal" in done.error


def test_without_a_command_it_lists_them(commands):
    done = commands.xchat()
    assert done.status == 0, done
    for command in ("login", "status", "logout", "--version"):
        assert command in done.out
    assert commands.xchat("--version").out == f"airflow-provider-xchat {__version__}\n"
