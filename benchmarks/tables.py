"""What a benchmark has to say: rows of figures, written as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Cell = str | float | None


@dataclass
class Table:
    """
    A table.

    :param subject: which benchmark it is from
    :param title: what is measured, and how
    :param rows: the rows, each with the same columns; the first one names it
    :param notes: what has to be known to read it
    """

    subject: str
    title: str
    rows: list[dict[str, Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, row: str, **figures: Cell) -> None:
        """Add a row; an underscore in a column's name stands for a space."""
        self.rows.append({"": row, **{name.replace("_", " "): value for name, value in figures.items()}})

    def text(self) -> str:
        """Write it for people."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        lines = [columns, *([shown(row.get(name)) for name in columns] for row in self.rows)]
        widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
        body = (
            "  "
            + "  ".join(
                _aligned(cell, width, index) for index, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        )
        return "\n".join([self.title, *(line.rstrip() for line in body), *(f"  ({note})" for note in self.notes), ""])

    def json(self) -> dict[str, Any]:
        """Write it for programs."""
        return {"subject": self.subject, "title": self.title, "rows": self.rows, "notes": self.notes}


def shown(value: Cell) -> str:
    """Write a figure with as many digits as it deserves."""
    if value is None:
        return "-"
    if isinstance(value, str | int):
        return str(value)
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column else cell.ljust(width)
