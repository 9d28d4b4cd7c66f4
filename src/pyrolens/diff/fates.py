"""What becomes of each line of a sample in one config: a rehearsal of all of them, in their order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pyrolens.config import Built
from pyrolens.diff.sample import STEP, Item
from pyrolens.graph.places import leads_to
from pyrolens.options import value_of
from pyrolens.plugin import Output
from pyrolens.problems import ConfigError, Problem
from pyrolens.records.event import SECOND, Event
from pyrolens.rehearsal.journey import Journey
from pyrolens.rehearsal.rehearsal import START, Rehearsal
from pyrolens.rehearsal.subject import Subject

SAME = {"cloudwatch": "cloudwatch_logs", "firehose": "kinesis_firehose", "kinesis": "kinesis_streams"}
"""Plugins that send to one service."""


@dataclass(frozen=True)
class Destination:
    """Where an output leads. Outputs of two configs that lead to one place have equal destinations."""

    plugin: str
    said: tuple[str, ...]
    """What sets it apart: `log group /ecs/app`, `region eu-west-1`."""

    def __str__(self) -> str:
        first = self.said[0].rpartition(" ")[2] if self.said else ""
        return f"{self.plugin} {first}".strip()

    @property
    def whole(self) -> str:
        return f"{self.plugin} ({', '.join(self.said)})" if self.said else self.plugin


def destination(built: Built[Output]) -> Destination:
    plugin = built.plugin
    said = [*leads_to(built)]
    for word, option in (("role", "role_arn"), ("endpoint", "endpoint")):
        if (value := value_of(plugin, option)) and plugin.name not in ("newrelic",):
            said.append(f"{word} {value}")
    return Destination(SAME.get(plugin.name, plugin.name), tuple(said))


@dataclass(frozen=True)
class Reached:
    """A record at the door of an output."""

    at: Destination
    output: str
    """Its label."""
    tag: str
    event: Event


@dataclass
class Fate:
    """What becomes of one line."""

    reached: list[Reached] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    """Labels of the filters that took it out."""
    unrouted: list[str] = field(default_factory=list)
    """Tags under which no output took it."""

    @property
    def places(self) -> Counter[Destination]:
        """How often it reaches each."""
        return Counter(one.at for one in self.reached)

    @property
    def nowhere(self) -> str:
        """Why it reaches no output."""
        if self.dropped:
            return f"dropped by {', '.join(dict.fromkeys(self.dropped))}"
        if self.unrouted:
            return f"no output takes {', '.join(dict.fromkeys(self.unrouted))}"
        return "joined with another line, or left out by the input"


def fates(subject: Subject, rehearsal: Rehearsal, items: Sequence[Item]) -> list[Fate]:
    """Of each item. Raises: ConfigError."""
    out = [Fate() for _ in items]
    if not items:
        return out
    places = {built.label: destination(built) for built in subject.config.outputs}
    times = Counter(int(e[0]) for item in items for fed in item.fed for e in fed.events)
    owner = {int(e[0]): n for n, item in enumerate(items) for f in item.fed for e in f.events if times[int(e[0])] == 1}

    def note(journey: Journey, now: int) -> None:
        """What a filter remembered for a while still has the time of its line."""
        for label, tag, event in journey.arrivals:
            out[owner.get(int(event[0]), now)].reached.append(Reached(places[label], label, tag, event))
        for drop in journey.dropped:
            out[owner.get(int(drop.event[0]), now)].dropped.append(drop.by)
        for lost in journey.unrouted:
            if not lost.intended:
                out[owner.get(int(lost.event[0]), now)].unrouted.append(lost.tag)

    for number, item in enumerate(items):
        note(rehearsal.advance(STEP / SECOND), max(number - 1, 0))
        for fed in item.fed:
            try:
                processed = bool(item.sampled.behind)
                note(rehearsal.feed(fed.tag, fed.events, fed.input, processed=processed), number)
            except LookupError as why:
                raise ConfigError([Problem("bad-sample", str(why))]) from None
    note(rehearsal.finish(), len(items) - 1)
    return out


def rehearsal_of(subject: Subject) -> Rehearsal:
    """Raises: ConfigError."""
    return Rehearsal(subject.config, now_ns=START, environ=subject.environ)
