"""Changes as people and programs read them, and what they mean for our own version number."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Final, Literal

from codegen.changes import Change
from codegen.changes.findings import AREAS
from codegen.changes.kinds import NO_EFFECT, SEVERITIES, SHOWN, Severity
from codegen.grammar import METHODS

__all__ = [
    "FORMATS",
    "Bump",
    "as_entry",
    "as_json",
    "as_markdown",
    "as_text",
    "is_short",
    "proposed_bump",
    "summary",
    "worst",
]

Bump = Literal["major", "minor", "patch"]

_MARKUP: Final = re.compile(r"[\\`*<>\[\]|]|(?<!\w)_|_(?!\w)")
_ESCAPED: Final = r"\\\g<0>"

#: of more operations than this only the number is told
_OPERATIONS_TOLD: Final = 3

#: people read a list of so many changes
_MOST_LISTED: Final = 20
#: so many lines of changes fit into an entry of CHANGELOG.md
_MOST_BULLETS: Final = 9

#: what a change of each class calls for; before 1.0 a minor version may break and patches carry what is new
_BUMPS: Final[dict[Severity, Bump]] = {"breaking": "major", "look": "minor", "compatible": "minor"}
_BUMPS_BEFORE_1_0: Final[dict[Severity, Bump]] = {"breaking": "minor", "look": "minor", "compatible": "patch"}


def worst(changes: Sequence[Change]) -> Severity | None:
    """Give the worst class among changes; None when there are none."""
    return min((change.severity for change in changes), key=SEVERITIES.index, default=None)


def proposed_bump(changes: Sequence[Change], version: str) -> Bump | None:
    """
    Propose the version bump that changes call for, by Semantic Versioning.

    What needs a look counts as new and not as a fix: whoever has looked may raise it.

    :param changes: the changes since that version
    :param version: our own version, for example ``0.3.1``
    :return: which number to raise; None when nothing changed
    """
    found = worst([change for change in changes if change.kind not in NO_EFFECT])
    if found is None:
        return None
    return (_BUMPS_BEFORE_1_0 if version.startswith("0.") else _BUMPS)[found]


def summary(changes: Sequence[Change]) -> dict[Severity, int]:
    """Count the changes of each class, the worst class first."""
    return {severity: sum(change.severity == severity for change in changes) for severity in SEVERITIES}


def as_text(changes: Sequence[Change], *, verbose: bool = False) -> str:
    """
    Lay changes out for a terminal.

    A short list is told by class, one line each, in columns. Of a long one, what breaks users of this provider comes
    first (requests, and the answers' own members), like changes on one line; of the rest, the numbers by area.

    :param changes: what :func:`codegen.changes.compare` found
    :param verbose: whether to list each, however many there are
    """
    if not changes:
        return "no change\n"
    if not verbose and not is_short(changes):
        return (
            "\n".join([*_summary_lines(changes), _counts(changes), "each of them: --verbose, or --format json"]) + "\n"
        )
    lines = []
    for severity in SEVERITIES:
        told = [change for change in changes if change.severity == severity]
        lines += [f"{SHOWN[severity]}:"] if told else []
        lines += _columns([(change.direction, change.path, _told(change)) for change in told], changes)
    return "\n".join([*lines, _counts(changes)]) + "\n"


def is_short(changes: Sequence[Change]) -> bool:
    """Return whether people read the whole list."""
    return len(changes) <= _MOST_LISTED


def _summary_lines(changes: Sequence[Change]) -> Iterator[str]:
    rows = [(change.direction, path, text) for change, path, text in _grouped(_breaking_for_users(changes))]
    yield "breaking for users of this provider:" if rows else "nothing that breaks users of this provider"
    yield from _columns(rows)
    if renames := _renames(changes):
        yield renames
    yield f"{'by area:':<12}" + "".join(f"{SHOWN[severity]:>14}" for severity in SEVERITIES)
    for area in AREAS:
        counts = summary([change for change in changes if change.area == area])
        yield f"  {area:<10}" + "".join(f"{counts[severity]:>14}" for severity in SEVERITIES)


def _renames(changes: Sequence[Change]) -> str:
    count = sum(change.kind == "body-renamed" for change in changes)
    return f"renamed, no effect: schemas of {count} requests and answers" if count else ""


def _breaking_for_users(changes: Sequence[Change]) -> list[Change]:
    breaking = [change for change in changes if change.severity == "breaking"]
    return [change for area in ("requests", "answers") for change in breaking if change.area == area]


def _grouped(changes: Sequence[Change]) -> Iterator[tuple[Change, str, str]]:
    """Yield like changes of one object as one: the first of them, the place of all, and the text of all."""
    groups: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        place, _, _ = change.path.rpartition(".") if "member" in change.kind else (change.path, "", "")
        groups.setdefault((change.kind, change.direction, place, change.severity), []).append(change)
    for (_, _, place, _), group in groups.items():
        if len(group) == 1:
            yield group[0], group[0].path, _told(group[0])
        elif len({change.message for change in group}) == 1:
            names = [change.path.rpartition(".")[2] + (f" ({change.hint})" if change.hint else "") for change in group]
            yield group[0], place, f"{group[0].message}: {', '.join(names)}"
        else:
            yield group[0], place, "; ".join(_with_hint(change) for change in group)


def _columns(rows: Iterable[tuple[str, str, str]], all_of: Sequence[Change] = ()) -> Iterator[str]:
    rows = list(rows)
    directions = max(
        (len(direction) for direction in [*(row[0] for row in rows), *(c.direction for c in all_of)]), default=0
    )
    paths = max((len(path) for path in [*(row[1] for row in rows), *(c.path for c in all_of)]), default=0)
    for direction, path, text in rows:
        yield f"  {direction:<{directions}}  {path:<{paths}}  {text}"


def as_json(changes: Sequence[Change]) -> str:
    """
    Write changes for programs.

    :param changes: what :func:`codegen.changes.compare` found
    """
    report = {"changes": [asdict(change) for change in changes], "summary": summary(changes)}
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def as_markdown(changes: Sequence[Change]) -> str:
    """
    Write changes as a list of Markdown.

    :param changes: what :func:`codegen.changes.compare` found
    """
    if not changes:
        return "- No change.\n"
    return "".join(_bullet(change, change.path, _told(change)) for change in changes)


def as_entry(changes: Sequence[Change], details: str) -> str:
    """
    Write changes so that they fit into CHANGELOG.md: what matters most, like changes on one line, and a link.

    :param changes: what :func:`codegen.changes.compare` found
    :param details: where all of them stand
    """
    rows = list(_grouped(list(dict.fromkeys([*_breaking_for_users(changes), *changes]))))
    bullets = "".join(_bullet(*row) for row in rows[:_MOST_BULLETS])
    if len(rows) <= _MOST_BULLETS:
        return bullets
    renames = _renames(changes)
    return f"{bullets}- [All of them]({details}): {_counts(changes)}{renames and f'; {renames}'}.\n"


def _bullet(change: Change, path: str, text: str) -> str:
    direction = change.direction and f", {change.direction}"
    return f"- **{SHOWN[change.severity]}**{direction}: {_code(path)}: {_MARKUP.sub(_ESCAPED, text)}\n"


FORMATS: Final[dict[str, Callable[[Sequence[Change]], str]]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
}


def _told(change: Change) -> str:
    return _with_hint(change) + _concerned(change)


def _with_hint(change: Change) -> str:
    return change.message + (f"; {change.hint}" if change.hint else "")


def _concerned(change: Change) -> str:
    """Name the operations, unless the path does so."""
    if change.path.split(" ")[0].lower() in METHODS:
        return ""
    count = len(change.operations)
    return f" ({', '.join(change.operations) if count <= _OPERATIONS_TOLD else f'{count} operations'})"


def _counts(changes: Sequence[Change]) -> str:
    counts = summary(changes)
    look = "needs a look" if counts["look"] == 1 else "need a look"
    return f"{counts['breaking']} breaking, {counts['look']} {look}, {counts['compatible']} compatible"


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence} {text} {fence}" if len(fence) > 1 else f"{fence}{text}{fence}"
