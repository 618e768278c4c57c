"""The stores that come with this provider, and the way to a user's own."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.runtime.file_locks import file_lock
from airflow_provider_xchat.runtime.redaction import redact
from airflow_provider_xchat.runtime.variables import AirflowVariableStore
from airflow_provider_xchat.tokens.model import TokenStore

__all__ = ["FileTokenStore", "secrets_of", "token_store"]

# Shorter texts are no secrets, and would take letters out of other words.
_SHORTEST_SECRET = 4


class FileTokenStore:
    """
    Keeps each text in a file that nobody else may read, for use on one machine or without Airflow.

    :param folder: where; made when it is missing
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder).expanduser()

    def load(self, key: str) -> str | None:
        """Read a file; see :meth:`airflow_provider_xchat.tokens.TokenStore.load`."""
        try:
            return self._path(key).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def save(self, key: str, value: str) -> None:
        """Replace a file (mode 0600); see :meth:`airflow_provider_xchat.tokens.TokenStore.save`."""
        path = self._path(key)
        self._make_folder()
        # mkstemp gives mode 0600 from the start; the rename replaces the old file in one step.
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=f".{key}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        # The new name is on the disk only when the folder is.
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def delete(self, key: str) -> None:
        """Remove a file; see :meth:`airflow_provider_xchat.tokens.TokenStore.delete`."""
        self._path(key).unlink(missing_ok=True)

    def lock(self, key: str, timeout: float) -> AbstractContextManager[None]:
        """Lock; see :meth:`airflow_provider_xchat.tokens.LockingTokenStore.lock`. The kernel frees a dead holder's."""
        self._make_folder()
        return file_lock(self._path(key).with_suffix(".lock"), timeout)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _path(self, key: str) -> Path:
        if not re.fullmatch(r"\w+", key, re.ASCII):
            raise ValueError(f"a key has letters, digits and underscores only, not {key!r}")
        return self._folder / f"{key}.json"


def token_store(path: str | None = None, kwargs: Mapping[str, Any] | None = None) -> TokenStore:
    """
    Make the store that a connection names.

    :param path: dotted path of a class, or of a function that gives a store; None for Airflow Variables
    :param kwargs: its keyword arguments
    :return: the store
    :raises XChatInputError: when there is no such thing, it cannot be made, or it is no :class:`TokenStore`
    """
    if path is None:
        return AirflowVariableStore()
    module, _, name = path.rpartition(".")
    try:
        make = getattr(import_module(module), name)
    except Exception as error:  # noqa: BLE001  a user's module may raise anything
        raise XChatInputError(
            f"store is {path!r}, which cannot be imported ({type(error).__name__}: {error}); expected the dotted"
            " path of a class, such as airflow_provider_xchat.tokens.FileTokenStore"
        ) from None
    try:
        store = make(**(kwargs or {}))
    except Exception as error:  # noqa: BLE001  a user's class may raise anything, with its arguments in the text
        said = f"{type(error).__name__}: {redact(str(error), secrets_of(kwargs))[:300]}"
        raise XChatInputError(f"store {path!r} cannot be made with store_kwargs: {said}") from None
    if not isinstance(store, TokenStore):
        raise XChatInputError(
            f"store {path!r} gives a {type(store).__name__}, which lacks load, save or delete; expected a"
            " airflow_provider_xchat.tokens.TokenStore"
        )
    return store


def secrets_of(kwargs: Mapping[str, Any] | None) -> list[str]:
    """
    List what a store's arguments have of secrets: any text may be one, and a URL may hold a password.

    :param kwargs: the arguments
    :return: the texts, longest first
    """
    texts = {text for text in _texts(kwargs or {}) if len(text) >= _SHORTEST_SECRET}
    passwords = {match[1] for text in texts if (match := re.search(r"://[^/@]*?:([^/]+)@", text))}
    return sorted(texts | passwords, key=len, reverse=True)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
