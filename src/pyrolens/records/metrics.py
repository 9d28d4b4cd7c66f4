"""Metrics, the second kind of event: readings of counters, gauges, histograms and summaries, taken at one time.

Source: cmetrics, as Fluent Bit 5.1.1 has it: what a family is, the order in which kinds are written, and labels of a
whole set beside those of its families.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "summary", "histogram", "untyped"]
ORDER: tuple[Kind, ...] = ("counter", "gauge", "summary", "histogram", "untyped")
"""In which families are written."""

LATEST = 253_402_300_800 * 1_000_000_000
"""ns: the end of the year 9999. Nothing was read later."""

LabelValue = str | None
"""None: the sample has no such label."""
Pairs = tuple[tuple[str, str], ...]
"""(label, value) each."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """What a histogram reads."""

    bounds: tuple[float, ...]
    """Upper bounds, ascending, without +Inf."""
    counts: tuple[float, ...]
    """Observations up to each bound, those below included, and at last all of them (+Inf)."""
    sum: float
    count: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    """What a summary reads."""

    quantiles: tuple[float, ...]
    values: tuple[float, ...]
    sum: float
    count: float


Value = float | Buckets | Quantiles


class Sample(NamedTuple):
    ns: int
    """Time of the reading."""
    labels: tuple[LabelValue, ...]
    """A value for each label of its family."""
    value: Value


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]
    namespace: str = ""
    """The part of the name that stands for whom it belongs to; CloudWatch sorts metrics by it."""
    subsystem: str = ""
    """The part after it."""

    @property
    def parts(self) -> tuple[str, str, str]:
        """Namespace, subsystem and what is left of the name; where it does not begin with these, they are empty."""
        before = "".join([f"{part}_" for part in (self.namespace, self.subsystem) if part])
        if self.namespace and self.name.startswith(before) and self.name != before:
            return self.namespace, self.subsystem, self.name[len(before) :]
        return "", "", self.name

    def pairs(self, sample: Sample) -> Pairs:
        """The labels that the sample has."""
        return tuple((k, v) for k, v in zip(self.labels, sample.labels, strict=True) if v is not None)


@dataclass(frozen=True, slots=True)
class MetricSet:
    """What one reading gives. Like a record, it is never edited: who wants another makes another."""

    families: tuple[Family, ...]
    labels: Pairs = ()
    """Labels that all samples have beside their own."""
    source: str = ""
    """Who made it, as in logs and metrics. What one source says later stands for what it said before."""

    def __len__(self) -> int:
        """Samples."""
        return sum([len(family.samples) for family in self.families])

    @property
    def ns(self) -> int:
        """Time of its newest sample."""
        return max([sample.ns for family in self.families for sample in family.samples], default=0)

    @property
    def size(self) -> int:
        """Bytes that it takes, more or less."""
        return sum([len(f.name) + len(f.help) + sum([sample_size(s) for s in f.samples]) for f in self.families])

    def ordered(self, order: Iterable[Kind] = ORDER) -> Iterator[Family]:
        """The families that have samples, kind by kind."""
        for kind in order:
            for family in self.families:
                if family.kind == kind and family.samples:
                    yield family

    def labelled(self, pairs: Pairs) -> "MetricSet":
        """With these labels, too."""
        return replace(self, labels=(*self.labels, *pairs)) if pairs else self

    def mapped(self, change: Callable[[Family], Family | None]) -> "MetricSet":
        """With other families; None for one leaves it out, and so does a family without samples."""
        made = [change(family) for family in self.families]
        return replace(self, families=tuple(f for f in made if f is not None and f.samples))


def sample_size(sample: Sample) -> int:
    """Bytes, more or less."""
    value = sample.value
    if isinstance(value, (int, float)):
        numbers = 1
    else:
        numbers = 2 * len(value.counts if isinstance(value, Buckets) else value.values) + 2
    return 16 + 9 * numbers + sum([len(text) for text in sample.labels if text])


def spaces_of(name: str) -> tuple[str, str]:
    """Namespace and subsystem of a name that comes from elsewhere: the first part, and the second of three or more."""
    first, *others = name.split("_", 2)
    return first if others else "", others[0] if len(others) > 1 else ""
