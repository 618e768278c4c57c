"""
What Airflow pays again and again: importing operators, parsing files of DAGs, listing providers.

The dag processor parses each file in a process of its own, which has Airflow loaded and the file's imports not.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measuring import Bench, median
from benchmarks.tables import Table

MODULES = [
    "airflow_provider_xchat.operators.xchat",
    "airflow_provider_xchat.sensors.xchat",
    "airflow_provider_xchat.triggers.xchat",
    "airflow.providers.standard.operators.bash",
    "airflow.providers.standard.sensors.date_time",
    "airflow.providers.standard.triggers.temporal",
    "airflow.triggers.base",
    "airflow.providers.slack.operators.slack",
    "airflow.providers.http.operators.http",
    "airflow.providers.airbyte.operators.airbyte",
]

IMPORT = """
import importlib, json, sys, time
import airflow.sdk
from airflow.sdk import BaseOperator
before = set(sys.modules)
began = time.perf_counter()
importlib.import_module(sys.argv[1])
seconds = time.perf_counter() - began
added = set(sys.modules) - before
heavy = sorted({name.partition(".")[0] for name in added} & {"httpx", "attr", "attrs", "xchat_client"})
print(json.dumps({"seconds": seconds, "modules": len(added), "heavy": heavy}))
"""

# With no Airflow in the process, as what it needs of Airflow would count, too.
PROVIDER_INFO = """
import json, sys, time
import airflow_provider_xchat
before = set(sys.modules)
began = time.perf_counter()
from airflow_provider_xchat.provider_info import get_provider_info
get_provider_info()
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "modules": len(set(sys.modules) - before)}))
"""

PARSE = """
import json, sys, time
from pathlib import Path
import structlog
from airflow.dag_processing.processor import DagFileParseRequest, _parse_file
file = Path(sys.argv[1])
request = DagFileParseRequest(file=str(file), bundle_path=file.parent, bundle_name="benchmark", callback_requests=[])
before = set(sys.modules)
began, cpu = time.perf_counter(), time.process_time()
result = _parse_file(request, structlog.get_logger())
took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
assert not result.import_errors and len(result.serialized_dags) == 1, result
print(json.dumps({**took, "modules": len(set(sys.modules) - before)}))
"""

TASKS = {
    "GetChatConversationOperator": (
        "airflow_provider_xchat.operators.xchat",
        'conversation_id="g9000000000000000201", expansions=["participant_ids"]',
    ),
    "BashOperator": ("airflow.providers.standard.operators.bash", 'bash_command="true"'),
    "HttpOperator": ("airflow.providers.http.operators.http", 'endpoint="2/chat/conversations/1", method="GET"'),
}


def tables(bench: Bench) -> list[Table]:
    """Measure, and give the tables."""
    return [imports(bench), files(bench), provider_info(bench)]


def imports(bench: Bench) -> Table:
    """Measure what importing operators adds."""
    found = bench.by_turns(MODULES, lambda module: bench.said("-c", IMPORT, module))
    table = Table(
        "dag_parse",
        f"added by an import to a process with airflow.sdk loaded; medians of {bench.rounds} fresh processes",
    )
    for module, results in found.items():
        table.add(module, ms=1000 * median(results, "seconds"), modules=int(median(results, "modules")))
    heavy = {name for module in MODULES[:3] for name in found[module][0]["heavy"]}
    table.notes.append(f"of httpx, attrs and xchat_client ours import: {', '.join(sorted(heavy)) or 'nothing'}")
    return table


def files(bench: Bench) -> Table:
    """Measure what Airflow's dag processor takes for a file of 100 tasks."""
    table = Table(
        "dag_parse",
        "a file with a DAG of 100 tasks in Airflow's dag processor, parsed and serialized;"
        f" medians of {bench.rounds} fresh processes",
    )
    with tempfile.TemporaryDirectory() as folder:
        for operator, (module, arguments) in TASKS.items():
            text = f"""
from airflow.sdk import DAG
from {module} import {operator}
with DAG("many"):
    for number in range(100):
        {operator}(task_id=f"task_{{number}}", {arguments})
"""
            Path(folder, f"{operator}.py").write_text(text, encoding="utf-8")
        found = bench.by_turns(TASKS, lambda operator: bench.said("-c", PARSE, f"{folder}/{operator}.py"))
    for operator, results in found.items():
        table.add(
            operator,
            ms=1000 * median(results, "seconds"),
            CPU_ms=1000 * median(results, "cpu"),
            modules=int(median(results, "modules")),
        )
    return table


def provider_info(bench: Bench) -> Table:
    """Measure what every airflow command pays at its start."""
    found = bench.by_turns(["provider_info"], lambda _: bench.said("-c", PROVIDER_INFO))["provider_info"]
    table = Table("dag_parse", f"what this provider adds to the start of any airflow command; median of {bench.rounds}")
    table.add("provider_info", ms=1000 * median(found, "seconds"), modules=int(median(found, "modules")))
    return table
