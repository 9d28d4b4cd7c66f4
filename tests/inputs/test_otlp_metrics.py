"""Metrics by OTLP: what becomes of protobuf and JSON."""

import asyncio
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.api import MetricSet
from pyrolens.inputs import _otlp_metrics
from pyrolens.inputs._otlp import NotOtlpError
from pyrolens.inputs._otlp_metrics import Reader
from pyrolens.outputs._otlp_metrics import request as written
from pyrolens.outputs._otlp_metrics import scope_metrics
from pyrolens.records.metrics import Buckets, Family, Quantiles, Sample
from tests.inputs.test_opentelemetry import JSON, PROTOBUF, asked, json_value, part, sent
from tests.metrics import COUNTER, GAUGE, HISTOGRAM, SUMMARY
from tests.ports import free_port
from tests.running import running, until
from tests.service.test_http_api import request

T = 1_795_275_039_957_624_793
NOW = 1_790_000_000_000_000_000
ATTRIBUTES = {"s": "x", "i": 5, "b": True, "d": 0.1, "a": ["q", 1], "n": None}
LABELS = ("x", "5", "1", "0.10000000000000001", '["q", 1]')


def key_values(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": json_value(value)} for key, value in attributes.items()]


def point(attributes: dict[str, Any] | None = None, time: int = T, **more: Any) -> dict[str, Any]:
    return {"timeUnixNano": str(time), "attributes": key_values(attributes or {}), **more}


def metric(name: str, form: str, *points: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, form: {"dataPoints": list(points), **more}}


def body(*metrics: dict[str, Any], **resource: Any) -> dict[str, Any]:
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": key_values(resource)},
                "scopeMetrics": [{"scope": {"name": "lib"}, "metrics": list(metrics)}],
            }
        ]
    }


# the same as protobuf: a field's number and kind, by name

D, Q, I64 = struct.Struct("<d"), struct.Struct("<Q"), struct.Struct("<q")
NUMBERS = {
    "resourceMetrics": 1, "resource": 1, "scopeMetrics": 2, "scope": 1, "metrics": 2, "name": 1, "description": 2,
    "gauge": 5, "sum": 7, "histogram": 9, "exponentialHistogram": 10, "summary": 11, "dataPoints": 1,
}  # fmt: skip
OF_POINTS = {
    "gauge": {"asDouble": 4, "asInt": 6, "attributes": 7, "flags": 8},
    "histogram": {"count": 4, "sum": 5, "bucketCounts": 6, "explicitBounds": 7, "attributes": 9, "flags": 10},
    "exponentialHistogram": {"attributes": 1, "count": 4, "sum": 5, "scale": 6, "zeroCount": 7, "positive": 8,
                             "negative": 9, "zeroThreshold": 14},
    "summary": {"count": 4, "sum": 5, "quantileValues": 6, "attributes": 7},
}  # fmt: skip


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return out + bytes((number,))


def any_value(value: dict[str, Any]) -> bytes:
    match value:
        case {"stringValue": text}:
            return part(1, text.encode())
        case {"boolValue": on}:
            return b"\x10" + bytes((on,))
        case {"intValue": number}:
            return b"\x18" + varint(int(number))
        case {"doubleValue": number}:
            return b"\x21" + D.pack(number)
        case {"arrayValue": {"values": values}}:
            return part(5, b"".join(part(1, any_value(v)) for v in values))
    return b""


def of_attributes(number: int, pairs: list[dict[str, Any]]) -> bytes:
    return b"".join(part(number, part(1, p["key"].encode()) + part(2, any_value(p["value"]))) for p in pairs)


def of_point(form: str, given_: dict[str, Any]) -> bytes:
    out = b""
    numbers = OF_POINTS.get(form, OF_POINTS["gauge"])
    for name, value in {"timeUnixNano": 0, **given_}.items():
        number = 3 if name == "timeUnixNano" else numbers[name]
        if name == "attributes":
            out += of_attributes(number, value)
        elif name in ("timeUnixNano", "count", "zeroCount"):
            out += bytes((number << 3 | 1,)) + Q.pack(int(value))
        elif name == "asInt":
            out += bytes((number << 3 | 1,)) + I64.pack(int(value))
        elif name == "bucketCounts":
            out += part(number, b"".join(Q.pack(int(n)) for n in value))
        elif name == "explicitBounds":
            out += part(number, b"".join(D.pack(n) for n in value))
        elif name == "quantileValues":
            out += b"".join(part(6, b"\x09" + D.pack(q["quantile"]) + b"\x11" + D.pack(q["value"])) for q in value)
        elif name in ("positive", "negative"):
            offset = varint(zigzag(value.get("offset", 0)))
            counts = b"".join(varint(int(n)) for n in value.get("bucketCounts", []))
            out += part(number, b"\x08" + offset + part(2, counts))
        elif name == "scale":
            out += bytes((number << 3,)) + varint(zigzag(value))
        elif name == "flags":
            out += bytes((number << 3,)) + varint(value)
        else:
            out += bytes((number << 3 | 1,)) + D.pack(value)
    return out


def zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def of_metric(given_: dict[str, Any]) -> bytes:
    out = b""
    for name, value in given_.items():
        if isinstance(value, str):
            out += part(NUMBERS[name], value.encode())
            continue
        data = b"".join(part(1, of_point(name, p)) for p in value["dataPoints"])
        data += b"\x10" + bytes((value.get("aggregationTemporality", 0),))
        data += b"\x18\x01" if value.get("isMonotonic") else b""
        out += part(NUMBERS[name], data)
    return out


def protobuf(given_: dict[str, Any]) -> bytes:
    out = b""
    for of_resource in given_["resourceMetrics"]:
        scopes = b"".join(
            part(2, part(1, part(1, b"lib")) + b"".join(part(2, of_metric(m)) for m in scope["metrics"]))
            for scope in of_resource["scopeMetrics"]
        )
        out += part(1, part(1, of_attributes(1, of_resource["resource"]["attributes"])) + scopes)
    return out


def read(given_: dict[str, Any], labels: tuple[str, ...] = ()) -> list[MetricSet]:
    """Both forms give the same."""
    refused: list[str] = []
    found = []
    for form in ("json", "protobuf"):
        reader = Reader(list(labels), lambda: NOW, lambda why, points: refused.append(why))
        found.append(reader.json(given_) if form == "json" else reader.protobuf(protobuf(given_)))
    assert found[0] == found[1]
    assert refused == []
    return found[0]


def families(*metrics: dict[str, Any]) -> list[Family]:
    (reading,) = read(body(*metrics))
    return list(reading.families)


def values(*metrics: dict[str, Any]) -> list[Any]:
    return [sample.value for family in families(*metrics) for sample in family.samples]


def test_numbers() -> None:
    found = families(
        metric("http.requests", "sum", point(ATTRIBUTES, asInt="5"), point(asDouble=2.5), aggregationTemporality=2,
               isMonotonic=True) | {"description": "about"},
        metric("queue", "sum", point(asInt="-3"), aggregationTemporality=2),
        metric("g", "gauge", point({"k": "v"}, asDouble=-1.5), point({"k": "w"}, 0, asInt="9"), point(flags=1)),
    )  # fmt: skip
    names = ("s", "i", "b", "d", "a")
    assert found == [
        Family("http.requests", "counter", "about", names, (Sample(T, LABELS, 5), Sample(T, (None,) * 5, 2.5))),
        Family("queue", "gauge", "-", (), (Sample(T, (), -3),)),
        Family("g", "gauge", "-", ("k",), (Sample(T, ("v",), -1.5), Sample(NOW, ("w",), 9))),
    ]


def test_histograms() -> None:
    both = point(count="6", sum=10.5, bucketCounts=["1", "2", "3"], explicitBounds=[0.5, 1.0])
    assert values(metric("h", "histogram", both, point(count="2"))) == [
        Buckets((0.5, 1.0), (1, 3, 6), 10.5, 6),
        Buckets((), (2,), 0.0, 2),
    ]


def test_summaries() -> None:
    quantiles = [{"quantile": 0.5, "value": 2.0}, {"quantile": 0.9, "value": 3.0}]
    given_ = point(count="4", sum=9.0, quantileValues=quantiles)
    assert values(metric("s", "summary", given_)) == [Quantiles((0.5, 0.9), (2.0, 3.0), 9.0, 4)]


