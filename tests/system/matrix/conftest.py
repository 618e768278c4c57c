"""The wheel beside each release of Airflow, and all that the tests of this folder look at, done once for each."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import threading
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xchat_sandbox import PUBLIC_CLIENT_ID, Sandbox, running_sandbox

HERE = Path(__file__).parent
RELEASES = [each["airflow"] for each in tomllib.loads((HERE / "releases.toml").read_text(encoding="utf-8"))["release"]]

# It has no asset watchers, and its web server makes the connection form.
OLDEST = "2.11"

# Of the connections that are added; random, so that it can be searched for in what is printed.
PASSWORD = secrets.token_hex(32)

COMMANDS = {
    "providers": "providers list --output json",
    "provider": "providers get airflow-provider-xchat --full --output json",
    "hooks": "providers hooks --output json",
    "add_type": (
        "connections add by_type --conn-type xchat --conn-host http://127.0.0.1:9 --conn-login my-client-id"
        f' --conn-password {PASSWORD} --conn-extra {{"timeout":5}}'
    ),
    "add_uri": f"connections add by_uri --conn-uri xchat://my-client-id:{PASSWORD}@api.x.com/https?timeout=5",
    "add_json": (
        f'connections add by_json --conn-json {{"conn_type":"xchat","host":"https://api.x.com","password":"{PASSWORD}"}}'
    ),
    "get_type": "connections get by_type --output json",
    "get_uri": "connections get by_uri --output json",
    "get_json": "connections get by_json --output json",
    "test": "connections test xchat_default",
    "dags": "dags list --output json",
    "import_errors": "dags list-import-errors --output json",
}

# Of the sandbox: one that was changed after any run began, and one that is changed while a sensor waits for it.
CHANGED, WAITED_FOR = "g9000000000000000202", "g9100000000000000001"

RUNS = {
    "conversation": ("example_xchat_conversation", None),
    "token_refresh": ("example_xchat_token_refresh", None),
    "updated": ("example_xchat_wait_for_update", {"conversation_id": CHANGED}),
    "deferred": ("example_xchat_wait_for_update", {"conversation_id": WAITED_FOR}),
}
# The example asks once a minute.
ATTRIBUTES = {"deferred": {"wait_for_update": {"poke_interval": 1.0}}}

# Airflow's own, whichever provider is there: "connections add" and the form use code that it warns of, its servers
# import what is deprecated in starlette and flask, and "dags" would like to have an optional package.
UNRELATED = (
    "ProvidersManager.hooks is deprecated. Use ProvidersManagerTaskRuntime.hooks from task-sdk instead.",
    "Using `httpx` with `starlette.testclient` is deprecated; install `httpx2` instead.",
    "'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated. Use 'HTTP_422_UNPROCESSABLE_CONTENT' instead.",
    "'_app_ctx_stack' is deprecated and will be removed in Flask 2.4.",
    "Could not import graphviz. Rendering graph to the graphical format will not be possible.",
)


@dataclass(frozen=True)
class Tried:
    """What Airflow did with the wheel."""

    release: str
    home: Any
    examples: Path
    commands: dict[str, Any]
    form: Any
    imported: dict[str, Any]
    runs: Any
    sandbox_requests: list[dict[str, Any]]
    token_requests: list[dict[str, Any]]

    @staticmethod
    def complaints(done: Any) -> list[str]:
        """The lines that Airflow logged as warnings or worse, but for those that it does without us."""
        return [line for line in done.complaints if not any(text in line for text in UNRELATED)]

    @property
    def run(self) -> set[str]:
        """The example DAGs that were run."""
        return {dag_id for dag_id, _ in RUNS.values()}

    @property
    def succeeded(self) -> set[str]:
        """Those of them that succeeded in each of their runs."""
        return self.run - {dag_id for name, (dag_id, _) in RUNS.items() if self.runs[name].state != "success"}


@pytest.fixture(scope="session")
def tried_with(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    python_of: Callable[[str], Path],
    database_of: Callable[[str], Path],
    new_home: Callable[..., Any],
    run_dags: Callable[..., Any],
) -> Iterator[Callable[[str], Tried]]:
    """A function that gives what came of the wheel beside a release; those that tests ask for are tried together."""
    futures: dict[str, Future[Tried]] = {}
    folder = tmp_path_factory.mktemp("tried")

    def start(release: str) -> Tried:
        python = python_of(release)
        (examples,) = python.parent.parent.glob("lib/python3.*/site-packages/airflow_provider_xchat/example_dags")
        (folder / release).mkdir()
        home = new_home(folder / release, database_of(release), python, _settings(release, examples))
        with running_sandbox(conversations=1) as sandbox:
            return _tried(release, home, examples, sandbox, run_dags)

    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def tried(release: str) -> Tried:
            if release not in futures:
                futures[release] = pool.submit(start, release)
            return futures[release].result()

        parameters = [getattr(item, "callspec", None) for item in request.session.items]
        asked_for = {each.params.get("beside") for each in parameters if each}
        futures |= {release: pool.submit(start, release) for release in RELEASES if release in asked_for}
        yield tried


@pytest.fixture(scope="session", params=RELEASES)
def beside(request: pytest.FixtureRequest, tried_with: Callable[[str], Tried]) -> Tried:
    """The wheel beside one release."""
    return tried_with(request.param)


@pytest.fixture
def password() -> str:
    """The password of the connections that are added."""
    return PASSWORD


@pytest.fixture(scope="session")
def beside_each(tried_with: Callable[[str], Tried]) -> list[Tried]:
    """The wheel beside all releases."""
    return [tried_with(release) for release in RELEASES]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-support-table", action="store_true", help="write the README's table of versions from this run"
    )


def _settings(release: str, examples: Path) -> dict[str, str]:
    settings = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    if release == OLDEST:
        # Airflow warns of its own default.
        settings["AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY"] = "True"
    if _finds_examples(release):
        settings["AIRFLOW__CORE__LOAD_EXAMPLES"] = "True"
    else:
        settings["AIRFLOW__CORE__DAGS_FOLDER"] = str(examples)
    return settings


def _finds_examples(release: str) -> bool:
    """Tell whether Airflow looks for the example DAGs of providers that are installed."""
    return release not in {OLDEST, "3.1", "3.2"}


def _tried(release: str, home: Any, examples: Path, sandbox: Sandbox, run_dags: Callable[..., Any]) -> Tried:
    grant = sandbox.grant(expires_in=3600)
    connection = {"conn_type": "xchat", "host": sandbox.url, "password": grant.access_token}
    extra = {"refresh_token": grant.refresh_token, "expires_at": round(grant.expires_at)}
    rotating = {**connection, "login": PUBLIC_CLIENT_ID, "extra": extra}

    def with_settings(**settings: Any) -> Any:
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in settings.items()}
        return dataclasses.replace(home, settings={**home.settings, **texts})

    static = with_settings(AIRFLOW_CONN_XCHAT_DEFAULT=connection)
    commands = {name: static.airflow(*command.split()) for name, command in _commands(release).items()}
    commands["xchat"] = static.run(static.python.with_name("xchat"), "status", "--output", "json")
    without_secrets = with_settings(
        AIRFLOW__CORE__LOAD_EXAMPLES="False", AIRFLOW__SECRETS__BACKEND="recorded_lookups.RecordedLookups"
    )
    imported = without_secrets.run(HERE / "import_everything.py", examples)
    assert imported.status == 0, imported.text
    sandbox.change_conversation(CHANGED, updated_at="2100-01-01T00:00:00.000Z")
    with _changing(sandbox, WAITED_FOR):
        running = with_settings(AIRFLOW_CONN_XCHAT_DEFAULT=rotating)
        runs = run_dags(running, RUNS, sandbox, {}, folder=examples, attributes=ATTRIBUTES)
    form = home.run(HERE / "describe_form.py")
    requests, token_requests = sandbox.requests(), sandbox.token_requests()
    return Tried(release, static, examples, commands, form, imported.json, runs, requests, token_requests)


def _commands(release: str) -> dict[str, str]:
    """Give the commands that a release has."""
    # In Airflow 3, the two last ones tell what a DAG processor has put into the database.
    bundle = "airflow-provider-xchat-example-dags" if _finds_examples(release) else "dags-folder"
    processor = {"process": f"dag-processor --num-runs 1 --bundle-name {bundle}"}
    if release == OLDEST:
        return COMMANDS
    before_last = {name: COMMANDS[name] for name in list(COMMANDS)[:-2]}
    # Providers may have commands since Airflow 3.2.
    own = {} if release == "3.1" else {"airflow_xchat": "xchat status --output json"}
    return {**before_last, **own, **processor, **COMMANDS}


@contextmanager
def _changing(sandbox: Sandbox, conversation_id: str) -> Iterator[None]:
    """Change a conversation once the sensor and its trigger have each asked for it in vain."""
    over = threading.Event()

    def change() -> None:
        while not over.wait(0.1):
            if len([each for each in sandbox.requests() if each["path"].endswith(conversation_id)]) >= 2:
                sandbox.change_conversation(conversation_id)
                return

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
