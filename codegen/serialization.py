"""Reading and writing OpenAPI documents as JSON or YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import yaml
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from codegen.errors import DocumentError

__all__ = ["parse", "read_source", "to_yaml"]

#: X's whole document has about 1 MB; more than this is something else
_MAX_BYTES: Final = 64 * 1024 * 1024


#: X's whole document nests 18 levels; every walk over a document stays far below Python's recursion limit
_MAX_DEPTH: Final = 100

#: X's whole document has about 40,000 values; aliases in YAML can make billions out of a few lines
_MAX_VALUES: Final = 1_000_000

#: the largest number that every JSON reader takes
_MAX_NUMBER: Final = 10**308

_YAML: Final = "tag:yaml.org,2002:"


class _JSONValuesOnly(SafeConstructor):
    """
    YAML 1.2 as OpenAPI prescribes it: only values that JSON has too, so a date stays a text.

    Keys are read by the failsafe schema, in which every scalar is a text: ``200`` and ``null`` are "200" and "null".
    """

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        if isinstance(node, MappingNode):
            for key, _ in node.value:
                if not isinstance(key, ScalarNode):
                    raise ConstructorError(None, None, "a key is not a text", key.start_mark)
                if key.tag != f"{_YAML}merge":
                    key.tag = f"{_YAML}str"
        return super().construct_mapping(node, deep=deep)


_JSONValuesOnly.add_constructor(f"{_YAML}timestamp", SafeConstructor.construct_yaml_str)
for _type in ("binary", "set", "omap", "pairs"):
    _JSONValuesOnly.add_constructor(f"{_YAML}{_type}", SafeConstructor.construct_undefined)


def read_source(source: str) -> bytes:
    """
    Read a document from a file or over HTTP.

    :param source: a path, or an ``http(s)://`` URL
    :return: its bytes
    :raises DocumentError: when it cannot be had
    """
    try:
        if urlsplit(source).scheme in ("http", "https"):
            return _download(source)
        return Path(source).read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot read {source}: {error.strerror}") from None
    except ValueError as error:
        raise DocumentError(f"{source!r} is neither a path nor a URL: {error}") from None


def _download(url: str) -> bytes:
    try:
        response = httpx.get(url, timeout=60, follow_redirects=True)
        response.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
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
    try:
        parsed = _parse_json(text, name) if text.lstrip().startswith(("{", "[")) else _parse_yaml(text, name)
    except RecursionError:
        raise DocumentError(f"{name} is nested deeper than {_MAX_DEPTH} levels") from None
    if not isinstance(parsed, dict):
        raise DocumentError(f"{name} holds a {type(parsed).__name__}, not an object")
    _require_json_values(parsed, name)
    return parsed


def _parse_json(text: str, name: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_members)
    except ValueError as error:
        raise DocumentError(f"{name} is not JSON: {error}") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"an object has the key {twice!r} twice")
    return members


def _parse_yaml(text: str, name: str) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _JSONValuesOnly
    try:
        return reader.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = (getattr(error, "problem", None) or str(error).splitlines()[0]).partition(" with value ")[0]
        raise DocumentError(f"{name} is not YAML: {problem}{where}") from None
    except RecursionError:
        raise
    except Exception as error:  # noqa: BLE001 (the library fails with errors of any class on some texts)
        raise DocumentError(f"{name} is not YAML: {error!r}") from None


def _require_json_values(document: Any, name: str) -> None:
    """Refuse values that JSON cannot hold, and documents that no walk would get through."""
    pending = [(document, 1)]
    values = 0
    while pending:
        value, depth = pending.pop()
        values += 1
        if values > _MAX_VALUES:
            raise DocumentError(f"{name} has more than {_MAX_VALUES} values; its aliases multiply them")
        match value:
            case dict() | list() if depth > _MAX_DEPTH:
                # An alias to something around it has no end.
                raise DocumentError(f"{name} is nested deeper than {_MAX_DEPTH} levels")
            case dict():
                pending += [(key, depth) for key in value]
                pending += [(below, depth + 1) for below in value.values()]
            case list():
                pending += [(below, depth + 1) for below in value]
            case str():
                if not _is_unicode(value):
                    raise DocumentError(f"{name} has a text that is not Unicode: {value!a}")
            case int() | float() if not -_MAX_NUMBER <= value <= _MAX_NUMBER:  # not true of NaN either
                raise DocumentError(f"{name} has a number that JSON readers cannot hold")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
