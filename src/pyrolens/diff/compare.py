"""What is different between the two fates of a line."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from pyrolens.diff.fates import Destination, Fate, Reached
from pyrolens.diff.sample import Sampled
from pyrolens.explain.differences import Change, differences
from pyrolens.records import recorded

Kind = Literal["dropped", "kept", "moved", "also", "no longer", "doubled", "tag", "content", "time", "sent", "lost"]
"""dropped: it reached an output, and does not any more. kept: the other way round. moved: it reaches others. also,
no longer: it reaches one more, or one less. doubled: it reaches one of them more or less often than before. tag,
content, time: at an output that it reaches in both. sent: the record is the same, and what the output makes of it is
not. lost: it reaches no output in both, and for another reason."""
KINDS: tuple[Kind, ...] = (
    "dropped", "kept", "moved", "also", "no longer", "doubled", "tag", "content", "time", "sent", "lost",
)  # fmt: skip
Sends = Callable[[Reached, Reached], tuple[str, str] | None]
"""(before, after) -> what is sent of them, if that is not the same."""

Names = Callable[[Destination], str]


@dataclass(frozen=True)
class Found:
    """One difference of one line."""

    kind: Kind
    before: tuple[str, ...] = ()
    """Destinations, tags, or why there is none."""
    after: tuple[str, ...] = ()
    at: str = ""
    """The destination, of tag, content, time and sent."""
    fields: tuple[Change, ...] = field(default=(), compare=False)
    """Of content; of sent, what is sent."""
    shape: tuple[str, ...] = ()
    """Which fields, and how; lines that differ alike are one group."""


@dataclass
class Group:
    found: Found
    first: Sampled
    """The first line of them."""
    count: int = 0


@dataclass(frozen=True)
class Options:
    ignore_time: bool = False
    ignore: tuple[str, ...] = ()
    """Fields, as accessors without their $, with all that is in them."""


def compare(before: Fate, after: Fate, options: Options, sends: Sends, names: Names) -> Iterator[Found]:
    old, new = before.places, after.places
    if not old and not new:
        if bool(before.dropped) != bool(after.dropped):
            yield Found("lost", (before.nowhere,), (after.nowhere,))
        return
    here, there = (tuple(names(place) for place in places) for places in (old, new))
    if not new:
        yield Found("dropped", here, (after.nowhere,))
        return
    if not old:
        yield Found("kept", (before.nowhere,), there)
        return
    more, less = new.keys() - old.keys(), old.keys() - new.keys()
    if more and less:
        yield Found("moved", _sorted(map(names, less)), _sorted(map(names, more)))
    elif more:
        yield Found("also", (), _sorted(map(names, more)))
    elif less:
        yield Found("no longer", _sorted(map(names, less)), ())
    for place in old:
        if place in new:
            yield from _at(place, names(place), before, after, options, sends)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _at(place: Destination, name: str, before: Fate, after: Fate, options: Options, sends: Sends) -> Iterator[Found]:
    """At one destination."""
    ours = [one for one in before.reached if one.at == place]
    theirs = [one for one in after.reached if one.at == place]
    if len(ours) != len(theirs):
        yield Found("doubled", (times(len(ours)),), (times(len(theirs)),), name)
    for one, other in zip(ours, theirs, strict=False):
        if one.tag != other.tag:
            yield Found("tag", (one.tag,), (other.tag,), name)
        (ns, record), (new_ns, new_record) = one.event, other.event
        changes = tuple(c for c in differences(record, new_record) if not ignored(c, options.ignore))
        if changes:
            yield Found("content", at=name, fields=changes, shape=tuple(shape(c) for c in changes))
        if int(ns) != int(new_ns) and not options.ignore_time:
            yield Found("time", (time_text(int(ns)),), (time_text(int(new_ns)),), name)
        if record == new_record and ns == new_ns and (told := sends(one, other)) is not None:
            yield Found("sent", at=name, fields=(Change("changed", "", *told),))


def time_text(ns: int) -> str:
    return str(recorded.time_text(ns))


def times(n: int) -> str:
    return "once" if n == 1 else "twice" if n == 2 else f"{n} times"


def ignored(change: Change, fields: tuple[str, ...]) -> bool:
    return any(change.field == f or change.field.startswith((f"{f}[", f"{f}.")) for f in fields)


def shape(change: Change) -> str:
    return f"{change.how} {change.field} {change.to}".strip()


def naming(places: Iterable[Destination]) -> Names:
    """Short names, where they tell the places apart."""
    known = set(places)
    short = Counter(map(str, known))
    names = {place: str(place) if short[str(place)] == 1 else place.whole for place in known}
    return names.__getitem__


UNIQUE = re.compile(r"[0-9a-f]{12,}")


def alike(tag: str) -> str:
    """A tag without what sets each of its kind apart: the id of a task or a container."""
    return UNIQUE.sub("*", tag)


@dataclass
class Comparison:
    lines: int = 0
    changed: int = 0
    """Lines with a difference."""
    groups: dict[object, Group] = field(default_factory=dict)

    def add(self, sampled: Sampled, found: Iterable[Found]) -> None:
        self.lines += 1
        some = False
        for one in found:
            some = True
            tags = one.kind == "tag"
            key = (one.kind, *(tuple(map(alike, t)) if tags else t for t in (one.before, one.after)), one.at, one.shape)
            if one.kind == "time":
                key = (one.kind, one.at)
            self.groups.setdefault(key, Group(one, sampled)).count += 1
        self.changed += some

    def sorted(self) -> list[Group]:
        """By kind, the most frequent first."""
        groups = self.groups.values()
        return sorted(groups, key=lambda g: (KINDS.index(g.found.kind), -g.count, g.first.file, g.first.number))
