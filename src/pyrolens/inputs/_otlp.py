"""OTLP requests of logs as events: protobuf and JSON.

Source: opentelemetry-proto 1.x (logs_service.proto, logs.proto, common.proto, resource.proto) and its JSON mapping; the
shape of the events is that of Fluent Bit 5.1.1, plugins/in_opentelemetry/opentelemetry_logs.c and
src/opentelemetry/flb_opentelemetry_logs.c.
"""

import base64
import binascii
import struct
from collections.abc import Callable
from typing import Any

from pyrolens.api import Event, Record, Stamp
from pyrolens.inputs._text import text_of

DEEPEST = 100
"""Messages within each other, as protobuf's own readers have it."""
LATEST = 1 << 32
"""Seconds; no event has a later time."""
MOST_RECORDS = 250_000
"""Of one request: an empty record is two bytes, and some hundred in memory."""
SECOND = 1_000_000_000
TIME, DOUBLE, FLAGS = struct.Struct("<Q"), struct.Struct("<d"), struct.Struct("<I")
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class NotOtlpError(ValueError):
    pass


class Shape:
    """How log records become events."""

    def __init__(self, body_key: str | None, metadata_key: str, now: Callable[[], int]) -> None:
        """`body_key`: the field for bodies; None: maps are the record, and all else is in the field `log`."""
        self.body_key = body_key
        self.metadata_key = metadata_key
        self.now = now

    def stamp(self, times: tuple[int, int], metadata: Record, group: Record, key: str) -> Stamp:
        """`times`: of the event and of its observation, 0 for unknown."""
        ns = next((ns for ns in times if 0 < ns < LATEST * SECOND), 0) or self.now()
        return Stamp(ns, {key: metadata}, group)

    def record(self, body: Any) -> Record:
        if self.body_key is not None:
            return {self.body_key: body}
        return body if type(body) is dict else {"log": body}


# -- protobuf ----------------------------------------------------------------------------------------------------------


def read_protobuf(data: bytes, shape: Shape) -> list[Event]:
    """The events of an ExportLogsServiceRequest. Raises: NotOtlpError."""
    events: list[Event] = []
    try:
        for number, kind, at, end in fields(data, 0, len(data)):
            if number == 1 and kind == BYTES:
                _resource_logs(data, at, end, shape, events)
    except (IndexError, struct.error):
        raise NotOtlpError("the message ends in the middle") from None
    return events


def _resource_logs(data: bytes, at: int, end: int, shape: Shape, events: list[Event]) -> None:
    resource: Record = {}
    schema, scopes = "", []
    for number, kind, start, stop in fields(data, at, end):
        if kind != BYTES:
            continue
        if number == 1:
            resource = resource_of(data, start, stop)
        elif number == 2:
            scopes.append((start, stop))
        elif number == 3:
            schema = text_at(data, start, stop)
    if schema:
        resource["schema_url"] = schema
    for start, stop in scopes:
        _scope_logs(data, start, stop, resource, shape, events)


def resource_of(data: bytes, at: int, end: int) -> Record:
    attributes: Record = {}
    dropped = 0
    for number, kind, start, stop in fields(data, at, end):
        if number == 1 and kind == BYTES:
            key_value(data, start, stop, attributes, 0)
        elif number == 2 and kind == VARINT:
            dropped = start
    return _with_attributes({}, attributes, dropped)


def _with_attributes(into: Record, attributes: Record, dropped: int) -> Record:
    if attributes:
        into["attributes"] = attributes
    if dropped:
        into["dropped_attributes_count"] = dropped
    return into


def _scope_logs(data: bytes, at: int, end: int, resource: Record, shape: Shape, events: list[Event]) -> None:
    scope: Record = {}
    schema, records = "", []
    for number, kind, start, stop in fields(data, at, end):
        if kind != BYTES:
            continue
        if number == 2:
            records.append((start, stop))
        elif number == 1:
            scope = _scope(data, start, stop)
        elif number == 3:
            schema = text_at(data, start, stop)
    if len(events) + len(records) > MOST_RECORDS:
        raise NotOtlpError(f"there are more than {MOST_RECORDS} records")
    if schema:
        scope = {"schema_url": schema, **scope}
    group = {"resource": resource, "scope": scope}
    events += [_log_record(data, start, stop, group, shape) for start, stop in records]


