"""Metrics as text: the format of Prometheus, both ways, and the one that Fluent Bit prints.

Source: Fluent Bit 5.1.1 lib/cmetrics/src/cmt_encode_prometheus.c, cmt_encode_text.c, cmt_decode_prometheus.c;
https://prometheus.io/docs/instrumenting/exposition_formats.
Differs: for Prometheus, what is no number is written NaN, +Inf and -Inf, and what no name may have is written _; with
a single wrong name it would take nothing of the whole text.
"""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from pyrolens.records.event import SECOND, Event
from pyrolens.records.metrics import (
    LATEST,
    Buckets,
    Family,
    Kind,
    LabelValue,
    MetricSet,
    Pairs,
    Quantiles,
    Sample,
    Value,
    spaces_of,
)

MILLISECOND = 1_000_000


# -- Prometheus' text ------------------------------------------------------------------------------------------


def prometheus_text(metrics: MetricSet, timestamps: bool = False) -> str:
    """Each family with its HELP and TYPE; families of one name, from several sets, only once."""
    return "".join(
        [
            head(family)
            + "".join([sample_lines(family, sample, metrics.labels, timestamps) for sample in family.samples])
            for family in metrics.ordered()
        ]
    )


@lru_cache(4096)
def valid_name(name: str, odd: re.Pattern[str] = re.compile(r"[^a-zA-Z0-9_:]")) -> str:
    """As the name of a metric may be: page.hits is page_hits."""
    made = odd.sub("_", name)
    return f"_{made}" if not made or made[0].isdigit() else made


def valid_label(name: str) -> str:
    return valid_name(name).replace(":", "_")


def head(family: Family) -> str:
    name = valid_name(family.name)
    about = f" {escaped(family.help, quotes=False)}" if family.help else ""
    return f"# HELP {name}{about}\n# TYPE {name} {family.kind}\n"


def sample_lines(family: Family, sample: Sample, common: Pairs, timestamps: bool) -> str:
    name, value = valid_name(family.name), sample.value
    labels = [quoted(valid_label(key), escaped(text)) for key, text in (*common, *family.pairs(sample))]
    end = f" {sample.ns // MILLISECOND}\n" if timestamps else "\n"
    if isinstance(value, (int, float)):
        return f"{name}{braces(labels)} {number(value)}{end}"
    if isinstance(value, Buckets):
        marks = [*map(bound_text, value.bounds), "+Inf"]
        lines = [
            f"{name}_bucket{braces([quoted('le', mark), *labels])} {number(count)}{end}"
            for mark, count in zip(marks, value.counts, strict=True)
        ]
    else:
        lines = [
            f"{name}{braces([quoted('quantile', bound_text(mark)), *labels])} {number(found)}{end}"
            for mark, found in zip(value.quantiles, value.values, strict=True)
        ]
    lines.append(f"{name}_sum{braces(labels)} {number(value.sum)}{end}")
    lines.append(f"{name}_count{braces(labels)} {number(value.count)}{end}")
    return "".join(lines)


def quoted(key: str, text: str) -> str:
    return f'{key}="{text}"'


def braces(labels: list[str]) -> str:
    return "{" + ",".join(labels) + "}" if labels else ""


def escaped(text: str, quotes: bool = True) -> str:
    out = text.replace("\\", "\\\\").replace("\n", "\\n")
    return out.replace('"', '\\"') if quotes else out


def number(value: float) -> str:
    if math.isfinite(value):
        return f"{value:.17g}"
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def bound_text(bound: float) -> str:
    """0.25, 5.0, 1e+20"""
    text = f"{bound:g}"
    if float(text) != bound or "e" in text:
        text = f"{bound:.17g}"
    return text if not math.isfinite(bound) or "." in text or "e" in text else text + ".0"


# -- the text that Fluent Bit prints -----------------------------------------------------------------------------


def plain_text(metrics: MetricSet) -> str:
    """A line for each sample: its time, name, labels and value."""
    return "".join(
        [
            f"{stamp(sample.ns)} {family.name}{plain_labels((*metrics.labels, *family.pairs(sample)))}"
            f" = {plain_value(sample.value)}\n"
            for family in metrics.ordered()
            for sample in family.samples
        ]
    )


def plain_labels(pairs: Pairs) -> str:
    return braces([quoted(key, text) for key, text in pairs])


def stamp(ns: int) -> str:
    seconds, rest = divmod(ns, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def plain_value(value: Value) -> str:
    if isinstance(value, (int, float)):
        return f"{value:.17g}"
    if isinstance(value, Buckets):
        marks = [f"{bound:g}" for bound in value.bounds] + ["+Inf"]
        inner = ", ".join([f"{mark}={count:.0f}" for mark, count in zip(marks, value.counts, strict=True)])
        return f"{{ buckets = {{ {inner} }}, sum={value.sum:g}, count={value.count:.0f} }}"
    inner = ", ".join([f"{mark:g}={found:g}" for mark, found in zip(value.quantiles, value.values, strict=True)])
    inner += " " if inner else ""
    return f"{{ quantiles = {{ {inner}}}, sum={value.sum:g}, count={value.count:.0f} }}"


def as_event(metrics: MetricSet) -> Event:
    """For where only records can go, such as dead letters: Prometheus' text with its times, in the field metrics."""
    return metrics.ns, {"metrics": prometheus_text(metrics, timestamps=True)}


# -- reading Prometheus' text ------------------------------------------------------------------------------------

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:.]*"
LINE = re.compile(rf"({NAME})[ \t]*(?:\{{(.*)\}})?[ \t]*([^\s{{}}]+)(?:[ \t]+([+-]?[0-9]+))?[ \t]*")
LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_.]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)')
ESCAPE = re.compile(r"\\(.)")
KINDS: dict[str, Kind] = {"counter": "counter", "gauge": "gauge", "summary": "summary", "histogram": "histogram"}
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


