"""OTLP requests of metrics as sets of metrics: protobuf and JSON.

Source: opentelemetry-proto 1.x (metrics_service.proto, metrics.proto) and its JSON mapping; names, help and labels are
those of Fluent Bit 5.1.1, lib/cmetrics/src/cmt_decode_opentelemetry.c and cmt_exp_histogram.c.
"""

import json
import struct
from collections.abc import Callable
from itertools import accumulate
from math import isfinite
from typing import Any

from pyrolens.api import Record
from pyrolens.inputs._otlp import MOST_RECORDS, NotOtlpError, as_list, as_map, described
from pyrolens.inputs._otlp_wire import REQUEST, message
from pyrolens.records.metrics import LATEST, Buckets, Family, Kind, MetricSet, Pairs, Quantiles, Sample, Value

MOST_TOTALS = 10_000
"""Series whose changes are added up."""
MOST_BUCKETS = 1000
DELTA = 1
TEMPORALITIES = {"AGGREGATION_TEMPORALITY_DELTA": DELTA}
"""Names that JSON may have in place of the numbers."""
NO_VALUE = 1
"""Of the flags of a point."""
HELP = "-"
"""Of a metric without a description."""
DATA = {"aggregationTemporality", "isMonotonic"}
"""What stands beside the points."""
KINDS = ("sum", "gauge", "histogram", "exponentialHistogram", "summary")

Refuse = Callable[[str, int], None]
"""(why, how many points)"""


