"""
Prints, as JSON, what the package has of Airflow's kinds of classes: arguments, docstrings, and triggers' round trips.

stdin: ``{trigger class: [keyword arguments, …]}`` as JSON.
"""

import importlib
import inspect
import json
import pkgutil
import re
import sys

from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, BaseSensorOperator
from airflow.triggers.base import BaseTrigger

import airflow_provider_xchat

PACKAGE = "airflow_provider_xchat"
KINDS = {"hooks": BaseHook, "sensors": BaseSensorOperator, "operators": BaseOperator, "triggers": BaseTrigger}


def found():
    """Find all classes of Airflow's kinds, each where it is defined."""
    names = [each.name for each in pkgutil.walk_packages(airflow_provider_xchat.__path__, f"{PACKAGE}.")]
    modules = [importlib.import_module(name) for name in names if "example_dags" not in name]
    classes = [one for module in modules for one in vars(module).values() if inspect.isclass(one)]
    return {one for one in classes if one.__module__.startswith(PACKAGE) and issubclass(one, tuple(KINDS.values()))}


def arguments(function):
    parameters = list(inspect.signature(function).parameters.values())
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.kind not in variable and each.name not in {"self", "cls"}]


def documented(text):
    return re.findall(r"^\s*:param (\w+):", text or "", re.MULTILINE)


def constructor_arguments(one):
    return arguments(vars(one)["__init__"]) if "__init__" in vars(one) else []


def methods(one):
    members = {name: getattr(value, "__func__", value) for name, value in vars(one).items() if not name.startswith("_")}
    functions = {name: inspect.unwrap(member) for name, member in members.items() if inspect.isfunction(member)}
    return {
        name: {"arguments": arguments(function), "documented": documented(function.__doc__), "text": function.__doc__}
        for name, function in functions.items()
    }


def described(one, all_classes):
    own = constructor_arguments(one)
    parents = [parent for parent in one.__mro__[1:] if parent.__module__.startswith(PACKAGE)]
    return {
        "kind": next(kind for kind, parent in KINDS.items() if issubclass(one, parent)),
        "module": one.__module__,
        "has_subclasses": any(other is not one and issubclass(other, one) for other in all_classes),
        "text": vars(one).get("__doc__"),
        "documented": documented(vars(one).get("__doc__")),
        "own_arguments": own,
        "arguments": own + [name for parent in parents for name in constructor_arguments(parent)],
        "methods": methods(one),
    }


def round_trip(one, given):
    path, kwargs = one(**given).serialize()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)
    stored = json.loads(json.dumps(kwargs))
    return {
        "is_the_class": again is one,
        "kwargs": kwargs,
        "stored": stored,
        "path": path,
        "again": again(**stored).serialize(),
    }


def main():
    samples = json.load(sys.stdin)
    classes = found()
    result = {
        "classes": {one.__name__: described(one, classes) for one in classes},
        "round_trips": {
            one.__name__: [round_trip(one, given) for given in samples.get(one.__name__, [])]
            for one in classes
            if issubclass(one, BaseTrigger)
        },
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
