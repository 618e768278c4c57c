"""What differs in the values that two schemas of one type allow, and in the marks that they carry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from codegen.changes.bounds import BOUND_KEYWORDS, bound_changes
from codegen.changes.findings import Finding, Place
from codegen.changes.renames import rename_hints, value_renames
from codegen.changes.schema_view import Schema, listed, show
from codegen.document import fingerprint

__all__ = ["VALUE_KEYWORDS", "value_changes"]

VALUE_KEYWORDS: Final = BOUND_KEYWORDS | {
    *("enum", "const", "pattern", "format", "default", "deprecated", "readOnly", "writeOnly")
}


class _At(Protocol):
    """Gives the place of a fact by the keywords that say it."""

    def __call__(self, *keywords: str) -> Place: ...


def value_changes(old: Schema, new: Schema, at: _At) -> Iterator[Finding]:
    """
    Compare two schemas keyword by keyword, without those that lead to further schemas.

    :param old: what was asked
    :param new: what is asked
    :param at: gives the place of a fact by the keywords that say it
    """
    yield from _enum_changes(old, new, at("enum", "const"))
    for keyword in ("pattern", "format"):
        yield from _text_changes(keyword, old, new, at(keyword))
    for change in bound_changes(old, new):
        yield Finding(f"bound-{change.kind}", at(*change.keywords), change.old, change.new, change.keywords[0])
    if fingerprint(old.values("default")) != fingerprint(new.values("default")):
        yield Finding("default-changed", at("default"), listed(old.values("default")), listed(new.values("default")))
    for keyword in ("deprecated", "readOnly", "writeOnly"):
        yield from _mark_changes(keyword, old, new, at(keyword))


def _enum_changes(old: Schema, new: Schema, place: Place) -> Iterator[Finding]:
    if old.enum is None and new.enum is None:
        return
    if old.enum is None or new.enum is None:
        values = ", ".join(show(value) for value in (old.enum or new.enum or {}).values())
        yield Finding("enum-appeared" if old.enum is None else "enum-disappeared", place, values, values)
        return
    removed = {key: value for key, value in old.enum.items() if key not in new.enum}
    added = {key: value for key, value in new.enum.items() if key not in old.enum}
    to_hints, from_hints = rename_hints(value_renames(removed, added), str)
    for key, value in removed.items():
        yield Finding("enum-value-removed", place, old=show(value), hint=to_hints.get(key, ""))
    for key, value in added.items():
        yield Finding("enum-value-added", place, new=show(value), hint=from_hints.get(key, ""))


def _text_changes(keyword: str, old: Schema, new: Schema, place: Place) -> Iterator[Finding]:
    before, after = old.values(keyword), new.values(keyword)
    lost = [value for value in before if value not in after]
    gained = [value for value in after if value not in before]
    if lost or gained:
        change = "changed" if lost and gained else "removed" if lost else "added"
        yield Finding(f"{keyword}-{change}", place, listed(lost), listed(gained))


def _mark_changes(keyword: str, old: Schema, new: Schema, place: Place) -> Iterator[Finding]:
    before, after = True in old.values(keyword), True in new.values(keyword)
    if before == after:
        return
    if keyword == "deprecated":
        yield Finding("deprecated" if after else "no-longer-deprecated", place)
    else:
        yield Finding("access-changed", place, show(before), show(after), keyword)
