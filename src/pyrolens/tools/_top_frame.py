"""What top shows in a terminal, drawn by rich."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Drawn
from rich.text import Text

from pyrolens.tools._top_reading import View
from pyrolens.tools._top_tables import SORTS, Cell, Table, heading, tables

STYLES = {"": "", "dim": "dim", "good": "green", "warn": "yellow", "bad": "bold red"}
COLOURS = {"inputs": "cyan", "filters": "magenta", "outputs": "blue"}


SPARE = ("records", "on disk", "added/s", "emitted/s", "state", "bytes/s")
"""Columns that a narrow terminal goes without, in this order."""
NAME = 16
"""Characters that a name has at least."""


def frame(
    view: View, sort: str = "name", *, width: int = 120, paused: bool = False, trouble: str = ""
) -> RenderableType:
    """`width`: characters. `trouble`: why there is nothing newer than this."""
    parts: list[RenderableType] = [line_of(cells, first=n == 0) for n, cells in enumerate(heading(view))]
    if trouble:
        parts.append(Text(f"  {trouble}", "bold red"))
    for table in [fitting(table, width) for table in tables(view, sort)]:
        drawn = Drawn(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False, pad_edge=False)
        drawn.add_column(Text(table.title, f"bold {COLOURS[table.title]}"), ratio=1, no_wrap=True, overflow="ellipsis")
        for column in table.columns:
            drawn.add_column(Text(column, "dim"), justify="right", no_wrap=True)
        for row in table.rows:
            drawn.add_row(*(Text(cell.text, STYLES[cell.style]) for cell in row))
        parts += [Text(), drawn]
    return Group(*parts, Text(), footer(sort, paused))


def fitting(table: Table, width: int) -> Table:
    """Without the columns that there is no room for."""
    for spare in SPARE:
        if needed(table) <= width:
            break
        if spare in table.columns:
            gone = table.columns.index(spare)
            columns = (*table.columns[:gone], *table.columns[gone + 1 :])
            rows = tuple((*row[: gone + 1], *row[gone + 2 :]) for row in table.rows)
            table = Table(table.title, columns, rows)
    return table


def needed(table: Table) -> int:
    """Characters."""
    widths = [
        max([len(column), *(len(row[n].text) for row in table.rows)]) for n, column in enumerate(table.columns, 1)
    ]
    return NAME + sum(widths) + 3 * len(widths)


def line_of(cells: Sequence[Cell], *, first: bool) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    for n, cell in enumerate(cells):
        line.append(" · " if n else "", "dim")
        line.append(cell.text, STYLES[cell.style] or ("bold" if first and n == 0 else ""))
    return line


def footer(sort: str, paused: bool) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(" paused " if paused else "", "reverse yellow")
    line.append(" " if paused else "")
    line.append("q", "bold").append(" quit  ", "dim")
    line.append("p", "bold").append(" go on  " if paused else " pause  ", "dim")
    line.append("sort by: ", "dim")
    for key, by in SORTS.items():
        line.append(key, "bold").append(f" {by}", "reverse" if by == sort else "dim").append("  ")
    return line
