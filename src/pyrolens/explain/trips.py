"""Records that were sent on their way, and what has become of each."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from pyrolens.rehearsal.journey import Journey
from pyrolens.rehearsal.lines import Fed
from pyrolens.rehearsal.rehearsal import Rehearsal

Fate = Literal["sent", "dropped", "held", "apart", "nowhere"]
"""Of a record, the best that became of it. sent: it arrives at least once. dropped: a filter took it out on purpose.
held: a filter remembers it, and lets it go later with others. apart: no output wants it, and the config means just
that. nowhere: no output wants it."""


class Trip(NamedTuple):
    """A line, and its way."""

    number: int
    """From 1; 0: what filters let go at the end."""
    said: str
    """The line as it was given."""
    source: str
    """Such as `container web`; "" where nobody said."""
    fed: Fed | None
    journey: Journey

    @property
    def fate(self) -> Fate:
        return fate(self.journey)

    @property
    def wrong(self) -> bool:
        """It reaches no output, or there is an error about it: a filter fails, or it goes round in a loop."""
        errors = any(note.level == "error" for note in self.journey.notes)
        return self.fate == "nowhere" or errors or bool(failures(self.journey))

    @property
    def way(self) -> tuple[str, ...]:
        """What it has in common with others that go the same way, for a summary."""
        return tuple(way(self.journey))


def fate(journey: Journey) -> Fate:
    if journey.arrivals:
        return "sent"
    if any(not lost.intended for lost in journey.unrouted):
        return "nowhere"
    if journey.dropped:
        return "dropped"
    return "held" if journey.held else "apart"


def way(journey: Journey) -> Iterator[str]:
    """Each end once, with how often it is reached if that is not once."""
    ends = [f"! {label} fails" for label in failures(journey)]
    ends += [f"→ {arrival.output}" for arrival in journey.arrivals]
    ends += [f"✗ dropped by {drop.by}" for drop in journey.dropped]
    ends += [f"… held by {hold.by}" for hold in journey.held for _ in range(hold.records)]
    ends += ["✗ reaches no output" for lost in journey.unrouted if not lost.intended]
    ends += ["· ends here, as the config means it" for lost in journey.unrouted if lost.intended]
    ends = ends or ["· ends here"]
    for end, times in Counter(ends).items():
        yield end if times == 1 else f"{end} ({times} records)"


def failures(journey: Journey) -> list[str]:
    """Labels of the filters that failed."""
    return [station.label for leg in journey.legs for station in leg.stations if station.result == "failed"]


class Said(NamedTuple):
    """A line that somebody wants to be told about."""

    text: str
    source: str
    parts: Sequence[Fed]
    """What its input makes of it."""


def travel(rehearsal: Rehearsal, lines: Sequence[Said]) -> Iterator[Trip]:
    """The trip of each; and last, of what filters still hold at the end, if there is any. With one line alone this is
    a part of its own trip."""
    for number, said in enumerate(lines, 1):
        journey = Journey()
        for fed in said.parts:
            journey = journey.plus(rehearsal.feed(fed.tag, fed.events, fed.input))
        if len(lines) == 1:
            late = rehearsal.finish()
            if late.legs:
                journey = journey.plus(late)._replace(held=late.held)
        yield Trip(number, said.text, said.source, said.parts[0] if said.parts else None, journey)
    if len(lines) > 1 and (late := rehearsal.finish()).legs:
        yield Trip(0, "", "", None, late)


Hide = Callable[[str], str]
"""Puts *** in place of secrets."""
