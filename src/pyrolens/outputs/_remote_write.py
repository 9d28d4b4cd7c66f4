"""Metrics as Prometheus' remote write wants them.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec (version 1), prometheus/prompb/types.proto; Fluent Bit
5.1.1 lib/cmetrics/src/cmt_encode_prometheus_remote_write.c.
Differs: labels are sorted, none is empty or there twice, and names are valid, as the specification wants it."""

import struct
from collections.abc import Iterable

from pyrolens.outputs._otlp import encoded
from pyrolens.outputs._protobuf import part, varint
from pyrolens.records.codecs.prometheus import valid_label, valid_name
from pyrolens.records.metrics import Buckets, Family, MetricSet, Pairs, Sample

STALE = 3600 * 1_000_000_000
"""ns. Receivers take no samples that are much older."""


def write_request(metrics: MetricSet, now: int) -> tuple[bytes, int]:
    """A WriteRequest, which may stand behind others in one body, and how many samples are too old for it."""
    out: list[bytes] = []
    stale = 0
    for family in metrics.ordered(("counter", "gauge", "untyped", "summary", "histogram")):
        for sample in family.samples:
            if now - sample.ns > STALE:
                stale += 1
            else:
                out += series(family, sample, metrics.labels)
    return b"".join(out), stale


def series(family: Family, sample: Sample, common: Pairs) -> Iterable[bytes]:
    own = {valid_label(key): text for key, text in (*common, *family.pairs(sample)) if text}
    ms = sample.ns // 1_000_000
    name, value = valid_name(family.name), sample.value
    if isinstance(value, (int, float)):
        yield time_series(name, own, value, ms)
        return
    yield time_series(f"{name}_count", own, value.count, ms)
    yield time_series(f"{name}_sum", own, value.sum, ms)
    if isinstance(value, Buckets):
        marks = [*(f"{bound:.17g}" for bound in value.bounds), "+Inf"]
        for mark, count in zip(marks, value.counts, strict=True):
            yield time_series(f"{name}_bucket", {**own, "le": mark}, count, ms)
    else:
        for quantile, found in zip(value.quantiles, value.values, strict=True):
            yield time_series(name, {**own, "quantile": f"{quantile:.17g}"}, found, ms)


def time_series(name: str, labels: dict[str, str], value: float, ms: int) -> bytes:
    pairs = sorted((key, text) for key, text in {**labels, "__name__": name}.items() if text)
    inner = [part(b"\x0a", part(b"\x0a", encoded(k)) + part(b"\x12", encoded(v))) for k, v in pairs]
    # nought is not written, as everywhere in protobuf
    number = b"\x09" + struct.pack("<d", value) if value or str(value) == "-0.0" else b""
    inner.append(part(b"\x12", number + b"\x10" + varint(ms)))
    return part(b"\x0a", b"".join(inner))
