"""
From the corrected document to a checked client, aside: nothing is swapped in before everything has passed.

The generator runs in this process (its classes are its Python interface), with our templates before its own.
Templates are outside the generator's versioned interface, so each override names the digest of the template
that it replaces in ``templates/replaced.toml`` and refuses to run on another.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import openapi_python_client
from jinja2 import TemplateError
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.schema.untrusted_string import UntrustedString
from openapi_python_client.strings import PythonIdentifier

from codegen import document as documents
from codegen.client_view import client_view
from codegen.errors import GenerationError
from codegen.references import followed
from codegen.stable_names import body_schemas, makes_a_class

__all__ = ["TOOLS", "check_templates", "digest", "generate_client", "verify_client"]

PACKAGE = "xchat_client"
GENERATOR = "openapi-python-client"
TOOLS = (GENERATOR, "ruff")

_STOCK_TEMPLATES = Path(openapi_python_client.__file__).parent / "templates"


def digest(data: bytes) -> str:
    """Give the SHA-256 of bytes as ``sha256:<hex>``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def check_templates(templates: Path) -> None:
    """
    Make sure that each override still replaces the template that it was written for.

    :param templates: the folder of our overrides, with ``replaced.toml``
    :raises GenerationError: when a template of the generator has changed, or an override is not recorded
    """
    recorded = tomllib.loads((templates / "replaced.toml").read_text(encoding="utf-8"))
    present = {path.relative_to(templates).as_posix() for path in templates.rglob("*.jinja")}
    for name in sorted(present ^ set(recorded)):
        raise GenerationError(f"template {name} and codegen/templates/replaced.toml disagree: only one has it")
    for name in sorted(present):
        stock = _STOCK_TEMPLATES / name
        found = digest(stock.read_bytes()) if stock.is_file() else "no such template"
        if found != recorded[name]["replaces"]:
            raise GenerationError(
                f"{GENERATOR} {version(GENERATOR)} has changed its template {name}: carry the change over to"
                f" codegen/templates/{name}, then record {found} in codegen/templates/replaced.toml"
            )


def generate_client(document: dict[str, Any], templates: Path, target: Path, banner: str) -> None:
    """
    Generate the client into an empty folder.

    :param document: the corrected OpenAPI document
    :param templates: the folder of our template overrides
    :param target: the package folder to make; its parent exists
    :param banner: comment lines for the top of every file
    :raises GenerationError: when the generator or ruff complains about anything
    """
    check_templates(templates)
    project = _project(_described(client_view(document)), templates, target)
    server = document.get("servers", [{}])[0].get("url", "")
    project.env.globals.update(server=server, comma_separated=_comma_separated(document))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            complaints = project.build()
    except TemplateError as error:
        place = ":".join(str(getattr(error, part)) for part in ("name", "lineno") if getattr(error, part, None))
        raise GenerationError(f"template {place or 'unknown'} is broken: {error.message}") from None
    except Exception as error:
        raise _crash(error) from error
    if complaints:
        raise GenerationError(_summary(list(complaints)))
    (target / "known_values.py").write_text(_known_values(project), encoding="utf-8")
    _require_named_classes(document, (target / "models" / "__init__.py").read_text(encoding="utf-8"))
    (target / "py.typed").write_text(banner, encoding="utf-8")
    for path in _sources(target):
        path.write_text(f"{banner}\n{path.read_text(encoding='utf-8').lstrip()}", encoding="utf-8")
    _ruff("check", "--fix-only", "--extend-select=I", target=target)
    _ruff("format", target=target)


def _require_named_classes(document: dict[str, Any], exported: str) -> None:
    """The provider imports what an operation sends and answers by its stable name."""
    for _, _, operation in documents.operations(document):
        for name, holder in body_schemas(document, operation):
            is_named = holder["schema"] == {"$ref": f"#/components/schemas/{name}"}
            if is_named and makes_a_class(followed(document, holder["schema"])) and f'"{name}"' not in exported:
                raise GenerationError(f"{GENERATOR} makes no class of {name}")


def _project(document: dict[str, Any], templates: Path, target: Path) -> openapi_python_client.Project:
    settings = ConfigFile(package_name_override=PACKAGE, literal_enums=True, post_hooks=[])
    config = Config.from_sources(settings, MetaType.NONE, Path("openapi.yaml"), "utf-8", False, target)
    try:
        data = GeneratorData.from_dict(document, config=config)
    except Exception as error:
        raise _crash(error) from error
    if isinstance(data, GeneratorError):
        raise GenerationError(_summary([data]))
    return openapi_python_client.Project(openapi=data, config=config, custom_template_path=templates)


