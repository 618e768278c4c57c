"""Output files that appear only when they are complete, on any storage of ObjectStoragePath."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from airflow_provider_xchat.exceptions import XChatInputError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

__all__ = ["atomic_file", "check_own_output", "checked_output", "is_local"]

# Template variables that differ between the instances of a mapped task.
_INSTANCE_VARIABLES = {"ti", "task_instance", "task_instance_key_str", "task", "expanded_ti_count"}


def check_own_output(context: Context) -> None:
    """
    Check that the instances of a mapped task have different output paths.

    :param context: the context of a task with ``output_path``
    :raises XChatInputError: when all instances have the same path
    """
    ti, dag = context["ti"], context.get("dag")
    if dag is None or getattr(ti, "map_index", -1) in (None, -1):
        return
    task = dag.get_task(ti.task_id)
    given = task.partial_kwargs if hasattr(task, "partial_kwargs") else vars(task)
    # Missing when it is mapped itself; not a text when it is the result of another task.
    path = given.get("output_path")
    if isinstance(path, str | os.PathLike) and not _INSTANCE_VARIABLES & _variables_in(str(path)):
        raise XChatInputError(
            f"Invalid output_path {str(path)!r}: all instances of the mapped task would write the same file; expected a"
            " path for each, such as 'chats-{{ ti.map_index }}.jsonl'"
        )


def _variables_in(template: str) -> set[str]:
    import jinja2
    from jinja2 import meta

    try:
        return meta.find_undeclared_variables(jinja2.Environment(autoescape=True).parse(template))
    except jinja2.TemplateSyntaxError:
        return set(_INSTANCE_VARIABLES)  # a syntax of its own


def checked_output(output_path: str | os.PathLike[str]) -> ObjectStoragePath:
    """
    Check that a file can be written, before requests are paid for: write a temporary one beside it.

    :param output_path: a path or URL
    :return: the path
    :raises XChatInputError: when the path is invalid
    :raises Exception: any of the storage, when it cannot be written
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    given = str(output_path)
    try:
        output = ObjectStoragePath(given)
        files = output.fs
    except (ImportError, ValueError) as error:
        raise XChatInputError(
            f"Invalid output_path {given!r} ({type(error).__name__}: {error}): expected a path, or a URL of a protocol"
            " whose packages are installed, such as 's3://aws_default@bucket/chats.jsonl'"
        ) from None
    if given.endswith("/") or not output.name or files.isdir(output.path):
        raise XChatInputError(f"Invalid output_path {given!r}: expected the path of a file, not of a folder")
    probe = _beside(output)
    try:
        probe.write_text("\n", encoding="utf-8")
    except BaseException:
        with suppress(Exception):
            files.rm_file(probe.path)
        raise
    files.rm_file(probe.path)
    return output


def is_local(path: ObjectStoragePath) -> bool:
    """
    Return whether a path is on this machine.

    :param path: the path
    """
    return path.protocol in ("", "file", "local")


@contextmanager
def atomic_file(output: ObjectStoragePath) -> Iterator[TextIO]:
    """
    Open a temporary file that replaces the output when the context ends without an exception.

    :param output: the path of the output
    :return: a context manager that yields the file
    """
    unfinished = _beside(output)
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


def _beside(output: ObjectStoragePath) -> ObjectStoragePath:
    """Return an unused path beside an output, and create its folder."""
    if is_local(output):
        Path(output.path).parent.mkdir(parents=True, exist_ok=True)
    return output.parent / f".{output.name}.{secrets.token_hex(4)}"


def _move(files: Any, source: str, target: str) -> None:
    """Move a file of fsspec, also with special characters in its name."""
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

    if type(files).mv is not AbstractFileSystem.mv:
        files.mv(source, target)
        return
    # An object store, whose copy is atomic. Its mv would interpret the name as a pattern.
    files.cp_file(source, target)
    files.rm_file(source)
