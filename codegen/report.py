"""Changes as people and programs read them, and what they mean for our own version number."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final, Literal

from codegen.changes import Change
from codegen.changes.kinds import SEVERITIES, SHOWN, Severity
from codegen.grammar import METHODS

__all__ = ["FORMATS", "Bump", "as_json", "as_markdown", "as_text", "proposed_bump", "summary", "worst"]

Bump = Literal["major", "minor", "patch"]

_MARKUP: Final = re.compile(r"[\\`*<>\[\]|]|(?<!\w)_|_(?!\w)")
_ESCAPED: Final = r"\\\g<0>"

#: of more operations than this only the number is told
_OPERATIONS_TOLD: Final = 3

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
    found = worst(changes)
    if found is None:
        return None
    return (_BUMPS_BEFORE_1_0 if version.startswith("0.") else _BUMPS)[found]


def summary(changes: Sequence[Change]) -> dict[Severity, int]:
    """Count the changes of each class, the worst class first."""
    return {severity: sum(change.severity == severity for change in changes) for severity in SEVERITIES}


def as_text(changes: Sequence[Change]) -> str:
    """
    Lay changes out for a terminal: by class, one line each, in columns.

    :param changes: what :func:`codegen.changes.compare` found
    """
    if not changes:
        return "no change\n"
    directions = max(len(change.direction) for change in changes)
    paths = max(len(change.path) for change in changes)
    lines = []
    for severity in SEVERITIES:
        told = [change for change in changes if change.severity == severity]
        lines += [f"{SHOWN[severity]}:"] if told else []
        lines += [f"  {change.direction:<{directions}}  {change.path:<{paths}}  {_told(change)}" for change in told]
    return "\n".join([*lines, _counts(changes)]) + "\n"


def as_json(changes: Sequence[Change]) -> str:
    """
    Write changes for programs.

    :param changes: what :func:`codegen.changes.compare` found
    """
    report = {"changes": [asdict(change) for change in changes], "summary": summary(changes)}
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def as_markdown(changes: Sequence[Change]) -> str:
    """
    Write changes as a list that fits into CHANGELOG.md.

    :param changes: what :func:`codegen.changes.compare` found
    """
    if not changes:
        return "- No change.\n"
    return "".join(
        f"- **{SHOWN[change.severity]}**{change.direction and f', {change.direction}'}:"
        f" {_code(change.path)}: {_MARKUP.sub(_ESCAPED, _told(change))}\n"
        for change in changes
    )


FORMATS: Final[dict[str, Callable[[Sequence[Change]], str]]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
}


def _told(change: Change) -> str:
    return change.message + (f"; {change.hint}" if change.hint else "") + _concerned(change)


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