def _scope(data: bytes, at: int, end: int) -> Record:
    scope: Record = {}
    attributes: Record = {}
    dropped = 0
    for number, kind, start, stop in fields(data, at, end):
        if kind == BYTES and number in (1, 2):
            if text := text_at(data, start, stop):
                scope["name" if number == 1 else "version"] = text
        elif kind == BYTES and number == 3:
            key_value(data, start, stop, attributes, 0)
        elif kind == VARINT and number == 4:
            dropped = start
    return _with_attributes(scope, attributes, dropped)


def _log_record(data: bytes, at: int, end: int, group: Record, shape: Shape) -> Event:
    time = observed = severity = dropped = flags = 0
    severity_text = event_name = ""
    body: Any = None
    attributes: Record = {}
    trace_id = span_id = b""
    for number, kind, start, stop in fields(data, at, end):
        if kind == BYTES:
            if number == 6:
                key_value(data, start, stop, attributes, 0)
            elif number == 5:
                body = _any_value(data, start, stop, 0)
            elif number == 3:
                severity_text = text_at(data, start, stop)
            elif number == 9:
                trace_id = data[start:stop]
            elif number == 10:
                span_id = data[start:stop]
            elif number == 12:
                event_name = text_at(data, start, stop)
        elif kind == FIXED64:
            if number == 1:
                (time,) = TIME.unpack_from(data, start)
            elif number == 11:
                (observed,) = TIME.unpack_from(data, start)
        elif kind == VARINT:
            if number == 2:
                severity = start
            elif number == 7:
                dropped = start
        elif kind == FIXED32 and number == 8:
            (flags,) = FLAGS.unpack_from(data, start)
    metadata: Record = {}
    if observed:
        metadata["observed_timestamp"] = observed
    if time:
        metadata["timestamp"] = time
    if 1 <= severity <= 24:
        metadata["severity_number"] = severity
    if severity_text:
        metadata["severity_text"] = severity_text
    _with_attributes(metadata, attributes, dropped)
    if trace_id:
        metadata["trace_id"] = trace_id
    if span_id:
        metadata["span_id"] = span_id
    metadata["trace_flags"] = flags & 0xFF
    if event_name:
        metadata["event_name"] = event_name
    return shape.stamp((time, observed), metadata, group, shape.metadata_key), shape.record(body)


def key_value(data: bytes, at: int, end: int, into: Record, depth: int) -> None:
    key = ""
    value: Any = None
    while at < end:
        tag = data[at]
        if tag in (0x0A, 0x12) and (size := data[at + 1]) < 0x80 and at + 2 + size <= end:
            at += 2
            stop = at + size
        else:  # a long one, or a field that is not known
            (number, kind, start, stop), at = _field(data, at, end)
            if kind != BYTES or number not in (1, 2):
                continue
            tag, at = (0x0A if number == 1 else 0x12), start
        if tag == 0x0A:
            key = text_at(data, at, stop)
        else:
            value = _any_value(data, at, stop, depth + 1)
        at = stop
    into[key] = value


def _any_value(data: bytes, at: int, end: int, depth: int) -> Any:
    """The last of the values counts; None for none."""
    if depth > DEEPEST:
        raise NotOtlpError("values are nested too deeply")
    value: Any = None
    for number, kind, start, stop in fields(data, at, end):
        if kind == BYTES:
            if number == 1:
                value = text_at(data, start, stop)
            elif number == 5:
                value = [
                    _any_value(data, a, b, depth + 2)
                    for n, k, a, b in fields(data, start, stop)
                    if n == 1 and k == BYTES
                ]
            elif number == 6:
                value = {}
                for n, k, a, b in fields(data, start, stop):
                    if n == 1 and k == BYTES:
                        key_value(data, a, b, value, depth + 2)
            elif number == 7:
                value = data[start:stop]
        elif kind == VARINT:
            if number == 2:
                value = bool(start)
            elif number == 3:
                value = start - (1 << 64) if start >> 63 else start
        elif kind == FIXED64 and number == 4:
            (value,) = DOUBLE.unpack_from(data, start)
    return value


