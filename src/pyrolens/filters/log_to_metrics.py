"""filter log_to_metrics.

Source: plugins/filter_log_to_metrics/log_to_metrics.c (Fluent Bit 5.1.1).
"""

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from pyrolens.api import (
    Event,
    Filter,
    FilterEnv,
    Line,
    Lines,
    MetricSet,
    Misfit,
    OptionError,
    Record,
    Size,
    Transform,
    lines,
    opt,
    plugin,
)
from pyrolens.filters.grep import Rule, legacy, matching
from pyrolens.records.accessor import MISSING, Get, accessor
from pyrolens.records.metrics import Buckets, Family, Sample, sample_size
from pyrolens.records.regex import PatternError

LONGEST = 251
"""Characters of a label's value."""
MOST_LABELS = 128
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")


class Label(NamedTuple):
    name: str
    get: Get


@plugin("log_to_metrics")
class LogToMetrics(Filter):
    """Make metrics of records: count them, or take a number from each. The metrics go where their tag is matched."""

    stateful = True
    differs = (
        "Without flush_interval_sec and flush_interval_nsec the metrics go out once after each batch of records, and "
        "Fluent Bit sends them after each record.",
        "A text that is no number counts for nothing; Fluent Bit takes the number of the record before.",
        "While emitter_mem_buf_limit is reached nothing is lost: the next reading holds what was counted meanwhile.",
    )

    rules: Lines = lines(
        regex="$FIELD PATTERN: count only records in which it matches.",
        exclude="$FIELD PATTERN: do not count records in which it matches.",
    )
    labels: Lines = lines(
        label_field="Accessor of a field that becomes a label of that name.",
        add_label="NAME ACCESSOR: a label with the value of a field.",
    )
    metric_mode: str = opt("counter, gauge or histogram.", default="counter")
    metric_name: str = opt("Name of the metric.", default="a")
    metric_namespace: str = opt("First part of the full name.", default="log_metric")
    metric_subsystem: str | None = opt("Second part of the full name; else the mode.", default=None)
    metric_description: str = opt("Help text of the metric.")
    value_field: str | None = opt("Accessor of the number of a gauge or histogram.", default=None)
    bucket: list[str] = opt("Upper bound of a bucket of the histogram; else 0.005 to 10.", default=[])
    tag: str = opt("Tag of the metrics.")
    discard_logs: bool = opt("Drop all records that come here, counted or not.", default=False)
    flush_interval_sec: int = opt("Seconds between two readings.", default=0, low=0)
    flush_interval_nsec: int = opt("Nanoseconds between two readings, added to flush_interval_sec.", default=0, low=0)
    emitter_name: str | None = opt("As what the metrics are counted in; else emitter_for_NAME.", default=None)
    emitter_mem_buf_limit: Size = opt("Bytes of readings that may wait to be delivered.", default=10_000_000)
    kubernetes_mode: bool = opt("Only off is possible.", default=False)

    def publishes(self, tag: str) -> str:
        return self.tag

    def emitter(self, name: str) -> str:
        return self.emitter_name or super().emitter(name)

    @property
    def mode(self) -> Literal["counter", "gauge", "histogram"]:
        word = self.metric_mode.lower()
        return "gauge" if word == "gauge" else "histogram" if word == "histogram" else "counter"

    def check(self) -> Iterable[Misfit]:
        if self.metric_mode.lower() not in ("counter", "gauge", "histogram"):
            yield "metric_mode", f"metric_mode is '{self.metric_mode}': expected counter, gauge or histogram"
        if self.kubernetes_mode:
            hint = "add_label takes fields of the map kubernetes, too: add_label pod_name $kubernetes['pod_name']"
            yield "kubernetes_mode", f"kubernetes_mode is not there; {hint}"
        for option in ("tag", "metric_description"):
            if not getattr(self, option):
                yield option, f"log_to_metrics needs {option}"
        if self.mode != "counter" and not self.value_field:
            yield "metric_mode", f"log_to_metrics needs value_field for a {self.mode}"
        for make in (self._rules, self._labels, self._value, self._bounds):
            try:
                make()
            except OptionError as why:
                yield why

    def _rules(self) -> list[Rule]:
        rules = []
        for line in self.rules:
            field, _, pattern = line.value.lstrip(" ").partition(" ")
            if not pattern.strip():
                raise OptionError(line.key, f"{line.key} is '{line.value}': expected a field and a pattern", line.place)
            try:
                rules.append(Rule(line.key == "regex", matching(field, pattern.lstrip(" "))))
            except PatternError as why:
                raise OptionError(line.key, f"the pattern '{pattern}' does not compile: {why}", line.place) from None
            except ValueError as why:
                raise OptionError(line.key, str(why), line.place) from None
        return rules

    def _labels(self) -> list[Label]:
        if len(self.labels) > MOST_LABELS:
            last, count = self.labels[-1], len(self.labels)
            raise OptionError(last.key, f"there are {count} labels: at most {MOST_LABELS} can be", last.place)
        return [_label(line) for line in self.labels]

    def _value(self) -> Get:
        try:
            return accessor(self.value_field or "")
        except ValueError as why:
            raise OptionError("value_field", f"value_field is '{self.value_field}': {why}") from None

    def _bounds(self) -> tuple[float, ...]:
        found = [(text, NUMBER.match(text)) for text in self.bucket]
        for text, number in found:
            if number is None:
                raise OptionError("bucket", f"bucket is '{text}': expected a number")
        return tuple(sorted(float(number[1]) for _, number in found if number)) or BUCKETS

    def compile(self, env: FilterEnv) -> Transform:
        rules, meter = self._rules(), Meter(self, self._labels(), self._value(), self._bounds(), env)
        if self.mode == "histogram" and not self.bucket:
            env.log.warning("the histogram has no bucket, so there are 11 from 0.005 to 10")
        milliseconds = self.flush_interval_sec * 1000 + self.flush_interval_nsec // 1_000_000
        later = Later(milliseconds / 1000, meter.publish, env) if milliseconds else None
        env.at_end(meter.publish)

        def transform(tag: str, events: list[Event]) -> list[Event]:
            kept = legacy(rules, events) if rules else events
            for _, record in kept:
                meter.take(record)
            if later is None:
                meter.publish()
            elif meter.new:
                later.wake()
            return [] if self.discard_logs else events

        return transform


