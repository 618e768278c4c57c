"""File locks among the threads and processes of one machine."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

__all__ = ["file_lock", "host_lock"]

log = logging.getLogger(__name__)


@contextmanager
def host_lock(key: str, timeout: float) -> Iterator[None]:
    """
    Lock a key among the threads and processes of this user on this machine.

    :param key: the key
    :param timeout: seconds to wait for others at most
    :return: a context manager that also continues without the lock: correctness depends on the lease only
    """
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(_lock_file(key), timeout))
        except OSError as error:  # TimeoutError is one, too
            log.debug("continuing without a file lock: %s", error)
        yield


def _lock_file(key: str) -> Path:
    folder = Path(tempfile.gettempdir()) / f"airflow-provider-xchat-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    # Any user may have created it in the shared temporary folder.
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
        raise PermissionError(f"{folder} does not belong to this user")
    return folder / f"{key}.lock"


@contextmanager
def file_lock(path: Path, timeout: float) -> Iterator[None]:
    """
    Lock a file while the context lasts, against other threads and processes of this machine.

    The kernel releases the lock when its process ends. The file stays, empty.

    :param path: the file; it is created if it is missing
    :param timeout: how long to wait for the lock at most (seconds)
    :raises TimeoutError: on entering, when others hold it for longer
    :raises OSError: on entering, when the file cannot be opened
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        give_up_at = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise TimeoutError(f"{path} was locked by another process for {timeout:.0f} s") from None
                time.sleep(0.02)
        try:
            yield
        finally:
            # Explicitly, as a forked process may still have the file open.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