@pytest.mark.parametrize(
    ("given_", "bounds", "counts"),
    [
        # as Fluent Bit's prometheus_exporter shows it
        ({"scale": 0, "zeroCount": "1", "positive": {"bucketCounts": ["2", "3", "4"]}},
         (0.0, 2.0, 4.0, 8.0), (1, 3, 6, 10, 10)),
        ({"scale": 1, "positive": {"offset": -2, "bucketCounts": ["4", "6"]}}, (2**-0.5, 1.0), (4, 10, 10)),
        ({"scale": -1, "negative": {"offset": 1, "bucketCounts": ["3", "5"]}, "zeroCount": "2"},
         (-16.0, -4.0, 0.0), (5, 8, 10, 10)),
        ({"zeroThreshold": 0.25, "zeroCount": "4", "positive": {"bucketCounts": ["6"]}},
         (-0.25, 0.0, 0.25, 2.0), (0, 4, 4, 10, 10)),
        ({}, (0.0,), (0, 10)),
    ],
)  # fmt: skip
def test_exponential_histograms(given_: dict[str, Any], bounds: tuple[float, ...], counts: tuple[int, ...]) -> None:
    (value,) = values(metric("e", "exponentialHistogram", point(count="10", sum=30.0, **given_)))
    assert value.bounds == pytest.approx(bounds)
    assert (value.counts, value.sum, value.count) == (counts, 30.0, 10)


def test_a_resource_is_a_source_and_may_give_labels() -> None:
    one = body(metric("g", "gauge", point(asInt="1")), **{"service.name": "web", "n": 5})
    other = body(metric("g", "gauge", point(asInt="2")), **{"service.name": "api"})
    more = body(metric("f", "gauge", point(asInt="3")), **{"service.name": "web", "n": 5})
    together = {"resourceMetrics": [r for b in (one, other, more) for r in b["resourceMetrics"]]}
    web, api = read(together, ("service.name", "n", "none"))
    assert web.labels == (("service.name", "web"), ("n", "5"))
    assert [(f.name, f.samples[0].value) for f in web.families] == [("g", 1), ("f", 3)]
    assert (api.labels, api.families[0].samples[0].value) == ((("service.name", "api"),), 2)
    assert "" != web.source != api.source


def test_changes_are_added_up() -> None:
    refused: list[tuple[str, int]] = []
    reader = Reader([], lambda: NOW, lambda why, points: refused.append((why, points)))

    def send(*metrics: dict[str, Any], **resource: Any) -> list[Any]:
        return [s.value for m in reader.json(body(*metrics, **resource)) for f in m.families for s in f.samples]

    def counted(n: int, **labels: Any) -> dict[str, Any]:
        temporality = "AGGREGATION_TEMPORALITY_DELTA" if n == 4 else 1
        return metric("c", "sum", point(labels, asInt=n), isMonotonic=True, aggregationTemporality=temporality)

    def spread(count: int, *each: int, bounds: list[float]) -> dict[str, Any]:
        given_ = point(count=count, sum=count * 1.5, bucketCounts=list(each), explicitBounds=bounds)
        return metric("h", "histogram", given_, aggregationTemporality=1)

    assert send(counted(3), counted(4)) == [3, 7]
    assert send(counted(2), counted(5, k="v")) == [9, 5]
    assert send(counted(2), who="another") == [2]
    assert send(spread(3, 1, 2, bounds=[1.0])) == [Buckets((1.0,), (1, 3), 4.5, 3)]
    assert send(spread(2, 2, 0, bounds=[1.0])) == [Buckets((1.0,), (3, 5), 7.5, 5)]
    assert send(spread(1, 1, bounds=[])) == [Buckets((), (1,), 1.5, 1)]
    assert refused == []
    assert send(metric("e", "exponentialHistogram", point(count=1), point(count=1), aggregationTemporality=1)) == []
    assert refused == [("e: changes of exponential histograms do not add up", 2)]


def test_the_series_of_changes_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_otlp_metrics, "MOST_TOTALS", 2)
    points = [point({"n": n}, asInt=1) for n in (1, 2, 3, 1)]
    given_ = body(metric("c", "sum", *points, aggregationTemporality=1, isMonotonic=True))
    env, answer = sent(asked(json.dumps(given_).encode(), JSON, "/v1/metrics"))
    assert (answer.status, env.counts) == (201, {"refused_metrics": 1})
    ((_, published),) = env.published
    assert [s.value for f in published.families for s in f.samples] == [1, 1, 2]


