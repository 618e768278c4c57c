"""
What the pipeline reads and writes on disk, and what it remembers of it in ``lock.json``.

The lock names every input and every output with its digest, so that ``check`` can say which of them moved.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codegen.errors import CodegenError
from codegen.generate import PACKAGE, digest, to_json, tool_versions

__all__ = ["Tree", "exclusive", "is_source", "replace_file", "replace_folder", "staging"]

_STAGING_PREFIX: Final = ".codegen-"
_ABOUT_THE_LOCK: Final = "Written by python -m codegen sync and generate; do not edit. check compares with it."


@dataclass(frozen=True)
class Tree:
    """
    The project's files that the pipeline deals with.

    :param root: the folder with ``pyproject.toml``
    """

    root: Path

    @property
    def document(self) -> Path:
        """The cut of X's document."""
        return self.root / "openapi.yaml"

    @property
    def overlay(self) -> Path:
        """Our corrections."""
        return self.root / "codegen" / "overlay.yaml"

    @property
    def templates(self) -> Path:
        """The folder of our template overrides."""
        return self.root / "codegen" / "templates"

    @property
    def lock(self) -> Path:
        """The record of digests."""
        return self.root / "codegen" / "lock.json"

    @property
    def client(self) -> Path:
        """The generated package."""
        return self.root / "generated" / PACKAGE

    @property
    def contract(self) -> Path:
        """The corrected document that the sandbox holds requests against."""
        return self.root / "xchat_sandbox" / "contract" / "openapi.yaml"

    @property
    def changelog(self) -> Path:
        """The trail of what changed."""
        return self.root / "CHANGELOG.md"

    @property
    def reports(self) -> Path:
        """The folder of what changed in X's document, where it does not fit into the changelog."""
        return self.root / "codegen" / "reports"

    @property
    def version_file(self) -> Path:
        """The module that holds our own version."""
        return self.root / "airflow_provider_xchat" / "__init__.py"

    def name(self, path: Path) -> str:
        """Give a path as people see it in the project: relative, with slashes."""
        return path.relative_to(self.root).as_posix()

    def operation_ids(self) -> list[str]:
        """
        Read which operations are ours.

        :return: the ``operationId`` of each
        :raises CodegenError: when ``[tool.codegen]`` in pyproject.toml does not say so
        """
        settings = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        ids = settings.get("tool", {}).get("codegen", {}).get("operations")
        if not isinstance(ids, list) or not ids or not all(isinstance(item, str) for item in ids):
            raise CodegenError('pyproject.toml: [tool.codegen] needs operations = ["<operationId>", ...]')
        return ids

    def inputs(self) -> dict[str, str]:
        """Give the digest of each file that the output depends on, and the version of each tool."""
        overrides = [path for path in self.templates.rglob("*") if path.is_file()]
        files = [self.document, self.overlay, *overrides]
        digests = {self.name(path): digest(path.read_bytes()) for path in files if path.is_file()}
        operations = digest("\n".join(sorted(self.operation_ids())).encode())
        return {**digests, "pyproject.toml [tool.codegen] operations": operations, **tool_versions()}

    def outputs(self) -> dict[str, str]:
        """Give the digest of each generated file."""
        files = [*(path for path in self.client.rglob("*") if is_source(path)), self.contract]
        return {self.name(path): digest(path.read_bytes()) for path in files if path.is_file()}

    def recorded(self) -> dict[str, Any]:
        """
        Read the lock.

        :raises CodegenError: when there is none, or it is no lock
        """
        try:
            lock = json.loads(self.lock.read_bytes())
            return {part: dict(lock[part]) for part in ("source", "inputs", "outputs")}
        except FileNotFoundError:
            raise CodegenError("codegen/lock.json is missing; run 'python -m codegen generate'") from None
        except (ValueError, KeyError, TypeError):
            raise CodegenError("codegen/lock.json is damaged; run 'python -m codegen generate'") from None

    def record(self, **parts: dict[str, str]) -> None:
        """
        Write parts of the lock; the others stay.

        :param parts: ``source`` (X's document that the cut was made from), ``inputs``, ``outputs``
        """
        try:
            recorded = self.recorded()
        except CodegenError:
            recorded = {"source": {}, "inputs": {}, "outputs": {}}
        replace_file(self.lock, to_json({"about": _ABOUT_THE_LOCK, **recorded, **parts}))


@contextmanager
def exclusive(tree: Tree) -> Iterator[None]:
    """
    Keep other runs of the pipeline out while this one works on the tree.

    :param tree: the project's files
    :raises CodegenError: when another run is at work
    """
    folder = os.open(tree.overlay.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it when the process ends, anyhow
        yield
    except BlockingIOError:
        raise CodegenError("another run of codegen is at work in this folder; wait for it to end") from None
    finally:
        os.close(folder)


def is_source(path: Path) -> bool:
    """Tell a file that belongs to a package from what Python and tools leave beside it."""
    return path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """
    Lend a folder beside the place where its content will go, on the same file system.

    :param folder: where to make it; what killed runs have left there is removed first
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_STAGING_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    lent = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=folder))
    try:
        yield lent
    finally:
        shutil.rmtree(lent, ignore_errors=True)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that readers, and a killed run, leave the old content or the new one."""
    with staging(path.parent) as folder:
        new = folder / path.name
        new.write_bytes(data)
        new.replace(path)


def replace_folder(new: Path, old: Path) -> None:
    """
    Put a folder in the place of another in one step of the operating system, where it has one.

    :param new: the folder to put there; afterwards the old content is here
    :param old: the place; it may not exist yet
    """
    if not old.exists():
        new.rename(old)
    elif not _exchange(new, old):
        aside = new.with_name(f"{new.name}.old")
        old.rename(aside)
        new.rename(old)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two paths: renameat2(2) with RENAME_EXCHANGE on Linux, renamex_np(2) with RENAME_SWAP on macOS."""
    library = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(first), os.fsencode(second)
    try:
        if sys.platform == "darwin":
            failed = library.renamex_np(*paths, 2)
        else:
            failed = library.renameat2(-100, paths[0], -100, paths[1], 2)
    except AttributeError:
        return False
    if failed and ctypes.get_errno() not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(second))
    return not failed
