"""What a comparison says, for people and for programs."""

from collections.abc import Iterator
from typing import Any

from pyrolens.diff.compare import Comparison, Found, Group, Kind, alike
from pyrolens.diff.structure import Structure
from pyrolens.explain.differences import Change
from pyrolens.explain.text import Line, between, line, shortened, value_text
from pyrolens.records.accessor import MISSING

STYLES: dict[Kind, str] = {
    "dropped": "bold red",
    "lost": "bold red",
    "no longer": "bold red",
    "kept": "bold green",
    "also": "bold green",
    "doubled": "bold magenta",
    "moved": "bold yellow",
    "tag": "bold cyan",
    "content": "bold cyan",
    "time": "bold cyan",
    "sent": "bold cyan",
}
FIELDS = 8
"""Fields of the first line that are shown."""
SIGNS = {"+": "green", "-": "red", "~": "yellow"}


def what(found: Found) -> str:
    told = (found.before, found.after)
    before, after = (", ".join(map(alike, t) if found.kind in ("tag", "kept", "dropped") else t) for t in told)
    return {
        "dropped": f"{before} → nowhere: {after}",
        "kept": f"nowhere → {after}; before: {before}",
        "lost": f"nowhere: {before} → {after}",
        "moved": f"{before} → {after}",
        "also": f"also to {after}",
        "no longer": f"no longer to {before}",
        "doubled": f"{found.at}: {before} → {after}",
        "tag": f"tag at {found.at}: {before} → {after}",
        "content": f"content at {found.at}: {_fields(found)}",
        "time": f"time at {found.at}: {before} → {after}",
        "sent": f"what is sent to {found.at}",
    }[found.kind]


def _fields(found: Found) -> str:
    names = list(dict.fromkeys(change.field for change in found.fields))
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def text_of(comparison: Comparison, width: int) -> Iterator[Line]:
    groups = comparison.sorted()
    lines = f"{comparison.lines} {'line' if comparison.lines == 1 else 'lines'}"
    if not groups:
        yield line((f"{lines}, no difference", "bold green"))
        return
    yield line((f"{comparison.changed} of {lines} {'differs' if comparison.changed == 1 else 'differ'}", "bold"))
    digits = len(str(max(group.count for group in groups)))
    for group in groups:
        yield line()
        yield line((f"  {group.count:>{digits}}  ", "bold"), (what(group.found), STYLES[group.found.kind]))
        indent = " " * (digits + 4)
        said = shortened(group.first.text, max(width - len(indent) - 12, 20))
        yield line(indent, (f"line {group.first.number}: ", "dim"), said)
        for change in group.found.fields[:FIELDS]:
            yield from _change(change, indent + "  ")
        if len(group.found.fields) > FIELDS:
            yield line(indent, (f"  … {len(group.found.fields) - FIELDS} fields more", "dim"))


def _change(change: Change, indent: str) -> Iterator[Line]:
    name = change.field
    if change.how == "moved":
        yield line(indent, ("> ", "cyan"), f"{name} is {change.to} now")
        return
    before, after = (_value(change, value) for value in (change.before, change.after))
    if change.how == "changed":
        before, after = between(before, after)
    if change.how != "added":
        yield line(indent, ("- ", "red"), f"{name} " if name else "", (shortened(before), "red"))
    if change.how != "removed":
        yield line(indent, ("+ ", "green"), f"{name} " if name else "", (shortened(after), "green"))


def _value(change: Change, value: Any) -> str:
    """Of what is sent, the text as it is."""
    return (
        str(value) if not change.field and isinstance(value, str) else value_text(value) if value is not MISSING else ""
    )


def structure_text(found: Structure) -> Iterator[Line]:
    if not found.differs:
        yield line(("no difference", "bold green"))
        return
    for row in found.rows:
        yield line((row.source, "bold"))
        for step in row.steps:
            style = SIGNS[step.sign]
            if step.sign == "~":
                yield line((f"  ~ {step.to}", style))
                yield line(("      before: ", "dim"), step.before)
                yield line(("      now:    ", "dim"), step.after)
            else:
                yield line((f"  {step.sign} {step.to}", style), f"  {step.before or step.after}")
        yield line()
    if not found.rows:
        yield line(("the same records go to the same places", "bold"))
        yield line()
    for part in found.parts:
        yield line((f"{part.sign} {part.kind} {part.label}", SIGNS[part.sign]))
        for sign, text in part.lines:
            yield line((f"    {sign} ", SIGNS[sign]), shortened(text, 100))


# -- for programs ------------------------------------------------------------------------------------------------------


def as_data(comparison: Comparison) -> dict[str, Any]:
    return {
        "lines": comparison.lines,
        "changed": comparison.changed,
        "groups": [_group(group) for group in comparison.sorted()],
    }


def _group(group: Group) -> dict[str, Any]:
    found = group.found
    first: dict[str, Any] = {"file": group.first.file, "line": group.first.number, "text": group.first.text}
    if found.fields:
        first["fields"] = [_field(change) for change in found.fields]
    out: dict[str, Any] = {"kind": found.kind, "lines": group.count, "before": found.before, "after": found.after}
    return {**out, **({"at": found.at} if found.at else {}), "first": first}


def _field(change: Change) -> dict[str, Any]:
    out: dict[str, Any] = {"how": change.how, "field": change.field}
    out |= {k: v for k, v in (("before", change.before), ("after", change.after)) if v is not MISSING}
    return {**out, "to": change.to} if change.to else out


def structure_data(found: Structure) -> dict[str, Any]:
    return {
        "ways": [
            {
                "source": row.source,
                "steps": [{"sign": s.sign, "to": s.to, "before": s.before, "after": s.after} for s in row.steps],
            }
            for row in found.rows
        ],
        "sections": [
            {"sign": p.sign, "kind": p.kind, "label": p.label, "lines": [f"{sign} {text}" for sign, text in p.lines]}
            for p in found.parts
        ],
    }