def _crash(error: Exception) -> GenerationError:
    # It meets documents that it was not written for: X's whole one of version 2.167 makes it raise.
    return GenerationError(f"{GENERATOR} fails with {type(error).__name__}: {' '.join(str(error).split())}")


def _summary(complaints: list[GeneratorError]) -> str:
    texts = [" ".join(f"{item.header} {item.detail or ''!s}".split()) for item in complaints]
    return f"{GENERATOR} complains: " + "; ".join(texts)


def _comma_separated(document: dict[str, Any]) -> dict[str, list[str]]:
    """Name, for each operation, the arrays that go out as one value; the generator drops ``explode``."""
    names: dict[str, list[str]] = {}
    for path, _, operation in documents.operations(document):
        function = PythonIdentifier(UntrustedString(operation["operationId"]), "field_")
        names[function] = sorted(
            parameter["name"]
            for parameter in documents.parameters(document, path, operation)
            if parameter.get("in") == "query" and parameter.get("explode") is False
        )
    return names


def _known_values(project: openapi_python_client.Project) -> str:
    """Write the module of data that names the values which the document lists for parameters."""
    listed = {}
    for collection in project.openapi.endpoint_collections_by_tag.values():
        for endpoint in collection.endpoints:
            lists = [each for each in endpoint.query_parameters if isinstance(each, ListProperty)]
            listed[str(endpoint.name)] = {
                str(each.python_name): sorted(values)
                if (values := getattr(each.inner_property, "values", None))
                else None
                for each in lists
            }
    return f'''"""
The values that the document lists, for each operation and each of its query parameters that is a list.

None where it lists no values. Others can be sent, too, as X adds values without notice.
"""

from typing import Any

KNOWN_VALUES: dict[str, dict[str, list[Any] | None]] = {dict(sorted(listed.items()))!r}
'''


def _described(document: dict[str, Any]) -> dict[str, Any]:
    """Give each parameter's description to its schema: that is where the generator looks for it."""
    described = copy.deepcopy(document)
    for path, _, operation in documents.operations(described):
        for parameter in documents.parameters(described, path, operation):
            schema = followed(described, parameter.get("schema", {}))
            if not {"enum", "properties"} & schema.keys():  # those become classes with a docstring of their own
                parameter["schema"] = {"description": parameter.get("description", ""), **schema}
    return described


def _sources(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


def _ruff(*command: str, target: Path) -> None:
    # --isolated: no configuration around the project has a say; --no-cache: nothing remembered either.
    settings = ["--isolated", "--no-cache", "--quiet", "--target-version=py311", "--line-length=110"]
    run = [sys.executable, "-m", "ruff", command[0], *settings, *command[1:], str(target)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerationError(f"ruff {command[0]} failed: {(done.stderr or done.stdout).strip()}")


def verify_client(package: Path) -> None:
    """
    Make sure that a generated client compiles, imports, answers a call, and passes ``mypy --strict``.

    :param package: the package folder
    :raises GenerationError: when it does not
    """
    for path in _sources(package):
        try:
            compile(path.read_text(encoding="utf-8"), str(path), "exec")
        except SyntaxError as error:
            raise GenerationError(f"generated file {path.name} does not compile: {error}") from None
    smoke = Path(__file__).with_name("smoke.py")
    # -P: the current folder must not lend its modules to the client under test
    checks = {
        "the smoke call": [sys.executable, "-P", str(smoke), str(package)],
        "mypy --strict": [*_mypy(), str(package)],
    }
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(_run, checks, checks.values()):  # the first that fails in this order raises
            pass


def _mypy() -> list[str]:
    # Writing a cache takes longer than one run saves by it. Who runs it often names a folder: the tests do.
    cache = os.environ.get("MYPY_CACHE_DIR", os.devnull)
    settings = ("--strict", "--config-file=", "--no-error-summary", "--no-sqlite-cache", f"--cache-dir={cache}")
    return [sys.executable, "-m", "mypy", *settings]


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        raise GenerationError(f"the generated client fails {name}:\n{output}")


def tool_versions() -> dict[str, str]:
    """Give the versions of the tools that the output depends on."""
    return {tool: version(tool) for tool in TOOLS}


def to_json(value: Any) -> bytes:
    """Write a record with sorted keys, so that equal records are equal bytes."""
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
