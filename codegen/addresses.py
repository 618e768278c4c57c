"""
Where in a document something of an operation stands: addressed by what it means, whatever X calls its schemas.

An address is an operationId, one of ``parameter``, ``request`` and ``response`` (or none: the operation itself), and a
path such as ``data[].id``. References are followed, and so are ``allOf``, ``oneOf`` and ``anyOf``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from codegen.document import Document, operations
from codegen.errors import OverlayError
from codegen.references import followed
from codegen.stable_names import body_schemas, class_name

__all__ = ["COMPOSITIONS", "VARIABLE", "Slot", "parse_address", "slots"]

#: the address of a parameter in the path, whatever X calls it
VARIABLE: Final = "{}"
_STEP: Final = re.compile(r"\[\]|[^.\[\]]+")
_PARAMETER: Final = re.compile(r"(?P<name>[^\[\]]+)(?P<items>\[\])?")
COMPOSITIONS: Final = ("allOf", "oneOf", "anyOf")


@dataclass(frozen=True)
class Slot:
    """
    A place in a document, to be read, filled or emptied.

    :param holder: the object or list that has it
    :param key: its key or index there
    :param schema: the schema whose member it is, if it is one
    """

    holder: Any
    key: Any
    schema: Document | None = None

    @property
    def node(self) -> Any:
        """What stands there; perhaps a reference."""
        return self.holder[self.key]

    def set(self, value: Any) -> None:
        """Put something else there."""
        self.holder[self.key] = value

    def remove(self) -> None:
        """Take it away; of a member, its name in ``required``, too."""
        del self.holder[self.key]
        if self.schema is not None and self.key in self.schema.get("required", ()):
            self.schema["required"] = [name for name in self.schema["required"] if name != self.key]


def parse_address(path: str, place: str) -> list[str]:
    """
    Take a path apart.

    :param path: for example ``data[].id``; ``.`` or nothing for the thing itself
    :param place: how to name the action in an error
    :return: its steps: names of members, and ``[]``
    :raises OverlayError: when it is not such a path
    """
    steps = _STEP.findall(path)
    if "".join(steps) != path.replace(".", ""):
        raise OverlayError(f"{place}: invalid path {path!r}: expected names joined by dots, such as data[].id")
    return steps


def slots(document: Document, operation_id: str, where: str, path: str, place: str) -> Iterator[Slot]:
    """
    Yield each place that an address means.

    :param document: an OpenAPI document with stable names
    :param operation_id: the operation
    :param where: ``parameter``, ``request``, ``response``, or nothing for the operation itself
    :param path: the parameter's name, or the way to a member of the body
    :param place: how to name the action in an error
    :return: the places; none when the document has no such thing
    :raises OverlayError: when the path cannot be read
    """
    for url, method, operation in operations(document):
        if operation.get("operationId") != operation_id:
            continue
        if not where:
            yield Slot(document["paths"][url], method)
        elif where == "parameter":
            yield from _parameters(document, url, operation, path)
        else:
            suffix = f"{class_name(operation_id)}{where.capitalize()}"
            for name, holder in body_schemas(document, operation):
                if name.startswith(suffix):
                    yield from _below(document, Slot(holder, "schema"), parse_address(path, place), frozenset())


def _parameters(document: Document, url: str, operation: Document, path: str) -> Iterator[Slot]:
    wanted = _PARAMETER.fullmatch(path)
    for owner in (operation, document["paths"][url]):
        given = owner.get("parameters", [])
        for index, node in enumerate(given):
            parameter = followed(document, node)
            if path == VARIABLE and parameter.get("in") == "path":
                yield Slot(given, index)
            elif wanted and parameter.get("name") == wanted["name"]:
                schema = followed(document, parameter.get("schema", {}))
                if not wanted["items"]:
                    yield Slot(given, index)
                elif "items" in schema:
                    yield Slot(schema, "items")


def _below(document: Document, slot: Slot, steps: list[str], above: frozenset[int]) -> Iterator[Slot]:
    schema = followed(document, slot.node)
    if not steps:
        yield slot
        return
    if not isinstance(schema, dict) or id(schema) in above:
        return
    alternatives = [Slot(schema[word], index) for word in COMPOSITIONS for index in range(len(schema.get(word, ())))]
    for alternative in alternatives:
        yield from _below(document, alternative, steps, above | {id(schema)})
    step, rest = steps[0], steps[1:]
    if step == "[]" and "items" in schema:
        yield from _below(document, Slot(schema, "items"), rest, frozenset())
    elif step == "[]" and not alternatives:
        yield from _below(document, slot, rest, above | {id(schema)})
    elif step in schema.get("properties", {}):
        yield from _below(document, Slot(schema["properties"], step, schema), rest, frozenset())
