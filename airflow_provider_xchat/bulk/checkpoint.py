"""
Checkpoint of a task: records that it has fetched, for its next try or its return from a deferral.

Records are JSON objects, one per line. A killed process loses only the requests in flight.
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

from airflow_provider_xchat.api.inputs import utc_datetime
from airflow_provider_xchat.bulk.output_files import atomic_file, is_local
from airflow_provider_xchat.runtime.supervisor import one_request_at_a_time

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

__all__ = ["Checkpoint", "open_checkpoint"]

log = logging.getLogger(__name__)

Record = Mapping[str, Any]

# Characters, all of them ASCII, of a value in the task's state store, and the limit of 10 MB in Airflow's database.
_STATE_CHUNK_SIZE = 40_000
_MAX_STATE_CHUNKS = 250
# Each write replaces a whole object.
_OBJECT_CHUNK_SIZE = 1_000_000
# How long a checkpoint is kept: it contains personal data.
_RETENTION = timedelta(days=7)
# End of the names of checkpoint files and folders.
_PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")


class Checkpoint:
    """
    Checkpoint of a task.

    :param lines: the storage of the records
    :param output: the output file; None if the task has none
    """

    def __init__(self, lines: _Lines, output: ObjectStoragePath | None) -> None:
        self._lines = lines
        self._output = output

    @property
    def is_complete(self) -> bool:
        """Whether all records that were added are saved for the task's next try or its return from a deferral."""
        return self._lines.are_complete

    def records(self) -> Iterator[Record]:
        """Yield the records that this try and earlier ones have saved, in their order."""
        for line in self._lines.read():
            # A process that is killed while it writes leaves an incomplete line.
            with suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and "conversation_id" in record:
                    yield record

    def add(self, records: Iterable[Record]) -> None:
        """
        Save records.

        :param records: JSON objects with a ``conversation_id``
        :raises Exception: any of the storage, when it cannot be written
        """
        self._lines.append("".join(json.dumps(record) + "\n" for record in records))

    def write_output(self, records: Iterable[Record]) -> None:
        """
        Write the output file, if there is one; it appears only when it is complete.

        :param records: one for each conversation
        """
        if self._output is not None:
            replaced = ", replacing an older file" if self._output.fs.exists(self._output.path) else ""
            lines = 0
            with atomic_file(self._output) as file:
                for record in records:
                    file.write(json.dumps(record) + "\n")
                    lines += 1
            log.info("%d lines written to %s%s", lines, self._output, replaced)

    def delete(self) -> None:
        """Delete the checkpoint; a failure is only logged, as the task is done."""
        try:
            self._lines.clear()
        except Exception as error:  # noqa: BLE001  any of the storage
            log.warning("Cannot delete the checkpoint: %s: %s", type(error).__name__, error)


def open_checkpoint(context: Context, output: ObjectStoragePath | None) -> Checkpoint:
    """
    Open the checkpoint of a task.

    :param context: the context of the task
    :param output: the output file; None if the task has none
    :return: a checkpoint beside the output, else in the task's state store (Airflow 3.3), else one that saves nothing
    """
    ti = context["ti"]
    parts = (ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    lines: _Lines
    if output is None:
        state = context.get("task_state_store")
        if state is None:
            log.warning(
                "No checkpoint: a retry fetches all conversations again, and the task waits for rate limits in its"
                " worker slot. Set output_path, or use Airflow 3.3 or later."
            )
        lines = _NoLines() if state is None else _ChunkedLines(_StateChunks(state), _MAX_STATE_CHUNKS)
    else:
        _remove_expired(output)
        if is_local(output):
            lines = _LocalLines(Path(output.path + f".{key}.partial"))
        else:
            lines = _ChunkedLines(_ObjectChunks(output.parent / f"{output.name}.{key}.partial"))
    return Checkpoint(lines, output)


def _remove_expired(output: ObjectStoragePath) -> None:
    """Delete old checkpoints beside the output, from tasks that failed and were not retried."""
    before = datetime.now(UTC) - _RETENTION
    try:
        files = output.fs
        for name in files.ls(output.parent.path, detail=False):
            if _PARTIAL.search(name) and all(utc_datetime(files.modified(each)) < before for each in files.find(name)):
                files.rm(name, recursive=True)
    except FileNotFoundError:
        pass  # a new folder
    except Exception as error:  # noqa: BLE001  any of the storage; necessary reads and writes raise later
        log.warning("Cannot delete old checkpoints: %s: %s", type(error).__name__, error)


class _Lines(Protocol):
    are_complete: bool

    def read(self) -> Iterator[str]: ...

    def append(self, text: str) -> None: ...

    def clear(self) -> None: ...


class _NoLines:
    """Saves nothing: Airflow before 3.3 has only Variables, which all who may see Variables could read."""

    are_complete = False

    def read(self) -> Iterator[str]:
        return iter(())

    def append(self, text: str) -> None:
        pass

    def clear(self) -> None:
        pass


class _LocalLines:
    are_complete = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._has_written = False

    def read(self) -> Iterator[str]:
        with suppress(FileNotFoundError), self._path.open(encoding="utf-8") as file:
            yield from file

    def append(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            # End the incomplete line of a killed process.
            file.write(text if self._has_written else "\n" + text)
        self._has_written = True

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


class _Chunks(Protocol):
    """Numbered texts, each written atomically."""

    size: int

    def get(self, number: int) -> str | None: ...

    def put(self, number: int, text: str) -> None: ...

    def delete(self, number: int) -> None: ...


class _ChunkedLines:
    """
    Lines in chunks: the last chunk is replaced until it is full, and a line may continue in the next one.

    :param chunks: the chunks
    :param max_chunks: their maximum number; further lines are not saved
    """

    def __init__(self, chunks: _Chunks, max_chunks: int | None = None) -> None:
        self._chunks = chunks
        self._max_chunks = max_chunks
        self._number = 0
        self._last = ""
        self._ends_with_a_line = False
        self.are_complete = True

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
        # End the incomplete line of a killed process or a failed write.
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
        if self._max_chunks is None or self._number < self._max_chunks:
            return False
        if self.are_complete:
            size = self._max_chunks * self._chunks.size
            log.warning("Checkpoint full (%d bytes): a retry fetches the rest again. Set output_path", size)
            self.are_complete = False
        return True

    def clear(self) -> None:
        # From the last, so that a retry finds the others after a failure.
        for number in range(self._number, -1, -1):
            self._chunks.delete(number)


class _StateChunks:
    # In dag.test() of Airflow 3.3, concurrent requests of two threads fail, hence one_request_at_a_time.
    size = _STATE_CHUNK_SIZE

    def __init__(self, state: Any) -> None:
        self._state = state

    def get(self, number: int) -> str | None:
        with one_request_at_a_time():
            found = self._state.get(f"xchat_progress_{number}")
        return found if isinstance(found, str) else None

    def put(self, number: int, text: str) -> None:
        with one_request_at_a_time():
            self._state.set(f"xchat_progress_{number}", text, retention=_RETENTION)

    def delete(self, number: int) -> None:
        with one_request_at_a_time():
            self._state.delete(f"xchat_progress_{number}")


class _ObjectChunks:
    size = _OBJECT_CHUNK_SIZE

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
