import gzip
import json
import struct
from typing import Any

import cramjam
import msgspec
import pytest

from pyrolens.api import DELIVERED, Event, Outcome, Pair
from pyrolens.aws.options import Identity
from pyrolens.inputs._otlp import Shape, read_protobuf
from pyrolens.outputs._otlp import Common, any_value, common, partial_success, request
from pyrolens.outputs._post import NO_OAUTH2
from pyrolens.outputs._protobuf import varint
from pyrolens.outputs.opentelemetry import OpenTelemetry
from pyrolens.records.event import Record, Stamp, group_of
from tests.net.servers import Request, answer
from tests.outputs.sending import Env, events, sent

NS = 1_718_000_000_000_000_005
TWO = events({"log": "one"}, {"log": "two"})


def otlp(**options: Any) -> Any:
    return lambda server: OpenTelemetry(port=server.port, **options)


def ok(request: Request) -> bytes:
    return answer(200, b"")


def body(record: Record, metadata: Record | None = None, env: Env | None = None, **options: Any) -> bytes:
    """The request for one record."""
    sink = OpenTelemetry(**options).open(env or Env())
    (parcel,) = sink.encoder("t")([(Stamp(NS, metadata) if metadata else NS, record)])
    return request(parcel.items)


# -- the wire, as Fluent Bit 5.1.1 wrote it ------------------------------------------------------------------------

HEAD = b"\t\x05\x00\x1f\xcc\xe5\x8f\xd7\x17"
"""The time."""
IDS = {"SpanId": "0102030405060708", "TraceId": "0102030405060708090a0b0c0d0e0f10"}
OTLP = {
    "severity_number": 9, "severity_text": "I", "attributes": {"a": 1}, "timestamp": 7, "observed_timestamp": 8,
    "trace_flags": 3, "trace_id": "0f" * 16, "span_id": "ab" * 8,
}  # fmt: skip


def framed(record: bytes) -> bytes:
    """A record in ScopeLogs in ResourceLogs in the request, where each is shorter than 128 bytes."""
    scope = b"\n\0\x12" + bytes([len(record)]) + record
    resource = b"\n\0\x12" + bytes([len(scope)]) + scope
    return b"\n" + bytes([len(resource)]) + resource