def test_a_request() -> None:
    given_ = body(metric("g", "gauge", point(asInt="1")))
    for request_ in (
        asked(json.dumps(given_).encode(), JSON, "/v1/metrics"),
        asked(protobuf(given_), PROTOBUF, "/v1/metrics"),
    ):
        env, answer = sent(request_)
        assert (answer.status, [tag for tag, _ in env.published]) == (201, ["v1_metrics"])
        env, _ = sent(request_, tag="t")
        assert [tag for tag, _ in env.published] == ["t"]
    env, answer = sent(asked(b"{}", JSON, "/v1/metrics"))
    assert (answer.status, env.published) == (201, [])


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"resourceMetrics": 5}, "resourceMetrics is no list"),
        ({"resourceLogs": []}, "there is no resourceMetrics"),
        (body({"name": "x"}), "x is neither gauge, sum, histogram, exponentialHistogram nor summary"),
        (body({"gauge": {"dataPoints": []}}), "a metric has no name"),
        (body(metric("x", "gauge", point())), "a point has no value"),
        (body(metric("x", "gauge", point(asInt="a"))), "there is something else in place of a whole number"),
        (body(metric("x", "gauge", point(asInt=2**63))), "there is something else in place of a whole number"),
        (body(metric("x", "gauge", point(asDouble="a"))), "there is something else in place of a number"),
        (body(metric("x", "histogram", point(bucketCounts=[1], explicitBounds=[1]))), "do not fit their bounds"),
        (body(metric("x", "histogram", point(bucketCounts=[1, 1, 1], explicitBounds=[2, 1]))), "do not fit"),
        (body(metric("x", "histogram", point(bucketCounts={}))), "bucketCounts is no list"),
        (body(metric("x", "exponentialHistogram", point(scale=-2000, positive={"bucketCounts": [1]}))), "the scale"),
        (body(metric("x", "exponentialHistogram", point(scale=2000, positive={"bucketCounts": [1]}))), "the scale"),
        (body(metric("x", "exponentialHistogram", point(positive={"offset": 9999, "bucketCounts": [1]}))), "the scale"),
        (body(metric("x", "exponentialHistogram", point(positive={"bucketCounts": [1] * 2000}))), "more than 1000"),
    ],
)
def test_what_is_no_otlp(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(NotOtlpError, match=message):
        Reader([], lambda: NOW, lambda why, points: None).json(given_)
    _, answer = sent(asked(json.dumps(given_).encode(), JSON, "/v1/metrics"))
    assert answer.status == 400


def test_points_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_otlp_metrics, "MOST_RECORDS", 2)
    with pytest.raises(NotOtlpError, match="more than 2 points"):
        read(body(metric("g", "gauge", *[point(asInt="1")] * 3)))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_bytes_are_metrics_or_none(noise: bytes, at: int) -> None:
    whole = protobuf(body(metric("e", "exponentialHistogram", point(ATTRIBUTES, count="3", scale=1)), a="b"))
    for data in (noise, whole[:at] + noise + whole[at:], whole[:at]):
        try:
            Reader([], lambda: NOW, lambda why, points: None).protobuf(data)
        except NotOtlpError:
            pass


def test_what_the_output_writes_is_read_again() -> None:
    given_ = MetricSet((COUNTER, GAUGE, SUMMARY, HISTOGRAM))
    (found,) = Reader([], lambda: NOW, lambda why, points: None).protobuf(written([scope_metrics(given_)]))
    assert {f.name: (f.kind, [(f.pairs(s), s.ns, s.value) for s in f.samples]) for f in found.families} == {
        f.name: (f.kind, [(f.pairs(s), s.ns, s.value) for s in f.samples]) for f in given_.families
    }


CONFIG = """
[SERVICE]
    Flush 0.1
[INPUT]
    Name opentelemetry
    Listen 127.0.0.1
    Port {otlp}
    resource_labels service.name
[OUTPUT]
    Name prometheus_exporter
    Match *
    Host 127.0.0.1
    Port {exporter}
"""


def test_to_prometheus(tmp_path: Path) -> None:
    async def main() -> None:
        otlp, exporter = free_port(), free_port()
        async with running(tmp_path, CONFIG.format(otlp=otlp, exporter=exporter)) as router:
            assert "no-metrics" not in router.said()
            for name, n in (("web", 1), ("api", 2), ("web", 3)):
                data = json.dumps(
                    body(metric("hits", "sum", point(asInt=n), isMonotonic=True), **{"service.name": name})
                )
                head = f"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
                assert (await request(otlp, (head + data).encode()))[0] == 201
            shown = ""

            async def scrape() -> str:
                return (await request(exporter, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"))[2].decode()

            while 'service_name="web"} 3' not in shown or 'service_name="api"} 2' not in shown:
                shown = await scrape()
            await until(lambda: shown.count("# TYPE hits counter") == 1, "one family of both services")

    asyncio.run(asyncio.wait_for(main(), 30))
