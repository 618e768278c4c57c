"""The JSON types that a schema allows, in 3.0's words and in 3.1's; an integer is a number, and null stands apart."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

__all__ = ["allows_null", "common_types", "is_among", "json_type", "schema_types", "type_change"]

_TYPE_OF: Final = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def json_type(value: Any) -> str:
    """Name the JSON type of a value; ``integer`` for any whole number."""
    if isinstance(value, float) and value.is_integer():
        return "integer"
    return "null" if value is None else _TYPE_OF[type(value)]


def is_among(name: str, types: Collection[str]) -> bool:
    """Return whether values of a type are values of one of some types, too."""
    return name in types or (name == "integer" and "number" in types)


def allows_null(node: dict[str, Any]) -> bool:
    """Return whether a Schema Object says that null is allowed: ``nullable`` in 3.0, a type in 3.1."""
    return node.get("nullable") is True or "null" in _listed(node)


def schema_types(node: dict[str, Any]) -> frozenset[str] | None:
    """
    Give the types that a Schema Object allows by itself.

    :param node: a Schema Object
    :return: the types, without null unless it is alone; None for any
    """
    listed = set(_listed(node))
    found = listed - {"null"} or listed or _types_meant(node)
    if "number" in found:
        found.discard("integer")
    return frozenset(found) or None


def common_types(first: frozenset[str], second: frozenset[str]) -> frozenset[str]:
    """Give the types that both of two sets allow."""
    return frozenset(
        {name for name in first if is_among(name, second)} | {name for name in second if is_among(name, first)}
    )


def type_change(old: frozenset[str] | None, new: frozenset[str] | None) -> str:
    """
    Name the kind of change from some types to others.

    :param old: the types that were allowed; None for any
    :param new: the types that are allowed; None for any
    :return: ``type-widened``, ``type-narrowed``, ``type-changed``, or nothing when they are the same
    """
    if old == new:
        return ""
    if new is None or (old is not None and all(is_among(name, new) for name in old)):
        return "type-widened"
    if old is None or all(is_among(name, old) for name in new):
        return "type-narrowed"
    return "type-changed"


def _listed(node: dict[str, Any]) -> list[str]:
    types = node.get("type", [])
    return types if isinstance(types, list) else [types]


def _types_meant(node: dict[str, Any]) -> set[str]:
    """Tell the type of a schema that does not name it, as authors and generators understand it."""
    values = [node["const"]] if "const" in node else node.get("enum", [])
    if values:
        return {json_type(value) for value in values if value is not None}
    return ({"object"} if "properties" in node else set()) | ({"array"} if "items" in node else set())
