"""
What hundreds of deferred sensors and watchers cost one triggerer: its event loop's lag, requests, and memory.

A real triggerer of Airflow 3.3, with a database that says that so many tasks are deferred; the sandbox is a process of
its own. The lag is measured from inside, by a trigger that wants to be woken every 10 ms. What other triggers would
cost is measured likewise, with as many that only sleep.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measuring import Bench
from benchmarks.tables import Table

INTERVAL = 10
# How long (seconds) to look at a triggerer after all of its triggers have begun.
LOOK = 3 * INTERVAL
PATIENCE = 240

METER = '''
import asyncio, json, os, time
from pathlib import Path
from airflow.triggers.base import BaseEventTrigger

class Meter(BaseEventTrigger):
    """Writes down how late it is woken, how much memory the process has, and how many tasks there are."""

    def serialize(self):
        return "meter.Meter", {}

    async def run(self):
        with Path(os.environ["METER_FILE"]).open("a", buffering=1) as file:
            while True:
                lags, until = [], time.perf_counter() + 1
                while (began := time.perf_counter()) < until:
                    await asyncio.sleep(0.01)
                    lags.append(round(1000 * (time.perf_counter() - began - 0.01), 2))
                resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
                said = {"lags": lags, "resident": resident, "tasks": len(asyncio.all_tasks()), "time": time.time()}
                file.write(json.dumps(said) + "\\n")
        yield

class Sleeper(BaseEventTrigger):
    """Does nothing."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def serialize(self):
        return "meter.Sleeper", {"number": self.number}

    async def run(self):
        await asyncio.Event().wait()
        yield
