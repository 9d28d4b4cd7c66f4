"""Metrics as events of Splunk's HTTP Event Collector.

Source: Fluent Bit 5.1.1 lib/cmetrics/src/cmt_encode_splunk_hec.c; Splunk's reference, Get metrics in
from other sources.
Differs: JSON is always valid, and numbers have all of their digits; what is no number is left out."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pyrolens.records.codecs import json_value
from pyrolens.records.event import SECOND
from pyrolens.records.metrics import Buckets, Family, MetricSet, Sample


def hec_events(about: Mapping[str, str], metrics: MetricSet) -> Iterator[bytes]:
    """The events of each sample; of histograms and summaries one for each number that they have. about: host, and where
    they are named index, source and sourcetype."""
    for family in metrics.ordered():
        for sample in family.samples:
            made = [
                event(about, sample.ns, {name: float(number), **mark, **own, **kind})
                for own in [dict((*metrics.labels, *family.pairs(sample)))]
                for kind in [{"metric_type": family.kind.capitalize()} if family.kind in NAMED else {}]
                for name, number, mark in numbers(family, sample)
                if math.isfinite(number)
            ]
            if made:
                yield b"".join(made)


NAMED = ("histogram", "summary")


def event(about: Mapping[str, str], ns: int, fields: dict[str, Any]) -> bytes:
    host, *others = about.items()
    time = f"{ns // SECOND:09d}.{ns % SECOND:09d}"
    rest = json_value({"event": "metric", **dict(others), "fields": fields})
    return b'{"host":%b,"time":%b,%b' % (json_value(host[1]), time.encode(), rest[1:])


def numbers(family: Family, sample: Sample) -> Iterator[tuple[str, float, dict[str, str]]]:
    """Name, number, and the bound or the quantile that it is for."""
    _, part, rest = family.parts
    name, value = f"metric_name:{part}.{rest}" if part else f"metric_name:{rest}", sample.value
    if isinstance(value, (int, float)):
        yield name, value, {}
        return
    if isinstance(value, Buckets):
        for mark, count in zip([*map(repr, value.bounds), "+Inf"], value.counts, strict=True):
            yield f"{name}_bucket", count, {"le": mark}
    else:
        for quantile, found in zip(value.quantiles, value.values, strict=True):
            yield name, found, {"qt": repr(quantile)}
    yield f"{name}_sum", value.sum, {}
    yield f"{name}_count", value.count, {}
