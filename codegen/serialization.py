"""Reading and writing OpenAPI documents as JSON or YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import yaml
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

from codegen.errors import DocumentError

__all__ = ["parse", "read_source", "to_yaml"]

#: X's whole document has about 1 MB; more than this is something else
_MAX_BYTES: Final = 64 * 1024 * 1024


class _JSONValuesOnly(SafeConstructor):
    """YAML 1.2 as OpenAPI prescribes it: only what JSON has too, so a date stays the text that it is."""


_JSONValuesOnly.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def read_source(source: str) -> bytes:
    """
    Read a document from a file or over HTTP.

    :param source: a path, or an ``http(s)://`` URL
    :return: its bytes
    :raises DocumentError: when it cannot be had
    """
    if urlsplit(source).scheme in ("http", "https"):
        return _download(source)
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot read {source}: {error.strerror}") from None


def _download(url: str) -> bytes:
    try:
        response = httpx.get(url, timeout=60, follow_redirects=True)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise DocumentError(f"cannot download {url}: {error}") from None
    return response.content


def parse(data: bytes, name: str) -> dict[str, Any]:
    """
    Parse JSON or YAML, whichever it is.

    :param data: the bytes of a document
    :param name: what to call it in an error
    :return: the object that it holds
    :raises DocumentError: when it is neither JSON nor YAML, or holds no object
    """
    if len(data) > _MAX_BYTES:
        raise DocumentError(f"{name} has {len(data)} bytes; more than {_MAX_BYTES} is no OpenAPI document")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{name} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}") from None
    parsed = _parse_json(text, name) if text.lstrip().startswith(("{", "[")) else _parse_yaml(text, name)
    if not isinstance(parsed, dict):
        raise DocumentError(f"{name} holds a {type(parsed).__name__}, not an object")
    return parsed


def _parse_json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DocumentError(f"{name} is not JSON: {error}") from None


def _parse_yaml(text: str, name: str) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _JSONValuesOnly
    try:
        return reader.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise DocumentError(f"{name} is not YAML: {problem}{where}") from None


def to_yaml(document: dict[str, Any], banner: str) -> bytes:
    """
    Write a document so that YAML 1.1 and 1.2 readers agree on every value.

    :param document: plain data
    :param banner: lines for a comment on top
    :return: UTF-8 bytes
    """
    # PyYAML quotes what only YAML 1.1 takes for something else ("no", "on"); without an anchor for shared
    # objects, so that a reader finds each where it belongs.
    body = yaml.dump(document, Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=110)
    comment = "".join(f"# {line}\n" if line else "#\n" for line in banner.splitlines())
    return (comment + body).encode()


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True