class Read:
    """One family while its lines are read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind: Kind = "untyped"
        self.help = ""
        self.labels: dict[str, None] = {}
        self.points: dict[tuple[tuple[str, str], ...], Point] = {}

    def family(self) -> Family:
        labels = tuple(self.labels)
        samples = []
        for own, point in self.points.items():
            of = dict(own)
            values: tuple[LabelValue, ...] = tuple(of.get(key) for key in labels)
            samples.append(Sample(point.ns, values, point.value(self.kind)))
        samples.sort(key=lambda s: any(v is not None for v in s.labels))
        return Family(self.name, self.kind, self.help, labels, tuple(samples), *spaces_of(self.name))


class Point:
    """The lines of one set of labels."""

    def __init__(self, ns: int) -> None:
        self.ns = ns
        self.plain = 0.0
        self.sum = 0.0
        self.count: float | None = None
        self.marks: dict[float, float] = {}
        """Of buckets or quantiles."""

    def value(self, kind: Kind) -> Value:
        if kind == "histogram":
            bounds = tuple(sorted(mark for mark in self.marks if mark != math.inf))
            total = self.marks.get(math.inf, self.count if self.count is not None else 0.0)
            counts = (*(self.marks[bound] for bound in bounds), total)
            return Buckets(bounds, counts, self.sum, total if self.count is None else self.count)
        if kind == "summary":
            quantiles = tuple(sorted(self.marks))
            return Quantiles(quantiles, tuple(self.marks[q] for q in quantiles), self.sum, self.count or 0.0)
        return self.plain


def read_prometheus(text: str, now: int) -> MetricSet:
    """`now`: ns, for samples without a time. Raises: ValueError with the line that cannot be read."""
    families: dict[str, Read] = {}
    for index, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t\r")
        if not line:
            continue
        if line.startswith("#"):
            about(line, families)
            continue
        try:
            take(line, families, now)
        except ValueError as why:
            raise ValueError(f"line {index} is no metric: {why}: {line[:200]}") from None
    return MetricSet(tuple(read.family() for read in families.values() if read.points))


def about(line: str, families: dict[str, Read]) -> None:
    """# HELP name text, # TYPE name kind; other comments say nothing."""
    words = line[1:].split(None, 2)
    if len(words) < 2 or words[0] not in ("HELP", "TYPE"):
        return
    read = families.setdefault(words[1], Read(words[1]))
    rest = words[2] if len(words) > 2 else ""
    if words[0] == "TYPE":
        read.kind = KINDS.get(rest.strip().lower(), "untyped")
    else:
        read.help = unescaped(rest)


def take(line: str, families: dict[str, Read], now: int) -> None:
    """Raises: ValueError."""
    found = LINE.fullmatch(line)
    if found is None or "_" in found[3]:
        raise ValueError("expected name{labels} value")
    name, inside, value, time = found.groups()
    labels = read_labels(inside or "")
    base, part = place(name, families)
    read = families.setdefault(base, Read(base))
    mark = None
    for key, kind in (("le", "histogram"), ("quantile", "summary")):
        if read.kind == kind and key in labels and (part == "_bucket" or kind == "summary"):
            mark = float(labels.pop(key))
    own = tuple(sorted(labels.items()))
    point = read.points.get(own)
    if point is None:
        point = read.points[own] = Point(now)
        read.labels.update(dict.fromkeys(labels))
    if time is not None:
        if len(time) > 16 or not 0 <= (ns := int(time) * MILLISECOND) < LATEST:
            raise ValueError("its time is none in ms since 1970")
        point.ns = ns
    amount = float(value)
    if mark is not None:
        point.marks[mark] = amount
    elif part == "_sum":
        point.sum = amount
    elif part == "_count":
        point.count = amount
    else:
        point.plain = amount


def place(name: str, families: dict[str, Read]) -> tuple[str, str]:
    """The family that the name belongs to, and what it is of it: x_bucket of the histogram x."""
    for end in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(end)
        if base != name and base in families and end in PARTS.get(families[base].kind, ()):
            return base, end
    return name, ""


def read_labels(text: str) -> dict[str, str]:
    """Raises: ValueError."""
    labels: dict[str, str] = {}
    text = text.rstrip()
    at = 0
    while at < len(text):
        found = LABEL.match(text, at)
        if found is None:
            raise ValueError('expected labels as name="value"')
        labels[found[1]] = unescaped(found[2])
        at = found.end()
    return labels


def unescaped(text: str) -> str:
    return ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text) if "\\" in text else text


def joined(sets: Iterable[MetricSet]) -> Iterable[tuple[Family, Sample, Pairs]]:
    """All samples of all sets, the samples of one name together, each with the labels that its set has."""
    by_name: dict[tuple[Kind, str], list[tuple[Family, Pairs]]] = {}
    for metrics in sets:
        for family in metrics.ordered():
            by_name.setdefault((family.kind, family.name), []).append((family, metrics.labels))
    for found in by_name.values():
        for family, common in found:
            for sample in family.samples:
                yield family, sample, common
