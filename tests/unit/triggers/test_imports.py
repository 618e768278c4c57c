"""What parsing a DAG file, and starting a trigger in the triggerer's event loop, must not import."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"httpx", "attr", "attrs", "tenacity", "xchat_client"}
PROBE = """
import json, sys
import airflow.sdk, airflow.triggers.base
before = set(sys.modules)
__import__(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize("module", ["sensors.xchat", "triggers.xchat"])
def test_imports_nothing_heavy(module, tmp_path, airflow_environment):
    command = [sys.executable, "-c", PROBE, f"airflow_provider_xchat.{module}"]
    environment = airflow_environment(tmp_path)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    added = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert added & HEAVY == set()


def test_a_sensor_does_not_import_the_triggers(tmp_path, airflow_environment):
    command = [sys.executable, "-c", PROBE, "airflow_provider_xchat.sensors.xchat"]
    environment = airflow_environment(tmp_path)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    ours = [name for name in json.loads(done.stdout.splitlines()[-1]) if name.startswith("airflow_provider_xchat.")]
    assert [name.removeprefix("airflow_provider_xchat.") for name in ours] == [
        *(
            "advice",
            "api",
            "api.inputs",
            "api.known_names",
            "exceptions",
            "runtime",
            "runtime.compat",
            "runtime.ending",
        ),
        "runtime.literal_arguments",
        *("sensors", "sensors.xchat"),
    ]
