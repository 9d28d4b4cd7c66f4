"""Logs by OTLP: what becomes of protobuf and JSON."""

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.inputs import _otlp
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs.opentelemetry import OpenTelemetry, Otlp
from pyrolens.net.requests import Answer, Request, RequestError
from pyrolens.outputs._otlp import any_value, key_values, log_record
from pyrolens.outputs._protobuf import part as long_part
from pyrolens.records.event import group_of, metadata_of
from tests.inputs.configured import configured, refused
from tests.inputs.lent import Lent

NOW = 1_790_000_000_000_000_000
TIME = 1_700_000_000_123_456_789
OBSERVED = 1_700_000_001_000_000_000
PROTOBUF = "application/x-protobuf"
JSON = "application/json"


def part(number: int, data: bytes) -> bytes:
    """A field of bytes, with a length of two bytes, as nobody has to write it."""
    return bytes((number << 3 | 2, len(data) & 0x7F | 0x80, len(data) >> 7)) + data


def record(body: Any = "hello", **more: Any) -> bytes:
    said: dict[str, Any] = {
        "time": TIME, "observed": OBSERVED, "severity": 9, "severity_text": "INFO", "attributes": {"k": "v", "n": 5},
        "flags": 0x101, "trace_id": b"t" * 16, "span_id": b"s" * 8,
    }  # fmt: skip
    return log_record(body=body, **{**said, **more})


METADATA = {
    "observed_timestamp": OBSERVED, "timestamp": TIME, "severity_number": 9, "severity_text": "INFO",
    "attributes": {"k": "v", "n": 5}, "trace_id": b"t" * 16, "span_id": b"s" * 8, "trace_flags": 1,
}  # fmt: skip


def message(
    records: bytes, resource: bytes = b"", scope: bytes = b"", schemas: tuple[bytes, bytes] = (b"", b"")
) -> bytes:
    scope_logs = part(1, scope) + records + part(3, schemas[1])
    return part(1, part(1, resource) + part(2, scope_logs) + part(3, schemas[0]))


def asked(
    body: bytes, kind: str | None = PROTOBUF, path: str = "/v1/logs", method: str = "POST", **more: str
) -> Request:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if kind is not None:
        headers["content-type"] = kind
    return Request(method, path, headers, True, body, *path.split("?"))


def sent(request: Request, **options: Any) -> tuple[Lent, Answer]:
    env = Lent("opentelemetry.0", options.get("tag") or "opentelemetry.0")
    env.time = NOW
    otlp = Otlp(OpenTelemetry(**options), env, Refusals(env))
    try:
        return env, otlp.answer(request, env.ingest)
    except RequestError as why:
        return env, Answer(why.status, why.text.encode())


def found(env: Lent) -> list[tuple[int, Any, Any, Any]]:
    """(ns, metadata, group, record)"""
    return [(int(ns), metadata_of(ns), group_of(ns), r) for _, events, _ in env.batches for ns, r in events]


def test_protobuf() -> None:
    resource = key_values(b"\x0a", {"service.name": "svc", "in": {"a": [1, None]}}) + b"\x10\x03"
    scope = part(1, b"lib") + part(2, b"1.0") + key_values(b"\x1a", {"sk": True}) + b"\x20\x01"
    body = message(record() + record({"a": 1}), resource, scope, (b"rs", b"ss"))
    env, answer = sent(asked(body))
    assert answer == Answer(201)
    group = {
        "resource": {
            "attributes": {"service.name": "svc", "in": {"a": [1, None]}},
            "dropped_attributes_count": 3,
            "schema_url": "rs",
        },
        "scope": {
            "schema_url": "ss", "name": "lib", "version": "1.0", "attributes": {"sk": True},
            "dropped_attributes_count": 1,
        },
    }  # fmt: skip
    assert found(env) == [(TIME, {"otlp": METADATA}, group, r) for r in ({"log": "hello"}, {"a": 1})]
    assert [(tag, size) for tag, _, size in env.batches] == [("v1_logs", len(body))]


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "a\0b",
        "",
        5,
        -5,
        2**62,
        -(2**63),
        1.5,
        True,
        False,
        None,
        [1, "x", None, []],
        b"\0\xff",
        [{"a": {"b": [1.5]}}],
    ],
)
def test_values(value: Any) -> None:
    json_body = json.dumps(request_of(json_record(value))).encode()
    for request in (asked(message(record(value))), asked(json_body, JSON)):
        env, answer = sent(request, logs_body_key="b")
        assert answer.status == 201
        if value is not None or request.body is not json_body:
            assert env.records == [{"b": value}]
            assert type(env.records[0]["b"]) is type(value)


