"""The bytes are those that Fluent Bit 5.1.1's forward output sent of tests.metrics.ALL."""

import math
from typing import Any

import msgpack
import pytest

from pyrolens.records.codecs.cmetrics import pack_metrics, unpack_metrics
from pyrolens.records.codecs.prometheus import plain_text
from pyrolens.records.metrics import Buckets, Family, MetricSet, Sample
from tests.metrics import ALL, HISTOGRAM, T, one


def opts(ns: str, name: str, about: str = " ", ss: str = "") -> dict[str, str]:
    return {"ns": ns, "ss": ss, "name": name, "desc": about, "unit": ""}


SENT = [
    {
        "meta": {
            "ver": 2,
            "type": 0,
            "opts": opts("http", "total", "The total number.", "requests"),
            "labels": ["method", "code"],
            "aggregation_type": 2,
        },
        "values": [
            {"ts": 1395066363000000000, "value": 1027.0, "labels": ["post", "200"], "hash": 8980927279608790705},
            {"ts": T, "value": 3.0, "labels": ["post", None], "hash": 17158476224941172054},
        ],
    },
    {
        "meta": {"ver": 2, "type": 1, "opts": opts("", "g"), "labels": ["x"]},
        "values": [{"ts": T, "value": -1.0, "labels": [""], "hash": 12257081701804127895}],
    },
    {
        "meta": {"ver": 2, "type": 3, "opts": opts("", "rpc"), "labels": [], "quantiles": [0.5, 0.9]},
        "values": [
            {
                "ts": T,
                "summary": {
                    "quantiles_set": 1,
                    "quantiles": [4661969983700467712, 4666173966409269248],
                    "count": 2693,
                    "sum": 4715328612981538816,
                },
                "hash": 0,
            }
        ],
    },
    {
        "meta": {"ver": 2, "type": 2, "opts": opts("", "h"), "labels": ["a"], "buckets": [0.1, 1.0]},
        "values": [
            {
                "ts": T,
                "histogram": {"buckets": [1, 3, 4], "sum": 5.5, "count": 4},
                "labels": ["b"],
                "hash": 7535096505152753127,
            }
        ],
    },
]
"""But for aggregation_type of histograms, which is 0."""


def unpacked(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False)


def test_what_is_sent() -> None:
    found = unpacked(pack_metrics(ALL.labelled((("x", "y"),))))
    assert found["meta"] == {"cmetrics": {}, "external": {}, "processing": {"static_labels": [["x", "y"]]}}
    assert found["metrics"][:4] == SENT
    assert math.isnan(found["metrics"][5]["values"][0]["value"])


def test_what_is_read_is_what_was_sent() -> None:
    assert plain_text(unpack_metrics(pack_metrics(ALL))) == plain_text(ALL)
    metrics = one(2.5, a="b").labelled((("x", "y"),))
    assert unpack_metrics(pack_metrics(metrics)) == metrics


def test_names_and_texts_as_fluent_bit_has_them() -> None:
    context = {"meta": {"processing": {"static_labels": []}}, "metrics": [SENT[0]]}
    context["metrics"][0]["meta"]["opts"] = opts("http", "total", ss="requests")  # type: ignore[index]
    (family,) = unpack_metrics(msgpack.packb(context)).families
    assert (family.name, family.parts, family.help) == ("http_requests_total", ("http", "requests", "total"), "")


def test_histograms_of_other_bounds_are_families_of_their_own_there() -> None:
    other = Sample(T, ("c",), Buckets((7.0,), (1, 1), 2.0, 1))
    both = MetricSet((Family("h", "histogram", "", ("a",), (*HISTOGRAM.samples, other)),))
    assert [m["meta"]["buckets"] for m in unpacked(pack_metrics(both))["metrics"]] == [[0.1, 1.0], [7.0]]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        msgpack.packb([]),
        msgpack.packb({"meta": {}}),
        msgpack.packb({**unpacked(pack_metrics(ALL)), "metrics": [1]}),
    ],
)
def test_what_is_no_metrics(data: bytes) -> None:
    with pytest.raises(ValueError, match="no metrics of cmetrics"):
        unpack_metrics(data)
