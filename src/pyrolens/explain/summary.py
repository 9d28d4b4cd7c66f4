"""Many records: how many go which way, and one of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pyrolens.explain.text import Line, line, shortened
from pyrolens.explain.trips import Fate, Hide, Trip

STYLES: dict[Fate, str] = {
    "sent": "bold green",
    "dropped": "bold yellow",
    "held": "bold blue",
    "apart": "dim",
    "nowhere": "bold red",
}


@dataclass
class Together:
    """Records that go the same way."""

    way: tuple[str, ...]
    fate: Fate
    sample: Trip
    """The first of them."""
    count: int = 0


class Summary:
    def __init__(self) -> None:
        self.lines = 0
        self.groups: dict[tuple[str, ...], Together] = {}
        self.late: Trip | None = None
        """What filters let go at the end: it came from several lines."""

    def add(self, trip: Trip) -> None:
        if not trip.number:
            self.late = trip
            return
        self.lines += 1
        self.groups.setdefault(trip.way, Together(trip.way, trip.fate, trip)).count += 1

    def sorted(self) -> list[Together]:
        """The most frequent first."""
        return sorted(self.groups.values(), key=lambda group: (-group.count, group.sample.number))

    def trips(self) -> Iterable[Trip]:
        """One of each, and what was let go at the end."""
        yield from (group.sample for group in self.sorted())
        if self.late:
            yield self.late

    @property
    def wrong(self) -> bool:
        return any(trip.wrong for trip in self.trips())


def summary_lines(summary: Summary, width: int, hide: Hide) -> Iterator[Line]:
    groups = summary.sorted()
    ways = f"{len(groups)} ways" if len(groups) != 1 else "one way"
    yield line((f"{summary.lines} lines go {ways}", "bold"))
    digits = len(str(max((group.count for group in groups), default=0)))
    for group in groups:
        yield line()
        style = STYLES[group.fate]
        yield line((f"  {group.count:>{digits}}  ", "bold"), ("  ".join(group.way), style))
        text = shortened(hide(group.sample.said), max(width - digits - 16, 20))
        yield line(" " * (digits + 4), (f"line {group.sample.number}: ", "dim"), text)
    if summary.late:
        yield line()
        yield line(("  At the end, filters let go what they hold: ", "bold blue"), "  ".join(summary.late.way))
    yield line()
    yield line(("--all tells the way of each line", "dim"))
