"""Metrics as Fluent Bit hands them on by the forward protocol: cmetrics' MessagePack.

Source: Fluent Bit 5.1.1 lib/cmetrics/src/cmt_encode_msgpack.c, cmt_decode_msgpack.c, version 2."""

import struct
from dataclasses import replace
from typing import Any

import msgspec
import xxhash

from pyrolens.records.codecs.msgpack import pack
from pyrolens.records.metrics import (
    LATEST,
    Buckets,
    Family,
    Kind,
    LabelValue,
    MetricSet,
    Quantiles,
    Sample,
    Value,
)

VERSION = 2
TYPES: tuple[Kind, ...] = ("counter", "gauge", "histogram", "summary", "untyped")
"""By their numbers."""
CUMULATIVE = 2

_unpack = msgspec.msgpack.Decoder(strict=False).decode


CANNOT = (
    KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError, struct.error, msgspec.DecodeError
)  # fmt: skip


def pack_metrics(metrics: MetricSet) -> bytes:
    families = [family for family in metrics.families if family.samples]
    context = {
        "meta": {
            "cmetrics": {},
            "external": {},
            "processing": {"static_labels": [list(pair) for pair in metrics.labels]},
        },
        "metrics": [_family(part) for family in families for part in _of_one_shape(family)],
    }
    return pack(context)


def _of_one_shape(family: Family) -> list[Family]:
    """There, all histograms of a family have the same bounds, and all summaries the same quantiles."""
    shapes: dict[tuple[float, ...], list[Sample]] = {}
    for sample in family.samples:
        shapes.setdefault(_shape(sample.value), []).append(sample)
    return [replace(family, samples=tuple(samples)) for samples in shapes.values()]


def _shape(value: Value) -> tuple[float, ...]:
    if isinstance(value, Buckets):
        return value.bounds
    return value.quantiles if isinstance(value, Quantiles) else ()


def _family(family: Family) -> dict[str, Any]:
    space, part, name = family.parts
    about: dict[str, Any] = {
        "ver": VERSION,
        "type": TYPES.index(family.kind),
        # a single blank stands for no text, as cmetrics' own reader of Prometheus' text has it
        "opts": {"ns": space, "ss": part, "name": name, "desc": family.help or " ", "unit": ""},
        "labels": list(family.labels),
    }
    shape = [float(n) for n in _shape(family.samples[0].value)]
    if family.kind == "histogram":
        about["buckets"] = shape
    elif family.kind == "summary":
        about["quantiles"] = shape
    if family.kind == "counter":
        about["aggregation_type"] = CUMULATIVE
    return {"meta": about, "values": [_sample(family, sample) for sample in family.samples]}


def _sample(family: Family, sample: Sample) -> dict[str, Any]:
    value = sample.value
    out: dict[str, Any] = {"ts": sample.ns}
    if isinstance(value, Buckets):
        counts = [int(count) for count in value.counts]
        out["histogram"] = {"buckets": counts, "sum": float(value.sum), "count": int(value.count)}
    elif isinstance(value, Quantiles):
        found = [_bits(v) for v in value.values]
        summary = {"quantiles_set": 1, "quantiles": found, "count": int(value.count), "sum": _bits(value.sum)}
        out["summary"] = summary
    else:
        out["value"] = float(value)
    if sample.labels:
        out["labels"] = list(sample.labels)
    labelled = any(text is not None for text in sample.labels)
    out["hash"] = _hash(family.name, sample.labels) if labelled else 0
    return out


def _hash(name: str, labels: tuple[LabelValue, ...]) -> int:
    """By which a sample is found again there."""
    text = name + "".join(["_NULL_" if label is None else label for label in labels])
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogateescape"))


def _bits(value: float) -> int:
    """The bits of a number, as a number."""
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _number(bits: Any) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def unpack_metrics(data: bytes) -> MetricSet:
    """Raises: ValueError for what is none."""
    try:
        context = _unpack(data)
        labels = context["meta"]["processing"]["static_labels"]
        families = tuple(_read_family(found) for found in context["metrics"])
        return MetricSet(families, tuple((str(key), str(text)) for key, text in labels))
    except CANNOT as why:
        raise ValueError(f"they are no metrics of cmetrics: {type(why).__name__}: {why}") from None


def _read_family(found: dict[str, Any]) -> Family:
    about = found["meta"]
    opts = about["opts"]
    name = "_".join(part for part in (opts["ns"], opts["ss"], opts["name"]) if part)
    kind, labels = TYPES[about["type"]], tuple(map(str, about["labels"]))
    shape = tuple(map(float, about.get("buckets") or about.get("quantiles") or ()))
    samples = tuple([_read_sample(kind, shape, len(labels), sample) for sample in found["values"]])
    return Family(name, kind, opts["desc"].strip(), labels, samples, opts["ns"], opts["ss"])


def _read_sample(kind: Kind, shape: tuple[float, ...], width: int, found: dict[str, Any]) -> Sample:
    labels = [None if text is None else str(text) for text in found.get("labels") or ()]
    values = (*labels, *[None] * (width - len(labels)))[:width]
    value: Value
    if kind == "histogram":
        read = found["histogram"]
        counts = tuple(map(_whole, read["buckets"]))
        if len(counts) != len(shape) + 1:
            raise ValueError("a histogram has another number of buckets than its family")
        value = Buckets(shape, counts, float(read["sum"]), _whole(read["count"]))
    elif kind == "summary":
        read = found["summary"]
        known = tuple(map(_number, read["quantiles"])) if read.get("quantiles_set") else ()
        value = Quantiles(shape[: len(known)], known, _number(read["sum"]), _whole(read["count"]))
    else:
        value = float(found["value"])
    return Sample(_whole(found["ts"], LATEST), values, value)


def _whole(value: Any, limit: int = 2**64) -> int:
    if type(value) is not int or not 0 <= value < limit:
        raise ValueError("a number in them is none, or too large")
    return value
