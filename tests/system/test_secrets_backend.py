"""How often a secrets backend is asked for one task, and that a slow one does not keep a token from being refreshed."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

from xchat_sandbox import PUBLIC_CLIENT_ID, running_sandbox

HERE = Path(__file__).parent


def test_lookups_are_few_and_may_be_slow(tmp_path, migrated_database, new_home, run_dags, latest_settings, wait_for):
    """The first task refreshes the token, the second one finds it."""
    (tmp_path / "dags").mkdir()
    shutil.copy(HERE / "dags" / "rotates.py", tmp_path / "dags")
    shutil.copy(HERE / "slow_lookups.py", tmp_path)
    lookups = tmp_path / "lookups"
    backend = {"AIRFLOW__SECRETS__BACKEND": "slow_lookups.SlowLookups", "PYTHONPATH": str(tmp_path)}
    url, settings = latest_settings(2, LOOKUPS=str(lookups), **backend)
    home = new_home(tmp_path, migrated_database, Path(sys.executable), settings)
    server = ["api-server", "--apps", "execution", "--host", "127.0.0.1", "--port", url.rpartition(":")[2]]
    with running_sandbox(strict=True) as sandbox, home.running(*server, "--workers", "1"):
        grant = sandbox.grant(expires_in=-60)
        extra = {"refresh_token": grant.refresh_token, "expires_at": round(grant.expires_at)}
        connection = {"conn_type": "xchat", "host": sandbox.url, "login": PUBLIC_CLIENT_ID, "extra": json.dumps(extra)}
        wait_for(f"{url}/execution/health")
        runs = {"rotates": ("rotates", None)}
        run = run_dags(home, runs, sandbox, {"xchat_rotating": connection}, use_executor=True)["rotates"]
        assert run.states == {"first": "success", "second": "success"}
        assert [request["status"] for request in sandbox.token_requests()] == [200]

    first, second = lookups.read_text().split("task xchat_rotating\n")[1:]
    assert "task" not in first + second
    kinds = [Counter("_".join(name.split("_")[:2]) for name in part.split()[1::2]) for part in (first, second)]
    assert kinds[1] == {"xchat_rotating": 1, "xchat_token": 1, "xchat_rate": 2}
    assert kinds[0]["xchat_rotating"] == 1
    assert kinds[0].total() <= 15
