"""What differs between the parameters of two versions of an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from codegen.changes.answers import canonical_media_type
from codegen.changes.findings import Finding, Place, shown_name
from codegen.changes.objects import deprecated_changes, other_changes, required_changes
from codegen.changes.renames import member_renames, rename_hints
from codegen.changes.schema_view import Schema, SchemaReader, show
from codegen.changes.schemas import SchemaComparison
from codegen.document import Document

__all__ = ["Parameter", "ParameterComparison", "ParameterKey"]

#: location and name
ParameterKey = tuple[str, str]

#: what `style` is when a document does not say, by the location
_STYLES: Final = {"query": "form", "querystring": "", "path": "simple", "header": "simple", "cookie": "form"}


@dataclass(frozen=True)
class Parameter:
    """
    A parameter of an operation.

    :param node: the Parameter Object
    :param shared: whether it is a component, which other operations may refer to as well
    """

    node: Document
    shared: bool

    @property
    def schema(self) -> Any:
        """The Schema Object, which may stand under the one media type of its content."""
        for media_type in self.node.get("content", {}).values():
            return media_type.get("schema", {})
        return self.node.get("schema", {})


class ParameterComparison:
    """
    Compares the parameters of one operation.

    :param operation: the operation's name for places
    :param readers: read the schemas of the old document and of the new one
    :param schemas: compares schemas in requests
    :param emit: takes each finding
    """

    def __init__(
        self,
        operation: str,
        readers: tuple[SchemaReader, SchemaReader],
        schemas: SchemaComparison,
        emit: Callable[[Finding], None],
    ) -> None:
        self._operation = operation
        self._old_reader, self._new_reader = readers
        self._schemas = schemas
        self._emit = emit

    def run(self, old: Mapping[ParameterKey, Parameter], new: Mapping[ParameterKey, Parameter]) -> None:
        """
        Compare, and hand over what differs.

        :param old: the parameters that were there
        :param new: the parameters that are there
        """
        old = self._without_moved(dict(old), new)
        removed = {key: parameter for key, parameter in old.items() if key not in new}
        added = {key: parameter for key, parameter in new.items() if key not in old}
        to_hints, from_hints = self._rename_hints(removed, added)
        for key, parameter in removed.items():
            self._emit(Finding("parameter-removed", self._place(key, parameter), hint=to_hints.get(key, "")))
        for key, parameter in added.items():
            kind = "required-parameter-added" if parameter.node.get("required") is True else "parameter-added"
            self._emit(Finding(kind, self._place(key, parameter), hint=from_hints.get(key, "")))
        for key in sorted(old.keys() & new.keys()):
            self._compare(old[key], new[key], self._place(key, new[key]))

    def _place(self, key: ParameterKey, parameter: Parameter) -> Place:
        location, name = key
        return Place(self._operation, f"{location} {shown_name(name)}", shared=parameter.shared)

    def _without_moved(
        self, old: dict[ParameterKey, Parameter], new: Mapping[ParameterKey, Parameter]
    ) -> dict[ParameterKey, Parameter]:
        """Report parameters of an old name in a new location; give the old ones by where they are now."""
        for key in [key for key in old if key not in new]:
            location, name = key
            places = [other for other in new if other[1] == name and other not in old]
            if len(places) == 1:
                (place,) = places
                self._emit(Finding("parameter-moved", self._place(place, new[place]), location, place[0]))
                old[place] = old.pop(key)
        return old

    def _rename_hints(
        self, removed: Mapping[ParameterKey, Parameter], added: Mapping[ParameterKey, Parameter]
    ) -> tuple[dict[ParameterKey, str], dict[ParameterKey, str]]:
        to_hints: dict[ParameterKey, str] = {}
        from_hints: dict[ParameterKey, str] = {}
        for location in _STYLES:
            old = _schemas_in(location, removed, self._old_reader)
            new = _schemas_in(location, added, self._new_reader)
            to_names, from_names = rename_hints(member_renames(old, new))
            to_hints |= {(location, name): hint for name, hint in to_names.items()}
            from_hints |= {(location, name): hint for name, hint in from_names.items()}
        return to_hints, from_hints

    def _compare(self, old: Parameter, new: Parameter, place: Place) -> None:
        findings = [
            *required_changes("parameter", old.node, new.node, place),
            *deprecated_changes(old.node, new.node, place),
            *other_changes("parameter", old.node, new.node, place),
        ]
        before, after = _serialization(old, self._old_reader), _serialization(new, self._new_reader)
        for name, was in before.items():
            # A new location brings a new way of writing with it, and has been reported.
            if was != after[name] and old.node["in"] == new.node["in"]:
                findings.append(Finding("parameter-serialization-changed", place, was, after[name], name))
        for finding in findings:
            self._emit(finding)
        self._schemas.nodes(old.schema, new.schema, place)


def _schemas_in(location: str, parameters: Mapping[ParameterKey, Parameter], reader: SchemaReader) -> dict[str, Schema]:
    return {name: reader.read(parameter.schema) for (at, name), parameter in parameters.items() if at == location}


def _serialization(parameter: Parameter, reader: SchemaReader) -> dict[str, str]:
    node = parameter.node
    style = node.get("style", _STYLES[node["in"]])
    types = reader.read(parameter.schema).types
    is_plain = types is not None and not types & {"array", "object"}
    return {
        "style": style,
        # A plain value is written in one way, exploded or not.
        "explode": "none" if is_plain else show(node.get("explode", style == "form")),
        "allowReserved": show(node.get("allowReserved", False)),
        "media type": ", ".join(map(canonical_media_type, node.get("content", ()))) or "none",
    }
