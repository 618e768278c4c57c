"""What can differ in any object of OpenAPI: whether it is required, whether it is deprecated, fields without a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codegen.changes.findings import Finding, Place
from codegen.changes.schema_view import show
from codegen.document import Document, fingerprint
from codegen.grammar import METHODS, child_kind
from codegen.references import Reached

__all__ = ["deprecated_changes", "other_changes", "required_changes"]

#: fields with rules of their own, by the object that has them; any other is reported as a fact that changed
_READ: Final = {
    "path item": frozenset({*METHODS, "parameters", "servers"}),
    "operation": frozenset(
        {"operationId", "parameters", "requestBody", "responses", "security", "servers", "tags", "deprecated"}
    ),
    "parameter": frozenset(
        {"name", "in", "required", "schema", "content", "style", "explode", "allowReserved", "deprecated"}
    ),
    "request body": frozenset({"required", "content"}),
    "responses": frozenset[str](),
    "response": frozenset({"description", "headers", "content"}),
    "header": frozenset({"required", "schema", "deprecated"}),
    "media type": frozenset({"schema", "itemSchema"}),
}


def required_changes(what: str, old: Document, new: Document, place: Place) -> Iterator[Finding]:
    """
    Compare ``required``.

    :param what: the word that the kinds of change begin with
    :param old: the object as it was
    :param new: the object as it is
    :param place: where it stands
    """
    before, after = old.get("required") is True, new.get("required") is True
    if before != after:
        yield Finding(f"{what}-became-{'required' if after else 'optional'}", place)


def deprecated_changes(old: Document, new: Document, place: Place) -> Iterator[Finding]:
    """
    Compare ``deprecated``.

    :param old: the object as it was
    :param new: the object as it is
    :param place: where it stands
    """
    before, after = old.get("deprecated") is True, new.get("deprecated") is True
    if before != after:
        yield Finding("deprecated" if after else "no-longer-deprecated", place)


def other_changes(
    kind: str, old: Document, new: Document, place: Place, documents: tuple[Document, Document] | None = None
) -> Iterator[Finding]:
    """
    Compare the fields that have no rule, so that none is dropped.

    :param kind: what kind of object it is
    :param old: the object as it was
    :param new: the object as it is
    :param place: where it stands
    :param documents: the old document and the new one, for objects whose fields can have references
    """
    before_document, after_document = documents or ({}, {})
    for name in sorted((old.keys() | new.keys()) - _READ[kind]):
        if _meaning(kind, name, old, before_document) != _meaning(kind, name, new, after_document):
            was, now = (show(node[name]) if name in node else "none" for node in (old, new))
            yield Finding("fact-changed", place, was, now, name)


def _meaning(kind: str, name: str, node: Document, document: Document) -> str:
    """Write a field with all that it refers to."""
    if name not in node:
        return ""
    below = child_kind(kind, name)
    if below is None:
        return fingerprint(node[name])
    reached = Reached(document)
    reached.follow(node[name], below, name)
    return fingerprint([node[name], reached.targets])
