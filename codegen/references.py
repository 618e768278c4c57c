"""
References inside a document: JSON pointers, the components that they reach, and circles among them.

A reference may point anywhere in the document, as long as an object of the right kind stands there. Whatever is no
component itself becomes one, under a name made from its place, so that the cut has references to components only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final
from urllib.parse import unquote

from codegen.errors import DocumentError
from codegen.grammar import COMPONENT_KINDS, Kind, ListOf, MapOf, child_kind, children
from codegen.shapes import require_shape

__all__ = ["PROSE", "Reached", "component_of", "followed", "pointer_parts", "reference_to", "references", "resolve"]

Document = dict[str, Any]
Parts = tuple[str, ...]

#: fields of prose and examples; whatever only these refer to is not reached
PROSE: Final = frozenset({"description", "summary", "example", "examples", "externalDocs", "title"})

_SECTIONS: Final = {kind: section for section, kind in COMPONENT_KINDS.items()}

#: keywords whose schemas apply to the same value as the schema around them
_IN_PLACE: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"})

_UNNAMEABLE: Final = re.compile(r"[^A-Za-z0-9.-]+")


def pointer_parts(reference: str) -> Parts:
    """
    Take a local reference apart (a JSON pointer, RFC 6901, as a URI fragment).

    :param reference: for example ``#/components/schemas/User``
    :return: its keys, for example ``("components", "schemas", "User")``
    :raises DocumentError: when it points outside the document, or is no pointer
    """
    if not reference.startswith("#/"):
        raise DocumentError(f"reference {reference!r} is not of the form #/…; only local references can be followed")
    return tuple(unquote(part).replace("~1", "/").replace("~0", "~") for part in reference[2:].split("/"))


def reference_to(*parts: str) -> str:
    """Write the reference to a place, given the keys on the way there."""
    return "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


def component_of(reference: str) -> tuple[str, str] | None:
    """Return section and name of the component that a reference points to; None for any other place."""
    parts = pointer_parts(reference)
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "components" else None


def resolve(document: Document, reference: str) -> Any:
    """
    Follow a local reference.

    :param document: the OpenAPI document that the reference stands in
    :param reference: for example ``#/components/schemas/User``
    :return: the value there
    :raises DocumentError: when it points outside the document or to nothing
    """
    node: Any = document
    for key in pointer_parts(reference):
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            raise DocumentError(f"reference {reference!r} points to nothing")
    return node


def followed(document: Document, node: Any) -> Any:
    """
    Follow references until there is something else.

    :param document: the OpenAPI document that the node stands in; its references are sound
    :param node: an object of it
    :return: the object itself, or what its reference leads to
    """
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        node = resolve(document, node["$ref"])
    return node


def references(node: Any, kind: Kind, source: Document) -> Iterator[tuple[str, Kind]]:
    """
    Yield the references of one object, and the kind of object that each must point to.

    They stand under ``$ref`` and in the mapping of a discriminator, which may name schemas as well.

    :param node: an object of a document
    :param kind: its kind
    :param source: the document
    """
    if not isinstance(node, dict) or isinstance(kind, (MapOf, ListOf)):
        return
    if "$ref" in node:
        yield node["$ref"], kind
    if kind == "discriminator":
        for target in node.get("mapping", {}).values():
            yield _mapped(target, source), "schema"


def _mapped(target: str, source: Document) -> str:
    is_name = target in source.get("components", {}).get("schemas", {})
    return reference_to("components", "schemas", target) if is_name else target


class Reached:
    """
    Everything that references reach from the places given to :meth:`follow`.

    :param source: the document in which references are looked up
    """

    def __init__(self, source: Document) -> None:
        self._source = source
        self._targets: dict[Parts, tuple[Any, Kind]] = {}

    def follow(self, node: Any, kind: Kind, place: str) -> None:
        """
        Walk over an object and all that it reaches.

        :param node: an object of the document
        :param kind: its kind
        :param place: its place, for errors
        :raises DocumentError: when a reference points to nothing or to another kind of object, or an object has
            another type than OpenAPI says
        """
        pending: list[tuple[Any, Kind, str]] = [(node, kind, place)]
        while pending:
            node, kind, place = pending.pop()
            require_shape(node, kind, place)
            for reference, wanted in references(node, kind, self._source):
                parts, target = self._target(reference, wanted, place)
                if parts not in self._targets:
                    self._targets[parts] = target, wanted
                    pending.append((target, wanted, ".".join(parts)))
            pending += [
                (value, below, f"{place}.{key}")
                for key, value, below in children(node, kind)
                if isinstance(kind, (MapOf, ListOf)) or key not in PROSE
            ]

    def _target(self, reference: str, wanted: Kind, place: str) -> tuple[Parts, Any]:
        try:
            parts, target = pointer_parts(reference), resolve(self._source, reference)
        except DocumentError as error:
            raise DocumentError(f"{error} (at {place})") from None
        found = _kind_at(parts)
        if found != wanted:
            shown = found if isinstance(found, str) else "no object of OpenAPI"
            raise DocumentError(f"reference {reference!r} at {place} points to {shown}, expected {wanted}")
        return parts, target

    @property
    def targets(self) -> dict[str, Any]:
        """Everything that was reached, by the reference to it."""
        return {reference_to(*parts): target for parts, (target, _) in self._targets.items()}

    def require_no_circle(self) -> None:
        """
        Refuse objects that consist of themselves: of such a schema nothing can be said.

        :raises DocumentError: naming the references of one circle
        """
        graph = {
            parts: {pointer_parts(reference) for reference in _in_place(target, kind, self._source)}
            for parts, (target, kind) in self._targets.items()
        }
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            way = " to ".join(reference_to(*parts) for parts in reversed(error.args[1]))
            raise DocumentError(f"references go in a circle: {way}") from None

    def document(self, document: Document) -> Document:
        """
        Return a document with the reached components and no others.

        :param document: the document that the walk began in; it is not changed
        """
        names = self._new_names()
        components: dict[str, dict[str, Any]] = {}
        for parts, (target, kind) in self._targets.items():
            section, name = names.get(parts, parts[1:3])
            components.setdefault(section, {})[name] = _renamed(target, kind, names, self._source) if names else target
        whole = _renamed(document, "document", names, self._source) if names else document
        return {**whole, "components": components}

    def _new_names(self) -> dict[Parts, tuple[str, str]]:
        """Name those targets that are no components: section and name by the place."""
        names: dict[Parts, tuple[str, str]] = {}
        for parts in sorted(self._targets):
            if len(parts) == 3 and parts[0] == "components":
                continue
            section = _SECTIONS[str(self._targets[parts][1])]
            place = parts[2:] if parts[0] == "components" else parts
            name = _UNNAMEABLE.sub("_", "_".join(place)).strip("_")
            taken = {*self._source.get("components", {}).get(section, ()), *(name for _, name in names.values())}
            while name in taken:
                name += "_"
            names[parts] = section, name
        return names


def _kind_at(parts: Parts) -> Kind | None:
    kind: Kind | None = "document"
    for part in parts:
        kind = child_kind(kind, part) if kind is not None else None
    return kind


def _in_place(node: Any, kind: Kind, source: Document) -> Iterator[str]:
    """Yield the references to what an object consists of, unlike those to its members and items."""
    pending: list[tuple[Any, Kind]] = [(node, kind)]
    while pending:
        node, kind = pending.pop()
        yield from (reference for reference, _ in references(node, kind, source))
        if isinstance(kind, (MapOf, ListOf)):
            pending += [(value, below) for _, value, below in children(node, kind)]
        elif kind == "schema":
            pending += [(value, below) for key, value, below in children(node, kind) if key in _IN_PLACE]


def _renamed(node: Any, kind: Kind | None, names: dict[Parts, tuple[str, str]], source: Document) -> Any:
    """Return a copy whose references to places are references to the components made of these."""
    if isinstance(node, list) and isinstance(kind, ListOf):
        return [_renamed(item, kind.kind, names, source) for item in node]
    if not isinstance(node, dict) or kind is None:
        return node
    copied = {key: _renamed(value, child_kind(kind, key), names, source) for key, value in node.items()}
    if isinstance(node.get("$ref"), str) and isinstance(kind, str):
        copied["$ref"] = _new_reference(node["$ref"], names)
    if kind == "discriminator" and "mapping" in node:
        targets = {value: _mapped(target, source) for value, target in node["mapping"].items()}
        copied["mapping"] = {value: _new_reference(target, names) for value, target in targets.items()}
    return copied


def _new_reference(reference: str, names: dict[Parts, tuple[str, str]]) -> str:
    parts = pointer_parts(reference)
    return reference_to("components", *names[parts]) if parts in names else reference
