"""The stores that come with the provider, and what a connection may name in their place."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading

import pytest

from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.tokens import AirflowVariableStore, FileTokenStore
from airflow_provider_xchat.tokens.stores import make_token_store

USE_VARIABLES = """
import json
from airflow_provider_xchat.tokens import AirflowVariableStore

store = AirflowVariableStore()
said = [store.load("xchat_token_0")]
store.delete("xchat_token_0")
store.save("xchat_token_0", "the first text, a secret")
said.append(store.load("xchat_token_0"))
store.save("xchat_token_0", "the second text")
said.append(AirflowVariableStore().load("xchat_token_0"))
store.delete("xchat_token_0")
said.append(store.load("xchat_token_0"))
store.save("xchat_token_1", "the third text, a secret")
print(json.dumps(said))
"""


def test_variables_outside_of_a_task(tmp_path, migrated_database, airflow_environment):
    """As the commands and "Test connection" use them; tasks and triggers have tests of their own."""
    database = tmp_path / "airflow.db"
    database.write_bytes(migrated_database.read_bytes())
    environment = airflow_environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", USE_VARIABLES], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == [None, "the first text, a secret", "the second text", None]
    assert b"the third text" not in database.read_bytes()  # encrypted
    assert "a secret" not in done.stderr


READ_TWICE = """
import sys
from airflow_provider_xchat.tokens import AirflowVariableStore

try:
    from airflow.sdk.execution_time.cache import SecretCache
except ImportError:
    from airflow.secrets.cache import SecretCache

SecretCache.init()
store = AirflowVariableStore()
for _ in sys.stdin:
    try:
        print(f"READ {store.load('xchat_token_0')}", flush=True)
    except Exception as error:
        print(f"READ {type(error).__name__}: {error}", flush=True)
"""

WRITE = """
import sys
from airflow_provider_xchat.tokens import AirflowVariableStore

AirflowVariableStore().save("xchat_token_0", sys.argv[1])
"""


@pytest.fixture
def reader(tmp_path, migrated_database, airflow_environment):
    """A process that reads a Variable when it is told to, and a function that has another one write it."""
    (tmp_path / "airflow.db").write_bytes(migrated_database.read_bytes())
    environment = airflow_environment(tmp_path, AIRFLOW__SECRETS__USE_CACHE="True")
    with subprocess.Popen(
        [sys.executable, "-c", READ_TWICE],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:

        def read():
            process.stdin.write("\n")
            process.stdin.flush()
            return next(line for line in process.stdout if line.startswith("READ ")).removeprefix("READ ").strip()

        def write(text, **settings):
            subprocess.run([sys.executable, "-c", WRITE, text], env={**environment, **settings}, check=True)

        yield read, write
        process.stdin.close()


def test_no_cache_stands_in_between(reader):
    """``[secrets] use_cache``, as in the DAG processor."""
    read, write = reader
    assert read() == "None"
    write("one")
    assert read() == "one"
    write("two")
    assert read() == "two"


def test_a_variable_of_another_fernet_key_is_not_absent(reader):
    read, write = reader
    write("one", AIRFLOW__CORE__FERNET_KEY=base64.urlsafe_b64encode(os.urandom(32)).decode())
    assert read().startswith("XChatTokenStoreUnusableError: Airflow Variable xchat_token_0 exists, but")


SHARE_LIMIT = """
import json, sys, time
from airflow_provider_xchat.limits.shared import SharedLimit
from airflow_provider_xchat.tokens import AirflowVariableStore

store, limit, said = AirflowVariableStore(), SharedLimit("xchat_rate_limit_0"), []
for left, gone in ((9, False), (8, True), (7, True)):
    if gone:
        store.delete("xchat_rate_limit_0")
    reset = str(int(time.time()) + 600)
    with limit.reserve("GET /", 0) as reservation:
        reservation.settle({"x-rate-limit-remaining": str(left), "x-rate-limit-reset": reset}, refused=False)
    said.append(store.peek("xchat_rate_limit_0") is not None)
print(json.dumps(said))
"""


def test_a_limit_that_cannot_be_read_back_is_not_written_again(tmp_path, migrated_database, airflow_environment):
    """As another team's: it would be overwritten for those who can read it."""
    (tmp_path / "airflow.db").write_bytes(migrated_database.read_bytes())
    environment = airflow_environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", SHARE_LIMIT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [True, False, False]
    assert "xchat_rate_limit_0 cannot be read any more" in done.stdout + done.stderr


class TestFiles:
    """A folder of files."""

    @pytest.fixture
    def store(self, tmp_path):
        return FileTokenStore(tmp_path / "a" / "tokens")

    def test_a_register(self, store):
        assert store.load("k") is None
        store.save("k", "one")
        store.save("k", "two é")
        assert (store.load("k"), store.load("other")) == ("two é", None)
        store.delete("k")
        store.delete("k")
        assert store.load("k") is None

    def test_nobody_else_may_read_it(self, store, tmp_path):
        before = os.umask(0)
        try:
            store.save("k", "one")
        finally:
            os.umask(before)
        folder = tmp_path / "a" / "tokens"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]

    def test_a_reader_sees_one_text_or_the_other(self, store):
        texts = {"a" * 100_000, "b" * 100_000}
        store.save("k", "a" * 100_000)
        seen, stop = set(), threading.Event()

        def read():
            while not stop.is_set():
                seen.add(store.load("k"))

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(50):
            for text in texts:
                store.save("k", text)
        stop.set()
        reader.join()
        assert seen <= texts

    def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(self, store, tmp_path):
        store.save("k", "one")
        with pytest.raises(UnicodeEncodeError):
            store.save("k", "\ud800")
        assert store.load("k") == "one"
        assert [path.name for path in (tmp_path / "a" / "tokens").iterdir()] == ["k.json"]

    @pytest.mark.parametrize("key", ["../k", "", "a/b", "a b", "é"])
    def test_a_key_is_no_path(self, store, key):
        with pytest.raises(ValueError, match="expected letters, digits and underscores"):
            store.save(key, "one")

    def test_a_home(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))
        FileTokenStore("~/tokens").save("k", "one")
        assert (tmp_path / "tokens" / "k.json").read_text() == "one"


class TestDottedPath:
    """What a connection names."""

    def test_variables_are_the_default(self):
        assert isinstance(make_token_store(), AirflowVariableStore)

    def test_a_class_with_its_arguments(self, tmp_path):
        path = "airflow_provider_xchat.tokens.FileTokenStore"
        make_token_store(path, {"folder": str(tmp_path / "here")}).save("k", "one")
        assert (tmp_path / "here" / "k.json").exists()

    @pytest.mark.parametrize(
        ("path", "kwargs", "message"),
        [
            ("no_such_module.Store", {}, r"Cannot import store 'no_such_module\.Store'"),
            ("json.NoSuch", {}, "Cannot import store .*NoSuch"),
            (".Store", {}, "Cannot import store"),
            ("airflow_provider_xchat.tokens.FileTokenStore", {}, "Cannot create store .* with store_kwargs"),
            ("airflow_provider_xchat.tokens.FileTokenStore", {"path": 1}, "Cannot create store .* with store_kw"),
            ("collections.OrderedDict", {}, "Invalid store .*OrderedDict.*: expected an"),
            ("json.decoder", {}, "Cannot create store"),
        ],
    )
    def test_what_is_none(self, path, kwargs, message):
        with pytest.raises(XChatInputError, match=message):
            make_token_store(path, kwargs)
