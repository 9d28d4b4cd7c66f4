"""A filter or a stream task at work, and what it means when it fails."""

from collections.abc import Callable
from typing import Protocol

from pyrolens.delivery.receipt import Receipt
from pyrolens.plugin import Log, MetricsTransform, Transform
from pyrolens.problems import Place
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet
from pyrolens.records.regex.budget import OVERRUNS, take_overruns

Onward = Callable[[str, list[Event], Receipt], None]
"""(tag, events, a receipt that it releases)"""


class FilterCounters(Protocol):
    records: int
    added: int
    dropped: int
    emitted: int
    failed: int
    counters: dict[str, int]


class Step:
    """One filter of the pipeline: its transform, its counters, and where it stands in the config."""

    __slots__ = ("counters", "label", "log", "matches", "moved", "onward", "place", "stateful", "stream", "transform")

    def __init__(
        self,
        label: str,
        matches: Callable[[str], bool] | None,
        place: Place,
        counters: FilterCounters,
        log: Log,
        stateful: bool,
    ) -> None:
        self.label = label
        self.matches = matches
        self.place = place
        self.counters = counters
        self.log = log
        self.stateful = stateful
        self.moved = 0
        """Records that the running call of the transform has emitted elsewhere."""
        self.transform: Transform = lambda tag, events: events
        self.onward: Onward | None = None
        """Of a processor: how records go on behind it that it had held back. None: by the plan of their tag."""
        self.stream = ""
        """The source of what it emits, if a stream task asks for that."""

    def takes(self, tag: str, source: str) -> bool:
        """Whether it sees records of that tag. `source`: the input or the stream that they come from."""
        return self.matches is not None and self.matches(tag)

    def run(self, tag: str, events: list[Event]) -> list[Event]:
        before = len(events)
        self.moved = 0
        try:
            after = self.transform(tag, events)
        except Exception as error:
            after = self._guarded(tag, events, error)
        if OVERRUNS:
            tell_overruns(self.counters.counters, self.log, tag=tag, place=self.place)
        counters = self.counters
        counters.records += before
        change = len(after) - before
        if change:
            if change > 0:
                counters.added += change
            else:
                counters.dropped += -change - self.moved
        return after

    def _guarded(self, tag: str, events: list[Event], error: Exception) -> list[Event]:
        """A filter that raises loses nothing: the records it cannot take go on as they were.

        The same transform runs again, record by record; one with memory cannot, so its whole batch goes on."""
        if self.stateful or len(events) == 1:
            self.counters.failed += len(events)
            self.log.error(
                "the filter failed; its records go on unchanged",
                tag=tag,
                records=len(events),
                reason=f"{type(error).__name__}: {error}",
                place=self.place,
            )
            return events
        out: list[Event] = []
        for event in events:
            try:
                out += self.transform(tag, [event])
            except Exception as why:
                out += self._guarded(tag, [event], why)
        return out


class TaskStep(Step):
    """A stream task: it takes nothing out of a batch, and what it emits is there besides."""

    __slots__ = ("routable", "source")

    def __init__(
        self,
        label: str,
        matches: Callable[[str], bool],
        place: Place,
        counters: FilterCounters,
        log: Log,
        source: str | None,
        routable: bool,
    ) -> None:
        super().__init__(label, matches, place, counters, log, stateful=True)
        self.source = source
        """It sees what comes from there, whatever its tag; None: what it matches."""
        self.routable = routable
        """What it emits goes to outputs, and not only to other stream tasks."""

    def takes(self, tag: str, source: str) -> bool:
        return super().takes(tag, source) if self.source is None else self.source == source


class MetricsStep:
    """One processor of metrics: its transform and its counters. If it fails, the metrics go on unchanged."""

    __slots__ = ("counters", "log", "place", "transform")

    def __init__(self, transform: MetricsTransform, place: Place, counters: FilterCounters, log: Log) -> None:
        self.transform = transform
        self.place = place
        self.counters = counters
        self.log = log

    def run(self, tag: str, metrics: MetricSet) -> MetricSet:
        before = len(metrics)
        self.counters.records += before
        try:
            after = self.transform(tag, metrics)
        except Exception as error:
            self.counters.failed += before
            reason = f"{type(error).__name__}: {error}"
            self.log.error(
                "the processor failed; the metrics go on unchanged", tag=tag, reason=reason, place=self.place
            )
            return metrics
        if OVERRUNS:
            tell_overruns(self.counters.counters, self.log, tag=tag, place=self.place)
        self.counters.dropped += max(before - len(after), 0)
        return after


def tell_overruns(counters: dict[str, int], log: Log, **where: object) -> None:
    """Count and tell which patterns took too long of late. The records are not shown."""
    for pattern, records in take_overruns().items():
        counters["regex_over_budget"] = counters.get("regex_over_budget", 0) + records
        log.warning(
            "matching took too long, so these records count as not matching", pattern=pattern, records=records, **where
        )
