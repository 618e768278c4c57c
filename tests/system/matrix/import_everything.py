"""
Imports all modules of the package, and then has Airflow read the DAG files of a folder, without a network.

argument: the folder. Prints, as JSON, what was imported, which DAGs there are, what could not be imported or read, and
what was looked up meanwhile. In the end it looks something up itself: what is not seen then was never seen.
"""

import importlib
import json
import pkgutil
import platform
import sys
import warnings
from contextlib import suppress

import airflow
import recorded_lookups

import airflow_provider_xchat
from airflow_provider_xchat.provider_info import get_provider_info

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag
try:
    from airflow.sdk import Variable
except ImportError:  # Airflow 2.11
    from airflow.models.variable import Variable

NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
opened = []


def forbid(event, arguments):
    """Be told by Python of all that touches a network, and of databases."""
    if event in NETWORK:
        opened.append(f"{event} {arguments[1:]}")
        raise PermissionError(opened[-1])
    if event == "sqlite3.connect":
        opened.append(event)


def seen():
    found = recorded_lookups.asked + opened
    recorded_lookups.asked.clear()
    opened.clear()
    return found


def look_up():
    """Do what is forbidden."""
    import socket

    Variable.get("looked_up", None)
    with suppress(PermissionError):
        socket.create_connection(("127.0.0.1", 9), timeout=1)


def import_all():
    failed = {}
    names = [found.name for found in pkgutil.walk_packages(airflow_provider_xchat.__path__, "airflow_provider_xchat.")]
    with warnings.catch_warnings():
        # What Airflow itself imports is there by now, and may have warned.
        warnings.simplefilter("error", DeprecationWarning)
        for name in names:
            try:
                importlib.import_module(name)
            except Exception as error:  # noqa: BLE001  whatever a module raises
                failed[name] = repr(error)
    get_provider_info()
    return names, failed


def main():
    sys.addaudithook(forbid)
    modules, failed = import_all()
    by_imports = seen()
    bag = DagBag(sys.argv[1])
    by_parsing = seen()
    look_up()
    result = {
        "airflow": airflow.__version__,
        "python": platform.python_version(),
        "modules": modules,
        "failed": failed,
        "looked_up_by_imports": by_imports,
        "dags": sorted(bag.dags),
        "import_errors": bag.import_errors,
        "looked_up_by_parsing": by_parsing,
        "looked_up": seen(),
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
