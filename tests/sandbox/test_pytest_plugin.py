"""The pytest plugin, in a pytest process of a test suite that has nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function that runs a test module with this plugin alone, by the name of its entry point."""

    def run_module(code: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_suite.py").write_text(code)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "xchat-sandbox", "-p", "no:cacheprovider", "-W", "error"]
        arguments = ["--config-file", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path / "test_suite.py")]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    return run_module


def test_a_suite_that_does_not_use_it_imports_nothing(run: Run) -> None:
    done = run("""if True:
        import sys

        def test_modules():
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert "xchat_sandbox.pytest_plugin" in sys.modules
            assert not loaded & {"uvicorn", "starlette", "openapi_core", "yaml", "httpx", "airflow", "xchat_client"}
            assert sorted(name for name in sys.modules if name.startswith("xchat_sandbox.")) == [
                "xchat_sandbox.pytest_plugin"
            ]
    """)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_nothing_of_a_test_is_left_to_the_next(run: Run) -> None:
    done = run("""if True:
        import json, os, urllib.request
        import pytest
        from xchat_sandbox import GROUP_ID

        urls, tokens = set(), set()

        def read(conn_id):
            connection = json.loads(os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"])
            tokens.add(connection["password"])
            url = f"{connection['host']}/2/chat/conversations/{GROUP_ID}"
            headers = {"authorization": f"Bearer {connection['password']}"}
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
                return answer.status, answer.headers["x-rate-limit-remaining"]

        @pytest.mark.parametrize("number", range(2))
        def test_it_is_as_good_as_new(xchat_sandbox, xchat_connection, number):
            assert "AIRFLOW_CONN_XCHAT_DEFAULT" not in os.environ
            assert (xchat_sandbox.requests(), xchat_sandbox.chains()) == ([], [])
            urls.add(xchat_sandbox.url)
            assert read(xchat_connection()) == (200, "899")
            assert read(xchat_connection("support")) == (200, "899")
            xchat_sandbox.faults([{"kind": "drop-before"}])
            xchat_sandbox.change_conversation(GROUP_ID, group_name="Another")

        def test_one_server_and_tokens_of_their_own():
            assert not [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]
            assert (len(urls), len(tokens)) == (1, 4)
    """)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_other_options_by_another_server(run: Run) -> None:
    done = run("""if True:
        import pytest
        from xchat_sandbox import running_sandbox

        @pytest.fixture(scope="module")
        def xchat_sandbox_server():
            with running_sandbox(conversations=3) as sandbox:
                yield sandbox

        def test_it(xchat_sandbox, xchat_connection):
            assert len(xchat_sandbox.conversations()) == 9
    """)
    assert done.returncode == 0, done.stdout


def test_without_the_extra_it_says_what_to_install(run: Run) -> None:
    done = run("""if True:
        import sys
        sys.modules["uvicorn"] = None

        def test_it(xchat_sandbox): pass
    """)
    assert "uvicorn is missing; install it with: pip install 'airflow-provider-xchat[sandbox]'" in done.stdout


def test_a_rotating_connection(xchat_connection: Callable[..., str]) -> None:
    assert xchat_connection("rotating", rotating=True, expires_in=60) == "rotating"
    connection = json.loads(os.environ["AIRFLOW_CONN_ROTATING"])
    assert connection.keys() == {"conn_type", "host", "login", "password", "extra"}
    assert connection["extra"].keys() == {"refresh_token", "expires_at"}
    with pytest.raises(ValueError, match=r"offline\.access"):
        xchat_connection(rotating=True, scopes="dm.read")
    with pytest.raises(ValueError, match=r"no scope dm\.all"):
        xchat_connection(scopes="dm.all")
    assert "AIRFLOW_CONN_XCHAT_DEFAULT" not in os.environ
