"""Prints, as JSON, what Airflow makes of each operator: its arguments, a copy, and what the scheduler reads of it."""

import copy
import importlib
import inspect
import json
import sys

from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

PACKAGE = "airflow_provider_xchat"


def own_arguments(operator):
    """List the arguments that the operator has beside those of every operator."""
    constructors = [
        vars(parent)["__init__"]
        for parent in operator.__mro__
        if parent.__module__.startswith(PACKAGE) and "__init__" in vars(parent)
    ]
    parameters = [
        parameter for constructor in constructors for parameter in inspect.signature(constructor).parameters.values()
    ]
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def describe(operator):
    given = {name: f"{{{{ params.{name} }}}}" for name in own_arguments(operator)}
    with DAG("described", schedule=None) as dag:
        task = operator(task_id="task", **given)

    def values(one):
        return {name: getattr(one, name) for name in given}

    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    read = DagSerialization.from_dict(stored).task_dict["task"]
    copied = copy.deepcopy(task)
    with_hook = copy.deepcopy(task) if task.hook else None
    return {
        "given": given,
        "template_fields": list(operator.template_fields),
        "copied": values(copied),
        "copied_with_hook": values(with_hook),
        "read": {name: getattr(read, name) for name in operator.template_fields},
        "read_template_fields": list(read.template_fields),
    }


def main():
    described = {}
    for name in sys.argv[1:]:
        module = importlib.import_module(name)
        described |= {member: describe(getattr(module, member)) for member in module.__all__}
    sys.stdout.write(json.dumps(described))


if __name__ == "__main__":
    main()