def json_value(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [json_value(v) for v in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": k, "value": json_value(v)} for k, v in value.items()]}}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    return {"stringValue": value}


def json_record(body: Any = "hello", **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "timeUnixNano": str(TIME), "observedTimeUnixNano": str(OBSERVED), "severityNumber": 9, "severityText": "INFO",
        "body": json_value(body), "attributes": json_value({"k": "v", "n": 5})["kvlistValue"]["values"], "flags": 257,
        "traceId": "74" * 16, "spanId": "73" * 8, **more,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not ...}


def request_of(*records: Any, **more: Any) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records), **more}]}]}


def test_json() -> None:
    whole = request_of(json_record(), json_record({"a": 1}), scope={"name": "lib", "version": ""}, schemaUrl="ss")
    whole["resourceLogs"][0] |= {
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "svc"}}]},
        "schemaUrl": "rs",
    }
    env, answer = sent(asked(json.dumps(whole).encode(), "application/json; charset=utf-8"))
    assert answer.status == 201
    group = {
        "resource": {"attributes": {"service.name": "svc"}, "schema_url": "rs"},
        "scope": {"schema_url": "ss", "name": "lib"},
    }
    metadata = {"otlp": {name: value for name, value in METADATA.items() if name != "timestamp"}}
    assert found(env) == [(TIME, metadata, group, r) for r in ({"log": "hello"}, {"a": 1})]


@pytest.mark.parametrize(
    ("more", "ns", "metadata"),
    [
        ({"timeUnixNano": ...}, OBSERVED, {}),
        ({"timeUnixNano": "0"}, OBSERVED, {}),
        ({"timeUnixNano": "9" * 25}, OBSERVED, {}),
        ({"timeUnixNano": TIME, "observedTimeUnixNano": OBSERVED}, TIME, {}),
        ({"timeUnixNano": ..., "observedTimeUnixNano": ...}, NOW, {"observed_timestamp": ...}),
        ({"traceId": "", "spanId": ..., "flags": ...}, TIME, {"trace_id": ..., "span_id": ..., "trace_flags": ...}),
        ({"flags": ..., "traceFlags": "3"}, TIME, {"trace_flags": 3}),
        ({"severityNumber": "SEVERITY_NUMBER_INFO"}, TIME, {"severity_number": "SEVERITY_NUMBER_INFO"}),
        ({"severityNumber": ..., "severityText": None}, TIME, {"severity_number": ..., "severity_text": ...}),
        ({"attributes": ..., "droppedAttributesCount": 3}, TIME, {"attributes": ..., "dropped_attributes_count": 3}),
        ({"eventName": "ev"}, TIME, {"event_name": "ev"}),
    ],
)
def test_what_json_says_of_a_record(more: dict[str, Any], ns: int, metadata: dict[str, Any]) -> None:
    env, _ = sent(asked(json.dumps(request_of(json_record(**more))).encode(), JSON))
    expected = {name: value for name, value in {**METADATA, "timestamp": ..., **metadata}.items() if value is not ...}
    ((found_ns, found_metadata, _, _),) = found(env)
    assert (found_ns, found_metadata) == (ns, {"otlp": expected})


@pytest.mark.parametrize(
    ("more", "ns", "metadata"),
    [
        ({"time": 0}, OBSERVED, {"timestamp": ...}),
        ({"time": 0, "observed": 0}, NOW, {"timestamp": ..., "observed_timestamp": ...}),
        ({"time": 2**64 - 1}, OBSERVED, {"timestamp": 2**64 - 1}),
        ({"severity": 25, "severity_text": ""}, TIME, {"severity_number": ..., "severity_text": ...}),
        ({"trace_id": b"", "span_id": b"abc"}, TIME, {"trace_id": ..., "span_id": b"abc"}),
        ({"attributes": {}, "flags": 0}, TIME, {"attributes": ..., "trace_flags": 0}),
    ],
)
def test_what_protobuf_says_of_a_record(more: dict[str, Any], ns: int, metadata: dict[str, Any]) -> None:
    env, _ = sent(asked(message(record(**more))))
    expected = {name: value for name, value in {**METADATA, **metadata}.items() if value is not ...}
    ((found_ns, found_metadata, _, _),) = found(env)
    assert (found_ns, found_metadata) == (ns, {"otlp": expected})


