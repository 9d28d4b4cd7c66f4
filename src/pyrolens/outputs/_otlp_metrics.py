"""Metrics as OTLP, in protobuf.

Source: opentelemetry-proto 1.x (metrics.proto, common.proto); Fluent Bit 5.1.1 lib/cmetrics/src/
cmt_encode_opentelemetry.c.
Differs: the counts of a histogram are those of each bucket, as OTLP wants it; Fluent Bit writes the sums of those up
to each bucket."""

import struct
from itertools import pairwise

from pyrolens.outputs._otlp import encoded
from pyrolens.outputs._protobuf import part
from pyrolens.records.metrics import Buckets, Family, MetricSet, Pairs, Quantiles, Sample

GAUGE, SUM, HISTOGRAM, SUMMARY = b"\x2a", b"\x3a", b"\x4a", b"\x5a"
"""Tags of the data of a Metric."""
CUMULATIVE = b"\x10\x02"


def scope_metrics(metrics: MetricSet) -> bytes:
    """The families, each as a Metric stands in ScopeMetrics."""
    order = metrics.ordered(("counter", "gauge", "untyped", "summary", "histogram"))
    return b"".join([metric(family, metrics.labels) for family in order])


def request(sets: list[bytes]) -> bytes:
    """ExportMetricsServiceRequest: what scope_metrics gave, below a resource and a scope without names."""
    return part(b"\x0a", part(b"\x12", b"".join(sets)))


def metric(family: Family, common: Pairs) -> bytes:
    points = b"".join([point(family, sample, common) for sample in family.samples])
    head = part(b"\x0a", encoded(family.name)) + part(b"\x12", encoded(family.help))
    if family.kind == "counter":
        data = part(SUM, points + CUMULATIVE + b"\x18\x01")
    elif family.kind == "histogram":
        data = part(HISTOGRAM, points + CUMULATIVE)
    elif family.kind == "summary":
        data = part(SUMMARY, points)
    else:
        data = part(GAUGE, points)
    return part(b"\x12", head + data)


def point(family: Family, sample: Sample, common: Pairs) -> bytes:
    time = b"\x19" + struct.pack("<Q", sample.ns)
    pairs = (*common, *family.pairs(sample))
    value = sample.value
    if isinstance(value, (int, float)):
        return part(b"\x0a", time + b"\x21" + double(value) + attributes(b"\x3a", pairs))
    counted = b"\x21" + struct.pack("<Q", int(value.count)) + b"\x29" + double(value.sum)
    if isinstance(value, Buckets):
        return part(b"\x0a", time + counted + buckets(value) + attributes(b"\x4a", pairs))
    return part(b"\x0a", time + counted + quantiles(value) + attributes(b"\x3a", pairs))


def buckets(value: Buckets) -> bytes:
    each = [int(after - before) for before, after in pairwise((0, *value.counts))]
    counts = b"".join([struct.pack("<Q", max(n, 0)) for n in each])
    return part(b"\x32", counts) + part(b"\x3a", b"".join(map(double, value.bounds)))


def quantiles(value: Quantiles) -> bytes:
    found = zip(value.quantiles, value.values, strict=True)
    return b"".join([part(b"\x32", b"\x09" + double(quantile) + b"\x11" + double(v)) for quantile, v in found])


def attributes(tag: bytes, pairs: Pairs) -> bytes:
    return b"".join(
        [
            part(tag, part(b"\x0a", encoded(k)) + part(b"\x12", part(b"\x0a", encoded(v))))
            for k, v in dict(pairs).items()
        ]
    )


def double(value: float) -> bytes:
    return struct.pack("<d", value)
