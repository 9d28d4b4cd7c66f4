"""What the lines of StatsD add up to, as metrics.

Source: Fluent Bit 5.1.1 lib/cmetrics/src/cmt_decode_statsd.c: the same kinds, names and labels.
Differs: counters add up and signed gauges move, as StatsD means it; Fluent Bit hands on what each line says."""

from typing import NamedTuple

from pyrolens.records.metrics import Family, Kind, MetricSet, Pairs, Sample
from pyrolens.records.types import FLOAT, to_float

MOST = 10_000
"""Series that are remembered."""
KINDS: dict[str, Kind] = {"g": "gauge", "s": "untyped"}
HELP = "-"


class Series(NamedTuple):
    kind: Kind
    name: str
    labels: Pairs


class Tally:
    """By series: the time of the last line, and the value."""

    def __init__(self) -> None:
        self.values: dict[Series, tuple[int, float]] = {}
        self.new = False

    def take(self, line: str, now: int) -> str:
        """NAME:VALUE|TYPE|@RATE|#LABEL:VALUE,… Gives the reason why it is not taken; "": it is."""
        name, colon, rest = line.partition(":")
        text, bar, form = rest.partition("|")
        if not colon or not bar or not name:
            return "no metric of StatsD, as NAME:VALUE|TYPE"
        if not FLOAT.match(text):
            return "its value is no number"
        kind = "gauge" if form.startswith("ms") else KINDS.get(form[:1], "counter")
        series = Series(kind, name, labels_of(form))
        _, before = self.values.get(series, (0, 0.0))
        if series not in self.values and len(self.values) >= MOST:
            return f"there are {MOST} metrics already"
        value = to_float(text)
        if kind == "counter":
            value = before + value / rate_of(form)
        elif kind == "gauge" and not form.startswith("ms") and text[:1] in ("+", "-"):
            value += before
        self.values[series] = now, value
        self.new = True
        return ""

    def read(self) -> MetricSet:
        """All of it: a reading of everything that there was a line of."""
        self.new = False
        found: dict[tuple[Kind, str, tuple[str, ...]], list[Sample]] = {}
        for (kind, name, labels), (ns, value) in self.values.items():
            key = kind, name, tuple(label for label, _ in labels)
            found.setdefault(key, []).append(Sample(ns, tuple(text for _, text in labels), value))
        return MetricSet(tuple(Family(name, kind, HELP, labels, tuple(s)) for (kind, name, labels), s in found.items()))


def rate_of(form: str) -> float:
    _, at, rate = form.partition("|@")
    found = to_float(rate) if at else 1.0
    return found if 0 < found < 1 else 1.0


def labels_of(form: str) -> Pairs:
    """Those with a name and a value; of one that is there twice, the last."""
    _, _, text = form.partition("|#")
    pairs = [pair.partition(":") for pair in text.split("|")[0].strip().split(",")]
    return tuple({name: value for name, colon, value in pairs if colon and name}.items())