def test_fields_that_are_repeated_or_not_known() -> None:
    twice = part(
        2, part(5, any_value("one")) + part(5, any_value("two")) + part(12, b"ev") + b"\x38\x02" + b"\xa8\x01\x05"
    )
    env, _ = sent(asked(message(twice + b"\x7d\0\0\0\0\x79" + b"\0" * 8) + part(15, b"zz")))
    ((_, metadata, _, found_record),) = found(env)
    assert found_record == {"log": "two"}
    assert metadata == {"otlp": {"dropped_attributes_count": 2, "trace_flags": 0, "event_name": "ev"}}


@pytest.mark.parametrize(
    ("options", "tag"),
    [({}, "v1_logs"), ({"tag": "mine"}, "mine"), ({"tag_from_uri": False}, "opentelemetry.0")],
)
def test_the_tag(options: dict[str, Any], tag: str) -> None:
    env, _ = sent(asked(message(record())), **options)
    assert [name for name, _, _ in env.batches] == [tag]


def test_keys() -> None:
    env, answer = sent(
        asked(message(record({"a": 1}))), logs_body_key="msg", logs_metadata_key="meta", successful_response_code=200
    )
    assert answer.status == 200
    assert [(list(metadata), r) for _, metadata, _, r in found(env)] == [(["meta"], {"msg": {"a": 1}})]


@pytest.mark.parametrize(
    "request_body",
    [b"{}", b'{"resourceLogs":[]}', b'{"resourceLogs":[{}]}', b'{"resourceLogs":[{"scopeLogs":[{"scope":{}}]}]}'],
)
def test_requests_without_records(request_body: bytes) -> None:
    env, answer = sent(asked(request_body, JSON))
    assert (answer.status, env.batches) == (201, [])
    assert sent(asked(b"\x0a\x00"))[1].status == 201


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        (asked(b""), 400, "invalid content-length"),
        (asked(b"x", method="GET"), 400, "invalid HTTP method"),
        (asked(b"x", path="/v1/logs/"), 404, "invalid endpoint"),
        (asked(b"x", "text/plain"), 400, "invalid 'Content-Type'"),
        (asked(b"x", path="/v1/metrics"), 400, "invalid request: deserialisation error"),
        (asked(b"{}", JSON, path="/v1/traces"), 501, "only logs and metrics are taken here, and no traces"),
        (asked(b"x", "application/grpc+proto"), 501, "gRPC is not spoken here"),
        (asked(b"x", path="/opentelemetry.proto.collector.logs.v1.LogsService/Export"), 501, "gRPC is not spoken here"),
        (asked(b"no", content_encoding="gzip"), 400, "cannot be decompressed"),
        (asked(message(record())[:-1]), 400, "deserialisation error"),
        (asked(b"{}"), 400, "deserialisation error"),
        (asked(b"\x0b\x00"), 400, "a kind that is not known"),
        (asked(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 400, "a number is too long"),
        (asked(b"[]", JSON), 400, "this is no JSON object"),
        (asked(b"{}{}", JSON), 400, "this is no JSON object"),
        (asked(b"{", JSON), 400, "unable to process records"),
        (asked(b'{"resourceLogs":{}}', JSON), 400, "resourceLogs is no list"),
        (asked(b'{"resource_logs":[]}', JSON), 400, "there is no resourceLogs"),
        (asked(b'{"resourceLogs":[{"scope_logs":[]}]}', JSON), 400, "there is no scopeLogs"),
        (asked(b'{"resourceLogs":[{"scopeLogs":[{"log_records":[]}]}]}', JSON), 400, "there is no logRecords"),
    ],
)  # fmt: skip
def test_what_is_refused(request_: Request, status: int, said: str) -> None:
    env, answer = sent(request_)
    assert (answer.status, env.batches) == (status, [])
    assert said in answer.body.decode()


