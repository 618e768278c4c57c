"""
Run the example DAG with ``dag.test()``, in a process with its own AIRFLOW_HOME.

``python run_dag.py RESULT_FILE CONF_JSON`` writes the state and the return value of each task as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag

DAG_ID = "example_xchat_conversation"


def main(result_file: Path, conf: dict[str, Any]) -> int:
    """
    Run the DAG.

    :param result_file: the file for the results
    :param conf: configuration of the run
    :return: 0 when the run succeeded
    """
    bag = DagBag()
    if bag.import_errors:
        print(bag.import_errors, file=sys.stderr)
        return 1
    run = bag.dags[DAG_ID].test(run_conf=conf)
    tasks = {
        ti.task_id: {"state": str(ti.state), "returned": ti.xcom_pull(task_ids=ti.task_id)}
        for ti in sorted(run.get_task_instances(), key=lambda ti: ti.start_date)
    }
    result_file.write_text(json.dumps({"state": str(run.state), "tasks": tasks}))
    return 0 if run.state == "success" else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
