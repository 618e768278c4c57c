"""The hook in a callback of a deadline alert, whose supervisor answers no request to write a Variable."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from xchat_sandbox import PUBLIC_CLIENT_ID, running_sandbox

# Airflow's own supervisor, and its API server in the same process.
SUPERVISE = """
import uuid
from airflow.sdk.execution_time.callback_supervisor import supervise_callback
from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

supervise_callback(
    id=str(uuid.uuid4()),
    callback_path="callback_of_a_deadline.call",
    callback_kwargs={},
    dag_rel_path="",
    client=InProcessTestSupervisor._api_client(),
)
"""
CALLBACK = """
from pathlib import Path
from airflow_provider_xchat.hooks.xchat import XChatHook

def call():
    try:
        said = XChatHook().get_conversation("g9000000000000000201")["data"][0]["id"]
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    Path("said").write_text(said)
"""


@pytest.mark.parametrize("expires_in", [3600, -60])
def test_it_ends(tmp_path, migrated_database, new_home, expires_in):
    with running_sandbox(strict=True) as sandbox:
        grant = sandbox.grant(expires_in=expires_in)
        extra = {"refresh_token": grant.refresh_token, "expires_at": round(grant.expires_at)}
        fields = {"conn_type": "xchat", "host": sandbox.url, "login": PUBLIC_CLIENT_ID, "password": grant.access_token}
        settings = {"AIRFLOW_CONN_XCHAT_DEFAULT": json.dumps({**fields, "extra": extra})}
        home = new_home(tmp_path, migrated_database, Path(sys.executable), {**settings, "PYTHONPATH": str(tmp_path)})
        (tmp_path / "callback_of_a_deadline.py").write_text(CALLBACK)
        done = home.run("-c", SUPERVISE)
        said = (tmp_path / "said").read_text()
        if expires_in > 0:
            assert said == "g9000000000000000201", done.text
        else:
            assert "callbacks of deadline alerts cannot write Airflow Variables" in said
        assert sandbox.token_requests() == []
