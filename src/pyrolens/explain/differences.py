"""What is different between a record before a filter and behind it, field by field."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pyrolens.records.accessor import MISSING

How = Literal["added", "removed", "changed", "moved"]
PLAIN = re.compile(r"[A-Za-z_][\w-]*")
"""A field that needs no quotes where an accessor begins."""


@dataclass(frozen=True, slots=True)
class Change:
    how: How
    field: str
    """As an accessor without its $: log, kubernetes['labels']['app'], list[0]."""
    before: Any = MISSING
    after: Any = MISSING
    to: str = ""
    """Of what has moved: the field that it is now."""


Path = tuple[str | int, ...]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """In the order of the fields before, and then of those that are new. What is equal and only stands in another field
    has moved, as long as it is clear from where."""
    gone, new, changed = list[tuple[Path, Any]](), list[tuple[Path, Any]](), list[tuple[Path, Any, Any]]()
    _compare((), before, after, gone, new, changed)
    moved = _moved(gone, new)
    from_new = {to: path for path, to in moved.items()}
    out = []
    for path, value in gone:
        if path in moved:
            out.append(Change("moved", written(path), value, value, written(moved[path])))
        else:
            out.append(Change("removed", written(path), value))
    out += [Change("changed", written(path), old, now) for path, old, now in changed]
    out += [Change("added", written(path), after=value) for path, value in new if path not in from_new]
    return out


def _compare(
    path: Path,
    before: Any,
    after: Any,
    gone: list[tuple[Path, Any]],
    new: list[tuple[Path, Any]],
    changed: list[tuple[Path, Any, Any]],
) -> None:
    if same(before, after):
        return
    match before, after:
        case Mapping(), Mapping():
            pairs = [(key, before.get(key, MISSING), after.get(key, MISSING)) for key in {**before, **after}]
        case list() | tuple(), list() | tuple():
            longest = max(len(before), len(after))
            ours, theirs = [*before, *[MISSING] * longest], [*after, *[MISSING] * longest]
            pairs = list(zip(range(longest), ours, theirs, strict=False))
        case _:
            changed.append((path, before, after))
            return
    for key, old, now in pairs:
        here = (*path, key)
        if old is MISSING:
            new.append((here, now))
        elif now is MISSING:
            gone.append((here, old))
        else:
            _compare(here, old, now, gone, new, changed)


def _moved(gone: list[tuple[Path, Any]], new: list[tuple[Path, Any]]) -> dict[Path, Path]:
    """Where each field is now that has another name. A map of which a part is found elsewhere is taken apart: both
    lists are, too."""
    while True:
        moved = {}
        for path, value in gone:
            there = [to for to, other in new if same(value, other)]
            here = [p for p, other in gone if same(value, other)]
            telling = not _common(value) or len(gone) == len(new) == 1
            if len(there) == len(here) == 1 and telling:
                moved[path] = there[0]
        parts = _taken_apart(gone, new, moved) or _taken_apart(new, gone, {to: path for path, to in moved.items()})
        if not parts:
            return moved


def _taken_apart(ones: list[tuple[Path, Any]], others: list[tuple[Path, Any]], known: Mapping[Path, Path]) -> bool:
    """Replace the first map whose parts are found among the others by these parts."""
    for n, (path, value) in enumerate(ones):
        if path in known or not isinstance(value, Mapping):
            continue
        if any(not _common(part) and any(same(part, other) for _, other in others) for _, part in _leaves(path, value)):
            ones[n : n + 1] = [((*path, key), part) for key, part in value.items()]
            return True
    return False


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """Every value within, the maps, too."""
    for key, part in value.items():
        yield (*path, key), part
        if isinstance(part, Mapping):
            yield from _leaves((*path, key), part)


def _common(value: Any) -> bool:
    """A value that may well be in two fields by chance."""
    return value is None or isinstance(value, bool) or value in ("", {}, []) or (isinstance(value, int) and value < 10)


def same(one: Any, other: Any) -> bool:
    """Equal, and of one type: 1 is not 1.0, and not true."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other or (one != one and other != other))


def written(path: Path) -> str:
    """As an accessor without its $."""
    first, *rest = path
    name = str(first)
    out = name if PLAIN.fullmatch(name) else f"['{name}']"
    return out + "".join(f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in rest)