class Totals:
    """What changes (delta temporality) add up to: others, such as Prometheus, want to know what there was in all."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str, Pairs], Value] = {}

    def add(self, series: tuple[str, str, Pairs], change: Value) -> Value | None:
        """The total; None: there are too many series."""
        before = self.values.get(series)
        if before is None and len(self.values) >= MOST_TOTALS:
            return None
        total = change
        if isinstance(change, Buckets):
            if isinstance(before, Buckets) and before.bounds == change.bounds:
                counts = tuple(a + b for a, b in zip(before.counts, change.counts, strict=True))
                total = Buckets(change.bounds, counts, before.sum + change.sum, before.count + change.count)
        elif isinstance(change, int | float) and isinstance(before, int | float):
            total = before + change
        self.values[series] = total
        return total


class Reader:
    """Makes sets of requests."""

    def __init__(self, labels: list[str], now: Callable[[], int], refuse: Refuse) -> None:
        """`labels`: attributes of the resource that become labels."""
        self.labels, self.now, self.refuse = labels, now, refuse
        self.totals = Totals()

    def protobuf(self, data: bytes) -> list[MetricSet]:
        """Of an ExportMetricsServiceRequest. Raises: NotOtlpError."""
        try:
            return self._sets(message(data, 0, len(data), REQUEST).get("resourceMetrics", []))
        except (IndexError, struct.error):
            raise NotOtlpError("the message ends in the middle") from None

    def json(self, value: Any) -> list[MetricSet]:
        """Raises: NotOtlpError."""
        found = []
        for given in as_list(as_map(value, "the request"), "resourceMetrics", set()):
            of_resource = as_map(given, "resourceMetrics")
            scopes = [json_scope(s) for s in as_list(of_resource, "scopeMetrics", {"resource", "schemaUrl"})]
            resource = described(as_map(of_resource.get("resource") or {}, "resource"))
            found.append({"resource": resource, "scopeMetrics": scopes})
        return self._sets(found)

    def _sets(self, of_resources: list[Record]) -> list[MetricSet]:
        """One for each resource."""
        readings: dict[str, Reading] = {}
        points = 0
        for given in of_resources:
            attributes = given.get("resource", {}).get("attributes", {})
            identity = json.dumps(attributes, sort_keys=True, default=repr) if attributes else ""
            reading = readings.setdefault(identity, Reading(identity, self, attributes))
            for metric in [m for scope in given.get("scopeMetrics", []) for m in scope.get("metrics", [])]:
                points += reading.take(metric)
                if points > MOST_RECORDS:
                    raise NotOtlpError(f"there are more than {MOST_RECORDS} points")
        return [reading.made() for reading in readings.values() if reading.families]


class Reading:
    """What a request says of one resource."""

    def __init__(self, identity: str, reader: Reader, attributes: Record) -> None:
        self.identity, self.reader = identity, reader
        found = {name: text_of(attributes[name]) for name in reader.labels if name in attributes}
        self.labels: Pairs = tuple((name, text) for name, text in found.items() if text is not None)
        self.families: dict[tuple[str, Kind], list[tuple[int, Pairs, Value]]] = {}
        self.help: dict[tuple[str, Kind], str] = {}

    def take(self, metric: Record) -> int:
        """How many points there are. Raises: NotOtlpError."""
        name, help_ = metric.get("name"), metric.get("description")
        form = next((kind for kind in KINDS if metric.get(kind) is not None), "")
        if not isinstance(name, str) or not name:
            raise NotOtlpError("a metric has no name")
        if not form:
            raise NotOtlpError(f"{name} is neither gauge, sum, histogram, exponentialHistogram nor summary")
        data = as_map(metric[form], form)
        points = as_list(data, "dataPoints", DATA)
        temporality = data.get("aggregationTemporality")
        delta = TEMPORALITIES.get(temporality, 0) if isinstance(temporality, str) else temporality
        kind, read = self._kind(form, data)
        if form == "exponentialHistogram" and delta == DELTA:
            self.reader.refuse(f"{name}: changes of exponential histograms do not add up", len(points))
            return len(points)
        key = name, kind
        self.help.setdefault(key, help_ if isinstance(help_, str) and help_ else HELP)
        for given in points:
            point = as_map(given, "a point")
            if whole(point.get("flags", 0), 32) & NO_VALUE:
                continue
            labels = labels_of(point)
            value = read(point)
            if delta == DELTA and form != "summary":
                total = self.reader.totals.add((self.identity, name, labels), value)
                if total is None:
                    self.reader.refuse(f"there are {MOST_TOTALS} series of changes already", 1)
                    continue
                value = total
            ns = whole(point.get("timeUnixNano", 0))
            self.families.setdefault(key, []).append((ns if 0 < ns < LATEST else self.reader.now(), labels, value))
        return len(points)

    def _kind(self, form: str, data: Record) -> tuple[Kind, Callable[[Record], Value]]:
        match form:
            case "sum" if data.get("isMonotonic") is True:
                return "counter", counted
            case "sum" | "gauge":
                return "gauge", measured
            case "histogram":
                return "histogram", buckets
            case "exponentialHistogram":
                return "histogram", exponential
            case _:
                return "summary", quantiles

    def made(self) -> MetricSet:
        families = []
        for (name, kind), points in self.families.items():
            names = tuple(dict.fromkeys(label for _, labels, _ in points for label, _ in labels))
            samples = tuple(Sample(ns, tuple(map(dict(labels).get, names)), value) for ns, labels, value in points)
            families.append(Family(name, kind, self.help[name, kind], names, samples))
        return MetricSet(tuple(families), self.labels, self.identity)


# what is in a point


def measured(point: Record) -> float:
    if point.get("asInt") is not None:
        return whole(point["asInt"], signed=True)
    if point.get("asDouble") is not None:
        return number(point["asDouble"])
    raise NotOtlpError("a point has no value")


def counted(point: Record) -> float:
    """A counter has no less than nothing."""
    value = measured(point)
    return 0 if value < 0 else value


def buckets(point: Record) -> Buckets:
    bounds = tuple(map(number, listed(point, "explicitBounds")))
    each = [whole(n) for n in listed(point, "bucketCounts")]
    count, total = whole(point.get("count", 0)), number(point.get("sum") or 0)
    if not each and not bounds:
        return Buckets((), (count,), total, count)
    if len(each) != len(bounds) + 1 or list(bounds) != sorted(set(bounds)):
        raise NotOtlpError("the buckets of a histogram do not fit their bounds")
    return Buckets(bounds, tuple(accumulate(each)), total, count)


def exponential(point: Record) -> Buckets:
    """With the bounds that the scale means."""
    scale = whole(point.get("scale", 0), 32, signed=True)
    zeros, threshold = whole(point.get("zeroCount", 0)), number(point.get("zeroThreshold") or 0)
    count = whole(point.get("count", 0))
    below, above = (side(point.get(name) or {}) for name in ("negative", "positive"))
    found: list[tuple[float, int]] = []
    try:
        base = 2.0 ** (2.0**-scale)
        if base <= 1:
            raise OverflowError
        found += [(-(base ** (below[0] + n)), c) for n, c in reversed(list(enumerate(below[1])))]
        if threshold > 0:
            found += [(-threshold, 0), (0.0, zeros), (threshold, 0)]
        elif zeros or bool(below[1]) == bool(above[1]):
            found.append((0.0, zeros))
        found += [(base ** (above[0] + n + 1), c) for n, c in enumerate(above[1])]
    except OverflowError:
        raise NotOtlpError("the scale of an exponential histogram is out of bounds") from None
    if not all(isfinite(bound) for bound, _ in found):
        raise NotOtlpError("a bucket of an exponential histogram is out of bounds")
    # bounds that are the same for a double are one
    summed: dict[float, int] = {}
    for (bound, _), total in zip(found, accumulate(c for _, c in found), strict=True):
        summed[bound] = total
    ordered = sorted(summed)
    return Buckets(tuple(ordered), (*[summed[b] for b in ordered], count), number(point.get("sum") or 0), count)


def side(given: Any) -> tuple[int, list[int]]:
    """The number of the first bucket, and what is in each."""
    found = as_map(given, "the buckets")
    counts = [whole(n) for n in listed(found, "bucketCounts")]
    if len(counts) > MOST_BUCKETS:
        raise NotOtlpError(f"an exponential histogram has more than {MOST_BUCKETS} buckets")
    return whole(found.get("offset", 0), 32, signed=True), counts


def quantiles(point: Record) -> Quantiles:
    found = [as_map(q, "quantileValues") for q in listed(point, "quantileValues")]
    return Quantiles(
        tuple(number(q.get("quantile", 0)) for q in found),
        tuple(number(q.get("value", 0)) for q in found),
        number(point.get("sum") or 0),
        whole(point.get("count", 0)),
    )


def listed(given: Record, name: str) -> list[Any]:
    """A list that may be left out. Raises: NotOtlpError."""
    value = given.get(name)
    if value is not None and not isinstance(value, list):
        raise NotOtlpError(f"{name} is no list")
    return value or []


def labels_of(point: Record) -> Pairs:
    pairs = point.get("attributes") or {}
    return tuple((key, text) for key, value in pairs.items() if key and (text := text_of(value)) is not None)


def text_of(value: Any) -> str | None:
    """The value of an attribute as that of a label, as Fluent Bit writes it."""
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "1" if value else "0"
        case float():
            return f"{value:.17g}"
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case list() | dict():
            return json.dumps(value, default=repr)
    return str(value)


def whole(value: Any, bits: int = 64, signed: bool = False) -> int:
    """Raises: NotOtlpError."""
    try:
        found = int(value[:30]) if isinstance(value, str) else int(value)
    except (ValueError, TypeError, OverflowError):
        found = None
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    if found is None or isinstance(value, bool) or not low <= found < high:
        raise NotOtlpError("there is something else in place of a whole number")
    return found


def number(value: Any) -> float:
    """Raises: NotOtlpError."""
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        raise NotOtlpError("there is something else in place of a number") from None


def json_scope(scope: Any) -> Record:
    metrics = as_list(as_map(scope, "scopeMetrics"), "metrics", {"scope", "schemaUrl"})
    return {"metrics": [json_metric(as_map(m, "metrics")) for m in metrics]}


def json_metric(metric: Record) -> Record:
    """With the attributes of its points as protobuf's are read."""
    for form in KINDS:
        if metric.get(form) is not None:
            data = as_map(metric[form], form)
            points = [
                as_map(p, "a point") for p in as_list(data, "dataPoints", {"aggregationTemporality", "isMonotonic"})
            ]
            return {**metric, form: {**data, "dataPoints": [{**p, **described(p)} for p in points]}}
    return metric
