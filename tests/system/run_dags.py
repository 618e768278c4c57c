"""
Runs DAGs one after the other in one Airflow process, each with ``dag.test()``.

stdin: ``{"connections": {id: fields}, "runs": [{"dag": id, "conf": …, "attributes": {task id: {name: value}}}],
"folder": path or null, "sandbox": url, "use_executor": bool}`` as JSON; argument: where the results go. Connections are
stored in the database, as the UI does it.
"""

import json
import sys
import urllib.request
from pathlib import Path

from airflow.models.connection import Connection
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.utils.session import create_session

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag

RUN_MARK = "===== run "


def requests_of(sandbox):
    with urllib.request.urlopen(f"{sandbox}/_sandbox/requests", timeout=10) as answer:
        return json.load(answer)["requests"]


def outputs_of(ti):
    """What a task with multiple outputs has pushed beside the whole."""
    found = {name: ti.xcom_pull(task_ids=ti.task_id, key=name, map_indexes=ti.map_index) for name in ("fetched",)}
    return {name: value for name, value in found.items() if value is not None}


def task_result(ti):
    returned = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
    return {
        "state": str(ti.state),
        "try_number": ti.try_number,
        "max_tries": ti.max_tries,
        "returned": returned,
        "outputs": outputs_of(ti),
        "rendered": RenderedTaskInstanceFields.get_templated_fields(ti),
    }


def run(dag, wanted, sandbox, use_executor):
    for task_id, attributes in wanted.get("attributes", {}).items():
        vars(dag.task_dict[task_id]).update(attributes)
    seen = len(requests_of(sandbox))
    dag_run = dag.test(run_conf=wanted["conf"], use_executor=use_executor)
    tasks = {
        ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]": task_result(ti)
        for ti in dag_run.get_task_instances()
    }
    return {"state": str(dag_run.state), "tasks": tasks, "requests": requests_of(sandbox)[seen:]}


def main():
    plan = json.load(sys.stdin)
    with create_session() as session:
        session.add_all(Connection(conn_id=name, **fields) for name, fields in plan["connections"].items())
    bag = DagBag(plan.get("folder"))
    if bag.import_errors:
        sys.exit(str(bag.import_errors))
    results = []
    for number, wanted in enumerate(plan["runs"]):
        sys.stdout.write(f"\n{RUN_MARK}{number}\n")
        sys.stdout.flush()
        results.append(run(bag.dags[wanted["dag"]], wanted, plan["sandbox"], plan["use_executor"]))
    Path(sys.argv[1]).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
