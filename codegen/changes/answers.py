"""Which answers, and which media types of them, of two documents are the same; their names can differ in form."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

__all__ = ["StatusChange", "canonical_media_type", "media_type_pairs", "status_changes", "status_pairs"]

#: kind of change, the old statuses and the new ones
StatusChange = tuple[str, list[str], list[str]]

_JSON: Final = ("/json", "+json")


def canonical_media_type(name: str) -> str:
    """
    Write a media type in one form (RFC 9110, section 8.3.1): case and spaces mean nothing.

    A charset goes where it says nothing: UTF-8 is what everybody writes, and JSON has no other.

    :param name: as the document has it
    """
    kind, *parameters = (part.strip() for part in name.split(";"))
    kind = kind.lower()
    kept = []
    for parameter in filter(None, parameters):
        key, _, value = (part.strip() for part in parameter.partition("="))
        is_default = kind.endswith(_JSON) or value.strip('"').lower() == "utf-8"
        if key.lower() != "charset" or not is_default:
            kept.append(f"{key.lower()}={value}")
    return "; ".join([kind, *sorted(kept)])


def media_type_pairs(old: Collection[str], new: Collection[str]) -> Iterator[tuple[str | None, str | None]]:
    """
    Pair media types.

    :param old: the names in the old document
    :param new: the names in the new document
    :return: old name and new name; None where there is no other
    """
    for name in sorted({*old, *new}):
        if name in old and name in new:
            yield name, name
        elif name in old:
            yield name, _same_media_type(name, new)
        else:
            other = _same_media_type(name, old)
            if other is None or other in new:  # else the pair came with the old name
                yield other, name


def _same_media_type(name: str, names: Collection[str]) -> str | None:
    wanted = canonical_media_type(name)
    return min((other for other in names if canonical_media_type(other) == wanted), default=None)


def status_pairs(old: Collection[str], new: Collection[str]) -> list[tuple[str, str]]:
    """
    Pair answers by status; a status of one document may be in a range (``2XX``) of the other.

    :param old: the statuses of the old document
    :param new: the statuses of the new document
    """
    pairs = [(status, status) for status in sorted(set(old) & set(new))]
    pairs += [(status, _range(status)) for status in sorted(set(old) - set(new)) if _range(status) in new]
    pairs += [(_range(status), status) for status in sorted(set(new) - set(old)) if _range(status) in old]
    return pairs


def status_changes(old: Collection[str], new: Collection[str]) -> Iterator[StatusChange]:
    """
    Find answers that have come, gone, or become a range or a part of one.

    :param old: the statuses of the old document
    :param new: the statuses of the new document
    """
    removed, added = set(old) - set(new), set(new) - set(old)
    widened = {status for status in removed if _range(status) in new}
    narrowed = {status for status in added if _range(status) in old}
    for status in sorted({_range(status) for status in widened} & added):
        yield "status-widened", sorted(single for single in widened if _range(single) == status), [status]
    for status in sorted({_range(status) for status in narrowed} & removed):
        yield "status-narrowed", [status], sorted(single for single in narrowed if _range(single) == status)
    for status in sorted(removed - widened - {_range(single) for single in narrowed}):
        yield "status-removed" if status.startswith("2") else "error-status-removed", [status], []
    for status in sorted(added - narrowed - {_range(single) for single in widened}):
        yield "status-added", [], [status]


def _range(status: str) -> str:
    return f"{status[0]}XX" if status.isdecimal() else ""
