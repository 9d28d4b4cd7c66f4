"""Two configs without a sample: what goes where now and went elsewhere before, and which sections differ."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

from pyrolens.config import Built
from pyrolens.diff.compare import Names, naming
from pyrolens.diff.fates import Destination, destination
from pyrolens.explain.matrix import Matrix, Source, Way, matrix
from pyrolens.graph.places import entries_of
from pyrolens.rehearsal.subject import Subject

Sign = Literal["+", "-", "~"]
ALWAYS = "always"


@dataclass(frozen=True)
class Step:
    """One way of one source: + it is new, - it is gone, ~ its condition or its tag is another."""

    sign: Sign
    to: str
    """The destination, or what becomes of the records otherwise."""
    before: str = ""
    """When, and with which tag."""
    after: str = ""


@dataclass(frozen=True)
class Row:
    """A container or an input, and what is different of where its records go."""

    source: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Part:
    """A section: + it is new, - it is gone, ~ some of its lines are."""

    sign: Sign
    kind: str
    """input, filter or output"""
    label: str
    lines: tuple[tuple[Sign, str], ...]


@dataclass(frozen=True)
class Structure:
    rows: tuple[Row, ...]
    parts: tuple[Part, ...]

    @property
    def differs(self) -> bool:
        return bool(self.rows or self.parts)


def structure(one: Subject, other: Subject) -> Structure:
    before, after = matrix(one), matrix(other)
    places = [{o.label: destination(o) for o in subject.config.outputs} for subject in (one, other)]
    names = naming(place for known in places for place in known.values())
    rows = []
    ours, theirs = sources(before), sources(after)
    for key in dict.fromkeys([*ours, *theirs]):
        old, new = ours.get(key), theirs.get(key)
        ways = [
            ends(found, source, known) if source else {}
            for found, source, known in ((before, old, places[0]), (after, new, places[1]))
        ]
        steps = tuple(_steps(ways[0], ways[1], names))
        shown = new or old
        if steps and shown:
            rows.append(Row(f"{shown.kind} {shown.name}  tag {shown.tag}", steps))
    return Structure(tuple(rows), tuple(parts(one, other)))


def sources(found: Matrix) -> dict[tuple[str, ...], Source]:
    """Containers by name, inputs by plugin and tag: their numbers change when one is put before them."""
    out: dict[tuple[str, ...], Source] = {}
    for source in (s for s in found.sources if s.ours):
        key: tuple[str, ...] = (source.kind, source.name)
        if source.kind == "input":
            key = (source.kind, source.name.rpartition(".")[0] or source.name, source.tag, source.reads)
        out[key] = source
    return out


End = Destination | str
"""An output's place, or what becomes of records that reach none."""


def ends(found: Matrix, source: Source, places: dict[str, Destination]) -> dict[End, set[str]]:
    """Where records of a source end, and when."""
    out: dict[End, set[str]] = {}
    for way in found.of(source):
        end: End = places[way.who] if way.how == "output" else OTHERWISE[way.how]
        out.setdefault(end, set()).add(when(way, source))
    return out


OTHERWISE = {"dropped": "dropped by a filter", "nowhere": "reaches no output", "apart": "for no output, as it is meant"}


def when(way: Way, source: Source) -> str:
    """Its condition, and its tags if they are not those that the records came with."""
    told = " or ".join(" and ".join(map(str, each)) for each in way.when)
    doubts = ", ".join(map(str, way.doubts))
    tags = "" if way.tags in ((source.tag,), ()) else f"as {' or '.join(way.tags)}"
    said = f"when {told}" if told else ALWAYS
    if doubts:
        said = f"maybe ({doubts})" if said == ALWAYS else f"{said}, maybe ({doubts})"
    return f"{said}, {tags}" if tags else said


def _steps(old: dict[End, set[str]], new: dict[End, set[str]], names: Names) -> Iterator[Step]:
    for end in dict.fromkeys([*old, *new]):
        name = names(end) if isinstance(end, Destination) else end
        before, after = ("; ".join(sorted(ways.get(end, ()))) for ways in (old, new))
        if end not in new:
            yield Step("-", name, before)
        elif end not in old:
            yield Step("+", name, "", after)
        elif before != after:
            yield Step("~", name, before, after)


# -- sections ----------------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """One option of a section."""

    shown: str
    """Without secrets, and not too long."""
    whole: str
    """What is compared."""


def parts(one: Subject, other: Subject) -> Iterator[Part]:
    """Of inputs, filters and outputs, in the order of the config."""
    pairs: tuple[tuple[str, Sequence[Built[Any]], Sequence[Built[Any]]], ...] = (
        ("input", one.config.inputs, other.config.inputs),
        ("filter", one.config.filters, other.config.filters),
        ("output", one.config.outputs, other.config.outputs),
    )
    for kind, ours, theirs in pairs:
        yield from _parts(kind, ours, theirs)


def _parts(kind: str, ours: Sequence[Built[Any]], theirs: Sequence[Built[Any]]) -> Iterator[Part]:
    before, after = [said(b) for b in ours], [said(b) for b in theirs]
    for how, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if how == "equal":
            continue
        gone, new = list(range(a, b)), list(range(c, d))
        for n in gone:
            match = next((m for m in new if theirs[m].plugin.name == ours[n].plugin.name), None)
            if match is None:
                yield Part("-", kind, ours[n].label, tuple(("-", line.shown) for line in before[n]))
            else:
                new.remove(match)
                yield Part("~", kind, theirs[match].label, tuple(_lines(before[n], after[match])))
        for m in new:
            yield Part("+", kind, theirs[m].label, tuple(("+", line.shown) for line in after[m]))


def said(built: Built[Any]) -> tuple[Line, ...]:
    """All that a section says, its processors included."""
    section = built.section
    own = [e for keys in (SHOWN, ROUTED) for e in (section.entries if section else ()) if e.key.lower() in keys]
    lines = [f"Name {built.plugin.name}", *(f"{e.key} {e.value}" for e in own)]
    inner = [(f"processor {p.plugin.name}", line) for p in built.processors for line in said(p) or (Line("", ""),)]
    return (
        *(Line(line, line) for line in lines),
        *(Line(*each) for each in entries_of(built)),
        *(Line(f"{name} {line.shown}", f"{name} {line.whole}") for name, line in inner),
    )


SHOWN = {"match", "match_regex", "tag", "alias", "mem_buf_limit"}
ROUTED = {"condition", "routes"}


def _lines(before: Sequence[Line], after: Sequence[Line]) -> Iterable[tuple[Sign, str]]:
    for how, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if how != "equal":
            gone = [line.shown for line in before[a:b]]
            yield from (("-", line) for line in gone)
            # of a secret it is told that it is another one, and no more
            yield from (("+", f"{x.shown} (another value)" if x.shown in gone else x.shown) for x in after[c:d])
