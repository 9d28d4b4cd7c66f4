"""Metrics as points of InfluxDB.

Source: Fluent Bit 5.1.1 lib/cmetrics/src/cmt_encode_influx.c; InfluxData's reference of the line protocol.
Differs: a metric of one part is its own measurement, and so are histograms and summaries, of which the name would be
lost and the fields of one overwritten by those of another; what is no number, and labels without a value, are left out,
since InfluxDB refuses a line for them."""

import math
from collections.abc import Iterator

from pyrolens.outputs._line_protocol import measurement, name
from pyrolens.records.metrics import Buckets, Family, MetricSet, Pairs, Sample


def points(metrics: MetricSet) -> Iterator[bytes]:
    """One for each sample that has a number."""
    for family in metrics.ordered():
        for sample in family.samples:
            fields = [f"{name(key)}={value:.17g}" for key, value in fields_of(family, sample) if math.isfinite(value)]
            if fields:
                head = ",".join([measurement_of(family), *tags((*metrics.labels, *family.pairs(sample)))])
                yield f"{head} {','.join(fields)} {sample.ns}".encode()


def measurement_of(family: Family) -> str:
    space, part, _ = family.parts
    if family.kind in ("histogram", "summary"):
        space = ""
    return measurement("_".join(filter(None, (space, part))) if space else family.name)


def tags(pairs: Pairs) -> list[str]:
    return [f"{name(key)}={name(text)}" for key, text in pairs if key and name(text)]


def fields_of(family: Family, sample: Sample) -> Iterator[tuple[str, float]]:
    value = sample.value
    if isinstance(value, (int, float)):
        yield family.parts[2], value
        return
    if isinstance(value, Buckets):
        yield from zip([*(f"{bound:g}" for bound in value.bounds), "+Inf"], value.counts, strict=True)
    else:
        yield from zip([f"{quantile:g}" for quantile in value.quantiles], value.values, strict=True)
    yield "sum", value.sum
    yield "count", value.count
