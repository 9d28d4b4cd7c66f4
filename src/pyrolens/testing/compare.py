"""What was expected and what was observed, field by field."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyrolens.records.accessor import MISSING, accessor
from pyrolens.records.event import Event
from pyrolens.records.regex import Pattern
from pyrolens.records.tags import glob
from pyrolens.rehearsal.journey import Arrival
from pyrolens.testing.kinds import written
from pyrolens.testing.suite import Expected, Patterns

MOST_PAIRS = 40_000
"""Of expected and observed records that are compared with each other; beyond that they go by their order."""

Sent = Callable[[Arrival], str]
"""What the output sends for a record, as text."""


@dataclass(frozen=True)
class FieldDiff:
    """A field, or the tag, the time, what is sent, that is not as expected."""

    field: str
    expected: str
    """For people: a value as JSON, or `no such field`."""
    observed: str


@dataclass(frozen=True)
class RecordDiff:
    """Of an expected record nothing came (observed is None); or nothing was expected (expected is None)."""

    expected: Expected | None
    observed: int | None
    """Index into the arrivals that were compared."""
    fields: tuple[FieldDiff, ...] = ()

    @property
    def fits(self) -> bool:
        return self.expected is not None and self.observed is not None and not self.fields


def as_text(value: Any) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False, default=_other)


def _other(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def plain(value: Any) -> Any:
    """With texts for what JSON does not know."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if value is None or isinstance(value, bool | int | float | str) else _other(value)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same where they are sent: 1 is no 1.0, and no true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(other, bytes):
        other = _other(other)
    return type(one) is type(other) and bool(one == other)


NONE = "no such field"


def differences(expected: Expected, arrival: Arrival, sent: Sent | None = None) -> tuple[FieldDiff, ...]:
    """All in which a record is not as expected."""
    ns, record = arrival.event
    out: list[FieldDiff] = []
    if expected.exact is not None:
        for name, value in expected.exact.items():
            observed = record.get(name, MISSING)
            if observed is MISSING or not same(value, observed):
                out.append(FieldDiff(name, as_text(value), NONE if observed is MISSING else as_text(observed)))
        more = [k for k in record if k not in expected.exact and k not in (expected.matches or {})]
        out += [FieldDiff(name, NONE, as_text(record[name])) for name in more]
    if expected.contains is not None:
        out += contained(expected.contains, record, "")
    if expected.matches is not None:
        out += matching(expected.matches, record, "")
    for name in expected.absent:
        observed = accessor(name)(record) if name.startswith("$") else record.get(name, MISSING)
        if observed is not MISSING:
            out.append(FieldDiff(name, NONE, as_text(observed)))
    if expected.tag is not None and not glob(expected.tag)(arrival.tag):
        out.append(FieldDiff("(tag)", expected.tag, arrival.tag))
    if expected.time is not None and expected.time != ns:
        out.append(FieldDiff("(time)", written(expected.time), written(int(ns))))
    if expected.sent is not None and sent is not None:
        out += _sent(expected.sent, sent(arrival))
    return tuple(out)


def _sent(expected: str | Mapping[str, Any], observed: str) -> list[FieldDiff]:
    if isinstance(expected, str):
        return [] if expected == observed else [FieldDiff("(sent)", as_text(expected), as_text(observed))]
    made = sent_fields(observed)
    if made is None:
        return [FieldDiff("(sent)", "an object of JSON", as_text(observed))]
    return contained(expected, made, "(sent) ")


def sent_fields(text: str) -> dict[str, Any] | None:
    """What is sent, where it is an object of JSON."""
    try:
        made = json.loads(text)
    except ValueError:
        return None
    return made if isinstance(made, dict) else None


def contained(expected: Mapping[str, Any], record: Mapping[str, Any], within: str) -> list[FieldDiff]:
    out: list[FieldDiff] = []
    for name, value in expected.items():
        path, observed = f"{within}{name}", record.get(name, MISSING)
        if isinstance(value, dict) and isinstance(observed, dict):
            out += contained(value, observed, f"{path}.")
        elif observed is MISSING or not same(value, observed):
            out.append(FieldDiff(path, as_text(value), NONE if observed is MISSING else as_text(observed)))
    return out


