"""
Which of several removed and added things may be one thing under a new name: hints for people, no more.

A rename is always reported as what it is for a program, a removal and an addition; the hint tells the reader
where to look first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from typing import Any, Final, TypeVar

from codegen.changes.findings import shown_name
from codegen.changes.json_types import is_among
from codegen.changes.schema_view import Schema, component_name
from codegen.document import Document

__all__ = ["best_pairs", "component_renames", "likeness", "member_renames", "rename_hints", "value_renames"]

_Old = TypeVar("_Old")
_New = TypeVar("_New")

#: objects with this share of their members in common are of one shape
_SAME_SHAPE: Final = 0.5
#: names that are this alike speak for a rename when the types agree, and when they do not
_LIKE_NAMES: Final = 0.55
_NEARLY_ONE_NAME: Final = 0.8
#: schemas of arrays of arrays of … are not looked into further than this
_DEPTH: Final = 3


def best_pairs(
    old: Mapping[str, _Old], new: Mapping[str, _New], score: Callable[[str, _Old, str, _New], float]
) -> dict[str, str]:
    """
    Pair things one to one, the best pairs first.

    :param old: things by name
    :param new: things by name
    :param score: how well two go together, given name and thing of each; 0 for not at all
    :return: from the name of an old thing to that of a new one
    """
    ranked = [
        (-score(old_name, old_thing, new_name, new_thing), row, column, old_name, new_name)
        for row, (old_name, old_thing) in enumerate(old.items())
        for column, (new_name, new_thing) in enumerate(new.items())
    ]
    pairs: dict[str, str] = {}
    for rank, _, _, old_name, new_name in sorted(ranked):
        if rank < 0 and old_name not in pairs and new_name not in pairs.values():
            pairs[old_name] = new_name
    return pairs


def member_renames(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> dict[str, str]:
    """
    Guess renames among members of an object, or parameters.

    :param old: the schemas of the removed ones
    :param new: the schemas of the added ones
    :return: from old names to new ones
    """
    return best_pairs(old, new, _member_score)


def value_renames(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, str]:
    """
    Guess renames among the values of an enum; only names can tell.

    :param old: the removed values by their JSON
    :param new: the added values by their JSON
    :return: from old keys to new ones
    """
    return best_pairs(old, new, _value_score)


def component_renames(old: Document, new: Document) -> dict[str, str]:
    """
    Find component schemas that have a new name: the same places refer to them, and only one document has each.

    :param old: an OpenAPI document
    :param new: another
    :return: from old names to new ones
    """
    before, after = (document.get("components", {}).get("schemas", {}) for document in (old, new))
    found: dict[str, str] = {}
    pending: list[tuple[Any, Any]] = [(old.get("paths"), new.get("paths")), (old["components"], new["components"])]
    while pending:
        first, second = pending.pop()
        if isinstance(first, dict) and isinstance(second, dict):
            pending += [(first[key], second[key]) for key in first if key in second]
            names = [component_name(node.get("$ref")) for node in (first, second)]
            gone, come = names
            is_rename = gone in before and gone not in after and come in after and come not in before
            if is_rename and gone not in found and come not in found.values():
                found[gone] = come
                pending.append((before[gone], after[come]))
        elif isinstance(first, list) and isinstance(second, list):
            pending += zip(first, second, strict=False)
    return found


def rename_hints(pairs: Mapping[str, str], shown: Callable[[str], str] = shown_name) -> tuple[dict[str, str], ...]:
    """Word a guess for both of its ends: hints for old names, hints for new names."""
    return (
        {old: f"perhaps renamed to {shown(new)}" for old, new in pairs.items()},
        {new: f"perhaps renamed from {shown(old)}" for old, new in pairs.items()},
    )


def _value_score(_old_json: str, old_value: object, _new_json: str, new_value: object) -> float:
    if not isinstance(old_value, str) or not isinstance(new_value, str):
        return 0
    ratio = _name_likeness(old_value, new_value)
    return ratio if ratio >= _LIKE_NAMES else 0


def _member_score(old_name: str, old: Schema, new_name: str, new: Schema) -> float:
    names = _name_likeness(old_name, new_name)
    shapes = likeness(old, new)
    # That two things are both texts says little; that two objects have the same members says a lot.
    telling = shapes >= _SAME_SHAPE and all(_object_inside(schema).members for schema in (old, new))
    if telling or (shapes and names >= _LIKE_NAMES) or names >= _NEARLY_ONE_NAME:
        return names + shapes
    return 0


def _name_likeness(old: str, new: str) -> float:
    return SequenceMatcher(None, old, new, autojunk=False).ratio()


def likeness(old: Schema, new: Schema, depth: int = _DEPTH) -> float:
    """
    Say how alike two schemas are in shape: 0 for not at all, 1 for the same type and members.

    :param old: a schema
    :param new: another
    :param depth: how deep to look into arrays
    """
    if old.types is None or new.types is None:
        return 1.0 if old.keywords == new.keywords else _SAME_SHAPE
    if not any(is_among(name, new.types) for name in old.types):
        return 0
    if "array" in old.types and "array" in new.types and depth:
        return likeness(old.items, new.items, depth - 1)
    if old.members or new.members:
        # Never 0 for two objects: an object is at least that.
        return max(len(old.members & new.members) / len(old.members | new.members), 0.01)
    return 1.0


def _object_inside(schema: Schema) -> Schema:
    for _ in range(_DEPTH):
        if "array" not in (schema.types or ()):
            break
        schema = schema.items
    return schema
