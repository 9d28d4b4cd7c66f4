"""Which rules of a filter have decided on what."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pyrolens.language.document import Section
from pyrolens.plugin import Deciding
from pyrolens.problems import Place
from pyrolens.records.event import Event
from pyrolens.rehearsal.journey import RuleUse


class Decision(NamedTuple):
    rule: str
    """As it stands in the config, such as `Exclude log healthcheck`."""
    place: Place | None
    matches: bool


class Rules:
    """Those of one filter, and how often each has decided."""

    def __init__(self, deciding: Deciding, section: Section | None) -> None:
        self._of = deciding.of
        self._written = list(as_written(deciding, section))
        self._counts = [0] * len(self._written)

    @property
    def used(self) -> tuple[RuleUse, ...]:
        return tuple(RuleUse(*line, count) for line, count in zip(self._written, self._counts, strict=True))

    def on(self, tag: str, event: Event) -> list[Decision]:
        """Which decide on an event. It counts for nothing."""
        return [Decision(*self._written[number], matches) for number, matches in self._of(tag, event)]

    def decide(self, tag: str, events: Sequence[Event]) -> list[str]:
        """For each event which rules decide, for people."""
        out = []
        for event in events:
            said = []
            for number, matches in self._of(tag, event):
                self._counts[number] += 1
                text = self._written[number][0]
                said.append(text if matches else f"{text} does not match")
            out.append("; ".join(said))
        return out


def as_written(deciding: Deciding, section: Section | None) -> Iterable[tuple[str, Place | None]]:
    """Each rule as it stands in the config, and where."""
    left = list(section.entries) if section else []
    for option, value, place in deciding.rules:
        same = [e for e in left if e.key.lower() == option]
        # by its place: the value may have come out of a variable, and be a secret
        found = next((e for e in same if place in (e.place, e.value_place)), None)
        found = found or next((e for e in same if str(e.value).split() == value.split()), None)
        if found is None:
            yield f"{option} {value}", place
        else:
            left.remove(found)
            yield f"{found.key} {' '.join(str(found.value).split())}", place or found.place
