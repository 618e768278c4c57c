"""A difference and its place, before the table has given it a class."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from codegen.changes.schema_view import show

__all__ = ["AREAS", "Area", "Finding", "Place", "shown_name"]

#: what a difference concerns, the nearest to users of the provider first
Area = Literal["requests", "answers", "includes", "problems"]
AREAS: Final[tuple[Area, ...]] = ("requests", "answers", "includes", "problems")

_AREA_OF_MEMBER: Final[dict[str, Area]] = {"errors": "problems", "includes": "includes"}


def shown_name(name: str) -> str:
    """Write a name that the document's author chose so that it cannot be taken for anything else."""
    return name if name and name.isprintable() and "`" not in name else show(name)


@dataclass(frozen=True)
class Place:
    """
    Where in a document something stands, in the words of people.

    :param operation: method and path; empty in component schemas, which belong to no operation
    :param head: what of the operation, or which component
    :param trail: the way from there into the schema
    :param shared: whether other operations may refer to the same thing
    :param area: what it concerns
    :param is_answer: whether it is a whole answer, whose members are in areas of their own
    """

    operation: str
    head: str = ""
    trail: str = ""
    shared: bool = False
    area: Area = field(default="requests", compare=False)
    is_answer: bool = field(default=False, compare=False)

    def component(self, name: str) -> Place:
        """Return the place of a component schema that a reference here leads to."""
        return Place("", f"components {shown_name(name)}", shared=True, area=self.area, is_answer=self.is_answer)

    def below(self, step: str) -> Place:
        """Give the place one step down: ``[]``, ``.*`` or ``<alternative>``."""
        return replace(self, trail=self.trail + (step if self.trail else step.removeprefix(".")))

    def member(self, name: str) -> Place:
        """Return the place of a member of an object."""
        area = _AREA_OF_MEMBER.get(name, self.area) if self.is_answer else self.area
        return replace(self.below(f".{shown_name(name)}"), area=area, is_answer=False)

    def text(self, *, of_one_operation: bool = True) -> str:
        """Write it, with or without its operation."""
        dotted = not self.operation and self.trail and not self.trail.startswith(("[", "<"))
        spaced = self.operation and self.trail and not self.trail.startswith(("[", "<"))
        place = self.head + ("." if dotted else " " if spaced else "") + self.trail
        return f"{self.operation} {place}".strip() if of_one_operation else place


@dataclass(frozen=True)
class Finding:
    """One difference: a kind of the table, its place, and what to fill its message with."""

    kind: str
    place: Place
    old: str = ""
    new: str = ""
    name: str = ""
    hint: str = ""
