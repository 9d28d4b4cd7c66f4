"""Metrics as CloudWatch's Embedded Metric Format: log events that CloudWatch makes metrics of.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification;
Fluent Bit 5.1.1 lib/cmetrics/src/cmt_encode_cloudwatch_emf.c.
Differs: always valid, where Fluent Bit's CloudWatch would make no metric of it: the unit is Count, a label without a
value is no dimension, a metric without a namespace is in the default one; the Min and Max of a histogram come from the
bounds of its buckets, not from their counts."""

import math
from typing import Any

from pyrolens.records.metrics import Buckets, Family, Kind, Pairs, Quantiles, Sample

NAMESPACE = "cmetrics-metrics"
"""Where a metric has none."""
DIMENSIONS = 30
"""Most of a metric."""
ORDER: tuple[Kind, ...] = ("counter", "gauge", "untyped", "summary", "histogram")


def emf(family: Family, sample: Sample, common: Pairs) -> dict[str, Any]:
    """The log event of a sample. Raises: ValueError for what CloudWatch makes no metric of."""
    name = family.name
    definition: dict[str, Any] = {"Name": name, "Unit": "Count", "StorageResolution": 60}
    if family.kind != "counter":
        del definition["Unit"]
    labels = {key: text for key, text in (*family.pairs(sample), *common) if text}
    if len(labels) > DIMENSIONS:
        raise ValueError(f"{name} has {len(labels)} labels, and a metric has at most {DIMENSIONS} dimensions")
    about = {"Namespace": family.namespace or NAMESPACE, "Dimensions": [list(labels)], "Metrics": [definition]}
    return {
        "_aws": {"Timestamp": sample.ns // 1_000_000, "CloudWatchMetrics": [about]},
        **labels,
        "prom_metric_type": family.kind,
        name: value_of(name, sample),
    }


def value_of(name: str, sample: Sample) -> Any:
    value = sample.value
    if isinstance(value, Buckets):
        low, high = bounds_of(value)
        found = {"Min": low, "Max": high, "Sum": value.sum, "Count": value.count}
    elif isinstance(value, Quantiles):
        ends = value.values or (0.0,)
        found = {"Min": ends[0], "Max": ends[-1], "Sum": value.sum, "Count": value.count}
    else:
        found = {"": value}
    if not all(math.isfinite(number) for number in found.values()):
        raise ValueError(f"{name} is no number")
    numbers = {key: float(number) for key, number in found.items()}
    return numbers.get("", numbers)


def bounds_of(value: Buckets) -> tuple[float, float]:
    """Between which all observations lie, as far as the buckets tell."""
    bounds = value.bounds
    first = next((i for i, count in enumerate(value.counts) if count), None)
    if first is None or not bounds:
        return 0.0, 0.0
    last = next(i for i, count in enumerate(value.counts) if count >= value.counts[-1])
    low = bounds[first - 1] if first else min(0.0, bounds[0])
    return low, bounds[min(last, len(bounds) - 1)]
