"""One figure of the evaluation, and the table of all: a row a figure, ours beside the same measure by other ways.

Knows nothing of what was measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. beside: the same measure on real recordings or by other ways; aim: what ours must reach.

    at_least: whether ours >= aim meets the aim (otherwise ours <= aim does).
    """

    name: str
    ours: float
    beside: Mapping[str, float]
    aim: float
    at_least: bool
    note: str = ""

    @property
    def met(self) -> bool:
        return self.ours >= self.aim if self.at_least else self.ours <= self.aim


def write_table(rows: Sequence[Row]) -> str:
    """All rows as a table in Markdown, its columns aligned."""
    head = ("measure", "ours", "aim", "met", "beside", "note")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    lines = [line.rstrip() + " |" for line in lines]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def as_values(row: Row) -> dict[str, object]:
    """A row for JSON, with whether its aim is met."""
    return asdict(row) | {"beside": dict(row.beside), "met": row.met}


def _cells(row: Row) -> tuple[str, ...]:
    beside = ", ".join(f"{name} {figure:.3g}" for name, figure in row.beside.items())
    sign = ">=" if row.at_least else "<="
    return row.name, f"{row.ours:.3g}", f"{sign} {row.aim:.3g}", "yes" if row.met else "no", beside, row.note
