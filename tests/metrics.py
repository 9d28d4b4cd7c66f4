"""Metrics of every kind, and what tests do with them."""

import asyncio
from typing import Any

from pyrolens.api import Chunk, MetricSet, Outcome, Output
from pyrolens.delivery.buffer import Buffer
from pyrolens.delivery.outcome import TakesMetrics
from pyrolens.delivery.receipt import Receipt
from pyrolens.records.metrics import Buckets, Family, Quantiles, Sample

T = 1_795_275_039_957_624_793
"""ns: 2026-11-21T15:30:39.957624793Z"""
OLD = 1_395_066_363_000_000_000

COUNTER = Family(
    "http_requests_total",
    "counter",
    "The total number.",
    ("method", "code"),
    (Sample(OLD, ("post", "200"), 1027), Sample(T, ("post", None), 3)),
    "http",
    "requests",
)
GAUGE = Family("g", "gauge", "", ("x",), (Sample(T, ("",), -1.0),))
SUMMARY = Family("rpc", "summary", "", (), (Sample(T, (), Quantiles((0.5, 0.9), (4773.0, 9001.0), 1.7e7, 2693)),))
HISTOGRAM = Family("h", "histogram", "", ("a",), (Sample(T, ("b",), Buckets((0.1, 1.0), (1, 3, 4), 5.5, 4)),))
UNTYPED = Family("untyped_thing", "untyped", "", (), (Sample(T, (), 12.5),), "untyped")
NO_NUMBER = Family("nan_thing", "untyped", "", (), (Sample(T, (), float("nan")),), "nan")
ENDLESS = Family("inf_thing", "untyped", "", (), (Sample(T, (), float("inf")),), "inf")
ALL = MetricSet((COUNTER, GAUGE, SUMMARY, HISTOGRAM, UNTYPED, NO_NUMBER, ENDLESS))
"""What Fluent Bit's prometheus_scrape was given when its outputs were recorded."""

TEXT = """\
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027
http_requests_total{method="post"} 3
# TYPE up gauge
up{x="a b,c=d\\\\e\\"f"} -1
up 1
# TYPE g gauge
g{x=""} 123456789
# TYPE a_b_c_total counter
a_b_c_total 1e18
# TYPE rpc summary
rpc{quantile="0.5"} 4773
rpc{quantile="0.9"} 9001
rpc_sum 1.7e+07
rpc_count 2693
# TYPE x_h histogram
x_h_bucket{a="b",le="0.1"} 1
x_h_bucket{a="b",le="1"} 3
x_h_bucket{a="b",le="+Inf"} 4
x_h_sum{a="b"} 5.5
x_h_count{a="b"} 4
# TYPE nan_thing untyped
nan_thing NaN
# TYPE inf_thing untyped
inf_thing +Inf
"""
"""What Fluent Bit's prometheus_scrape was given when its outputs influxdb and splunk were recorded."""


def one(value: float = 1.0, name: str = "n_total", ns: int = T, **labels: str) -> MetricSet:
    """A counter."""
    samples = (Sample(ns, tuple(labels.values()), value),)
    return MetricSet((Family(name, "counter", "about", tuple(labels), samples, "n"),))


def chunks(sink: Any, tag: str, *sets: MetricSet) -> list[Chunk]:
    """What delivery makes of them."""
    assert isinstance(sink, TakesMetrics)
    encode = sink.metrics_encoder(tag)
    buffers: dict[Any, Buffer] = {}
    out: list[Chunk] = []
    for metrics in sets:
        for parcel in encode(metrics):
            assert len(parcel.items) in (1, parcel.records)
            buffer = buffers.setdefault(parcel.key, Buffer(parcel.key, sink.limits))  # type: ignore[attr-defined]
            out += buffer.add(parcel, Receipt(0, lambda receipt: None))
    return out + [buffer.cut() for buffer in buffers.values() if buffer.items]


def delivered(plugin: Output, env: Any, *sets: MetricSet, tag: str = "m") -> list[Outcome]:
    async def run() -> list[Outcome]:
        sink = plugin.open(env)
        await sink.start()
        try:
            return [await sink.deliver(chunk) for chunk in chunks(sink, tag, *sets)]
        finally:
            await sink.close()

    return asyncio.run(asyncio.wait_for(run(), 60))
