"""
What schemas ask of a value, whatever way they are written: references followed, ``allOf`` taken as one.

OpenAPI 3.0 and 3.1 spell some facts differently (``nullable`` or the type ``null``, ``exclusiveMinimum`` as a
mark or a number, ``enum`` of one or ``const``); here they are one fact.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from codegen.changes.json_types import allows_null, common_types, schema_types
from codegen.document import Document, fingerprint, resolve
from codegen.references import component_of

__all__ = ["GROUPS", "Part", "Schema", "SchemaReader", "component_name", "is_binary", "listed", "show"]

_ANYTHING: Final[Document] = {}
_NOTHING: Final[Document] = {"not": {}}
_OR_NULL: Final[Document] = {"nullable": True}
_NULL: Final = ({"type": "null"}, {"enum": [None]}, {"const": None})
_SCHEMAS: Final = "#/components/schemas"
GROUPS: Final = ("oneOf", "anyOf")
_SHOWN_LENGTH: Final = 160


def show(value: Any) -> str:
    """
    Write a value of a document for people.

    :param value: plain data
    :return: JSON on one line, shortened when it is long; what does not print is escaped
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if not text.isprintable():
        text = json.dumps(value, sort_keys=True)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def listed(values: Collection[Any]) -> str:
    """Write several values of a document for people."""
    return ", ".join(map(show, values)) or "none"


@dataclass(frozen=True)
class Part:
    """
    A schema without references and ``allOf``, one of several that apply together.

    :param component: the component schema that it stands in; empty when it stands at the place being read
    :param node: its keywords
    :param identity: tells it from every other schema of the document
    """

    component: str
    node: Document
    identity: int


@dataclass(frozen=True, eq=False)
class Schema:
    """
    What schemas that apply together ask of a value.

    :param reader: reads the schemas below
    :param parts: the schemas, flattened
    :param components: the component schemas that were gone through
    :param component: the component schema that this is, when it is a mere reference to one; else empty
    """

    reader: SchemaReader
    parts: tuple[Part, ...]
    components: frozenset[str]
    component: str = ""

    @cached_property
    def identity(self) -> tuple[int, ...]:
        return tuple(part.identity for part in self.parts)

    @cached_property
    def keywords(self) -> list[Document]:
        return [part.node for part in self.parts]

    @cached_property
    def label(self) -> str:
        return self.component or "|".join(sorted(self.types or ["any"]))

    def values(self, keyword: str) -> list[Any]:
        """Give what the parts say under a keyword, in their order, each once."""
        found = (part.node[keyword] for part in self.parts if keyword in part.node)
        return list({fingerprint(value): value for value in found}.values())

    @cached_property
    def types(self) -> frozenset[str] | None:
        """The JSON types that are allowed, ``null`` left out; None when nothing is said of it."""
        allowed: frozenset[str] | None = None
        for part in self.parts:
            types = schema_types(part.node)
            if types is not None:
                allowed = types if allowed is None else common_types(allowed, types)
        return allowed

    @cached_property
    def nullable(self) -> bool:
        # Strictly, allOf needs every part to allow null. Authors who set it beside a reference mean it all the same.
        return any(allows_null(part.node) for part in self.parts)

    @cached_property
    def enum(self) -> dict[str, Any] | None:
        """The values that are allowed, by their JSON; None for any."""
        allowed: dict[str, Any] | None = None
        for part in self.parts:
            for values in ([part.node["const"]] if "const" in part.node else None, part.node.get("enum")):
                if values is not None:
                    listed = {fingerprint(value): value for value in values}
                    allowed = listed if allowed is None else {key: listed[key] for key in allowed if key in listed}
        if allowed is not None and self.nullable:
            allowed.pop("null", None)
        return allowed

    @cached_property
    def members(self) -> frozenset[str]:
        return frozenset(name for part in self.parts for name in part.node.get("properties", {}))

    @cached_property
    def required(self) -> frozenset[str]:
        return frozenset(name for part in self.parts for name in part.node.get("required", ()))

    def hides(self, name: str, mark: str) -> bool:
        """Return whether a member has a mark that keeps it out of requests or of answers."""
        return name in self.members and True in self.member(name).values(mark)

    def required_but(self, mark: str) -> frozenset[str]:
        """Return the required members without those that such a mark keeps out."""
        return frozenset(name for name in self.required if not self.hides(name, mark))

    def member(self, name: str) -> Schema:
        nodes = [part.node["properties"][name] for part in self.parts if name in part.node.get("properties", {})]
        return self.reader.read(*nodes)

    @cached_property
    def items(self) -> Schema:
        return self.reader.read(*self.values("items"))

    @cached_property
    def others(self) -> Schema | bool:
        """What is asked of members without a name of their own; False when there may be none, True for any."""
        values = self.values("additionalProperties")
        if any(value is False for value in values):
            return False
        schemas = [value for value in values if isinstance(value, dict) and value]
        return self.reader.read(*schemas) if schemas else True

    @cached_property
    def groups(self) -> list[tuple[str, list[Any]]]:
        """Each ``oneOf`` and ``anyOf`` with its alternatives."""
        return [(word, part.node[word]) for part in self.parts for word in GROUPS if word in part.node]

    @cached_property
    def alternatives(self) -> list[Schema]:
        return [self.reader.read(node) for _, nodes in self.groups for node in nodes]

    @cached_property
    def discriminator(self) -> dict[str, str]:
        """What alternatives are told apart by; nothing in one of them, where it is just inherited."""
        found: dict[str, str] = {}
        if not self.component or self.component not in {schema.component for schema in self.mapped.values()}:
            for value in reversed(self.values("discriminator")):
                found |= {key: show(fact) for key, fact in value.items() if key != "mapping"}
        return found

    @cached_property
    def mapped(self) -> dict[str, Schema]:
        """The schema for each value of the discriminator."""
        return {
            show(name): self.reader.read({"$ref": target if target.startswith("#/") else f"{_SCHEMAS}/{target}"})
            for value in reversed(self.values("discriminator"))
            for name, target in value.get("mapping", {}).items()
        }

    def without(self, *keywords: str) -> Schema:
        """Give the schema that says nothing under some keywords."""
        if not any(keyword in part.node for part in self.parts for keyword in keywords):
            return self
        kept = [Part(part.component, _without(part.node, *keywords), part.identity) for part in self.parts]
        return Schema(self.reader, tuple(part for part in kept if part.node), self.components)

    def joined(self, other: Schema) -> Schema:
        """Give the schema that asks for both."""
        if not self.parts:
            return other
        return Schema(self.reader, self.parts + other.parts, self.components | other.components)


