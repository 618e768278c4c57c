"""A copy of the project's pipeline to run commands in, and a document like X's to feed it."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from codegen.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


class Project:
    """A copy of what the pipeline reads and writes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "codegen", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in this process, which spares it a second of imports."""
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = main(list(arguments), root=self.root)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def select(self, *operation_ids: str) -> None:
        """Have pyproject.toml name other operations."""
        settings = self.path("pyproject.toml")
        text = re.sub(
            r"^operations = \[.*?\]",
            f"operations = {json.dumps(operation_ids)}",
            settings.read_text(),
            flags=re.MULTILINE | re.DOTALL,
        )
        settings.write_text(text)

    def path(self, name: str) -> Path:
        return self.root / name

    def snapshot(self) -> dict[str, bytes]:
        """Every file with its content, what tools leave beside them left out."""
        files = [path for path in self.root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="session", autouse=True)
def checks_of_types_are_fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have mypy keep what it has learned of other packages, which is most of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
        yield


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    ignore = shutil.ignore_patterns("__pycache__", ".codegen-*")
    for folder in ("codegen", "generated"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignore)
    files = ("pyproject.toml", "CHANGELOG.md", "openapi.yaml", "xchat_sandbox/contract/openapi.yaml")
    for file in (*files, "airflow_provider_xchat/__init__.py"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, root / file)
    return Project(root)


@pytest.fixture
def cut_document() -> dict[str, Any]:
    """Our own cut of X's document: the facts, with none of the noise."""
    return yaml.safe_load((ROOT / "openapi.yaml").read_text())


@pytest.fixture
def published(cut_document) -> dict[str, Any]:
    """The cut as X would publish it: with prose, examples, and operations and schemas that are none of ours."""
    document = json.loads(json.dumps(cut_document))
    document["info"]["description"] = "Prose"
    document["tags"] = [{"name": "Chat", "description": "Prose"}]
    answer = {"description": "Prose", "content": {"application/json": {"schema": {"$ref": "#/nowhere"}}}}
    document["paths"]["/2/other"] = {"get": {"operationId": "getOther", "responses": {"200": answer}}}
    document["paths"]["/2/chat/conversations/{id}"]["delete"] = {"operationId": "deleteIt", "responses": {}}
    schemas = document["components"]["schemas"]
    schemas["NotOurs"] = {"type": "object", "enum": ["a", "a"]}
    schemas["User"]["example"] = {"id": "1"}
    schemas["User"]["description"] = "Prose"
    schemas["User"]["properties"]["name"]["example"] = "X Dev"
    operation = document["paths"]["/2/chat/conversations/{id}"]["get"]
    operation.update(summary="Prose", description="Prose", externalDocs={"url": "https://example.com"})
    operation["responses"]["200"]["description"] = "Prose"
    flow = document["components"]["securitySchemes"]["OAuth2UserToken"]["flows"]["authorizationCode"]
    flow["scopes"] = dict.fromkeys([*flow["scopes"], "tweet.write"], "Prose")
    return document


@pytest.fixture
def shuffled() -> Callable[[Any, random.Random], Any]:
    """Reorder whatever has no order: the members of objects, and lists of texts or objects that are sets."""
    return _shuffled


def _shuffled(node: Any, rng: random.Random, *, ordered: bool = False) -> Any:
    if isinstance(node, dict):
        keys = list(node)
        rng.shuffle(keys)
        return {key: _shuffled(node[key], rng, ordered=key in {"oneOf", "anyOf", "allOf", "servers"}) for key in keys}
    if isinstance(node, list):
        items = [_shuffled(item, rng) for item in node]
        if not ordered:
            rng.shuffle(items)
        return items
    return node
