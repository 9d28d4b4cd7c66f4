"""Containers and inputs by destinations: what goes where, and on which condition."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from pyrolens.check.context import OPEN
from pyrolens.config import Built
from pyrolens.explain.conditions import Condition, Doubt, simplest, without_implied
from pyrolens.explain.destinations import destination, origin
from pyrolens.explain.tags import match_text
from pyrolens.explain.ways import End, Ways
from pyrolens.plugin import Input
from pyrolens.problems import Place
from pyrolens.rehearsal.subject import Subject

Certainty = Literal["always", "on condition", "maybe"]
TASK_ID = "<task id>"
ANY_CONTAINER = "*-firelens-*"


@dataclass(frozen=True, slots=True)
class Source:
    kind: Literal["container", "input"]
    name: str
    """Of the container; label of the input."""
    tag: str
    """As people know it: web-firelens-<task id>; `*` stands for any text."""
    place: Place | None
    ours: bool
    """False: ECS adds this input to the config of every task."""
    reads: str = ""
    """Of an input: files, a port, a socket."""


@dataclass(frozen=True, slots=True)
class Destination:
    output: str
    """Its label."""
    plugin: str
    where: str
    match: str
    place: Place | None
    logs: bool
    """False: it takes metrics alone."""


@dataclass(frozen=True, slots=True)
class Way:
    """All ways by which records of a source come to one end."""

    source: str
    how: Literal["output", "dropped", "nowhere", "apart"]
    who: str
    certainty: Certainty
    when: tuple[tuple[Condition, ...], ...]
    """Any of these: each a list of conditions that hold together. Empty, if there is none."""
    doubts: tuple[Doubt, ...]
    tags: tuple[str, ...]
    """With which they come there."""
    ends: tuple[End, ...]
    """The same one by one, as the pipeline takes them."""


@dataclass(frozen=True, slots=True)
class Matrix:
    sources: tuple[Source, ...]
    destinations: tuple[Destination, ...]
    ways: tuple[Way, ...]
    fluentd: bool = False
    """It is of a config in Fluentd's language, where <match> sections take tags."""

    def cell(self, source: Source, output: str) -> Way | None:
        return next((w for w in self.ways if (w.source, w.how, w.who) == (source.name, "output", output)), None)

    def of(self, source: Source) -> list[Way]:
        return [way for way in self.ways if way.source == source.name]

    @property
    def lost(self) -> list[Way]:
        """Those by which records for sure reach no output, at least on a condition about what they hold. Inputs whose
        peers choose the tags do not count."""
        known = {source.name for source in self.sources if source.tag != "*"}
        return [way for way in self.ways if way.how == "nowhere" and way.source in known and _certain(way)]


def _certain(way: Way) -> bool:
    if way.certainty == "maybe":
        return False
    return not way.when or any(all(c.test.left != "tag" for c in each) for each in way.when)


def matrix(subject: Subject) -> Matrix:
    config, ways = subject.config, Ways(subject.config)
    sources: list[Source] = []
    found: list[Way] = []
    for source, built, tags in _sources(subject):
        sources.append(source)
        by_end: dict[tuple[str, str], list[End]] = {}
        for end in ways.of(built, tags):
            by_end.setdefault((end.how, end.who), []).append(end)
        found += [_way(source, ends, subject) for ends in by_end.values()]
    destinations = [
        Destination(
            o.label,
            o.plugin.name,
            destination(o.plugin),
            match_text(o.plugin),
            subject.place(o.place),
            type(o.plugin).takes_logs,
        )
        for o in config.outputs
    ]
    labels = [*(o.label for o in config.outputs), *(f.label for f in config.filters)]
    order = {label: n for n, label in enumerate(labels)}
    found.sort(key=lambda w: (ORDER.index(w.how), order.get(w.who, 0)))
    return Matrix(tuple(sources), tuple(destinations), tuple(found), config.flows is not None)


ORDER = ("output", "dropped", "apart", "nowhere")


def _sources(subject: Subject) -> Iterator[tuple[Source, Built[Input] | None, str]]:
    """Each with the input it comes by, and the set of its tags."""
    inputs = subject.config.inputs
    if not inputs:
        # what a task adds to the config that ECS generates
        yield Source("container", "of any name", ANY_CONTAINER, None, True), None, ANY_CONTAINER
    socket = next((i for i in inputs if getattr(i.plugin, "unix_path", None)), None) if subject.task else None
    if socket is not None:
        for name in subject.containers:
            tag = subject.tag_of(name)
            place = next((c.place for c in subject.task.definition.containers if c.name == name), None)  # type: ignore[union-attr]
            yield Source("container", name, _shown(subject, tag), place, True), socket, tag
    for built in inputs:
        if built is socket or built.plugin.publishes(built.tag) is not None:
            continue
        tags = input_tags(built)
        ours, reads = not _generated(subject, built), origin(built.plugin)
        yield Source("input", built.label, tags, subject.place(built.place), ours, reads), built, tags


def _shown(subject: Subject, tag: str) -> str:
    return tag.replace(subject.task.id, TASK_ID) if subject.task else tag


def _generated(subject: Subject, built: Built[Input]) -> bool:
    """Whether ECS adds it: the loggers' port, and the health check of the task."""
    if subject.setup is None:
        return False
    plugin = built.plugin.name
    return (plugin == "forward" and built.tag in ("", built.name)) or built.tag == "firelens-healthcheck"


def input_tags(built: Built[Input]) -> str:
    """The tags that its records may have, as a set."""
    plugin = built.plugin
    if plugin.name in OPEN and not (plugin.tag and plugin.name == "forward"):
        return "*"
    return "*" if "$" in built.tag or "<" in built.tag else built.tag


def _way(source: Source, ends: list[End], subject: Subject) -> Way:
    sure = [end for end in ends if not end.flow.doubts] or ends
    told = [without_implied(end.flow.conditions) for end in sure]
    known = {(c.test, c.holds): c for each in told for c in each}
    by_test = {key: replace(c, place=subject.place(c.place)) for key, c in known.items()}
    order = {key: n for n, key in enumerate(by_test)}
    sets = simplest(frozenset((c.test, c.holds) for c in each) for each in told)
    when = tuple(tuple(by_test[key] for key in sorted(each, key=order.__getitem__)) for each in sets)
    doubts = tuple(dict.fromkeys(replace(d, place=subject.place(d.place)) for end in sure for d in end.flow.doubts))
    always = () in when
    certainty: Certainty = "maybe" if doubts else "always" if always else "on condition"
    tags = tuple(dict.fromkeys(_shown(subject, end.flow.tags) for end in ends))
    return Way(source.name, ends[0].how, ends[0].who, certainty, () if always else when, doubts, tags, tuple(ends))