class SchemaReader:
    """
    Reads schemas of one document.

    :param document: an OpenAPI document whose references are sound
    :param called: the names to give to component schemas that the other document has under new names
    """

    def __init__(self, document: Document, called: Mapping[str, str] | None = None) -> None:
        self._document = document
        self._called = called or {}

    def read(self, *nodes: Any) -> Schema:
        """
        Read schemas that apply together.

        :param nodes: Schema Objects, or booleans as OpenAPI 3.1 has them
        """
        parts: list[Part] = []
        followed: dict[str, None] = {}
        for node in nodes:
            self._flatten(node, "", parts, followed)
        is_reference = len(nodes) == 1 and isinstance(nodes[0], dict) and set(nodes[0]) == {"$ref"}
        component = next(iter(followed)) if is_reference else ""
        return Schema(self, tuple(parts), frozenset(followed), component)

    def _flatten(self, node: Any, component: str, parts: list[Part], followed: dict[str, None]) -> None:
        if isinstance(node, bool):
            node = _ANYTHING if node else _NOTHING
        if "$ref" in node:
            name = component_name(node["$ref"])
            name = self._called.get(name, name)
            if name not in followed:
                followed[name] = None
                self._flatten(resolve(self._document, node["$ref"]), name, parts, followed)
        for below in node.get("allOf", ()):
            self._flatten(below, component, parts, followed)
        own = _without(node, "$ref", "allOf")
        for word in GROUPS:
            alternatives = [item for item in node.get(word, ()) if item not in _NULL]
            if len(alternatives) < len(node.get(word, ())):
                parts.append(Part(component, _OR_NULL, id(_OR_NULL)))
                own[word] = alternatives
            is_plain = not alternatives or (len(alternatives) == 1 and "discriminator" not in node)
            if is_plain and word in own:
                del own[word]
                for only in alternatives:
                    self._flatten(only, component, parts, followed)
        own = _in_one_spelling(own)
        if own:
            parts.append(Part(component, own, id(node)))


def component_name(reference: Any) -> str:
    """
    Take the name out of a reference to a component schema.

    :param reference: the value of a ``$ref``
    :return: the name; empty for anything else
    """
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return ""
    section, name = component_of(reference) or ("", "")
    return name if section == "schemas" else ""


def _in_one_spelling(node: Document) -> Document:
    """Write in the words of OpenAPI 3.0 that a text stands for bytes; 3.1 has other keywords for it."""
    encoding, media_type = node.get("contentEncoding"), str(node.get("contentMediaType", ""))
    if encoding == "base64":
        return {**_without(node, "contentEncoding"), "format": "byte"}
    if node.get("format") == "base64":
        return {**node, "format": "byte"}
    if encoding is None and is_binary(media_type):
        known = ("contentMediaType",) if media_type == "application/octet-stream" else ()
        return {**_without(node, *known), "format": "binary"}
    return node


def is_binary(media_type: str) -> bool:
    """Return whether content of a media type is bytes and no text."""
    return media_type.startswith(("image/", "audio/", "video/")) or media_type == "application/octet-stream"


def _without(node: Document, *keywords: str) -> Document:
    return {key: value for key, value in node.items() if key not in keywords}