def matching(expected: Patterns, record: Mapping[str, Any], within: str) -> list[FieldDiff]:
    out: list[FieldDiff] = []
    for name, pattern in expected.items():
        path, observed = f"{within}{name}", record.get(name, MISSING)
        if isinstance(pattern, Pattern):
            text = observed if isinstance(observed, str) else _other(observed) if type(observed) is bytes else None
            if text is None and observed is not MISSING:
                text = as_text(observed)
            if text is None or not pattern.test(text):
                shown = NONE if observed is MISSING else as_text(observed)
                out.append(FieldDiff(path, f"what fits {pattern.text}", shown))
        elif isinstance(observed, dict):
            out += matching(pattern, observed, f"{path}.")
        else:
            out.append(FieldDiff(path, "a map", NONE if observed is MISSING else as_text(observed)))
    return out


def compare(
    expected: Sequence[Expected],
    observed: Sequence[Arrival],
    *,
    any_order: bool,
    others: bool,
    sent: Sent | None = None,
) -> list[RecordDiff]:
    """What is missing, too much or not as expected. `others`: there may be more than what is expected."""
    pairs = paired(expected, observed, any_order=any_order, sent=sent)
    return [pair for pair in pairs if not pair.fits and not (others and pair.expected is None)]


def paired(
    expected: Sequence[Expected], observed: Sequence[Arrival], *, any_order: bool, sent: Sent | None = None
) -> list[RecordDiff]:
    """Each expected record, in their order, with the one that it fits, else with the most similar one that fits none;
    then those that are left."""

    def look(i: int, j: int) -> tuple[FieldDiff, ...]:
        return differences(expected[i], observed[j], sent)

    rows, columns = range(len(expected)), range(len(observed))
    grid = {(i, i): look(i, i) for i in rows if i in columns}
    if any(grid.values()) or len(expected) != len(observed):
        if len(expected) * len(observed) <= MOST_PAIRS:
            grid = {(i, j): look(i, j) for i in rows for j in columns}
        fits = [[grid.get((i, j)) == () for j in columns] for i in rows]
        found = dict(assigned(fits) if any_order else longest(fits))
    else:
        found = {i: i for i in rows}
    left = [j for j in columns if j not in found.values()]
    out = []
    for i, one in enumerate(expected):
        if i in found:
            out.append(RecordDiff(one, found[i]))
            continue
        near = min((j for j in left if (i, j) in grid), key=lambda j: (len(grid[i, j]), abs(i - j)), default=None)
        if near is None:
            out.append(RecordDiff(one, None))
        else:
            left.remove(near)
            # where it fits, it is out of order
            fields = grid[i, near] or (FieldDiff("(order)", f"record {i + 1}", f"record {near + 1}"),)
            out.append(RecordDiff(one, near, fields))
    return [*out, *(RecordDiff(None, j) for j in left)]


def longest(fits: Sequence[Sequence[bool]]) -> list[tuple[int, int]]:
    """The most pairs that fit, in the order of both."""
    rows, columns = len(fits), len(fits[0]) if fits else 0
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            best[i][j] = max(best[i + 1][j + 1] + fits[i][j], best[i + 1][j], best[i][j + 1])
    out, i, j = [], 0, 0
    while i < rows and j < columns:
        if fits[i][j] and best[i][j] == best[i + 1][j + 1] + 1:
            out.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return out


def assigned(fits: Sequence[Sequence[bool]]) -> list[tuple[int, int]]:
    """The most pairs that fit, in any order."""
    owner: dict[int, int] = {}

    def place(i: int, seen: set[int]) -> bool:
        for j, well in enumerate(fits[i]):
            if well and j not in seen:
                seen.add(j)
                if j not in owner or place(owner[j], seen):
                    owner[j] = i
                    return True
        return False

    for i in range(len(fits)):
        place(i, set())
    return sorted((i, j) for j, i in owner.items())


def record_of(event: Event) -> dict[str, Any]:
    made: dict[str, Any] = plain(event[1])
    return made