def text_at(data: bytes, at: int, end: int) -> str:
    part = data[at:end]
    try:
        return part.decode()
    except UnicodeDecodeError:
        return text_of(part)


Field = tuple[int, int, int, int]
"""(number, kind, where the value begins, where it ends); for a varint the value instead."""


def fields(data: bytes, at: int, end: int) -> list[Field]:
    """Raises: NotOtlpError, IndexError."""
    out: list[Field] = []
    while at < end:
        tag = data[at]
        if tag & 0x87 == BYTES and (size := data[at + 1]) < 0x80:  # as nearly all are
            at += 2 + size
            out.append((tag >> 3, BYTES, at - size, at))
        else:
            field, at = _field(data, at, end)
            out.append(field)
    if at > end:
        raise NotOtlpError("a field is longer than the message")
    return out


def _field(data: bytes, at: int, end: int) -> tuple[Field, int]:
    """A field, and where the next begins."""
    tag, at = varint(data, at)
    number, kind = tag >> 3, tag & 7
    if kind == VARINT:
        value, at = varint(data, at)
        return (number, kind, value, 0), at
    if kind == BYTES:
        size, at = varint(data, at)
    elif kind == FIXED64:
        size = 8
    elif kind == FIXED32:
        size = 4
    else:
        raise NotOtlpError("a field has a kind that is not known")
    if not number or at + size > end:
        raise NotOtlpError("a field is longer than the message")
    return (number, kind, at, at + size), at + size


def varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift > 63:
            raise NotOtlpError("a number is too long")


# -- JSON --------------------------------------------------------------------------------------------------------------

HEX = frozenset("0123456789abcdefABCDEF")


def read_json(value: Any, shape: Shape) -> list[Event]:
    """The events of a request that was JSON. Raises: NotOtlpError."""
    events: list[Event] = []
    for resource_logs in as_list(as_map(value, "the request"), "resourceLogs", set()):
        given = as_map(resource_logs, "resourceLogs")
        resource = as_map(given.get("resource") or {}, "resource")
        about = described(resource)
        if isinstance(schema := given.get("schemaUrl"), str) and schema:
            about["schema_url"] = schema
        for scope_logs in as_list(given, "scopeLogs", {"resource", "schemaUrl"}):
            scope = _json_scope(as_map(scope_logs, "scopeLogs"))
            group = {"resource": about, "scope": scope}
            for record in as_list(scope_logs, "logRecords", {"scope", "schemaUrl"}):
                events.append(_json_record(as_map(record, "logRecords"), group, shape))
    return events


def _json_scope(scope_logs: Record) -> Record:
    given = as_map(scope_logs.get("scope") or {}, "scope")
    scope: Record = {}
    if isinstance(schema := scope_logs.get("schemaUrl"), str) and schema:
        scope["schema_url"] = schema
    for name in ("name", "version"):
        if isinstance(text := given.get(name), str) and text:
            scope[name] = text
    return {**scope, **described(given)}


def described(given: Record) -> Record:
    about: Record = {}
    if "attributes" in given:
        about["attributes"] = _json_attributes(given)
    if dropped := given.get("droppedAttributesCount"):
        about["dropped_attributes_count"] = dropped
    return about


