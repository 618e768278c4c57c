"""Which bounds of a schema became tighter or looser; absent, 0 for a count and false all mean no bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from codegen.changes.schema_view import Schema, show

__all__ = ["BOUND_KEYWORDS", "BoundChange", "bound_changes"]

#: keyword, its exclusive form, and whether a larger number is tighter
_LIMITS: Final = (
    ("minimum", "exclusiveMinimum", True),
    ("maximum", "exclusiveMaximum", False),
    ("minLength", "", True),
    ("maxLength", "", False),
    ("minItems", "", True),
    ("maxItems", "", False),
    ("minProperties", "", True),
    ("maxProperties", "", False),
    ("uniqueItems", "", True),
)
_COUNTS_AT_LEAST: Final = frozenset({"minLength", "minItems", "minProperties", "uniqueItems"})

BOUND_KEYWORDS: Final = frozenset({word for limit in _LIMITS for word in limit[:2] if word} | {"multipleOf"})


@dataclass(frozen=True)
class BoundChange:
    """
    A bound that is not what it was.

    :param kind: ``tightened``, ``loosened`` or ``changed``
    :param keywords: the keyword, and its exclusive form if it has one
    """

    kind: str
    keywords: tuple[str, ...]
    old: str
    new: str


def bound_changes(old: Schema, new: Schema) -> Iterator[BoundChange]:
    """
    Compare the bounds of two schemas.

    :param old: what was asked
    :param new: what is asked
    """
    for keyword, exclusive, larger_is_tighter in _LIMITS:
        before, after = (_limit(schema, keyword, exclusive, larger_is_tighter) for schema in (old, new))
        if before == after:
            continue
        tightened = before is None or (after is not None and after > before)
        shown = [_shown(limit, larger_is_tighter) for limit in (before, after)]
        keywords = (keyword, exclusive) if exclusive else (keyword,)
        yield BoundChange("tightened" if tightened else "loosened", keywords, *shown)
    before_steps, after_steps = old.values("multipleOf"), new.values("multipleOf")
    if sorted(before_steps) != sorted(after_steps):
        shown = [", ".join(map(show, steps)) or "none" for steps in (before_steps, after_steps)]
        yield BoundChange(_steps_change(before_steps, after_steps), ("multipleOf",), *shown)


def _limit(schema: Schema, keyword: str, exclusive: str, larger_is_tighter: bool) -> tuple[Any, bool] | None:
    """Give the tightest limit as something whose order is that of tightness; None for no limit."""
    sign = 1 if larger_is_tighter else -1
    limits = []
    for part in schema.parts:
        limit, mark = part.node.get(keyword), part.node.get(exclusive)
        if limit is not None and not (keyword in _COUNTS_AT_LEAST and not limit):
            limits.append((sign * limit, mark is True))
        if mark is not None and not isinstance(mark, bool):
            limits.append((sign * mark, True))
    return max(limits, default=None)


def _shown(limit: tuple[Any, bool] | None, larger_is_tighter: bool) -> str:
    if limit is None:
        return "none"
    number, exclusive = limit
    return show(number if larger_is_tighter else -number) + (" (exclusive)" if exclusive else "")


def _steps_change(before: list[Any], after: list[Any]) -> str:
    if not before or (after and all(any(_divides(old, new) for new in after) for old in before)):
        return "tightened"
    if not after or all(any(_divides(new, old) for old in before) for new in after):
        return "loosened"
    return "changed"


def _divides(step: Any, number: Any) -> bool:
    return bool(step) and float(number / step).is_integer()