'''

DAGS = """
import os
from airflow.sdk import Asset, AssetWatcher, DAG
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow_provider_xchat.sensors.xchat import ChatConversationUpdatedSensor
from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger
from meter import Meter, Sleeper

sensors, watchers, conversations, sleepers = (
    int(os.environ[name]) for name in ("SENSORS", "WATCHERS", "CONVERSATIONS", "SLEEPERS")
)
group = lambda number: f"g91{number % conversations + 1:017}"
with DAG("sensors"):
    for number in range(sensors):
        ChatConversationUpdatedSensor(
            task_id=f"wait_{number}", conversation_id=group(number), updated_since="2100-01-01", poke_interval=INTERVAL
        )
watched = [
    ChatConversationUpdatedTrigger(
        conversation_id=group(number), poll_interval=INTERVAL, max_failures=5 + number // conversations
    )
    for number in range(watchers)
]
triggers = [Meter(), *watched, *(Sleeper(number) for number in range(sleepers))]
assets = [
    Asset(f"asset_{number}", watchers=[AssetWatcher(name=f"watcher_{number}", trigger=trigger)])
    for number, trigger in enumerate(triggers)
]
with DAG("watchers", schedule=assets):
    EmptyOperator(task_id="nothing")
""".replace("INTERVAL", str(INTERVAL))

# What a scheduler and workers would have come to, only sooner.
DEFER = """
from datetime import timedelta
from sqlalchemy import select
from airflow.api.common.trigger_dag import trigger_dag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from airflow_provider_xchat.triggers.xchat import ChatConversationUpdatedTrigger

trigger_dag("sensors", triggered_by=DagRunTriggeredByType.TEST, run_id="run")
with create_session() as session:
    dag = SerializedDagModel.get_dag("sensors", session=session)
    for task_instance in session.scalars(select(TaskInstance).where(TaskInstance.dag_id == "sensors")):
        task = dag.get_task(task_instance.task_id)
        trigger = Trigger.from_object(
            ChatConversationUpdatedTrigger(
                conversation_id=task.conversation_id, updated_since="2100-01-01", poll_interval=INTERVAL, once=True
            )
        )
        session.add(trigger)
        session.flush()
        task_instance.trigger_id, task_instance.state = trigger.id, "deferred"
        task_instance.next_method = "execute_complete"
""".replace("INTERVAL", str(INTERVAL))


def tables(bench: Bench) -> list[Table]:
    """Measure each kind of triggerer once, for a minute or so, and give the table."""
    sensors, watchers, conversations = (bench.some(count, 5) for count in (500, 200, 100))
    size = {"SENSORS": sensors, "WATCHERS": watchers, "CONVERSATIONS": conversations}
    alone = {"SENSORS": 1, "WATCHERS": 1, "CONVERSATIONS": 1}
    nothing = {"SENSORS": 0, "WATCHERS": 0, "CONVERSATIONS": 1}
    number = sensors + watchers
    found = {
        f"{sensors} sensors and {watchers} watchers of {conversations} conversations": measured(size, sleepers=0),
        f"{number} triggers that sleep": measured(nothing, sleepers=number),
        "one sensor, one watcher": measured(alone, sleepers=0),
    }
    least = found["one sensor, one watcher"]["resident"]
    table = Table("triggerer", "a triggerer of Airflow 3.3 from its start on; one process each")
    for name, said in found.items():
        lag = {f"lag_{kind}_ms": value for kind, value in said["lag"].items()}
        extra = (said["resident"] - least) / number / 2**10 if said["triggers"] == number else None
        asked = ", ".join(map(str, said["streams"])) or None
        table.add(
            name,
            MiB=said["resident"] / 2**20,
            KiB_per_trigger=extra,
            **lag,
            requests_per_conversation_and_interval=asked,
        )
    return [table]


def measured(size: dict[str, int], sleepers: int) -> dict[str, Any]:
    """
    Run a triggerer.

    :param size: how many sensors and watchers of how many conversations it has
    :param sleepers: and how many triggers that do nothing
    :return: what was measured
    """
    token = secrets.token_hex()
    with tempfile.TemporaryDirectory() as folder, sandbox_for(token, size["CONVERSATIONS"]) as url:
        home = Path(folder)
        connection = {"conn_type": "xchat", "host": url, "password": token}
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": folder,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
            # Watchers of a paused DAG do not run.
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW_CONN_XCHAT_DEFAULT": json.dumps(connection),
            "METER_FILE": str(home / "meter.jsonl"),
            "SLEEPERS": str(sleepers),
            **{name: str(value) for name, value in size.items()},
        }
        for path, text in (("plugins/meter.py", METER), ("dags/many.py", DAGS), ("airflow.cfg", "")):
            (home / path).parent.mkdir(exist_ok=True)
            (home / path).write_text(text, encoding="utf-8")
        for arguments in (["-m", "airflow", "db", "migrate"], ["-m", "airflow", "dags", "reserialize"], ["-c", DEFER]):
            done = subprocess.run(
                [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(done.stdout + done.stderr)
        with server("airflow", "triggerer", "--skip-serve-logs", environment=environment, log=home / "triggerer.log"):
            return looked_at(home, url, size, sleepers)


def looked_at(home: Path, url: str, size: dict[str, int], sleepers: int) -> dict[str, Any]:
    """Wait until all triggers run, and measure; the beginning is part of it."""
    log = home / "triggerer.log"
    triggers = size["SENSORS"] + size["WATCHERS"] + sleepers
    wait_until(lambda: any(second["tasks"] > triggers for second in metered(home)), log)
    asked = min(size["CONVERSATIONS"], size["SENSORS"] + size["WATCHERS"])
    wait_until(lambda: len(requests_by_path(url)) == asked, log)
    before = requests_by_path(url)
    time.sleep(LOOK)
    after = requests_by_path(url)
    meter = metered(home)
    lags = sorted(lag for second in meter for lag in second["lags"])
    return {
        "triggers": triggers,
        "lag": {"p50": lags[len(lags) // 2], "p99": lags[len(lags) * 99 // 100], "longest": lags[-1]},
        "resident": meter[-1]["resident"],
        "conversations": len(after),
        "streams": sorted({round((after[path] - before[path]) * INTERVAL / LOOK) for path in after}),
    }


def metered(home: Path) -> list[dict[str, Any]]:
    """Read what the meter has written down, for each second."""
    file = home / "meter.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def requests_by_path(url: str) -> Counter[str]:
    """Ask the sandbox how often each conversation was asked for."""
    with urllib.request.urlopen(f"{url}/_sandbox/requests", timeout=30) as answer:  # noqa: S310  our own server
        return Counter(request["path"] for request in json.load(answer)["requests"])


def wait_until(condition: Callable[[], bool], log: Path) -> None:
    """Wait, and give up with what the triggerer has printed."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(log.read_text(errors="replace")[-5000:])
        time.sleep(0.5)


@contextmanager
def sandbox_for(token: str, conversations: int) -> Iterator[str]:
    """Run a sandbox whose answers take as long as those of a server elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    options = ["--token", token, "--conversations", str(conversations), "--rate-limit", "1000000", "--latency", "0.1"]
    with tempfile.NamedTemporaryFile() as log:
        path = Path(log.name)
        with server("xchat_sandbox", "--port", str(port), *options, environment=dict(os.environ), log=path):
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(url), path)
            yield url


def answers(url: str) -> bool:
    """Tell whether a server is there."""
    try:
        requests_by_path(url)
    except OSError:
        return False
    return True


@contextmanager
def server(module: str, *arguments: str, environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run a server for as long as the block lasts, with all processes that it starts."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
