"""What differs between two versions of an operation: its place, parameters, body and answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from typing import Any, Final

from codegen.changes.answers import canonical_media_type, media_type_pairs, status_changes, status_pairs
from codegen.changes.findings import Area, Finding, Place, shown_name
from codegen.changes.kinds import Direction
from codegen.changes.objects import deprecated_changes, other_changes, required_changes
from codegen.changes.parameters import Parameter, ParameterComparison, ParameterKey
from codegen.changes.schema_view import SchemaReader, component_name, is_binary, show
from codegen.changes.schemas import SchemaComparison
from codegen.changes.security import security_findings
from codegen.document import Document
from codegen.references import followed

__all__ = ["Operation", "OperationComparison", "path_shape"]

_VARIABLE: Final = re.compile(r"\{([^}]*)\}")

#: names of headers whose definition "shall be ignored" (OpenAPI, "Parameter Object" and "Response Object")
_IGNORED_PARAMETERS: Final = frozenset({"accept", "content-type", "authorization"})
_IGNORED_ANSWER_HEADERS: Final = frozenset({"content-type"})

#: the schema of content that is bytes, which OpenAPI 3.1 leaves out
_BYTES: Final = {"type": "string", "format": "binary"}


def path_shape(path: str) -> str:
    """Give a path with its variables unnamed; two of one shape are the same URL."""
    return _VARIABLE.sub("{}", path)


@dataclass(frozen=True)
class Operation:
    """
    An operation where it stands.

    :param document: the document
    :param path: the path, with its variables
    :param method: in lower case
    :param node: the Operation Object
    """

    document: Document
    path: str
    method: str
    node: Document

    @property
    def id(self) -> str:
        return str(self.node["operationId"])

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {shown_name(self.path)}"

    @property
    def item(self) -> Document:
        return dict(self.document["paths"][self.path])

    @property
    def variables(self) -> list[str]:
        return _VARIABLE.findall(self.path)

    @cached_property
    def parameters(self) -> dict[ParameterKey, Parameter]:
        """The parameters by location and name; those of the operation stand before those of its path."""
        found = {}
        for given in (*self.item.get("parameters", ()), *self.node.get("parameters", ())):
            node = self.followed(given)
            name = node["name"].lower() if node["in"] == "header" else node["name"]
            if node["in"] != "header" or name not in _IGNORED_PARAMETERS:
                found[node["in"], name] = Parameter(node, shared="$ref" in given)
        return found

    @property
    def servers(self) -> list[Any]:
        for owner in (self.node, self.item, self.document):
            if owner.get("servers"):
                return list(owner["servers"])
        return []

    def followed(self, node: Document) -> Document:
        """Follow a reference, if it is one."""
        found: Document = followed(self.document, node)
        return found


class OperationComparison:
    """
    Compares two versions of one operation.

    :param old: as it was
    :param new: as it is
    :param called: the new names of component schemas, by their old ones
    :param emit: takes each finding with its direction
    """

    def __init__(
        self, old: Operation, new: Operation, called: Mapping[str, str], emit: Callable[[Direction, Finding], None]
    ) -> None:
        self._old, self._new, self._emit = old, new, emit
        self._documents = old.document, new.document
        self._place = Place(new.name)
        readers = SchemaReader(old.document, called), SchemaReader(new.document)
        self._schemas: dict[Direction, SchemaComparison] = {
            "request": SchemaComparison(*readers, "readOnly", partial(emit, "request")),
            "response": SchemaComparison(*readers, "writeOnly", partial(emit, "response")),
        }
        self._parameters = ParameterComparison(new.name, readers, self._schemas["request"], partial(emit, "request"))

    def run(self) -> None:
        """Compare, and hand over what differs."""
        self._whole()
        renamed = self._renamed_variables()
        before = {
            (location, renamed.get(name, name) if location == "path" else name): parameter
            for (location, name), parameter in self._old.parameters.items()
        }
        self._parameters.run(before, self._new.parameters)
        self._body()
        self._responses()

    def _whole(self) -> None:
        old, new = self._old, self._new
        emit = partial(self._emit, "")
        if (path_shape(old.path), old.method) != (path_shape(new.path), new.method):
            emit(Finding("operation-moved", self._place, old.name, new.name))
        for before, after in self._renamed_variables().items():
            emit(Finding("path-variable-renamed", self._place, shown_name(before), shown_name(after)))
        if old.id != new.id:
            emit(Finding("operation-renamed", self._place, old.id, new.id))
        if old.servers != new.servers:
            was, now = (", ".join(map(_server, operation.servers)) or "none" for operation in (old, new))
            emit(Finding("servers-changed", self._part("servers", shared=True), was, now))
        if old.node.get("tags", []) != new.node.get("tags", []):
            emit(Finding("tags-changed", self._place, show(old.node.get("tags", [])), show(new.node.get("tags", []))))
        for finding in security_findings(old.document, old.node, new.document, new.node):
            emit(replace(finding, place=self._part("security", shared=True)))
        self._hand_over(
            "",
            deprecated_changes(old.node, new.node, self._place),
            other_changes("operation", old.node, new.node, self._place, self._documents),
            other_changes("path item", old.item, new.item, self._place, self._documents),
        )

    def _part(self, head: str, *, shared: bool) -> Place:
        return Place(self._new.name, head, shared=shared)

    def _answer(self, head: str, *, shared: bool) -> Place:
        is_success = head.startswith("2")
        area: Area = "answers" if is_success else "problems"
        return replace(self._part(head, shared=shared), area=area, is_answer=is_success)

    def _renamed_variables(self) -> dict[str, str]:
        if path_shape(self._old.path) != path_shape(self._new.path):
            return {}
        pairs = zip(self._old.variables, self._new.variables, strict=True)
        return {before: after for before, after in pairs if before != after}

    def _hand_over(self, direction: Direction, *findings: Iterable[Finding]) -> None:
        for finding in chain(*findings):
            self._emit(direction, finding)

    # what is sent and what is answered

    def _body(self) -> None:
        old, new = self._old.node.get("requestBody"), self._new.node.get("requestBody")
        place = self._part("body", shared=False)
        if old is None and new is not None:
            required = self._new.followed(new).get("required") is True
            self._emit("request", Finding("required-body-added" if required else "body-added", place))
        elif old is not None and new is None:
            self._emit("request", Finding("body-removed", place))
        elif old is not None and new is not None:
            place = self._part("body", shared="$ref" in new)
            before, after = self._old.followed(old), self._new.followed(new)
            self._hand_over(
                "request",
                required_changes("body", before, after, place),
                other_changes("request body", before, after, place, self._documents),
            )
            self._content("request", before, after, place)

    def _responses(self) -> None:
        old, new = (
            {status: node for status, node in operation.node.get("responses", {}).items() if _is_status(status)}
            for operation in (self._old, self._new)
        )
        extensions = [
            {key: value for key, value in operation.node.get("responses", {}).items() if not _is_status(key)}
            for operation in (self._old, self._new)
        ]
        self._hand_over(
            "response", other_changes("responses", extensions[0], extensions[1], self._place, self._documents)
        )
        for kind, gone, come in status_changes(old.keys(), new.keys()):
            place = self._answer(", ".join(come or gone), shared=False)
            self._emit("response", Finding(kind, place, ", ".join(gone), ", ".join(come)))
        for earlier, status in status_pairs(old.keys(), new.keys()):
            place = self._answer(status, shared="$ref" in new[status])
            before, after = self._old.followed(old[earlier]), self._new.followed(new[status])
            self._headers(before, after, place)
            self._content("response", before, after, place)
            self._hand_over("response", other_changes("response", before, after, place, self._documents))

    def _is_rename(self, old: str, new: str) -> bool:
        schemas = [document.get("components", {}).get("schemas", {}) for document in self._documents]
        return bool(old and new) and old not in schemas[1] and new not in schemas[0]

    def _headers(self, old: Document, new: Document, place: Place) -> None:
        before, after = (
            {
                name.lower(): operation.followed(node)
                for name, node in response.get("headers", {}).items()
                if name.lower() not in _IGNORED_ANSWER_HEADERS
            }
            for operation, response in ((self._old, old), (self._new, new))
        )
        for name in sorted(before.keys() | after.keys()):
            at = replace(place, head=f"{place.head} header {shown_name(name)}")
            if name not in after:
                self._emit("response", Finding("header-removed", at))
            elif name not in before:
                self._emit("response", Finding("header-added", at))
            else:
                self._hand_over(
                    "response",
                    required_changes("header", before[name], after[name], at),
                    deprecated_changes(before[name], after[name], at),
                    other_changes("header", before[name], after[name], at, self._documents),
                )
                self._schemas["response"].nodes(before[name].get("schema", {}), after[name].get("schema", {}), at)

    def _content(self, direction: Direction, old: Document, new: Document, place: Place) -> None:
        before, after = (
            {name: operation.followed(node) for name, node in owner.get("content", {}).items()}
            for operation, owner in ((self._old, old), (self._new, new))
        )
        for earlier, name in media_type_pairs(before.keys(), after.keys()):
            at = replace(place, head=f"{place.head} {shown_name(name or earlier or '')}")
            if name is None:
                self._emit(direction, Finding("media-type-removed", at))
            elif earlier is None:
                self._emit(direction, Finding("media-type-added", at))
            else:
                self._hand_over(
                    direction, other_changes("media type", before[earlier], after[name], at, self._documents)
                )
                names = [_body_name(node.get("schema")) for node in (before[earlier], after[name])]
                if at.area != "problems" and self._is_rename(*names):
                    self._emit(direction, Finding("body-renamed", at, *map(shown_name, names)))
                for field in ("schema", "itemSchema"):
                    schemas = _schema(field, earlier, before[earlier]), _schema(field, name, after[name])
                    self._schemas[direction].nodes(*schemas, at.below("[]") if field == "itemSchema" else at)


def _body_name(schema: Any) -> str:
    return component_name(schema.get("$ref")) if isinstance(schema, dict) else ""


def _schema(field: str, media_type: str, node: Document) -> Any:
    given = node.get(field, {})
    is_bytes = field == "schema" and given in ({}, True) and is_binary(canonical_media_type(media_type))
    return _BYTES if is_bytes else given


def _is_status(key: str) -> bool:
    return not str(key).startswith("x-")


def _server(server: Document) -> str:
    return str(server.get("url", "")) + (f" with {show(server['variables'])}" if "variables" in server else "")
