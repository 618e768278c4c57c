"""Files that are there when they are complete, and not before, wherever ObjectStoragePath leads."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

__all__ = ["is_local", "whole_file"]


def is_local(path: ObjectStoragePath) -> bool:
    """
    Return whether a path is on this machine.

    :param path: the path
    """
    return path.protocol in ("", "file", "local")


@contextmanager
def whole_file(output: ObjectStoragePath) -> Iterator[TextIO]:
    """
    Open a file that takes the place of the output once it is complete.

    It is written beside the output: closing an object makes it visible, and an exception closes it, too.

    :param output: the path
    :return: a context manager that gives the file; an exception in it leaves the output as it was
    """
    unfinished = output.parent / f".{output.name}.{secrets.token_hex(4)}"
    if is_local(output):
        Path(output.path).parent.mkdir(parents=True, exist_ok=True)
    try:
        with unfinished.open("w", encoding="utf-8") as file:  # type: ignore[no-untyped-call]
            yield file
        if is_local(output):
            Path(unfinished.path).replace(output.path)
        else:
            _move(output.fs, unfinished.path, output.path)
    except BaseException:
        with suppress(Exception):
            output.fs.rm_file(unfinished.path)
        raise


def _move(files: Any, source: str, target: str) -> None:
    """Move a file of fsspec, whatever characters its name has."""
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

    if type(files).mv is not AbstractFileSystem.mv:
        files.mv(source, target)
        return
    # An object store, which replaces an object as a whole. Its mv would take a name for a pattern.
    files.cp_file(source, target)
    files.rm_file(source)
