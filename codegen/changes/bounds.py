"""Which bounds of a schema became tighter or looser; absent, 0 for a count and false all mean no bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from codegen.changes.schema_view import Schema, show

__all__ = ["BOUND_KEYWORDS", "BoundChange", "bound_changes", "upper_and_lower"]

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


def upper_and_lower(schema: Schema, lower: str, upper: str) -> tuple[tuple[Any, bool] | None, tuple[Any, bool] | None]:
    """
    Return the range that a schema allows: each end as a number and whether it is excluded, None for no end.

    :param schema: a schema
    :param lower: ``minimum`` or the like
    :param upper: ``maximum`` or the like
    """
    exclusive = {word: other for word, other, _ in _LIMITS}
    low, high = _limit(schema, lower, exclusive[lower], True), _limit(schema, upper, exclusive[upper], False)
    return low, high and (-high[0], high[1])


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
    # In binary, 0.1 is no divisor of 0.3.
    return (Fraction(str(number)) / Fraction(str(step))).denominator == 1
