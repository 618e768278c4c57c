"""
Whether two alternatives of a ``oneOf`` take a value in common: then it is refused, although each takes it.

An answer is given only where it can be proved. ``format`` and ``pattern``, ``not`` and conditions are not looked into.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, Final

from codegen.changes.bounds import BOUND_KEYWORDS, upper_and_lower
from codegen.changes.json_types import common_types, json_type
from codegen.changes.schema_view import GROUPS, Schema
from codegen.document import fingerprint

__all__ = ["Overlap", "overlap"]


class Overlap(IntEnum):
    """Whether two schemas have values in common, in the order of how bad that is for a ``oneOf``."""

    NONE = 0
    UNCLEAR = 1
    CERTAIN = 2


_ANY_TYPE: Final = frozenset({"string", "number", "boolean", "array", "object"})

#: keywords that restrict values of each type
_RESTRICTING: Final = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"}),
    "boolean": frozenset[str](),
    "array": frozenset(
        {"items", "minItems", "maxItems", "uniqueItems", "prefixItems", "contains", "minContains", "maxContains"}
        | {"unevaluatedItems"}
    ),
    "object": frozenset(
        {"properties", "required", "additionalProperties", "minProperties", "maxProperties", "patternProperties"}
        | {"propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties"}
    ),
}
_RESTRICTING_ALL: Final = frozenset({"not", "if", "then", "else", "$dynamicRef", *GROUPS})

#: keywords that are looked into; with any other that restricts, values in common cannot be proved
_UNDERSTOOD: Final = BOUND_KEYWORDS - {"multipleOf", "uniqueItems"} | {
    *("items", "properties", "required", "additionalProperties")
}

#: the pairs of bounds that can exclude each other
_RANGES: Final = {
    "string": ("minLength", "maxLength"),
    "number": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}

#: members of members of … are not looked into further than this
_DEPTH: Final = 6


def overlap(first: Schema, second: Schema, not_sent: str, depth: int = _DEPTH) -> Overlap:
    """
    Return whether two schemas have values in common.

    :param first: a schema
    :param second: another
    :param not_sent: the mark of members that are not sent, so nobody can be told to send them: ``readOnly`` or
        ``writeOnly``
    :param depth: how deep to look
    """
    if fingerprint(first.keywords) == fingerprint(second.keywords):
        return Overlap.CERTAIN
    if not depth:
        return Overlap.UNCLEAR
    types = [frozenset(_ANY_TYPE) if schema.types is None else schema.types for schema in (first, second)]
    found = [_of_type(name, first, second, not_sent, depth) for name in common_types(*types) if name != "null"]
    if first.nullable and second.nullable:
        found.append(Overlap.UNCLEAR)
    return max(found, default=Overlap.NONE)


def _of_type(name: str, first: Schema, second: Schema, not_sent: str, depth: int) -> Overlap:
    """Return whether two schemas have values of one type in common."""
    values = [_values(name, schema) for schema in (first, second)]
    family = "number" if name == "integer" else name
    restrictions = [_restrictions(family, schema) for schema in (first, second)]
    known = [listed for listed in values if listed is not None]
    if known:
        common = set.intersection(*known)
        if not common:
            return Overlap.NONE
        return Overlap.UNCLEAR if any(restrictions) else Overlap.CERTAIN
    if _excluded_by_range(family, first, second) or _excluded_by_group(first, second, not_sent, depth):
        return Overlap.NONE
    if not all(restrictions) and not any(listed & _RESTRICTING_ALL for listed in restrictions):
        return Overlap.CERTAIN  # whatever the one takes of this type
    below = Overlap.CERTAIN
    if name == "object":
        below = _objects(first, second, not_sent, depth)
    elif name == "array":
        below = _arrays(first, second, not_sent, depth)
    elif name == "integer":
        below = Overlap.UNCLEAR  # there may be no whole number in both ranges
    understood = (restrictions[0] | restrictions[1]) <= _UNDERSTOOD
    return below if understood else min(below, Overlap.UNCLEAR)


def _values(name: str, schema: Schema) -> set[str] | None:
    if schema.enum is None:
        return None
    types = {name, "integer"} if name == "number" else {name}
    return {key for key, value in schema.enum.items() if json_type(value) in types}


def _restrictions(family: str, schema: Schema) -> set[str]:
    restricting = _RESTRICTING[family] | _RESTRICTING_ALL
    return {keyword for part in schema.parts for keyword in part.node if keyword in restricting}


def _excluded_by_range(family: str, first: Schema, second: Schema) -> bool:
    if family not in _RANGES:
        return False
    lowers, uppers = zip(*(upper_and_lower(schema, *_RANGES[family]) for schema in (first, second)), strict=True)
    return any(
        lower is not None
        and upper is not None
        and (lower[0] > upper[0] or (lower[0] == upper[0] and lower[1] | upper[1]))
        for lower in lowers
        for upper in uppers
    )


def _excluded_by_group(first: Schema, second: Schema, not_sent: str, depth: int) -> bool:
    """Return whether all alternatives within the one are apart from the other."""
    return any(
        all(overlap(one.reader.read(node), other, not_sent, depth - 1) is Overlap.NONE for node in nodes)
        for one, other in ((first, second), (second, first))
        for _, nodes in one.groups
    )


def _objects(first: Schema, second: Schema, not_sent: str, depth: int) -> Overlap:
    """Look for an object that both take: it has the members that either requires."""
    required = {name for schema in (first, second) for name in schema.required_but(not_sent)}
    found = Overlap.CERTAIN
    for name in sorted(required):
        members = [_member_nodes(name, schema) for schema in (first, second)]
        if any(nodes is None for nodes in members):
            return Overlap.NONE
        one, other = (
            schema.reader.read(*(nodes or ())) for schema, nodes in zip((first, second), members, strict=True)
        )
        found = min(found, overlap(one, other, not_sent, depth - 1))
        if found is Overlap.NONE:
            return found
    # So many members may be too few or too many.
    counted = any(schema.values(word) for schema in (first, second) for word in _RANGES["object"])
    return min(found, Overlap.UNCLEAR) if counted else found


def _member_nodes(name: str, schema: Schema) -> list[Any] | None:
    """Collect what is asked of a member; None when it is forbidden."""
    nodes: list[Any] = []
    for part in schema.parts:
        others = part.node.get("additionalProperties", True)
        if name in part.node.get("properties", {}):
            nodes.append(part.node["properties"][name])
        elif "patternProperties" not in part.node:
            if others is False:
                return None
            nodes.append(others)
    return None if any(_takes_nothing(node) for node in nodes) else nodes


def _takes_nothing(node: Any) -> bool:
    return node is False or (isinstance(node, dict) and node.get("not") in ({}, True))


def _arrays(first: Schema, second: Schema, not_sent: str, depth: int) -> Overlap:
    """Look for an array that both take: the empty one, or one of items that both take."""
    if not any(_counts(schema.values("minItems")) for schema in (first, second)):
        return Overlap.CERTAIN
    return overlap(first.items, second.items, not_sent, depth - 1)


def _counts(values: Iterable[Any]) -> bool:
    return any(value > 0 for value in values)
