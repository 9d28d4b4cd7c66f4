"""What top shows, as plain tables: the same for a terminal, a pipe and a picture."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pyrolens.tools._records import CYAN, DIM, GREEN, RED, YELLOW, painted, printable
from pyrolens.tools._top_reading import NOT_CHECKED, Counted, View

SORTS = {"n": "name", "r": "records", "b": "bytes", "e": "errors", "l": "lag"}
"""Key -> what it sorts by. name is the order of the config."""
SLOW, LATE = 5.0, 60.0
"""Seconds of lag that are worth a colour."""
FULL = 0.8
"""Of a limit."""
MOST_REASONS = 5


COLOURS = {"head": CYAN, "dim": DIM, "good": GREEN, "warn": YELLOW, "bad": RED}
"""Of styles, where rich does not draw."""


class Cell(NamedTuple):
    text: str
    style: str = ""
    """"", dim, good, warn or bad."""


UNKNOWN = Cell("?", "dim")


class Table(NamedTuple):
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def heading(view: View) -> list[tuple[Cell, ...]]:
    """Lines above the tables."""
    good = {"ok": Cell("healthy", "good"), NOT_CHECKED: Cell("health not checked", "dim")}
    parts = [
        Cell(f"{printable(view.version)} at {view.address}"),
        Cell(f"up {ago(view.uptime)}", "dim"),
        good.get(view.health, Cell("unhealthy", "bad")),
    ]
    if view.memory:
        parts.append(Cell(f"{size(view.memory)} memory"))
    if view.cpu is not None:
        parts.append(Cell(f"{view.cpu * 100:.1f}% CPU"))
    if view.reloads:
        parts.append(Cell(f"{view.reloads} reload{'s' * (view.reloads > 1)}"))
    if view.log_errors.total:
        parts.append(Cell(f"{view.log_errors.total:,} errors in its log", "bad" if view.log_errors.new else "dim"))
    reasons = [(Cell(f"  {printable(reason)}", "warn"),) for reason in view.reasons[:MOST_REASONS]]
    if len(view.reasons) > MOST_REASONS:
        reasons.append((Cell(f"  and {len(view.reasons) - MOST_REASONS} more", "warn"),))
    return [tuple(parts), *reasons]


def tables(view: View, sort: str = "name") -> list[Table]:
    """Those in which there is something. `sort`: one of SORTS' values."""
    every = [
        Table(
            "inputs",
            ("records/s", "bytes/s", "records", "lag", "in memory", "state"),
            tuple(
                (
                    name(row.name),
                    per_second(row.records),
                    Cell(f"{size(row.bytes.per_second)}/s", "" if row.bytes.new else "dim"),
                    Cell(count(row.records.total)),
                    lag(row.lag),
                    Cell(*within(row.unsettled, row.limit)),
                    Cell("paused", "bad") if row.paused else paused_before(row.paused_seconds),
                )
                for row in in_order(view.inputs, sort)
            ),
        ),
        Table(
            "filters",
            ("records/s", "dropped/s", "added/s", "emitted/s", "dropped", "failed"),
            tuple(
                (
                    name(row.name),
                    *map(per_second, (row.records, row.dropped, row.added, row.emitted)),
                    Cell(count(row.dropped.total), "" if row.dropped.total else "dim"),
                    trouble(row.failed),
                )
                for row in in_order(view.filters, sort)
            ),
        ),
        Table(
            "outputs",
            ("records/s", "bytes/s", "records", "lag", "waiting", "on disk", "retries", "errors", "dropped"),
            tuple(
                (
                    name(row.name),
                    per_second(row.records),
                    Cell(f"{size(row.bytes.per_second)}/s", "" if row.bytes.new else "dim"),
                    Cell(count(row.records.total)),
                    lag(row.lag),
                    said(row.waiting, count),
                    said(row.stored, size),
                    trouble(row.retries, "warn"),
                    trouble(row.errors),
                    trouble(row.dropped),
                )
                for row in in_order(view.outputs, sort)
            ),
        ),
    ]
    return [table for table in every if table.rows]


