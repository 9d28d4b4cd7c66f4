"""Warnings about patterns that can take very long on a text made for that."""

import dataclasses
from collections.abc import Iterable

from pyrolens.language.document import Entry
from pyrolens.problems import Place, Problems
from pyrolens.records.regex import Pattern, noticed

LONGEST = 60
"""Characters of a part that are shown."""


def forget() -> None:
    """What was compiled before is nobody's any more."""
    noticed.clear()


def tell(who: str, entries: Iterable[Entry], place: Place, problems: Problems) -> None:
    """Warn about each of those that were compiled since forget(), at the entry that holds it."""
    entries = list(entries)
    for pattern in noticed:
        problems.warning("slow-pattern", f"{who}: {message(pattern)}", where(pattern, entries, place), hint(pattern))
    noticed.clear()


def message(pattern: Pattern) -> str:
    danger, part = pattern.danger, pattern.slow_part
    shown = part if len(part) <= LONGEST else part[: LONGEST - 1] + "…"
    if danger is None or not danger.power:
        text = danger.text if danger else ""
        such = f" such as '{text * (4 // len(text) + 1)}…'" if text and text.isprintable() else ""
        return f"the pattern can take exponentially long: {shown} can read a text{such} in very many ways"
    return (
        f"the pattern can take very long: it has loops one after another, up to {shown}, that can share a text of n "
        f"characters in n^{danger.power - 1} ways"
    )


def hint(pattern: Pattern) -> str:
    if pattern.danger and pattern.danger.power:
        way = "say what each part holds, such as [^ ]* instead of .*, or begin with ^"
    else:
        way = "make the inner repeat possessive (a++ or (?>a+)), or let a loop's turns differ in how they begin"
    return f"{way}; a record that takes too long counts as not matching"


def where(pattern: Pattern, entries: Iterable[Entry], place: Place) -> Place:
    for entry in entries:
        text = pattern.text
        if text not in str(entry.value) and text not in repr(entry.value):
            continue
        at = entry.value_place
        start = at.text.find(text, max(at.column - 1, 0))
        return dataclasses.replace(at, column=start + 1, length=len(text)) if at.line and start >= 0 else at
    return place
