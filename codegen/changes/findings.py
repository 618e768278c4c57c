"""A difference and its place, before the table has given it a class."""

from __future__ import annotations

from dataclasses import dataclass, replace

from codegen.changes.schema_view import show

__all__ = ["Finding", "Place", "shown_name"]


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
    """

    operation: str
    head: str = ""
    trail: str = ""
    shared: bool = False

    @classmethod
    def component(cls, name: str) -> Place:
        """Give the place of a component schema."""
        return cls("", f"components {shown_name(name)}", shared=True)

    def below(self, step: str) -> Place:
        """Give the place one step down: ``[]``, ``.*`` or ``<alternative>``."""
        return replace(self, trail=self.trail + (step if self.trail else step.removeprefix(".")))

    def member(self, name: str) -> Place:
        return self.below(f".{shown_name(name)}")

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