def _label(line: Line) -> Label:
    """Raises: OptionError."""
    name, _, field = (line.value, "", line.value) if line.key == "label_field" else line.value.partition(" ")
    if not field.strip():
        raise OptionError(line.key, f"{line.key} is '{line.value}': expected a name and an accessor", line.place)
    try:
        return Label(name, accessor(field.strip()))
    except ValueError as why:
        raise OptionError(line.key, f"{line.key} is '{line.value}': {why}", line.place) from None


class Later:
    """Calls once in an interval, if it was woken in it."""

    def __init__(self, seconds: float, call: Callable[[], None], env: FilterEnv) -> None:
        self.seconds, self.call, self.env = seconds, call, env
        self.awake = False

    def wake(self) -> None:
        if not self.awake:
            self.awake = True
            self.env.later(self.seconds, self._due)

    def _due(self) -> None:
        self.awake = False
        self.call()


class Reading:
    """What was counted for one set of labels."""

    __slots__ = ("buckets", "ns", "number")

    def __init__(self, buckets: int) -> None:
        self.ns = 0
        self.number = 0.0
        """The count, the gauge, or the sum."""
        self.buckets = [0] * buckets
        """Observations of each bucket alone."""


class Meter:
    """Counts records, and tells what it counted."""

    def __init__(
        self, plan: LogToMetrics, labels: list[Label], value: Get, bounds: tuple[float, ...], env: FilterEnv
    ) -> None:
        self.plan, self.labels, self.value, self.env = plan, labels, value, env
        self.mode = plan.mode
        self.bounds = bounds if self.mode == "histogram" else ()
        names = (plan.metric_namespace, plan.metric_subsystem or plan.metric_mode, plan.metric_name)
        self.name = "_".join(name for name in names if name)
        self.readings: dict[tuple[str, ...], Reading] = {}
        self.new = False
        self.waiting = 0
        """Bytes published and not delivered."""

    def take(self, record: Record) -> None:
        number = 1.0
        if self.mode != "counter":
            found = self.value(record)
            if found is MISSING or (read := number_of(found)) is None:
                why = "is not there" if found is MISSING else "is no number"
                self.env.count("records_without_value")
                self.env.log.warning(f"the record does not count: its value_field {why}", field=self.plan.value_field)
                return
            number = read
        key = tuple([text_of(label.get(record)) for label in self.labels])
        reading = self.readings.get(key)
        if reading is None:
            reading = self.readings[key] = Reading(len(self.bounds) + 1 if self.mode == "histogram" else 0)
        reading.ns = self.env.now()
        if self.mode == "gauge":
            reading.number = number
        else:
            reading.number += number
        if self.mode == "histogram":
            reading.buckets[bisect_left(self.bounds, number)] += 1
        self.new = True

    def publish(self) -> None:
        if not self.new or self.waiting >= self.plan.emitter_mem_buf_limit > 0:
            return
        self.new = False
        samples = tuple([Sample(r.ns, key, self._read(r)) for key, r in self.readings.items()])
        plan = self.plan
        labels = tuple(label.name for label in self.labels)
        spaces = plan.metric_namespace, plan.metric_subsystem or plan.metric_mode
        family = Family(self.name, self.mode, plan.metric_description, labels, samples, *spaces)
        size = sum(map(sample_size, samples))
        self.waiting += size

        def settled() -> None:
            self.waiting -= size

        self.env.publish(plan.tag, MetricSet((family,)), settled)

    def _read(self, reading: Reading) -> float | Buckets:
        if self.mode != "histogram":
            return reading.number
        counts = tuple(accumulate(reading.buckets))
        return Buckets(self.bounds, counts, reading.number, counts[-1])


def number_of(value: Any) -> float | None:
    """A number, or the one that a text begins with."""
    if isinstance(value, str):
        found = NUMBER.match(value)
        return float(found[1]) if found else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    return float(value)


def text_of(value: Any) -> str:
    """Of a label: text and numbers; of anything else, and of nothing, the empty text."""
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return str(value)
    return f"{value:f}"[:LONGEST] if isinstance(value, float) else ""