def _json_record(given: Record, group: Record, shape: Shape) -> Event:
    time, observed = _time(given.get("timeUnixNano")), _time(given.get("observedTimeUnixNano"))
    metadata: Record = {}
    if observed:
        metadata["observed_timestamp"] = observed
    if isinstance(severity := given.get("severityNumber"), int | str):
        metadata["severity_number"] = severity
    if isinstance(text := given.get("severityText"), str):
        metadata["severity_text"] = text
    if "attributes" in given:
        metadata["attributes"] = _json_attributes(given)
    if isinstance(dropped := given.get("droppedAttributesCount"), int):
        metadata["dropped_attributes_count"] = dropped
    for name, key, size in (("traceId", "trace_id", 32), ("spanId", "span_id", 16)):
        if identity := given.get(name, ""):
            if not isinstance(identity, str) or len(identity) != size or not HEX.issuperset(identity):
                raise NotOtlpError(f"{name} is not of {size} hexadecimal digits")
            metadata[key] = bytes.fromhex(identity)
    flags = given.get("flags", given.get("traceFlags"))
    if isinstance(flags, str) and flags.isascii() and flags.isdecimal():
        flags = int(flags[:10])
    if type(flags) is int:
        metadata["trace_flags"] = flags & 0xFF
    if isinstance(event := given.get("eventName"), str) and event:
        metadata["event_name"] = event
    # the metadata of JSON is always below otlp, in Fluent Bit, too
    stamp = shape.stamp((time, observed), metadata, group, "otlp")
    body = given.get("body")
    return stamp, shape.record(_json_value(as_map(body, "body"), 0)) if body else {}


def _time(value: Any) -> int:
    """ns, 0 for unknown."""
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value[:30])
    if type(value) is int and value >= 0:
        return value
    raise NotOtlpError("a time is no whole number")


def _json_attributes(given: Record) -> Record:
    return _json_map(given["attributes"], 0)


def _json_map(pairs: Any, depth: int) -> Record:
    if not isinstance(pairs, list):
        raise NotOtlpError("attributes are no list")
    out: Record = {}
    for pair in pairs:
        key = as_map(pair, "an attribute").get("key", "")
        if not isinstance(key, str):
            raise NotOtlpError("the key of an attribute is no text")
        value = pair.get("value")
        out[key] = None if value is None else _json_value(as_map(value, "a value"), depth + 1)
    return out


def _json_value(value: Record, depth: int) -> Any:
    """Raises: NotOtlpError."""
    if depth > DEEPEST:
        raise NotOtlpError("values are nested too deeply")
    for kind, inner in value.items():
        read = JSON_VALUES.get(kind)
        if read is not None:
            return read(inner, depth)
    return None


def _json_int(value: Any, depth: int) -> int:
    try:
        number = int(value[:30]) if isinstance(value, str) else int(value) if value == int(value) else None
    except (ValueError, TypeError, OverflowError):
        number = None
    if number is None or not -(1 << 63) <= number < 1 << 63:
        raise NotOtlpError("an intValue is no whole number")
    return number


def _json_double(value: Any, depth: int) -> float:
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        raise NotOtlpError("a doubleValue is no number") from None


def _json_bytes(value: Any, depth: int) -> bytes:
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/") + "==", validate=False)
    except (binascii.Error, AttributeError, ValueError):
        raise NotOtlpError("a bytesValue is no base64") from None


def _json_array(value: Any, depth: int) -> list[Any]:
    return [
        _json_value(as_map(v, "a value"), depth + 1) for v in as_list(as_map(value, "an arrayValue"), "values", set())
    ]


JSON_VALUES: dict[str, Callable[[Any, int], Any]] = {
    "stringValue": lambda value, depth: "" if value is None else value,
    "boolValue": lambda value, depth: value,
    "intValue": _json_int,
    "doubleValue": _json_double,
    "bytesValue": _json_bytes,
    "arrayValue": _json_array,
    "kvlistValue": lambda value, depth: _json_map(as_list(as_map(value, "a kvlistValue"), "values", set()), depth + 1),
}


def as_map(value: Any, what: str) -> Record:
    if not isinstance(value, dict):
        raise NotOtlpError(f"{what} is no JSON object")
    return value


def as_list(given: Record, name: str, others: set[str]) -> list[Any]:
    """What must not be overlooked because it has another name."""
    value = given.get(name)
    if value is None:
        if not others.issuperset(given.keys() - {name}):
            raise NotOtlpError(f"there is no {name}")
        return []
    if not isinstance(value, list):
        raise NotOtlpError(f"{name} is no list")
    return value
