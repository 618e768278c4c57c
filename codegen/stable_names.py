"""
Names that last: what an operation sends and answers is named after the operation, whatever X calls its schemas.

X renames schemas without notice (``ChatMarkConversationReadRequest`` became ``MarkChatConversationReadRequest``), lets
two operations share one, and moves operations to other tags. Each of these names a class or a module of the generated
client, so the provider must not depend on them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import count
from typing import Any, Final

from codegen.document import Document, operations
from codegen.grammar import Kind, ListOf, child_kind
from codegen.references import followed

__all__ = ["body_schemas", "class_name", "makes_a_class", "with_stable_names"]

#: the tag of all operations, which names the module that their functions stand in
_TAG: Final = "Chat"

#: keywords of a schema under which true and false are usual, in OpenAPI 3.0 too
_BOOLEAN: Final = frozenset({"additionalProperties", "unevaluatedProperties", "unevaluatedItems"})

_SCHEMAS: Final = "#/components/schemas/"


def class_name(operation_id: str) -> str:
    """Return an operationId as the beginning of a class name: its first letter in upper case."""
    return operation_id[:1].upper() + operation_id[1:]


def body_schemas(document: Document, operation: Document) -> Iterator[tuple[str, Document]]:
    """
    Yield what an operation sends and answers, with the name that it gets.

    The body of the request is ``<OperationId>Request`` and that of a success ``<OperationId>Response``; where there are
    several, the others have their status or media type at the end.

    :param document: the OpenAPI document
    :param operation: one of its Operation Objects
    :return: tuples of the stable name and the Media Type Object that holds the schema
    """
    prefix = class_name(operation["operationId"])
    if "requestBody" in operation:
        yield from _of_content(followed(document, operation["requestBody"]), f"{prefix}Request")
    responses = operation.get("responses", {})
    successes = sorted(status for status in responses if status.startswith("2")) or ["default"]
    for number, status in enumerate(status for status in successes if status in responses):
        name = f"{prefix}Response{status if number else ''}"
        yield from _of_content(followed(document, responses[status]), name)


def _of_content(node: Document, name: str) -> Iterator[tuple[str, Document]]:
    media_types = sorted(node.get("content", {}).items(), key=lambda item: ("json" not in item[0], item[0]))
    for number, (media_type, holder) in enumerate(media_types):
        if "schema" in holder:
            suffix = "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", media_type))
            yield name + (suffix if number else ""), holder


def with_stable_names(document: Document) -> Document:
    """
    Name the bodies of all operations after their operations, and give all operations one tag.

    Each body is a copy of its own, so that what one operation answers can change without another's. A component schema
    that has such a name already, and is another one, gets another name.

    :param document: an OpenAPI document whose operations all have an operationId; it is not changed
    :return: the document with stable names; components that nothing refers to any more are still there
    """
    named: Document = _without_booleans(document, "document")
    schemas = named.setdefault("components", {}).setdefault("schemas", {})
    bodies: dict[str, Document] = {}
    holders: dict[str, Document] = {}
    for _, _, operation in operations(named):
        operation["tags"] = [_TAG]
        _take_bodies_out_of_components(named, operation)
        for name, holder in body_schemas(named, operation):
            schema = _unwrapped(named, holder["schema"])
            if makes_a_class(schema):
                bodies[name], holders[name] = schema, holder
    moved = {
        name: _free_name(name, {*schemas, *bodies})
        for name, schema in bodies.items()
        if schemas.get(name, schema) is not schema
    }
    for old, new in moved.items():
        schemas[new] = schemas.pop(old)
    _rename_references(named, "document", {_SCHEMAS + old: _SCHEMAS + new for old, new in moved.items()})
    for name, holder in holders.items():
        schemas.setdefault(name, copy.deepcopy(bodies[name]))
        holder["schema"] = {"$ref": _SCHEMAS + name}
    return named


def _take_bodies_out_of_components(document: Document, operation: Document) -> None:
    """Give an operation bodies of its own in place of those that it shares with others."""
    if "requestBody" in operation:
        operation["requestBody"] = copy.deepcopy(followed(document, operation["requestBody"]))
    responses = operation.get("responses", {})
    for status, response in responses.items():
        if status.startswith("2") or status == "default":
            responses[status] = copy.deepcopy(followed(document, response))


def _without_booleans(node: Any, kind: Kind | None) -> Any:
    """Copy a document; a schema that is true, as OpenAPI 3.1 has it, becomes the object that says the same."""
    if isinstance(node, list):
        below = kind.kind if isinstance(kind, ListOf) else None
        return [_without_booleans(item, below) for item in node]
    if kind == "schema" and isinstance(node, bool):
        return {} if node else {"not": {}}
    if not isinstance(node, dict) or kind is None:
        return copy.deepcopy(node)
    return {
        key: value if isinstance(value, bool) and key in _BOOLEAN else _without_booleans(value, child_kind(kind, key))
        for key, value in node.items()
    }


def _unwrapped(document: Document, schema: Any) -> Any:
    """Follow a body's schema to the object that it means: out of a composition of one, and without null."""
    schema = followed(document, schema)
    for word in ("allOf", "oneOf", "anyOf"):
        below = [node for node in schema.get(word, ()) if node not in ({"type": "null"}, {"enum": [None]})]
        if len(below) == 1 and not {"properties", "type"} & schema.keys():
            return _unwrapped(document, below[0])
    schema.pop("nullable", None)
    if isinstance(schema.get("type"), list) and "object" in schema["type"]:
        schema["type"] = "object"
    return schema


def makes_a_class(schema: Any) -> bool:
    """Return whether the generator makes a class of a schema: it does of objects, not of arrays and texts."""
    return isinstance(schema, dict) and bool({"properties", "allOf"} & schema.keys() or schema.get("type") == "object")


def _free_name(name: str, taken: Collection[str]) -> str:
    return next(free for number in count(1) if (free := f"Other{name}{'' if number == 1 else number}") not in taken)


def _rename_references(node: Any, kind: Kind | None, called: Mapping[str, str]) -> None:
    """Change the references in place: those of ``$ref``, and those of a discriminator, which may be mere names."""
    if isinstance(node, list):
        for item in node:
            _rename_references(item, kind.kind if isinstance(kind, ListOf) else None, called)
    if not isinstance(node, dict) or kind is None:
        return
    if isinstance(kind, str) and isinstance(node.get("$ref"), str):
        node["$ref"] = _renamed(node["$ref"], called)
    if kind == "discriminator":
        mapping = node.get("mapping", {})
        mapping.update({value: _renamed(target, called) for value, target in mapping.items()})
    for key, value in node.items():
        _rename_references(value, child_kind(kind, key), called)


def _renamed(reference: str, called: Mapping[str, str]) -> str:
    whole = reference if reference.startswith("#") else _SCHEMAS + reference
    return called.get(whole, reference)
