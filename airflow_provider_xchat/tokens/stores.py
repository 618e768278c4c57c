"""Token stores of this provider, and the import of a user's own."""

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

__all__ = ["FileTokenStore", "make_token_store", "secrets_of"]

# Shorter texts are not secrets, and redacting them would damage other words.
_MIN_SECRET_LENGTH = 4


class FileTokenStore:
    """
    Token store in files that only this user can read, for use on one machine or without Airflow.

    :param folder: the folder; it is created if it is missing
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
        # mkstemp creates it with mode 0600; the rename is atomic.
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
        # Without this, the new name may be lost in a power failure.
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def delete(self, key: str) -> None:
        """Remove a file; see :meth:`airflow_provider_xchat.tokens.TokenStore.delete`."""
        self._path(key).unlink(missing_ok=True)

    def lock(self, key: str, timeout: float) -> AbstractContextManager[None]:
        """Lock; see :meth:`airflow_provider_xchat.tokens.LockingTokenStore.lock`. It ends with its process."""
        self._make_folder()
        return file_lock(self._path(key).with_suffix(".lock"), timeout)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _path(self, key: str) -> Path:
        if not re.fullmatch(r"\w+", key, re.ASCII):
            raise ValueError(f"Invalid key {key!r}: expected letters, digits and underscores")
        return self._folder / f"{key}.json"


def make_token_store(path: str | None = None, kwargs: Mapping[str, Any] | None = None) -> TokenStore:
    """
    Return the token store of a connection.

    :param path: dotted path of a class, or of a function that returns a store; None for Airflow Variables
    :param kwargs: its keyword arguments
    :return: the store
    :raises XChatInputError: when it cannot be imported or created, or is not a :class:`TokenStore`
    """
    if path is None:
        return AirflowVariableStore()
    module, _, name = path.rpartition(".")
    try:
        make = getattr(import_module(module), name)
    except Exception as error:  # noqa: BLE001  a user's module may raise anything
        raise XChatInputError(
            f"Cannot import store {path!r} ({type(error).__name__}: {error}): expected the dotted path of a class, such"
            " as airflow_provider_xchat.tokens.FileTokenStore"
        ) from None
    try:
        store = make(**(kwargs or {}))
    except Exception as error:  # noqa: BLE001  a user's class may raise anything, with its arguments in the text
        reason = f"{type(error).__name__}: {redact(str(error), secrets_of(kwargs))[:300]}"
        raise XChatInputError(f"Cannot create store {path!r} with store_kwargs: {reason}") from None
    if not isinstance(store, TokenStore):
        raise XChatInputError(
            f"Invalid store {path!r} (a {type(store).__name__}): expected an airflow_provider_xchat.tokens.TokenStore,"
            " with load, save and delete"
        )
    return store


def secrets_of(kwargs: Mapping[str, Any] | None) -> list[str]:
    """
    Return the possible secrets in a store's arguments: all texts, and passwords in URLs.

    :param kwargs: the arguments
    :return: the texts, longest first
    """
    texts = {text for text in _texts(kwargs or {}) if len(text) >= _MIN_SECRET_LENGTH}
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