@pytest.mark.parametrize(
    ("record", "metadata", "options", "expected"),
    [
        ({"log": "hi", "n": 5}, {}, {}, HEAD + b"*\x04\n\x02hi"),
        ({"message": "hi", "n": 5}, {}, {}, HEAD + b"*\x04\n\x02hi"),
        (
            {"n": 5, "f": 0.0, "t": False, "z": None, "l": [], "m": {}, "e": "", "i": -1},
            {},
            {},
            HEAD + b"*X2V\n\x07\n\x01n\x12\x02\x18\x05\n\x0e\n\x01f\x12\t!\0\0\0\0\0\0\0\0\n\x07\n\x01t\x12\x02\x10\0"
            b"\n\x05\n\x01z\x12\0\n\x07\n\x01l\x12\x02*\0\n\x07\n\x01m\x12\x022\0\n\x07\n\x01e\x12\x02\n\0"
            b"\n\x10\n\x01i\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ),
        (
            {"log": "hi", "n": 5, "m": {"x": 1, "y": 2}},
            {},
            {"logs_body_key": ["$m['x']"], "logs_body_key_attributes": True},
            HEAD + b"*\x02\x18\x012\x0b\n\x03log\x12\x04\n\x02hi2\x07\n\x01n\x12\x02\x18\x05"
            b"2\x10\n\x01m\x12\x0b2\t\n\x07\n\x01y\x12\x02\x18\x02",
        ),
        (
            {"message": "hi", "SeverityText": "WARN", "SeverityNumber": 13, **IDS},
            {},
            {},
            HEAD + b"\x10\r\x1a\x04WARN*\x04\n\x02hiJ\x10" + bytes(range(1, 17)) + b"R\x08" + bytes(range(1, 9)),
        ),
        (
            {"log": "hi", "SeverityNumber": 25},
            {"SeverityNumber": 3, "Timestamp": 5, "ObservedTimestamp": 6, "TraceFlags": 1},
            {},
            b"\t\x05\0\0\0\0\0\0\0\x10\x03*\x04\n\x02hi2\x14\n\x0eSeverityNumber\x12\x02\x18\x03"
            b"2\x0f\n\tTimestamp\x12\x02\x18\x052\x17\n\x11ObservedTimestamp\x12\x02\x18\x06"
            b"2\x10\n\nTraceFlags\x12\x02\x18\x01E\x01\0\0\0Y\x06\0\0\0\0\0\0\0",
        ),
        (
            {"log": "hi"},
            {"otlp": OTLP, "k": "v"},
            {"logs_body_key_attributes": True},
            b"\t\x07\0\0\0\0\0\0\0\x10\t\x1a\x01I*\x04\n\x02hi2\x08\n\x01k\x12\x03\n\x01v2\x07\n\x01a\x12\x02\x18\x01"
            b"E\x03\0\0\0J\x10" + b"\x0f" * 16 + b"R\x08" + b"\xab" * 8 + b"Y\x08\0\0\0\0\0\0\0",
        ),
    ],
)
def test_the_wire(record: Record, metadata: Record, options: dict[str, Any], expected: bytes) -> None:
    assert body(record, metadata, **options) == framed(expected)


# -- what we read it back with ---------------------------------------------------------------------------------------


def fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a message: numbers, and bytes for all else. Fails for what is no message."""
    out: list[tuple[int, Any]] = []
    at = 0

    def number() -> int:
        nonlocal at
        got = shift = 0
        while True:
            byte = data[at]
            at += 1
            got |= (byte & 127) << shift
            if byte < 128:
                return got
            shift += 7

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            out.append((tag >> 3, number()))
            continue
        size = number() if tag & 7 == 2 else {1: 8, 5: 4}[tag & 7]
        assert at + size <= len(data)
        out.append((tag >> 3, data[at : at + size]))
        at += size
    return out


def value(data: bytes) -> Any:
    """AnyValue."""
    got = fields(data)
    if not got:
        return None
    ((number, inner),) = got
    if number == 1:
        return inner.decode()
    if number == 2:
        return bool(inner)
    if number == 3:
        return inner - 2**64 if inner >= 2**63 else inner
    if number == 4:
        return struct.unpack("<d", inner)[0]
    if number == 5:
        return [value(v) for _, v in fields(inner)]
    return pairs(inner) if number == 6 else inner


def pairs(data: bytes, number: int = 1) -> Record:
    found = [dict(fields(inner)) for n, inner in fields(data) if n == number]
    assert len({pair[1] for pair in found}) == len(found), "a key is there twice"
    return {pair[1].decode(): value(pair[2]) for pair in found}


def records(data: bytes) -> list[dict[int, Any]]:
    """The log records of a request: body (5), attributes (6), and the rest as it is."""
    ((_, resource),) = fields(data)
    (_, scope) = fields(resource)[1]
    out = []
    for _, record in fields(scope)[1:]:
        one = dict(fields(record))
        out.append({**one, 5: value(one[5]), 6: pairs(record, 6)})
    return out


def test_what_is_awkward_stays_valid() -> None:
    odd: dict[Any, Any] = {
        "u64": 2**64 - 1, "min": -(2**63), "wrong": "caf\udce9 \udcff", "lone": "\ud800", "nul": "a\0b",
        "bytes": b"\xff\0", "ext": msgspec.msgpack.Ext(1, b"x"), 5: "number", "tuple": (1, 2), "nan": float("inf"),
    }  # fmt: skip
    (record,) = records(body(odd))
    lone = record[5].pop("lone")
    assert "\ufffd" in lone
    assert record[5] == {
        "u64": "18446744073709551615", "min": -(2**63), "wrong": "caf\ufffd \ufffd", "nul": "a\0b", "bytes": b"\xff\0",
        "ext": b"x", "5": "number", "tuple": [1, 2], "nan": float("inf"),
    }  # fmt: skip


def test_nesting_ends() -> None:
    deep: Any = "bottom"
    for _ in range(5000):
        deep = [deep]
    (record,) = records(body({"log": deep}))
    levels = 0
    inner = record[5]
    while inner:
        (inner,) = inner
        levels += 1
    assert 40 <= levels <= 100


def test_attributes_have_one_value_for_each_key() -> None:
    metadata = {"k": "own", "m": 1, "Attributes": {"k": "given"}}
    (record,) = records(body({"log": "x", "k": "rest", "r": 2}, metadata, logs_body_key_attributes=True))
    assert record[6] == {"k": "given", "m": 1, "Attributes": {"k": "given"}, "r": 2}


def test_an_element_of_a_list_is_the_body() -> None:
    options: dict[str, Any] = {"logs_body_key": ["$none", "$l[1]"], "logs_body_key_attributes": True}
    (record,) = records(body({"l": [1, 2]}, **options))
    assert (record[5], record[6]) == (2, {"l": [1, 2]})


@pytest.mark.parametrize("wrong", ["0102", "zz02030405060708", 5, b"1234567", "01 02 03 04 05 06", "\u0661" * 16, None])
def test_a_wrong_id_is_left_out_and_told_once(wrong: Any) -> None:
    env = Env()
    sink = OpenTelemetry().open(env)
    batch: list[Event] = [(NS, {"log": "x", "SpanId": wrong})] * 2
    (parcel,) = sink.encoder("t")(batch)
    assert [10 in record for record in records(request(parcel.items))] == [False, False]
    assert [event for _, event, _ in env.said.lines] == ["this is no span_id, so it is left out"]


def test_a_right_id_behind_a_wrong_one() -> None:
    (record,) = records(body({"log": "x", "SpanId": b"12345678"}, {"otlp": {"span_id": "no"}}))
    assert record[10] == b"12345678"


@pytest.mark.parametrize(
    ("number", "data"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (2**64 - 1, b"\xff" * 9 + b"\x01")]
)
def test_varint(number: int, data: bytes) -> None:
    assert varint(number) == data
    assert any_value(True) == b"\x10\x01"


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_request() -> None:
    options = {"header": [Pair("X-Scope", "a b"), Pair("user-agent", "mine")], "http_user": "u", "http_passwd": "p"}
    outcomes, (got,) = sent(otlp(logs_uri="in put", **options), ok, TWO, TWO[:1])
    assert outcomes == [DELIVERED]
    assert (got.method, got.target) == ("POST", "/in%20put")
    assert got.headers["content-type"] == "application/x-protobuf"
    assert (got.headers["x-scope"], got.headers["user-agent"]) == ("a b", "mine")
    assert got.headers["authorization"] == "Basic dTpw"
    assert len([line for line in got.lines if line.lower().startswith("user-agent")]) == 1
    assert [(r[5], struct.unpack("<Q", r[1])[0]) for r in records(got.body)] == [
        (record["log"], ns) for ns, record in [*TWO, TWO[0]]
    ]


def test_batches() -> None:
    outcomes, requests = sent(otlp(batch_size=2), ok, events(*[{"log": n} for n in range(5)]))
    assert outcomes == [DELIVERED] * 3
    assert [[r[5] for r in records(got.body)] for got in requests] == [[0, 1], [2, 3], [4]]


def test_only_the_request_that_failed_goes_again() -> None:
    answers = iter([answer(503, b""), answer(200, b"")])
    outcomes, _ = sent(otlp(batch_size=1), lambda _: next(answers), TWO)
    assert [list(o.retry) for o in outcomes] == [[0], []]


@pytest.mark.parametrize(("how", "unpack"), [("gzip", gzip.decompress), ("zstd", cramjam.zstd.decompress)])
def test_compressed(how: str, unpack: Any) -> None:
    big = events({"log": "x" * 100_000})
    _, (small, large) = sent(otlp(compress=how, batch_size=1), ok, TWO[:1], big)
    assert [got.headers["content-encoding"] for got in (small, large)] == [how] * 2
    assert [records(bytes(unpack(got.body)))[0][5] for got in (small, large)] == ["one", "x" * 100_000]


@pytest.mark.parametrize("status", [200, 202, 204, 205])
def test_success(status: int) -> None:
    assert sent(otlp(), lambda _: answer(status, b""), TWO)[0] == [DELIVERED]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_is_tried_again(status: int) -> None:
    (outcome,), _ = sent(otlp(), lambda _: answer(status, b"later\n", Retry_After="7"), TWO)
    assert outcome == Outcome(range(2), {}, f"HTTP {status}: later", 7.0, status in (429, 503))


@pytest.mark.parametrize("status", [206, 301, 400, 401, 404, 408, 413, 500, 501])
def test_what_is_refused(status: int) -> None:
    (outcome,), _ = sent(otlp(), lambda _: answer(status, b"no"), TWO)
    reason = f"HTTP {status}: no"
    assert outcome == Outcome((), {0: reason, 1: reason}, reason)


def test_the_answer_may_stay_out_of_the_log() -> None:
    answers = iter([answer(400, b"secret"), answer(503, b"secret")])
    outcomes, _ = sent(otlp(log_response_payload=False, batch_size=1), lambda _: next(answers), TWO)
    assert [outcome.reason for outcome in outcomes] == ["HTTP 400", "HTTP 503"]


def test_no_answer_is_tried_again() -> None:
    (outcome,), _ = sent(otlp(), lambda _: None, TWO)
    assert list(outcome.retry) == [0, 1]
    assert outcome.reason.endswith("connection closed without an answer")


def test_a_partial_success_is_counted() -> None:
    env = Env()
    said = b"\n\x0b\x08\x02\x12\x07too old"
    outcomes, _ = sent(otlp(), lambda _: answer(200, said), TWO, env=env)
    assert outcomes == [DELIVERED]
    assert env.counts == {"rejected_log_records": 2}
    assert env.said.lines == [("warning", "the receiver did not take all", {"records": 2, "reason": "too old"})]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (0, "")),
        (b"\n\0", (0, "")),
        (b"\n\x02\x08\x05", (5, "")),
        (b"\n\x04\x12\x02\xff!", (0, "\ufffd!")),
        (json.dumps({"partialSuccess": {}}).encode(), (0, "")),
        (b"\n\xff", (0, "")),
        (b"\x15....\n\x02\x08\x05", (5, "")),
        (b"\x11........\n\x02\x08\x05", (5, "")),
    ],
)
def test_answers_of_all_kinds(data: bytes, expected: tuple[int, str]) -> None:
    assert partial_success(data) == expected


def test_requests_signed_for_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    _, (got,) = sent(otlp(aws_auth=True, aws=Identity(region="eu-west-1")), ok, TWO)
    credential, names, _ = got.headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    assert credential.split("/")[2:] == ["eu-west-1", "logs", "aws4_request"]
    assert names == "SignedHeaders=content-type;host;user-agent;x-amz-date"


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({}, []),
        ({"http2": "on"}, []),
        ({"grpc": True}, ["gRPC is not spoken; OTLP over HTTP is (port 4318 of a collector)"]),
        ({"http2": "Force"}, ["HTTP/2 is not spoken; OTLP over HTTP/1.1 is"]),
        ({"oauth2_enable": True}, [NO_OAUTH2]),
        ({"proxy": "socks://x"}, ["proxy is 'socks://x': expected http://host:port"]),
        (
            {"logs_body_key": ["$a['b'"]},
            ["logs_body_key: '$a['b'' is no accessor: expected $key, $key['sub'] or $key[0]"],
        ),
    ],
)
def test_wrong_options(options: dict[str, Any], problems: list[str]) -> None:
    assert [message for _, message in OpenTelemetry(**options).check()] == problems


def test_http2_is_told() -> None:
    env = Env()
    OpenTelemetry(http2="on").open(env)
    assert env.said.lines == [("warning", "HTTP/1.1 is spoken", {"http2": "on"})]


def test_each_resource_and_scope_is_a_request_of_its_own() -> None:
    one, two = ({"resource": {"attributes": {"service.name": name}}, "scope": {"name": name}} for name in "ab")
    batch: list[Event] = [(Stamp(NS, {}, group), {"log": str(n)}) for n, group in enumerate([one, two, one, dict(two)])]
    batch.append((NS, {"log": "alone"}))
    parcels = list(OpenTelemetry().open(Env()).encoder("t")(batch))
    shape = Shape(None, "otlp", lambda: NS)
    keys = [parcel.key if isinstance(parcel.key, Common) else Common() for parcel in parcels]
    found = [read_protobuf(request(p.items, key), shape) for p, key in zip(parcels, keys, strict=True)]
    nothing: Record = {"resource": {}, "scope": {}}
    assert [[(group_of(ns), record["log"]) for ns, record in events] for events in found] == [
        [(one, "0"), (one, "2")],
        [(two, "1"), (two, "3")],
        [(nothing, "alone")],
    ]


def test_a_group_is_written_as_it_was_read() -> None:
    whole = {
        "resource": {"attributes": {"a": [1, {"b": None}]}, "dropped_attributes_count": 3, "schema_url": "r"},
        "scope": {
            "schema_url": "s",
            "name": "n",
            "version": "v",
            "attributes": {"c": b"x"},
            "dropped_attributes_count": 1,
        },
    }
    for group in (
        whole,
        {"resource": 5, "scope": {"name": 5, "attributes": [], "dropped_attributes_count": -1}},
        {"x": 1},
    ):
        ((ns, _),) = read_protobuf(request([b"\x12\x00"], common(group)), Shape(None, "otlp", lambda: NS))
        assert group_of(ns) == (whole if group is whole else {"resource": {}, "scope": {}})
