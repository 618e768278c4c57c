"""Files that are there when they are complete, and not before, wherever ObjectStoragePath leads."""

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

__all__ = ["check_own_output", "checked_output", "is_local", "whole_file"]

# What a template may name that differs between the instances of a mapped task.
_OF_THE_INSTANCE = {"ti", "task_instance", "task_instance_key_str", "task", "expanded_ti_count"}


def check_own_output(context: Context) -> None:
    """
    Check that instances of a mapped task do not write to one output path, where each would replace the others' file.

    :param context: of a task with ``output_path``
    :raises XChatInputError: when all instances have the same one
    """
    ti, dag = context["ti"], context.get("dag")
    if dag is None or getattr(ti, "map_index", -1) in (None, -1):
        return
    task = dag.get_task(ti.task_id)
    given = task.partial_kwargs if hasattr(task, "partial_kwargs") else vars(task)
    # Not there when it is mapped itself; not a text when it is the result of another task.
    path = given.get("output_path")
    if isinstance(path, str | os.PathLike) and not _OF_THE_INSTANCE & _names_in(str(path)):
        raise XChatInputError(
            f"output_path is {str(path)!r} for all instances of a mapped task, so that each would replace the others'"
            " file; expected one for each, such as 'chats-{{ ti.map_index }}.jsonl'"
        )


def _names_in(template: str) -> set[str]:
    import jinja2
    from jinja2 import meta

    try:
        return meta.find_undeclared_variables(jinja2.Environment(autoescape=True).parse(template))
    except jinja2.TemplateSyntaxError:
        return set(_OF_THE_INSTANCE)  # its author's own syntax


def checked_output(output_path: str | os.PathLike[str]) -> ObjectStoragePath:
    """
    Check that a file can be written, before what goes into it is paid for: write one beside it, and remove it.

    :param output_path: a path or URL
    :return: the path
    :raises XChatInputError: when there can be no such file
    :raises Exception: whatever the storage raises when it cannot be written
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    given = str(output_path)
    try:
        output = ObjectStoragePath(given)
        files = output.fs
    except (ImportError, ValueError) as error:
        raise XChatInputError(
            f"output_path is {given!r}, which leads to no storage ({type(error).__name__}: {error}); expected a path,"
            " or a URL of a protocol for which the packages are installed, such as 's3://aws_default@bucket/chats.jsonl'"
        ) from None
    if given.endswith("/") or not output.name or files.isdir(output.path):
        raise XChatInputError(f"output_path is {given!r}, which is a folder; expected the path of a file")
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
def whole_file(output: ObjectStoragePath) -> Iterator[TextIO]:
    """
    Open a file that takes the place of the output once it is complete.

    It is written beside the output: closing an object makes it visible, and an exception closes it, too.

    :param output: the path
    :return: a context manager that gives the file; an exception in it leaves the output as it was
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
    """Return a path beside an output that nothing else uses, in a folder that is there."""
    if is_local(output):
        Path(output.path).parent.mkdir(parents=True, exist_ok=True)
    return output.parent / f".{output.name}.{secrets.token_hex(4)}"


def _move(files: Any, source: str, target: str) -> None:
    """Move a file of fsspec, whatever characters its name has."""
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

    if type(files).mv is not AbstractFileSystem.mv:
        files.mv(source, target)
        return
    # An object store, which replaces an object as a whole. Its mv would take a name for a pattern.
    files.cp_file(source, target)
    files.rm_file(source)
