"""Log records as OTLP, in protobuf.

Source: opentelemetry-proto 1.x (logs.proto, common.proto); Fluent Bit 5.1.1 plugins/out_opentelemetry.
Differs: always valid. Text is UTF-8 (wrong bytes are U+FFFD), an integer above 2**63 is text, keys are text."""

import struct
from typing import Any, NamedTuple

import msgspec

from pyrolens.outputs._protobuf import fields, part, varint
from pyrolens.records.codecs import json_text
from pyrolens.records.codecs.json import valid_text
from pyrolens.records.event import Record

TOO_DEEP = 90
"""Levels of nesting after which a value is left out: receivers refuse more than 100, and two are ours."""


def encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return valid_text(text.encode("utf-8", "surrogatepass" if _odd(text) else "surrogateescape"), False).encode()


def _odd(text: str) -> bool:
    """It has surrogates that stand for no byte."""
    return any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in text)


def any_value(value: Any, depth: int = 0) -> bytes:
    """AnyValue."""
    if isinstance(value, str):
        return part(b"\x0a", encoded(value))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return b"\x18" + varint(value & 0xFFFFFFFFFFFFFFFF)
        return part(b"\x0a", str(value).encode())
    if isinstance(value, float):
        return b"\x21" + struct.pack("<d", value)
    if value is None or depth > TOO_DEEP:
        return b""
    if isinstance(value, (list, tuple)):
        return part(b"\x2a", b"".join([part(b"\x0a", any_value(v, depth + 2)) for v in value]))
    if isinstance(value, dict):
        return part(b"\x32", key_values(b"\x0a", value, depth + 3))
    if isinstance(value, msgspec.msgpack.Ext):
        return part(b"\x3a", bytes(value.data))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return part(b"\x3a", bytes(value))
    return part(b"\x0a", str(value).encode())


def key_values(tag: bytes, record: dict[Any, Any], depth: int = 0) -> bytes:
    """KeyValue of each field."""
    return b"".join(
        [
            part(tag, part(b"\x0a", encoded(_key(key))) + part(b"\x12", any_value(value, depth)))
            for key, value in record.items()
        ]
    )


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return valid_text(bytes(key), False) if isinstance(key, (bytes, bytearray)) else json_text(key)


def log_record(
    *,
    time: int,
    observed: int,
    severity: int,
    severity_text: str,
    body: Any,
    attributes: Record,
    flags: int,
    trace_id: bytes,
    span_id: bytes,
) -> bytes:
    """LogRecord, as it stands in ScopeLogs. Times in ns; 0 and nothing are left out."""
    parts = [
        b"\x09" + struct.pack("<Q", time) if time else b"",
        b"\x10" + varint(severity) if severity else b"",
        part(b"\x1a", encoded(severity_text)) if severity_text else b"",
        part(b"\x2a", any_value(body)),
        key_values(b"\x32", attributes) if attributes else b"",
        b"\x45" + struct.pack("<I", flags) if flags else b"",
        part(b"\x4a", trace_id) if trace_id else b"",
        part(b"\x52", span_id) if span_id else b"",
        b"\x59" + struct.pack("<Q", observed) if observed else b"",
    ]
    return part(b"\x12", b"".join(parts))


class Common(NamedTuple):
    """What the records of a request have in common: the beginning of ResourceLogs, and that of ScopeLogs."""

    resource: bytes = b"\x0a\x00"
    scope: bytes = b"\x0a\x00"


def common(group: Record) -> Common:
    """Of a group as the input opentelemetry makes it."""
    resource, scope = _map(group.get("resource")), _map(group.get("scope"))
    about = _described(b"\x0a", b"\x10", resource)
    names = b"".join([part(tag, encoded(_text(scope, name))) for tag, name in NAMES if _text(scope, name)])
    return Common(
        part(b"\x0a", about) + _schema(resource),
        part(b"\x0a", names + _described(b"\x1a", b"\x20", scope)) + _schema(scope),
    )


NAMES = ((b"\x0a", "name"), (b"\x12", "version"))


def _described(attributes: bytes, dropped: bytes, given: Record) -> bytes:
    count = given.get("dropped_attributes_count")
    out = key_values(attributes, _map(given.get("attributes")))
    return out + dropped + varint(count) if type(count) is int and 0 < count < 1 << 32 else out


def _schema(given: Record) -> bytes:
    text = _text(given, "schema_url")
    return part(b"\x1a", encoded(text)) if text else b""


def _map(value: Any) -> Record:
    return value if isinstance(value, dict) else {}


def _text(given: Record, name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


NOTHING = Common()


def request(records: list[bytes], shared: Common = NOTHING) -> bytes:
    """ExportLogsServiceRequest: the records as they stand in ScopeLogs."""
    return part(b"\x0a", shared.resource + part(b"\x12", shared.scope + b"".join(records)))


def partial_success(answer: bytes) -> tuple[int, str]:
    """Of ExportLogsServiceResponse: how many records are refused, and why."""
    for number, value in fields(answer):
        if number == 1 and isinstance(value, bytes):
            inner = dict(fields(value))
            rejected, message = inner.get(1, 0), inner.get(2, b"")
            if isinstance(rejected, int) and isinstance(message, bytes):
                return rejected, message.decode("utf-8", "replace")
    return 0, ""
