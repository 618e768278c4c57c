"""
What a task has fetched so far, kept where its next try or its return from a deferral finds it.

Records are JSON objects, one to a line. A process that is killed loses no more than what was under way.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_xchat.bulk.output_files import is_local, whole_file
from airflow_provider_xchat.runtime.supervisor import one_request_at_a_time

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

__all__ = ["Progress", "progress_of"]

log = logging.getLogger(__name__)

Record = Mapping[str, Any]

# The state store is for small values (characters, all of them ASCII), and in Airflow's database: no more than 10 MB.
_CHUNK = 40_000
_MOST_CHUNKS = 250
# Objects in a bucket are written whole each time.
_OBJECT = 1_000_000
# How long what was fetched is kept for a retry: it is personal data.
_KEPT_FOR = timedelta(days=7)
# How the names of such files and folders end.
_PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")


class Progress:
    """
    The records of a task.

    :param lines: where they are kept until the task is done
    :param output: where they go then; None to leave them to the caller
    """

    def __init__(self, lines: _Lines, output: ObjectStoragePath | None) -> None:
        self._lines = lines
        self._output = output

    @property
    def is_kept(self) -> bool:
        """Whether all records that were added are there for the task's next try, or its return from a wait."""
        return self._lines.are_kept

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
            older = " in place of an older file" if self._output.fs.exists(self._output.path) else ""
            lines = 0
            with whole_file(self._output) as file:
                for record in records:
                    file.write(json.dumps(record) + "\n")
                    lines += 1
            log.info("%d lines written to %s%s", lines, self._output, older)

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
    :return: what was kept beside the output, else in the task's state store (Airflow 3.3); before, without an output,
        nothing is kept
    """
    ti = context["ti"]
    parts = (ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    lines: _Lines
    if output is None:
        state = context.get("task_state_store")
        if state is None:
            log.warning(
                "What is fetched is not kept for a retry: set output_path, or use Airflow 3.3 or later. The task waits"
                " for rate limits in its worker slot."
            )
        lines = _NoLines() if state is None else _ChunkedLines(_StateChunks(state), _MOST_CHUNKS)
    else:
        _remove_expired(output)
        if is_local(output):
            lines = _LocalLines(Path(output.path + f".{key}.partial"))
        else:
            lines = _ChunkedLines(_ObjectChunks(output.parent / f"{output.name}.{key}.partial"))
    return Progress(lines, output)


def _remove_expired(output: ObjectStoragePath) -> None:
    """Remove what tasks have left beside the output that failed and were never tried again."""
    before = datetime.now(UTC) - _KEPT_FOR
    try:
        files = output.fs
        for name in files.ls(output.parent.path, detail=False):
            if _PARTIAL.search(name) and all(_modified(files, each) < before for each in files.find(name)):
                files.rm(name, recursive=True)
    except FileNotFoundError:
        pass  # nothing was ever written there
    except Exception as error:  # noqa: BLE001  whatever the place raises; what has to be read and written raises itself
        log.warning("what earlier tasks have left could not be removed: %s: %s", type(error).__name__, error)


def _modified(files: Any, name: str) -> datetime:
    modified: datetime = files.modified(name)
    return modified if modified.tzinfo else modified.replace(tzinfo=UTC)


class _Lines(Protocol):
    are_kept: bool

    def read(self) -> Iterator[str]: ...

    def append(self, text: str) -> None: ...

    def clear(self) -> None: ...


class _NoLines:
    """
    Nothing is kept.

    Airflow before 3.3 has no place for it but Variables, which anybody who may see them could read.
    """

    are_kept = False

    def read(self) -> Iterator[str]:
        return iter(())

    def append(self, text: str) -> None:
        pass

    def clear(self) -> None:
        pass


class _LocalLines:
    are_kept = True

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
    """
    Lines in chunks: the last one is written anew until it is full, and a line may go on in the next one.

    :param chunks: the chunks
    :param most: how many there may be; what does not fit is not kept
    """

    def __init__(self, chunks: _Chunks, most: int | None = None) -> None:
        self._chunks = chunks
        self._most = most
        self._number = 0
        self._last = ""
        self._ends_with_a_line = False
        self.are_kept = True

    def read(self) -> Iterator[str]:
        number, rest = 0, ""
        while (text := self._chunks.get(number)) is not None:
            *lines, rest = (rest + text).split("\n")
            yield from lines
            number += 1
        yield rest
        if number > self._number:
            self._number, self._last, self._ends_with_a_line = number, "", False

    def append(self, text: str) -> None:
        # Ends the line that a killed process, or a write that failed, may have left unfinished.
        rest = text if self._ends_with_a_line else "\n" + text
        self._ends_with_a_line = False
        while rest and not self._is_full():
            room = self._chunks.size - len(self._last)
            last = self._last + rest[:room]
            self._chunks.put(self._number, last)
            self._last, rest = last, rest[room:]
            if len(last) >= self._chunks.size:
                self._number, self._last = self._number + 1, ""
        self._ends_with_a_line = not rest

    def _is_full(self) -> bool:
        if self._most is None or self._number < self._most:
            return False
        if self.are_kept:
            log.warning("no more than %d bytes are kept for a retry; use output_path", self._most * self._chunks.size)
            self.are_kept = False
        return True

    def clear(self) -> None:
        # From the end, so that what is left after a failure is found.
        for number in range(self._number, -1, -1):
            self._chunks.delete(number)


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
            self._state.set(f"xchat_progress_{number}", text, retention=_KEPT_FOR)

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
