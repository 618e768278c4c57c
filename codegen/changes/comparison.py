"""
What differs between two documents, by what it means to our operations, each change with a class of its own.

Both documents are cut first, so prose, examples and orders without a meaning play no part; references and
``allOf`` are followed, so neither does the way in which a schema is spread over components. Nothing else is
passed over: a fact that no rule reads is reported as one that needs a look.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from codegen import document as documents
from codegen.changes.findings import Area, Finding, Place
from codegen.changes.kinds import RULES, SEVERITIES, Direction, Severity
from codegen.changes.operations import Operation, OperationComparison, path_shape
from codegen.changes.renames import component_renames
from codegen.document import Document
from codegen.errors import DocumentError

__all__ = ["Change", "compare"]


@dataclass(frozen=True)
class Change:
    """
    One difference between two documents.

    :param path: where, in the words of people: ``GET /2/users 200 application/json data[].id``, or
        ``components User.id`` for what stands in a component schema, whichever operations use it
    :param direction: ``request``, ``response``, or empty for what concerns an operation as a whole
    :param kind: the row of the table, a name that stays
    :param severity: ``breaking``, ``look`` or ``compatible``
    :param message: what was and what is, in one sentence
    :param hint: a guess at a rename; empty without one
    :param operations: the ``operationId`` of each operation that it concerns
    :param area: ``requests`` (also for an operation as a whole), ``answers``, ``includes`` or ``problems``
    """

    path: str
    direction: Direction
    kind: str
    severity: Severity
    message: str
    hint: str = ""
    operations: tuple[str, ...] = ()
    area: Area = "requests"


def compare(old: Document, new: Document) -> list[Change]:
    """
    Find what changed from one document to another.

    :param old: an OpenAPI document, cut or corrected; it is not changed
    :param new: another
    :return: the changes, the worst first, in an order that depends on nothing but the changes
    :raises DocumentError: when one of the documents cannot be cut, or not be compared
    """
    try:
        return _compare(*(documents.cut(document, documents.operation_ids(document)) for document in (old, new)))
    except RecursionError:
        raise DocumentError("schemas refer to each other over too many steps to be compared") from None


def _compare(old: Document, new: Document) -> list[Change]:
    if documents.fingerprint(old) == documents.fingerprint(new):
        return []
    collector = _Collector()
    versions = [_feature_version(document) for document in (old, new)]
    pairs = _pairs(_operations(old), _operations(new))
    called = component_renames(old, new)
    for before, after in pairs:
        if before is None or after is None:
            collector.add_whole(before, after)
            continue
        name = after.id
        if versions[0] != versions[1]:
            collector.add(name, "", Finding("openapi-version-changed", Place("", "openapi", shared=True), *versions))
        OperationComparison(before, after, called, partial(collector.add, name)).run()
    return collector.changes()


def _feature_version(document: Document) -> str:
    # 3.0.3 instead of 3.0.0 changes no meaning; the specification promises that of patch versions.
    return ".".join(str(document["openapi"]).split(".")[:2])


def _operations(document: Document) -> dict[str, Operation]:
    found = documents.operations(document)
    return {node["operationId"]: Operation(document, path, method, node) for path, method, node in found}


def _pairs(old: dict[str, Operation], new: dict[str, Operation]) -> Iterable[tuple[Operation | None, Operation | None]]:
    """Pair operations by their operationId, and those that are left by method and path."""
    gone = {name: operation for name, operation in old.items() if name not in new}
    come = {(path_shape(new[name].path), new[name].method): name for name in new if name not in old}
    taken = set()
    for name, operation in old.items():
        renamed = come.get((path_shape(operation.path), operation.method)) if name in gone else name
        if renamed is not None:
            taken.add(renamed)
        yield operation, new[renamed] if renamed is not None else None
    for name, operation in new.items():
        if name not in taken:
            yield None, operation


class _Collector:
    """Takes findings operation by operation and tells each once."""

    def __init__(self) -> None:
        self._found: dict[tuple[Place, Direction, str, str, str], tuple[Finding, dict[str, None]]] = {}

    def add(self, operation_id: str, direction: Direction, finding: Finding) -> None:
        place = finding.place
        message = RULES[finding.kind].message.format(old=finding.old, new=finding.new, name=finding.name)
        anywhere = Place("", place.head, place.trail) if place.shared else place
        key = (anywhere, direction, finding.kind, message, finding.hint)
        _, operations = self._found.setdefault(key, (finding, {}))
        operations[operation_id] = None

    def add_whole(self, old: Operation | None, new: Operation | None) -> None:
        if old is not None:
            self.add(old.id, "", Finding("operation-removed", Place(old.name), old=old.id))
        if new is not None:
            self.add(new.id, "", Finding("operation-added", Place(new.name), new=new.id))

    def changes(self) -> list[Change]:
        found = [
            Change(
                finding.place.text(of_one_operation=len(operations) == 1),
                direction,
                kind,
                RULES[kind].severity(direction),
                message,
                hint,
                tuple(sorted(operations)),
                finding.place.area,
            )
            for (_, direction, kind, message, hint), (finding, operations) in self._found.items()
        ]
        return sorted(found, key=_order)


def _order(change: Change) -> tuple[object, ...]:
    worst = SEVERITIES.index(change.severity)
    return worst, change.path, change.direction, change.kind, change.message, change.operations
