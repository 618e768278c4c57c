"""Token Variables that a task cannot read: the sign-in's used-up refresh token is not sent in their place."""

from __future__ import annotations

import base64
import json
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xchat_sandbox import PUBLIC_CLIENT_ID, Sandbox, running_sandbox

HERE = Path(__file__).parent
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"

# What the DAG processor does when it starts: the bundle, and with it its tasks, become those of the configured team.
SYNC_BUNDLES = """
from airflow.dag_processing.bundles.manager import DagBundlesManager

DagBundlesManager().sync_bundles_to_db()
"""


@dataclass
class Installation:
    """An Airflow whose connection is in the environment, and a sandbox that ends a grant for a used-up token."""

    home: Any
    sandbox: Sandbox
    run_dags: Callable[..., Any]

    def run(self, *, use_executor: bool = False, **settings: str) -> Any:
        """Run a DAG whose first task finds no token that is good in the connection."""
        before = dict(self.home.settings)
        self.home.settings.update(settings)
        try:
            runs = {"rotates": ("rotates", None)}
            return self.run_dags(self.home, runs, self.sandbox, {}, use_executor=use_executor)["rotates"]
        finally:
            self.home.settings.clear()
            self.home.settings.update(before)

    @property
    def chain(self) -> dict[str, Any]:
        (only,) = self.sandbox.chains()
        return only

    @property
    def refreshes(self) -> list[int]:
        return [request["status"] for request in self.sandbox.token_requests()]


@pytest.fixture
def installation(tmp_path, migrated_database, new_home, run_dags):
    with running_sandbox(strict=True) as sandbox:
        grant = sandbox.grant(expires_in=-60)
        extra = {"refresh_token": grant.refresh_token, "expires_at": round(grant.expires_at)}
        connection = {"conn_type": "xchat", "host": sandbox.url, "login": PUBLIC_CLIENT_ID, "extra": extra}
        settings = {"AIRFLOW_CONN_XCHAT_ROTATING": json.dumps(connection)}
        (tmp_path / "dags").mkdir()
        (tmp_path / "dags" / "rotates.py").write_text((HERE / "dags" / "rotates.py").read_text())
        home = new_home(tmp_path, migrated_database, Path(sys.executable), settings)
        yield Installation(home, sandbox, run_dags)


def test_another_fernet_key_costs_no_token(installation):
    assert installation.run().states == {"first": "success", "second": "success"}
    another = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()

    refused = installation.run(AIRFLOW__CORE__FERNET_KEY=another)
    assert refused.states["first"] == "failed"
    assert refused.requests == []
    assert "XChatTokenStoreUnusableError" in refused.tasks["first"].log
    assert "AIRFLOW__CORE__FERNET_KEY" in refused.tasks["first"].log

    both = f"{another},{installation.home.settings['AIRFLOW__CORE__FERNET_KEY']}"
    for settings in ({"AIRFLOW__CORE__FERNET_KEY": both}, {}):
        assert installation.run(**settings).states == {"first": "success", "second": "success"}
    assert (installation.refreshes, installation.chain["alive"]) == ([200], True)


def test_another_team_costs_no_token(installation, latest_settings, wait_for):
    """Variables belong to teams, and neither the other team nor its lease can be seen."""
    url, settings = latest_settings(2, AIRFLOW__CORE__MULTI_TEAM="True")
    home = installation.home
    home.settings.update(settings)
    server = ["api-server", "--apps", "execution", "--host", "127.0.0.1", "--port", url.rpartition(":")[2]]
    assert home.airflow("dags", "reserialize").status == 0
    runs = []
    with home.running(*server, "--workers", "1"):
        wait_for(f"{url}/execution/health")
        for team in ("one", "two"):
            assert home.airflow("teams", "create", team).status == 0
            bundle = {"name": "dags-folder", "classpath": LOCAL_BUNDLE, "kwargs": {}, "team_name": team}
            home.settings["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = json.dumps([bundle])
            synced = home.run("-c", SYNC_BUNDLES)
            assert synced.status == 0, synced.text
            runs.append(installation.run(use_executor=True))
    assert [run.states["first"] for run in runs] == ["success", "failed"]
    logs = "".join(path.read_text() for path in home.path.glob("logs/dag_id=rotates/*/task_id=first/*"))
    assert "XChatTokenStoreUnusableError" in logs
    assert "others hold it" not in logs
    assert runs[1].requests == []

    xchat = ("-m", "airflow_provider_xchat.cli.definition")
    shown = json.loads(home.run(*xchat, "status", "--conn-id", "xchat_rotating", "--output", "json").out)
    assert shown["last_rotation"] is not None
    assert "is revoked" in home.run(*xchat, "logout", "--conn-id", "xchat_rotating").err
    assert (installation.refreshes, installation.chain["alive"]) == ([200], False)
