"""
Where in an OpenAPI document which kind of object stands.

Whether ``description`` is prose or the name of a property depends on the place, as does whether the order
of a list means anything. So every walk over a document goes by this table, never by the key alone.

Source: the OpenAPI Specification 3.0.3, 3.1.0 and 3.2.0, "Schema" (the fixed fields of each object).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["COMPONENT_KINDS", "METHODS", "Kind", "ListOf", "MapOf", "child_kind", "children"]

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


@dataclass(frozen=True)
class MapOf:
    """An object whose keys are names that the author chose, with values of one kind."""

    kind: str


@dataclass(frozen=True)
class ListOf:
    """An array of objects of one kind."""

    kind: str


Kind = str | MapOf | ListOf

_CONTENT: Final = MapOf("media type")
_SCHEMAS: Final = MapOf("schema")
_PARAMETER: Final[dict[str, Kind]] = {"schema": "schema", "content": _CONTENT, "examples": MapOf("example")}

#: object kind -> field -> kind of what stands there; a field that is not listed holds plain data
_GRAMMAR: Final[dict[str, dict[str, Kind]]] = {
    "document": {
        "info": "info",
        "servers": ListOf("server"),
        "paths": "paths",
        "components": "components",
        "tags": ListOf("tag"),
    },
    "server": {"variables": MapOf("server variable")},
    "components": {
        "schemas": _SCHEMAS,
        "responses": MapOf("response"),
        "parameters": MapOf("parameter"),
        "examples": MapOf("example"),
        "requestBodies": MapOf("request body"),
        "headers": MapOf("header"),
        "securitySchemes": MapOf("security scheme"),
        "links": MapOf("link"),
        "callbacks": MapOf("callback"),
        "pathItems": MapOf("path item"),
        "mediaTypes": MapOf("media type"),
    },
    "path item": {
        **dict.fromkeys(METHODS, "operation"),
        "additionalOperations": MapOf("operation"),
        "parameters": ListOf("parameter"),
        "servers": ListOf("server"),
    },
    "operation": {
        "parameters": ListOf("parameter"),
        "requestBody": "request body",
        "responses": "responses",
        "callbacks": MapOf("callback"),
        "servers": ListOf("server"),
    },
    "parameter": _PARAMETER,
    "header": _PARAMETER,
    "request body": {"content": _CONTENT},
    "response": {"headers": MapOf("header"), "content": _CONTENT, "links": MapOf("link")},
    "media type": {
        "schema": "schema",
        "itemSchema": "schema",
        "encoding": MapOf("encoding"),
        "prefixEncoding": ListOf("encoding"),
        "itemEncoding": "encoding",
        "examples": MapOf("example"),
    },
    "encoding": {
        "headers": MapOf("header"),
        "encoding": MapOf("encoding"),
        "prefixEncoding": ListOf("encoding"),
        "itemEncoding": "encoding",
    },
    "link": {"server": "server"},
    "security scheme": {"flows": MapOf("oauth flow")},
    "schema": {
        "properties": _SCHEMAS,
        "patternProperties": _SCHEMAS,
        "dependentSchemas": _SCHEMAS,
        "$defs": _SCHEMAS,
        "allOf": ListOf("schema"),
        "anyOf": ListOf("schema"),
        "oneOf": ListOf("schema"),
        "prefixItems": ListOf("schema"),
        "items": "schema",
        "not": "schema",
        "if": "schema",
        "then": "schema",
        "else": "schema",
        "contains": "schema",
        "propertyNames": "schema",
        "additionalProperties": "schema",
        "unevaluatedProperties": "schema",
        "unevaluatedItems": "schema",
        "contentSchema": "schema",
        "discriminator": "discriminator",
    },
}

#: objects whose keys the author chose, extensions (``x-…``) and references beside them
_KEYED: Final = {"paths": "path item", "responses": "response", "callback": "path item"}

#: section of components -> kind of what stands in it
COMPONENT_KINDS: Final = {
    section: kind.kind for section, kind in _GRAMMAR["components"].items() if isinstance(kind, MapOf)
}


def child_kind(kind: Kind, key: str) -> Kind | None:
    """
    Say what stands under ``key`` of an object of ``kind``.

    :param kind: the kind of the object that has the key
    :param key: one of its keys
    :return: the kind of the value, or None for plain data
    """
    if isinstance(kind, (MapOf, ListOf)):
        return kind.kind
    if kind in _KEYED:
        return None if key.startswith("x-") or key == "$ref" else _KEYED[kind]
    return _GRAMMAR.get(kind, {}).get(key)


def children(node: Any, kind: Kind) -> Iterator[tuple[str, Any, Kind]]:
    """
    Yield what stands directly below an object or a list, plain data left out.

    :param node: an object or list of an OpenAPI document
    :param kind: its kind
    :return: tuples of key (of a list: index), value and the value's kind
    """
    if isinstance(kind, ListOf):
        if isinstance(node, list):
            for index, item in enumerate(node):
                yield str(index), item, kind.kind
    elif isinstance(node, dict):
        for key, value in node.items():
            below = child_kind(kind, key)
            if below is not None:
                yield key, value, below