KEYS: dict[str, Callable[[Any], float]] = {
    "records": lambda row: row.records.per_second,
    "bytes": lambda row: row.bytes.per_second if hasattr(row, "bytes") else row.records.per_second,
    "errors": lambda row: (
        sum(getattr(row, kind).total for kind in ("errors", "given_up", "dropped", "failed") if hasattr(row, kind))
        + (row.paused_seconds if hasattr(row, "paused_seconds") else 0)
    ),
    "lag": lambda row: (row.lag or 0.0) if hasattr(row, "lag") else 0.0,
}


def in_order(rows: Sequence[Any], sort: str) -> list[Any]:
    """The largest first; those that are equal in the order of the config."""
    return list(rows) if sort == "name" else sorted(rows, key=KEYS[sort], reverse=True)


def name(text: str) -> Cell:
    return Cell(printable(text))


def per_second(counted: Counted) -> Cell:
    return Cell(rate(counted.per_second), "" if counted.new else "dim")


def trouble(counted: Counted, style: str = "bad") -> Cell:
    """Of what should not be: coloured while there is more of it."""
    new = f" +{count(counted.new)}" if 0 < counted.new < counted.total else ""
    return Cell(f"{count(counted.total)}{new}", style if counted.new else "" if counted.total else "dim")


def lag(seconds: float | None) -> Cell:
    if seconds is None:
        return UNKNOWN
    return Cell(ago(seconds), "bad" if seconds >= LATE else "warn" if seconds >= SLOW else "dim" if not seconds else "")


def said(value: int | None, text: Callable[[int], str]) -> Cell:
    return UNKNOWN if value is None else Cell(text(value), "" if value else "dim")


def within(used: int, limit: int) -> tuple[str, str]:
    if not limit:
        return size(used), "" if used else "dim"
    style = "bad" if used >= limit else "warn" if used >= limit * FULL else "" if used else "dim"
    return f"{size(used)} of {size(limit)}", style


def paused_before(seconds: float) -> Cell:
    return Cell(f"paused for {ago(seconds)}", "warn") if seconds else Cell("reads", "dim")


def rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def count(value: int) -> str:
    """1,234 or 12.3M"""
    for power, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= power:
            return f"{value / power:.1f}{unit}"
    return f"{value:,}"


def size(value: float) -> str:
    """512 B, 1.5 KB, 4.8 MB"""
    for power, unit in ((1024**4, "TB"), (1024**3, "GB"), (1024**2, "MB"), (1024, "KB")):
        if value >= power:
            return f"{value / power:.1f} {unit}"
    return f"{value:.0f} B"


def ago(seconds: float) -> str:
    """0, 0.3s, 12s, 3m 20s, 2h 5m, 4d 1h"""
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + "s" if seconds >= 0.05 else "0"
    whole = int(seconds)
    for unit, name_, part, part_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= unit:
            return f"{whole // unit}{name_} {whole % unit // part}{part_name}"
    return f"{whole}s"


def plain(view: View, sort: str = "name", *, colours: bool = False) -> str:
    """For pipes, and where there is no rich."""

    def shown(cell: Cell, text: str) -> str:
        return painted(text, COLOURS.get(cell.style, ""), colours and cell.style in COLOURS)

    lines = [" · ".join(shown(cell, cell.text) for cell in line) for line in heading(view)]
    for table in tables(view, sort):
        head = [Cell(text, "head") for text in (table.title, *table.columns)]
        rows = [head, *table.rows]
        widths = [max(len(row[i].text) for row in rows) for i in range(len(head))]
        lines.append("")
        for row in rows:
            texts = [row[0].text.ljust(widths[0])]
            texts += [cell.text.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  ".join(shown(cell, text) for cell, text in zip(row, texts, strict=True)).rstrip())
    return "\n".join(lines)
