"""
Whatever X's document calls its schemas, and whatever members it leaves out: it syncs, it generates, and the provider,
the client and the sandbox pass their contract tests with what came out.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
UPSTREAM = ROOT.parent / "shared" / "upstream"
PACKAGES = ("airflow_provider_xchat", "xchat_sandbox", "tests/client", "tests/unit", "tests/sandbox")


def with_every_schema_renamed(cut: dict[str, Any]) -> dict[str, Any]:
    """X renames schemas and tags; here all of them, and names swap places with those that an operation's body gets."""
    schemas = cut["components"]["schemas"]
    names = {name: f"Renamed{number}" for number, name in enumerate(schemas)}
    bodies = [name for name in schemas if name.startswith("GetChat") and name.endswith("Response")]
    names |= dict(zip(bodies, [*bodies[1:], bodies[0]], strict=True))
    text = json.dumps(cut)
    for old in sorted(names, key=len, reverse=True):
        text = text.replace(f'"#/components/schemas/{old}"', f'"#/components/schemas/<{old}>"')
    for old, new in names.items():
        text = text.replace(f'"#/components/schemas/<{old}>"', f'"#/components/schemas/{new}"')
    document = json.loads(text)
    document["components"]["schemas"] = {names[name]: document["components"]["schemas"][name] for name in schemas}
    for item in document["paths"].values():
        for operation in item.values():
            operation["tags"] = ["Direct Messages"]
    return document


def with_every_optional_member_gone(cut: dict[str, Any]) -> dict[str, Any]:
    """X takes members away; here all that its document does not require."""

    def reduce(node: Any) -> None:
        for below in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            reduce(below)
        if isinstance(node, dict) and isinstance(node.get("properties"), dict):
            required = node.get("required", [])
            node["properties"] = {name: schema for name, schema in node["properties"].items() if name in required}

    document = copy.deepcopy(cut)
    reduce(document["components"])
    return document


FIXTURES = {
    "every schema renamed": with_every_schema_renamed,
    "every optional member gone": with_every_optional_member_gone,
}


@pytest.fixture
def whole_project(project):
    """A copy of the project with the packages that use the client, and with their tests."""
    ignore = shutil.ignore_patterns("__pycache__", "openapi.yaml")
    for folder in PACKAGES:
        shutil.copytree(ROOT / folder, project.path(folder), ignore=ignore, dirs_exist_ok=True)
    for file in ("tests/conftest.py", "docs/errors.md"):
        project.path(file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, project.path(file))
    return project


def passes(project, document, *, is_typed=True):
    for command in (["sync", str(document)], ["generate"], ["check"]):
        done = project.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(project.root), str(project.path("generated"))])}
    where = "import xchat_client, airflow_provider_xchat, xchat_sandbox as s; print(xchat_client, s, sep='\\n')"
    used = subprocess.check_output([sys.executable, "-c", where], cwd=project.root, env=environment, text=True)
    assert used.count(str(project.root)) == 2
    chosen = "contract" if is_typed else "contract and not typed"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", chosen, "tests"]
    done = subprocess.run(command, cwd=project.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "skipped" not in done.stdout and "deselected" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("change", FIXTURES.values(), ids=FIXTURES)
def test_the_contract_holds_with_a_document_that_has_changed(whole_project, cut_document, change):
    document = whole_project.path("published.json")
    document.write_text(json.dumps(change(cut_document)))
    passes(whole_project, document, is_typed=change is not with_every_optional_member_gone)


def upstream_documents():
    if not UPSTREAM.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason="X's documents are not beside the project"))]
    return [pytest.param(path, id=path.stem) for path in sorted(UPSTREAM.glob("openapi-*.json"))]


@pytest.mark.upstream
@pytest.mark.parametrize("document", upstream_documents())
def test_the_contract_holds_with_a_document_of_x(whole_project, document):
    passes(whole_project, document)


def test_parameters_that_are_gone_are_refused_by_name(whole_project, cut_document):
    for item in cut_document["paths"].values():
        for operation in item.values():
            operation["parameters"] = [each for each in operation["parameters"] if each.get("in") == "path"]
    document = whole_project.path("published.json")
    document.write_text(json.dumps(cut_document))
    for command in (["sync", str(document)], ["generate"]):
        done = whole_project.run(*command)
        assert done.returncode == 0, done.stderr
    code = """if True:
        from airflow_provider_xchat.api import calls
        from airflow_provider_xchat.exceptions import XChatInputError
        assert calls.get_conversation("1").arguments == {}
        for allowed in (None, ["type"]):
            try:
                calls.get_conversation("1", chat_conversation_fields=["type"], allow_unknown=allowed)
            except XChatInputError as error:
                print(error)
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(whole_project.root), str(whole_project.path("generated"))]),
    }
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=whole_project.root, env=environment, text=True)
    printed_once = "Invalid argument chat_conversation_fields: X's OpenAPI document has no such parameter any more\n"
    assert printed == 2 * printed_once
