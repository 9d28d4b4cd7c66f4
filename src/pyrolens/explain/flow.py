"""A set of records on its way: all those that meet certain conditions, wherever they are in the pipeline."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from pyrolens.config import Built
from pyrolens.explain.conditions import Condition, Doubt, Question
from pyrolens.problems import Place

ALL = "*"


class Turn(NamedTuple):
    """Where records got another tag, or entered once more under the same."""

    by: str
    """Label of the filter or stream task; or the name of a route."""
    tags: str
    """Their tags since then."""
    place: Place | None = None


@dataclass(frozen=True, kw_only=True)
class Flow:
    tags: str
    """A set, written as Match is."""
    conditions: tuple[Condition, ...] = ()
    """In the order in which they are asked."""
    doubts: tuple[Doubt, ...] = ()
    turns: tuple[Turn, ...] = ()
    path: tuple[tuple[str, str], ...] = ()
    """Names of the filters that emitted them, with the tags that they had before."""
    outputs: tuple[int, ...] | None = None
    """Numbers of the outputs that a route gave them; None: those that take their tag."""
    source: str = ""
    """What a stream task may name as its source: the input, filter or stream that they come from."""
    label: str = ""
    """Of a config in Fluentd's language: the label that they are in."""
    changed: Mapping[str, int] = field(default_factory=dict)
    """By field, in small letters: how many filters may have changed it; by `*`: any field."""

    def test(self, name: str, pattern: str) -> Question:
        plain = name.removeprefix("$")
        first = plain.partition("[")[0].lower()
        return Question(name, "=~", pattern, self.changed.get(ALL, 0) * 1000 + self.changed.get(first, 0))

    def where(self, test: Question, holds: bool, by: str, place: Place | None) -> "Flow | None":
        """Those of them for which the test holds, or does not; None: there are none."""
        for known in self.conditions:
            if known.test == test:
                return self if known.holds == holds else None
        return replace(self, conditions=(*self.conditions, Condition(test, holds, by, place)))

    def doubted(self, by: str, why: str, place: Place | None) -> "Flow":
        doubt = Doubt(by, why, place)
        return self if doubt in self.doubts else replace(self, doubts=(*self.doubts, doubt))

    def with_changed(self, *names: str) -> "Flow":
        counts = dict(self.changed)
        for name in names:
            counts[name.lower()] = counts.get(name.lower(), 0) + 1
        return replace(self, changed=counts)


class Outcome(NamedTuple):
    """What a filter does with a part of a flow."""

    how: Literal["passes", "drops", "enters"]
    """enters: these begin again at the first filter, as `flow` says."""
    flow: Flow


def entering(flow: Flow, built: Built[Any], tags: str, place: Any = None, label: str | None = None) -> Flow:
    """The same records as they begin again under other tags."""
    turn = Turn(built.label, tags, place or built.place)
    return replace(
        flow,
        tags=tags,
        turns=(*flow.turns, turn),
        path=(*flow.path, (built.name, flow.tags)),
        outputs=None,
        source=built.name,
        label=flow.label if label is None else label,
    )


def doubtful(built: Built[Any], why: str, flow: Flow) -> Iterator[Outcome]:
    """What nobody can know from the config."""
    doubted = flow.doubted(built.label, why, built.place)
    yield Outcome("passes", doubted)
    yield Outcome("drops", doubted)


def edits(built: Built[Any], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    yield Outcome("passes", flow.with_changed(ALL))


def looks(built: Built[Any], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    yield Outcome("passes", flow)
