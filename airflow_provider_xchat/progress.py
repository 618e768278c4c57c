"""
What a task has fetched so far, kept where its next try or its return from a deferral finds it.

Records are JSON objects, one to a line. A process that is killed loses no more than what was under way.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from airflow_provider_xchat.supervisor import one_request_at_a_time
from airflow_provider_xchat.token_stores import AirflowVariableStore

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

__all__ = ["Progress", "progress_of"]

log = logging.getLogger(__name__)

Record = Mapping[str, Any]

# Variables and the state store are for small values (characters).
_CHUNK = 40_000
# Objects in a bucket are written whole each time.
_OBJECT = 1_000_000


class Progress:
    """
    The records of a task.

    :param lines: where they are kept until the task is done
    :param output: where they go then; None to leave them to the caller
    """

    def __init__(self, lines: _Lines, output: ObjectStoragePath | None) -> None:
        self._lines = lines
        self._output = output

    def records(self) -> Iterator[Record]:
        """Give what was kept, by this try or earlier ones, in its order."""
        for line in self._lines.read():
            # A process that was killed while it wrote leaves half a line.
            with suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and "conversation_id" in record:
                    yield record

    def add(self, records: Iterable[Record]) -> None:
        """
        Keep more.

        :param records: JSON objects with a ``conversation_id``
        :raises Exception: whatever the place raises when it cannot be written
        """
        self._lines.append("".join(json.dumps(record) + "\n" for record in records))

    def write_output(self, records: Iterable[Record]) -> None:
        """
        Write the output, if there is one; it is there when it is complete, and not before.

        :param records: one for each conversation
        """
        if self._output is not None:
            with _whole(self._output) as file:
                file.writelines(json.dumps(record) + "\n" for record in records)

    def forget(self) -> None:
        """Remove what was kept; when that fails, it is only logged, as the task is done."""
        try:
            self._lines.clear()
        except Exception as error:  # noqa: BLE001  whatever the place raises
            log.warning("what was kept for a retry could not be removed: %s: %s", type(error).__name__, error)


def progress_of(context: Context, output: ObjectStoragePath | None) -> Progress:
    """
    Give the progress of a task.

    :param context: the task's
    :param output: where its result goes; None for XCom
    :return: what was kept beside the output, else in the task's state store (Airflow 3.3), else in Variables
    """
    ti = context["ti"]
    parts = (ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    lines: _Lines
    if output is None:
        state = context.get("task_state_store")
        lines = _ChunkedLines(_VariableChunks(key) if state is None else _StateChunks(state))
    elif _is_local(output):
        lines = _LocalLines(Path(output.path + f".{key}.partial"))
    else:
        lines = _ChunkedLines(_ObjectChunks(output.parent / f"{output.name}.{key}.partial"))
    return Progress(lines, output)


class _Lines(Protocol):
    def read(self) -> Iterator[str]: ...

    def append(self, text: str) -> None: ...

    def clear(self) -> None: ...


class _LocalLines:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = False

    def read(self) -> Iterator[str]:
        with suppress(FileNotFoundError), self._path.open(encoding="utf-8") as file:
            yield from file

    def append(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            # Ends the line that a killed process may have left unfinished.
            file.write(text if self._begun else "\n" + text)
        self._begun = True

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


class _Chunks(Protocol):
    """Texts under numbers, each written all or nothing."""

    size: int

    def get(self, number: int) -> str | None: ...

    def put(self, number: int, text: str) -> None: ...

    def delete(self, number: int) -> None: ...


class _ChunkedLines:
    """Lines in chunks: the last one is written anew until it is full."""

    def __init__(self, chunks: _Chunks) -> None:
        self._chunks = chunks
        self._number = 0
        self._last = ""

    def read(self) -> Iterator[str]:
        number = 0
        while (text := self._chunks.get(number)) is not None:
            yield from text.splitlines()
            number += 1
        if number > self._number:
            self._number, self._last = number, ""

    def append(self, text: str) -> None:
        last = self._last + text
        self._chunks.put(self._number, last)
        self._last = last
        if len(self._last) >= self._chunks.size:
            self._number, self._last = self._number + 1, ""

    def clear(self) -> None:
        # From the end, so that what is left after a failure is found.
        for number in range(self._number, -1, -1):
            self._chunks.delete(number)


class _VariableChunks:
    size = _CHUNK

    def __init__(self, key: str) -> None:
        self._key = f"xchat_progress_{key}"
        self._variables = AirflowVariableStore("What a task of airflow-provider-xchat has fetched so far.")

    def get(self, number: int) -> str | None:
        return self._variables.load(f"{self._key}_{number}")

    def put(self, number: int, text: str) -> None:
        self._variables.save(f"{self._key}_{number}", text)

    def delete(self, number: int) -> None:
        self._variables.delete(f"{self._key}_{number}")


class _StateChunks:
    # In dag.test(), Airflow 3.3 has nobody to ask while it answers another thread.
    size = _CHUNK

    def __init__(self, state: Any) -> None:
        self._state = state

    def get(self, number: int) -> str | None:
        with one_request_at_a_time():
            found = self._state.get(f"xchat_progress_{number}")
        return found if isinstance(found, str) else None

    def put(self, number: int, text: str) -> None:
        with one_request_at_a_time():
            self._state.set(f"xchat_progress_{number}", text)

    def delete(self, number: int) -> None:
        with one_request_at_a_time():
            self._state.delete(f"xchat_progress_{number}")


class _ObjectChunks:
    size = _OBJECT

    def __init__(self, folder: ObjectStoragePath) -> None:
        self._folder = folder

    def get(self, number: int) -> str | None:
        try:
            return str(self._path(number).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def put(self, number: int, text: str) -> None:
        self._path(number).write_text(text, encoding="utf-8")

    def delete(self, number: int) -> None:
        with suppress(FileNotFoundError):
            self._path(number).unlink()

    def _path(self, number: int) -> ObjectStoragePath:
        return self._folder / f"{number:06}.jsonl"


def _is_local(path: ObjectStoragePath) -> bool:
    return path.protocol in ("", "file", "local")


@contextmanager
def _whole(output: ObjectStoragePath) -> Iterator[TextIO]:
    """
    Open a file that takes the place of the output once it is complete.

    It is written beside the output: closing an object makes it visible, and an exception closes it, too.
    """
    unfinished = output.parent / f".{output.name}.{secrets.token_hex(4)}"
    if _is_local(output):
        Path(output.path).parent.mkdir(parents=True, exist_ok=True)
    try:
        with unfinished.open("w", encoding="utf-8") as file:  # type: ignore[no-untyped-call]
            yield file
        if _is_local(output):
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
