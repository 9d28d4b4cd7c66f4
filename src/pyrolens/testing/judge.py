"""Whether what was observed is what a test expects, and where not."""

from collections import Counter
from collections.abc import Callable, Sequence

from pyrolens.records.event import Event
from pyrolens.records.tags import glob
from pyrolens.rehearsal.journey import Arrival
from pyrolens.rehearsal.sent import NotShownError, Sent
from pyrolens.testing.compare import FieldDiff, as_text, compare, record_of
from pyrolens.testing.names import Names
from pyrolens.testing.result import Difference, Feed, Observed
from pyrolens.testing.suite import Case, Destination, Expectation

MOST_WAYS = 3
Came = Sequence[tuple[Feed, Arrival]]


Send = Callable[[str, str, Sequence[Event]], Sent]
"""What an output sends: see Rehearsal.sent."""


def judge(case: Case, observed: Observed, names: Names, send: Send) -> tuple[Difference, ...]:
    """The differences, in the order of the test."""
    return Judge(case.expect, observed, names, send).differences() if case.expect else ()


def records(number: int) -> str:
    return f"{number} record{'' if number == 1 else 's'}"


class Judge:
    def __init__(self, expect: Expectation, observed: Observed, names: Names, send: Send) -> None:
        self.expect, self.observed, self.names, self.send = expect, observed, names, send
        self.arrivals = observed.arrivals

    def differences(self) -> tuple[Difference, ...]:
        out = [difference for one in self.expect.to for difference in self.destination(one)]
        return (*out, *self.elsewhere(), *self.dropped(), *self.unrouted(), *self.failed())

    def came(self, one: Destination) -> list[tuple[Feed, Arrival]]:
        labels = self.names.outputs[one.name]
        return [(feed, arrival) for feed, arrival in self.arrivals if arrival.output in labels]

    @property
    def unnamed(self) -> list[tuple[Feed, Arrival]]:
        """What came to outputs of which nothing is expected."""
        named = {label for one in self.expect.to for label in self.names.outputs[one.name]}
        return [(feed, arrival) for feed, arrival in self.arrivals if arrival.output not in named]

    def sent(self, arrival: Arrival) -> str:
        """As text, without the line's end; in brackets why there is nothing."""
        try:
            made = self.send(arrival.output, arrival.tag, [arrival.event])
        except NotShownError as why:
            return f"({why.problems[0].message})"
        if made.refused:
            return f"(refused: {made.refused[0][1]})"
        texts = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in made.items]
        return "\n".join(text.removesuffix("\n") for text in texts)

    def destination(self, one: Destination) -> list[Difference]:
        out: list[Difference] = []
        came, labels = self.came(one), self.names.outputs[one.name]
        if one.tag is not None:
            takes = glob(one.tag)
            for number, (feed, arrival) in enumerate(came, 1):
                if not takes(arrival.tag):
                    wrong = FieldDiff("(tag)", one.tag, arrival.tag)
                    out.append(Difference(f"{one.name}: record {number}", one.place, (wrong,), (feed,)))
        if one.count is not None and one.count != len(came):
            told = f"{one.name}: {records(len(came))} arrived, {one.count} expected"
            short = one.count > len(came)
            feeds = self._astray(labels) if short else tuple(dict.fromkeys(feed for feed, _ in came))[:MOST_WAYS]
            fields = _listed([arrival for _, arrival in came]) if one.records is None else ()
            out.append(Difference(told, one.place, fields, feeds, tuple(labels) if short else ()))
        if one.records is None:
            return out
        others = not self.expect.nothing_else or (one.count is not None and one.count > len(one.records))
        arrived = [arrival for _, arrival in came]
        for diff in compare(one.records, arrived, any_order=one.any_order, others=others, sent=self.sent):
            if diff.expected is None and diff.observed is not None:
                feed, arrival = came[diff.observed]
                told = f"{one.name}: a record too many"
                out.append(Difference(told, one.place, _listed([arrival], diff.observed + 1), (feed,)))
            elif diff.expected is not None and diff.observed is None:
                number = one.records.index(diff.expected) + 1
                told = f"{one.name}: record {number} did not arrive"
                if one.count is None or one.count == len(came):
                    out.append(Difference(told, diff.expected.place, (), self._astray(labels), tuple(labels)))
            elif diff.expected is not None and diff.observed is not None:
                number = one.records.index(diff.expected) + 1
                told = f"{one.name}: record {number} is not as expected"
                out.append(Difference(told, diff.expected.place, diff.fields, (came[diff.observed][0],)))
        return out

    def _astray(self, labels: Sequence[str]) -> tuple[Feed, ...]:
        """Of what was given, that of which nothing came to these outputs."""
        astray = [f for f in self.observed.feeds if f.journey.legs and not _comes_to(f, labels)]
        return tuple(astray[:MOST_WAYS])

    def elsewhere(self) -> list[Difference]:
        out = []
        came = self.unnamed if self.expect.nothing_else else []
        for label, number in Counter(arrival.output for _, arrival in came).items():
            feeds = tuple(dict.fromkeys(feed for feed, arrival in came if arrival.output == label))
            told = f"{self.names.shown(label)}: {records(number)} arrived, none expected"
            fields = _listed([arrival for _, arrival in came if arrival.output == label])
            out.append(Difference(told, self.expect.place, fields, feeds[:MOST_WAYS]))
        return out

    def dropped(self) -> list[Difference]:
        out = []
        by = Counter(drop.by for _, drop in self.observed.dropped)
        expected = {self.names.filters.get(d.filter, ""): d for d in self.expect.dropped}
        for label, dropped in expected.items():
            number = by[label] if label else by.total()
            if number == dropped.count or (dropped.count is None and number):
                continue
            who = label or "filters"
            told = f"{who} dropped {records(number)}, "
            told += f"{dropped.count} expected" if dropped.count is not None else "at least one expected"
            feeds = tuple(f for f in self.observed.feeds if any(not label or d.by == label for d in f.journey.dropped))
            if not feeds:
                feeds = tuple(f for f in self.observed.feeds if f.journey.legs)
            out.append(Difference(told, dropped.place, (), feeds[:MOST_WAYS]))
        if self.expect.nothing_else and "" not in expected:
            for label, number in by.items():
                if label not in expected:
                    feeds = tuple(f for f in self.observed.feeds if any(d.by == label for d in f.journey.dropped))
                    told = f"{label} dropped {records(number)}, none expected"
                    out.append(Difference(told, self.expect.place, (), feeds[:MOST_WAYS]))
        return out

    def unrouted(self) -> list[Difference]:
        number, expected = len(self.observed.unrouted), self.expect.unrouted
        if expected is None and self.expect.nothing_else:
            expected = 0
        if expected is None or number == expected:
            return []
        told = f"no output takes {records(number)}, {expected or 'none'} expected"
        feeds = tuple(dict.fromkeys(feed for feed, _ in self.observed.unrouted))
        if not feeds:
            feeds = tuple(f for f in self.observed.feeds if f.journey.legs)
        place = self.expect.unrouted_place or self.expect.place
        return [Difference(told, place, (), feeds[:MOST_WAYS])]

    def failed(self) -> list[Difference]:
        """What filters failed at or never let go of, and what inputs refused."""
        out: dict[str, Difference] = {}
        for feed in self.observed.feeds:
            for note in feed.journey.notes if not feed.journey.legs else ():
                if note.level in ("error", "warn") and self.expect.nothing_else:
                    out.setdefault(note.text, Difference(f"{note.who}: {note.text}", feed.place))
            for station in (s for leg in feed.journey.legs for s in leg.stations if s.result == "failed"):
                told = f"{station.label} failed at a record{f': {station.why}' if station.why else ''}"
                out.setdefault(station.label, Difference(told, self.expect.place, (), (feed,)))
        for hold in self.observed.holding:
            told = f"{hold.by} still holds {records(hold.records)} back at the end"
            out.setdefault(hold.by, Difference(told, self.expect.place))
        return list(out.values())


def _comes_to(feed: Feed, labels: Sequence[str]) -> bool:
    return any(arrival.output in labels for arrival in feed.journey.arrivals)


def _listed(came: Sequence[Arrival], first: int = 1) -> tuple[FieldDiff, ...]:
    """What came, where there is nothing to compare it with."""
    shown = [FieldDiff(f"record {n}", "", as_text(record_of(a.event))) for n, a in enumerate(came[:MOST_WAYS], first)]
    return tuple(shown)
