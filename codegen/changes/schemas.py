"""What differs between two schemas, keyword by keyword; the kinds of change, whose class is for the table to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any, Final

from codegen.changes.findings import Finding, Place, shown_name
from codegen.changes.json_types import is_among, type_change
from codegen.changes.overlaps import Overlap, overlap
from codegen.changes.renames import best_pairs, likeness, member_renames, rename_hints
from codegen.changes.schema_view import GROUPS, Schema, SchemaReader, listed
from codegen.changes.values import VALUE_KEYWORDS, value_changes
from codegen.document import fingerprint
from codegen.grammar import Kind, ListOf, MapOf, child_kind

__all__ = ["SchemaComparison"]

#: keywords that the steps below read; any other is reported as a fact that changed
_READ: Final = VALUE_KEYWORDS | {
    *("type", "nullable", "properties", "required", "additionalProperties", "items"),
    *(*GROUPS, "discriminator"),
}

_ARRAY: Final = frozenset({"array"})


class SchemaComparison:
    """
    Compares schemas of one operation, in one direction.

    A difference inside a component schema gets that component's place, however the walk came there, so that it
    can be told once. A component is walked once per pair of names; everything else ends because a pair of schemas
    that is being compared further up is not compared again.

    :param old: reads the old document's schemas
    :param new: reads the new document's schemas
    :param hiding: the mark of members that do not stand in this direction: ``readOnly`` in requests, ``writeOnly``
        in answers
    :param emit: takes each finding
    """

    def __init__(self, old: SchemaReader, new: SchemaReader, hiding: str, emit: Callable[[Finding], None]) -> None:
        self._old = old
        self._new = new
        self._hiding = hiding
        self._emit = emit
        self._components: set[str] = set()
        self._above: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def nodes(self, old: Any, new: Any, place: Place) -> None:
        """
        Compare two Schema Objects.

        :param old: as it stands in the old document
        :param new: as it stands in the new document
        :param place: where they stand
        """
        self._compare(self._old.read(old), self._new.read(new), place)

    def _compare(self, old: Schema, new: Schema, place: Place) -> None:
        if old.component and old.component == new.component:
            if old.component in self._components:
                return
            self._components.add(old.component)
            place = place.component(old.component)
        pair = (old.identity, new.identity)
        if pair in self._above:
            return
        self._above.append(pair)
        if not old.groups and not new.groups:
            self._facts(old, new, place)
        else:
            self._composition(old, new, place)
        self._above.pop()

    def _facts(self, old: Schema, new: Schema, place: Place) -> None:
        if not self._types(old, new, place):
            return
        for finding in value_changes(old, new, partial(self._at, old, new, place)):
            self._emit(finding)
        self._members(old, new, place)
        self._other_members(old, new, place)
        if old.types is None or new.types is None or "array" in old.types | new.types:
            self._compare(old.items, new.items, self._at(old, new, place, "items").below("[]"))
        self._discriminator(old, new, place)
        self._unknown(old, new, place)

    def _at(self, old: Schema, new: Schema, place: Place, *keywords: str, member: str | None = None) -> Place:
        """Give the component that a fact stands in on both sides, when there is just one; else the place itself."""
        owners = {
            part.component
            for part in (*old.parts, *new.parts)
            for keyword in keywords
            if keyword in part.node and (member is None or member in part.node[keyword])
        }
        if len(owners) == 1:
            (owner,) = owners
            if owner and owner in old.components and owner in new.components:
                return place.component(owner)
        return place

    def _types(self, old: Schema, new: Schema, place: Place) -> bool:
        """Compare types; tell whether the other keywords are worth comparing."""
        at = self._at(old, new, place, "type", "nullable", "enum", "const", "properties", "items")
        names = [" or ".join(sorted(schema.types or ["any"])) for schema in (old, new)]
        kind = type_change(old.types, new.types)
        if kind:
            self._emit(Finding(kind, at, *names))
        elif bool(old.values("type")) != bool(new.values("type")):
            # The same to people, and not to every tool: some take a schema without a type for any value.
            self._emit(Finding("fact-changed", at, listed(old.values("type")), listed(new.values("type")), "type"))
        if (old.types is None) == (new.types is None) and old.nullable != new.nullable:
            self._emit(Finding("null-allowed" if new.nullable else "null-forbidden", at))
        if kind != "type-changed":
            return True
        # What X did to `data`: an array of something became that something. Its own changes matter as well.
        if old.types == _ARRAY:
            self._compare(old.items, new, place.below("[]"))
        elif new.types == _ARRAY:
            self._compare(old, new.items, place.below("[]"))
        return False

    def _members(self, old: Schema, new: Schema, place: Place) -> None:
        before, after = old.members | old.required, new.members | new.required
        hidden = [{name for name in schema.members if schema.hides(name, self._hiding)} for schema in (old, new)]
        required = [schema.required_but(self._hiding) for schema in (old, new)]
        removed = {name: old.member(name) for name in sorted(old.members - after - hidden[0])}
        added = {name: new.member(name) for name in sorted(new.members - before - hidden[1])}
        to_hints, from_hints = rename_hints(member_renames(removed, added))
        for name in removed:
            at = self._at(old, new, place, "properties", member=name).member(name)
            self._emit(Finding("member-removed", at, hint=to_hints.get(name, "")))
        for name in added:
            at = self._at(old, new, place, "properties", member=name).member(name)
            kind = "required-member-added" if name in new.required else "member-added"
            self._emit(Finding(kind, at, hint=from_hints.get(name, "")))
        elsewhere = {
            name
            for name in hidden[0] | hidden[1]
            if (name in hidden[0] or name not in before) and (name in hidden[1] or name not in after)
        }
        for name in sorted((before | after) - removed.keys() - added.keys() - elsewhere):
            if (name in required[0]) != (name in required[1]):
                at = self._at(old, new, place, "required", member=name).member(name)
                kind = "member-became-required" if name in required[1] else "member-became-optional"
                self._emit(Finding(kind, at))
            at = self._at(old, new, place, "properties", member=name).member(name)
            self._compare(old.member(name), new.member(name), at)

    def _other_members(self, old: Schema, new: Schema, place: Place) -> None:
        at = self._at(old, new, place, "additionalProperties")
        before, after = old.others, new.others
        if isinstance(before, Schema) and isinstance(after, Schema):
            self._compare(before, after, at.below(".*"))
            return
        shown = [value.label if isinstance(value, Schema) else "any" for value in (before, after)]
        match before, after:
            case (True, False):
                self._emit(Finding("other-members-forbidden", at, *shown))
            case (False, _) if after is not False:
                self._emit(Finding("other-members-allowed", at, *shown))
            case (Schema(), False):
                self._emit(Finding("other-members-removed", at, *shown))
            case (True, Schema()):
                self._emit(Finding("other-members-constrained", at, *shown))
            case (Schema(), True):
                self._emit(Finding("other-members-unconstrained", at, *shown))

    def _discriminator(self, old: Schema, new: Schema, place: Place) -> None:
        at = self._at(old, new, place, "discriminator")
        for name in sorted(old.discriminator.keys() | new.discriminator.keys()):
            was, now = old.discriminator.get(name, "none"), new.discriminator.get(name, "none")
            if was != now:
                self._emit(Finding("discriminator-changed", at, was, now, name))
        if not (old.discriminator and new.discriminator):
            return
        for value in sorted(old.mapped.keys() | new.mapped.keys()):
            before, after = old.mapped.get(value), new.mapped.get(value)
            if before and after:
                self._compare(before, after, at.below(f"<{value}>"))
            else:
                labels = [schema.label if schema else "none" for schema in (before, after)]
                self._emit(Finding("discriminator-changed", at, labels[0], labels[1], value))

    def _unknown(self, old: Schema, new: Schema, place: Place) -> None:
        """Report keywords that no step above reads, so that none is dropped."""
        names = {keyword for schema in (old, new) for part in schema.parts for keyword in part.node}
        for name in sorted(names - _READ):
            before, after, kind = old.values(name), new.values(name), child_kind("schema", name)
            pairs = zip(before, after, strict=False)
            if len(before) != len(after) or not all(self._same(first, second, kind) for first, second in pairs):
                at = self._at(old, new, place, name)
                self._emit(Finding("fact-changed", at, listed(before), listed(after), name))

    def _same(self, old: Any, new: Any, kind: Kind | None) -> bool:
        """Return whether two values mean the same: schemas by comparing them, anything else as plain data."""
        if kind == "schema":
            found: list[Finding] = []
            aside = SchemaComparison(self._old, self._new, self._hiding, found.append)
            aside._components, aside._above = set(self._components), list(self._above)
            aside.nodes(old, new, Place(""))
            return not found
        if isinstance(kind, MapOf) and isinstance(old, dict) and isinstance(new, dict):
            return old.keys() == new.keys() and all(self._same(old[key], new[key], kind.kind) for key in old)
        if isinstance(kind, ListOf) and isinstance(old, list) and isinstance(new, list):
            return len(old) == len(new) and all(
                self._same(before, after, kind.kind) for before, after in zip(old, new, strict=True)
            )
        return fingerprint(old) == fingerprint(new)

    def _composition(self, old: Schema, new: Schema, place: Place) -> None:
        at = self._at(old, new, place, "oneOf", "anyOf")
        if len(old.groups) > 1 or len(new.groups) > 1:
            self._facts(old.without(*GROUPS), new.without(*GROUPS), place)
            words = [[word for word, _ in schema.groups] for schema in (old, new)]
            pairs = zip(old.groups, new.groups, strict=False)
            same = all(self._same(before, after, ListOf("schema")) for (_, before), (_, after) in pairs)
            if words[0] != words[1] or not same:
                self._emit(Finding("composition-changed", at, _groups(old), _groups(new)))
        elif old.groups and new.groups:
            self._facts(old.without(*GROUPS), new.without(*GROUPS), place)
            if old.groups[0][0] != new.groups[0][0]:
                self._emit(Finding("composition-changed", at, _groups(old), _groups(new)))
            kept = self._alternatives(old.alternatives, new.alternatives, at, ordered=True)
            self._overlaps(old, new, kept, at)
        else:
            self._discriminator(old, new, place)
            kept = self._alternatives(_spread(old), _spread(new), at, ordered=False)
            self._overlaps(old, new, kept, at)

    def _alternatives(
        self, old: Sequence[Schema], new: Sequence[Schema], place: Place, *, ordered: bool
    ) -> dict[int, int]:
        """Compare alternatives, and return which new one each old one became, by their numbers."""
        before = {str(number): schema for number, schema in enumerate(old)}
        after = {str(number): schema for number, schema in enumerate(new)}
        # Two components of different names are two alternatives, unless nothing else is left of the old ones.
        pairs = best_pairs(before, after, _alternative_score) or best_pairs(before, after, _shape_score)
        for first, second in pairs.items():
            self._compare(before[first], after[second], place.below(f"<{shown_name(after[second].label)}>"))
        kept = [int(pairs[key]) for key in before if key in pairs]
        if ordered and kept != sorted(kept):
            self._emit(Finding("alternatives-reordered", place, _labels(old), _labels(new)))
        for key, schema in before.items():
            if key not in pairs:
                is_type = _is_another_type(schema, new)
                kind, shown = ("type-narrowed", _labels(old)) if is_type else ("alternative-removed", schema.label)
                self._emit(Finding(kind, place, shown, _labels(new)))
        for key, schema in after.items():
            if key not in pairs.values():
                is_type = _is_another_type(schema, old)
                kind, shown = ("type-widened", _labels(new)) if is_type else ("alternative-added", schema.label)
                self._emit(Finding(kind, place, _labels(old), shown))
        return {int(first): int(second) for first, second in pairs.items()}

    def _overlaps(self, old: Schema, new: Schema, pairs: Mapping[int, int], place: Place) -> None:
        """Report alternatives of a ``oneOf`` that take the same values, and did not before."""
        if not any(word == "oneOf" for word, _ in new.groups):
            return
        before, after = _spread(old), _spread(new)
        was_one_of = any(word == "oneOf" for word, _ in old.groups)
        came_from = {number: earlier for earlier, number in pairs.items()}
        for (first, one), (second, other) in combinations(enumerate(after), 2):
            now = overlap(one, other, self._hiding)
            if now is Overlap.CERTAIN and new.values("discriminator"):
                now = Overlap.UNCLEAR  # X may go by the discriminator alone
            was = Overlap.NONE
            if was_one_of and first in came_from and second in came_from:
                was = overlap(before[came_from[first]], before[came_from[second]], self._hiding)
            if now > was:
                kind = "alternatives-overlap" if now is Overlap.CERTAIN else "alternatives-may-overlap"
                labels = [schema.label for schema in (new.alternatives[first], new.alternatives[second])]
                self._emit(Finding(kind, place, *labels))


def _labels(schemas: Sequence[Schema]) -> str:
    return " or ".join(schema.label for schema in schemas)


def _spread(schema: Schema) -> list[Schema]:
    """
    Give the alternatives of a schema of which the other version is of another form.

    A plain schema is one alternative, and each that its discriminator tells apart is one more. Of a schema with
    alternatives, each asks for what is common to them as well.
    """
    if not schema.groups:
        plain = schema if schema.component else schema.without("discriminator")
        return [plain, *schema.mapped.values()]
    common = schema.without(*GROUPS, "discriminator")
    return [common.joined(alternative) for alternative in schema.alternatives]


def _groups(schema: Schema) -> str:
    return ", ".join(f"{word} {_labels([schema.reader.read(node) for node in nodes])}" for word, nodes in schema.groups)


def _is_another_type(schema: Schema, others: Sequence[Schema]) -> bool:
    """Return whether a schema allows just types that the others do not."""
    if schema.types is None or any(other.types is None for other in others):
        return False
    known = [name for other in others for name in other.types or ()]
    return not any(is_among(name, known) or (name == "number" and "integer" in known) for name in schema.types)


def _alternative_score(_old_name: str, old: Schema, _new_name: str, new: Schema) -> float:
    if old.component and new.component:
        return float(old.component == new.component) * 3
    return 2 if old.keywords == new.keywords else likeness(old, new)


def _shape_score(_old_name: str, old: Schema, _new_name: str, new: Schema) -> float:
    return likeness(old, new)
