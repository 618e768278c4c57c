"""
Call every operation of a generated client once, over a transport in memory: ``python smoke.py PACKAGE_FOLDER``.

It runs in a process of its own, so that what it imports is the client under test and nothing else.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx


class _Body:
    def to_dict(self) -> dict[str, Any]:
        return {}


def _answer(request: httpx.Request) -> httpx.Response:
    if request.headers.get("x-smoke") == "failure":
        return httpx.Response(599, headers={"content-type": "text/html"}, stream=httpx.ByteStream(b"<html>"))
    return httpx.Response(200, stream=httpx.ByteStream(b"{}"))


def _arguments(function: Any, client: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"client": client}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is inspect.Parameter.empty and name != "client":
            arguments[name] = _Body() if name == "body" else "1"
    return arguments


def _call(operation: ModuleType, client: Any) -> None:
    for answer in (
        operation.sync_detailed(**_arguments(operation.sync_detailed, client)),
        asyncio.run(operation.asyncio_detailed(**_arguments(operation.asyncio_detailed, client))),
    ):
        repr((answer, answer.parsed))


def main(package_folder: Path) -> None:
    sys.path.insert(0, str(package_folder.parent))
    package = importlib.import_module(package_folder.name)
    modules = [
        importlib.import_module(found.name) for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    models = importlib.import_module(f"{package.__name__}.models")
    for name in models.__all__:
        getattr(models, name)
    for outcome in ("success", "failure"):
        client = package.Client(headers={"x-smoke": outcome}, httpx_args={"transport": httpx.MockTransport(_answer)})
        for module in modules:
            if hasattr(module, "sync_detailed"):
                _call(module, client)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