@pytest.mark.parametrize(
    "bad",
    [
        5, {"body": "text"}, {"timeUnixNano": "x"}, {"timeUnixNano": -5}, {"timeUnixNano": 1.5}, {"traceId": "zz" * 16},
        {"traceId": 5}, {"spanId": "00"}, {"attributes": {}}, {"attributes": [5]}, {"attributes": [{"key": 5}]},
        {"body": {"intValue": "x"}}, {"body": {"intValue": 2**63}}, {"body": {"intValue": None}},
        {"body": {"doubleValue": "x"}}, {"body": {"bytesValue": "A"}}, {"body": {"bytesValue": 5}},
        {"body": {"arrayValue": []}}, {"body": {"arrayValue": {"values": [5]}}},
        {"body": {"kvlistValue": {"values": {}}}},
    ],
)  # fmt: skip
def test_one_bad_record_refuses_the_request(bad: Any) -> None:
    body = json.dumps(request_of(json_record(), bad)).encode()
    env, answer = sent(asked(body, JSON))
    assert (answer.status, env.batches) == (400, [])


def test_traces_are_counted() -> None:
    env, _ = sent(asked(b"x", path="/v1/traces"))
    assert env.counts == {"refused_traces": 1}


def test_raw_traces() -> None:
    env, answer = sent(asked(b'{"resourceSpans":[]}', JSON, "/v1/traces"), raw_traces=True)
    assert (answer.status, env.events) == (201, [("v1_traces", NOW, {"resourceSpans": []})])
    for bad in (asked(b"[5]", JSON, "/v1/traces"), asked(b"x", JSON, "/v1/traces")):
        assert sent(bad, raw_traces=True)[1].status == 400
    assert sent(asked(b"x", path="/v1/traces"), raw_traces=True)[1].status == 501


def test_encoded_bodies() -> None:
    env, _ = sent(asked(gzip.compress(message(record())), content_encoding="gzip"))
    assert env.records == [{"log": "hello"}]


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_otlp, "MOST_RECORDS", 10)
    assert sent(asked(message(b"\x12\0" * 10)))[1].status == 201
    assert sent(asked(message(b"\x12\0" * 11)))[1].status == 400
    assert sent(asked(message(b"\x12\0" * 5) * 3))[1].status == 400


def nested(depth: int) -> bytes:
    value = b"\x18\x05"
    for _ in range(depth):
        value = long_part(b"\x2a", long_part(b"\x0a", value))
    return value


def test_depth() -> None:
    deep = part(2, part(5, nested(40)))
    assert sent(asked(message(deep)))[1].status == 201
    deep = part(2, part(5, nested(60)))
    assert sent(asked(message(deep)))[1].status == 400
    for levels, status in ((40, 201), (110, 400)):
        body: Any = 5
        for _ in range(levels):
            body = [body]
        assert sent(asked(json.dumps(request_of(json_record(body))).encode(), JSON))[1].status == status


def test_options() -> None:
    _, warnings = configured("opentelemetry", "tag_key $log\nprofiles_support on")
    assert warnings == [
        "input opentelemetry: tag_key has no effect: Fluent Bit does not look at the option either",
        "input opentelemetry: profiles_support has no effect: only logs and metrics are taken here",
    ]
    assert refused("opentelemetry", "oauth2.validate on") == [
        "input opentelemetry: oauth2.validate: tokens are not checked here; put a proxy that does in front"
    ]


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(VALUES, st.dictionaries(st.text(), VALUES, max_size=3))
def test_what_our_output_writes_is_read(body: Any, attributes: dict[str, Any]) -> None:
    env, answer = sent(asked(message(record(body, attributes=attributes))), logs_body_key="b")
    assert answer.status == 201
    ((_, metadata, _, found_record),) = found(env)
    assert found_record == {"b": body}
    assert metadata["otlp"].get("attributes", {}) == attributes


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200), st.binary(max_size=4))
def test_no_bytes_break_protobuf(data: bytes, at: int, put: bytes) -> None:
    good = message(record({"a": [1, {"b": None}]}), key_values(b"\x0a", {"r": 1}))
    for body in (data, good[:at] + put + good[at + len(put) :]):
        env, answer = sent(asked(body or b"x"))
        assert answer.status in (201, 400)
        assert all(type(r) is dict for r in env.records)


JSONS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(["resourceLogs", "scopeLogs", "logRecords", "body", "attributes", "key", "value", "values",
                         "stringValue", "arrayValue", "kvlistValue", "intValue", "scope", "resource", "traceId"]),
        inner, max_size=3,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(JSONS)
def test_no_json_breaks_it(value: Any) -> None:
    for body in (value, request_of(value), request_of({"body": value}), request_of({"attributes": [value]})):
        env, answer = sent(asked(json.dumps(body).encode(), JSON))
        assert answer.status in (201, 400)
        assert all(type(r) is dict for r in env.records)
