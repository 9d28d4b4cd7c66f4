"""The way of records under one tag: who is watched on it, who is skipped, and what each did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pyrolens.problems import Place
from pyrolens.records.event import Event
from pyrolens.records.routes import Holds
from pyrolens.rehearsal.journey import Kind, Result, Station
from pyrolens.rehearsal.rules import Rules


@dataclass(slots=True, eq=False)
class Watch:
    """A filter, processor, stream task or output that is watched, and what it has had to do."""

    kind: Kind
    label: str
    plugin: str
    place: Place | None
    takes: str = ""
    """As the config says it, such as `Match app.*`; of outputs and filters."""
    belongs: "Watch | None" = None
    """Of a processor of an output: that output."""
    rules: Rules | None = None
    holds: Holds | None = None
    """Its condition, of a processor that has one."""
    records: int = 0
    changed: int = 0
    dropped: int = 0
    moved: int = 0
    failed: int = 0

    def station(
        self,
        tag: str,
        result: Result,
        why: str = "",
        before: tuple[Event, ...] = (),
        after: tuple[Event, ...] = (),
        gone: tuple[int, ...] = (),
    ) -> Station:
        return Station(self.kind, self.label, self.plugin, self.place, tag, result, why, before, after, gone)


class Milestone(NamedTuple):
    """Who is on the way of a tag."""

    watch: Watch
    skipped: Station | None
    """Why, if it is skipped."""


class Miles:
    """All that there is on the way of a tag, worked out once."""

    __slots__ = ("all", "skips", "watches")

    def __init__(self, milestones: Iterable[Milestone]) -> None:
        self.all = tuple(milestones)
        self.watches = frozenset(mile.watch for mile in self.all)
        self.skips = any(mile.skipped for mile in self.all)


NOBODY = Miles(())


@dataclass(slots=True)
class Walk:
    """A leg that is being gone."""

    tag: str
    events: tuple[Event, ...]
    origin: str = ""
    came_as: str = ""
    ran: list[tuple[Watch, Station]] = field(default_factory=list)
    miles: Miles = NOBODY
    flowing: Sequence[Event] = ()
    """What there is behind the last filter that ran."""


def stations_of(walk: Walk) -> tuple[Station, ...]:
    """What ran, and between it what was skipped, up to where nothing was left."""
    if not walk.miles.skips:
        return tuple(station for _, station in walk.ran)
    miles = walk.miles.watches
    by_mile: dict[Watch, list[Station]] = {}
    out: list[Station] = []
    for watch, station in walk.ran:
        owner = watch.belongs or watch
        if owner in miles:
            by_mile.setdefault(owner, []).append(station)
        else:
            out.append(station)  # a processor of the input
    left = len(by_mile)
    for mile in walk.miles.all:
        if mile.skipped:
            out.append(mile.skipped)
        elif mile.watch in by_mile:
            out += by_mile[mile.watch]
            left -= 1
        if not left and not walk.flowing:
            break
    return tuple(out)


def together(one: Station, two: Station) -> Station:
    """A step that was given a batch in parts."""
    same: Result = one.result if one.result == two.result else "changed"
    result: Result = "failed" if "failed" in (one.result, two.result) else same
    gone = one.gone + tuple(n + len(one.before) for n in two.gone)
    return one._replace(
        result=result,
        why=one.why or two.why,
        before=one.before + two.before,
        after=one.after + two.after,
        gone=gone,
    )
