"""OTLP requests of metrics in protobuf: read into what their JSON mapping would be.

Source: opentelemetry-proto 1.x, metrics_service.proto and metrics.proto.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

from pyrolens.api import Record
from pyrolens.inputs._otlp import BYTES, FIXED64, VARINT, fields, key_value, resource_of, text_at, varint

Put = Callable[[Record, bytes, int, int], None]
Schema = Mapping[tuple[int, int], Put]
"""(number, kind) of a field -> what puts its value into a message."""


def message(data: bytes, at: int, end: int, schema: Schema) -> Record:
    """Raises: NotOtlpError, IndexError, struct.error."""
    out: Record = {}
    for field, kind, start, stop in fields(data, at, end):
        put = schema.get((field, kind))
        if put is not None:
            put(out, data, start, stop)
    return out


def one(name: str, read: Callable[[bytes, int, int], Any]) -> Put:
    def put(out: Record, data: bytes, start: int, stop: int) -> None:
        out[name] = read(data, start, stop)

    return put


def many(name: str, read: Callable[[bytes, int, int], list[Any]]) -> Put:
    def put(out: Record, data: bytes, start: int, stop: int) -> None:
        out.setdefault(name, []).extend(read(data, start, stop))

    return put


def within(name: str, schema: Schema, repeats: bool = False) -> Put:
    if repeats:
        return many(name, lambda data, start, stop: [message(data, start, stop, schema)])
    return one(name, lambda data, start, stop: message(data, start, stop, schema))


def attribute(out: Record, data: bytes, start: int, stop: int) -> None:
    key_value(data, start, stop, out.setdefault("attributes", {}), 0)


def fixed(form: str) -> Callable[[bytes, int, int], list[Any]]:
    def read(data: bytes, start: int, stop: int) -> list[Any]:
        return list(struct.unpack_from(f"<{(stop - start) // 8}{form}", data, start))

    return read


def first_fixed(form: str) -> Callable[[bytes, int, int], Any]:
    return lambda data, start, stop: struct.unpack_from(f"<{form}", data, start)[0]


def plain(data: bytes, start: int, stop: int) -> int:
    return start


def zigzag(data: bytes, start: int, stop: int) -> int:
    return (start >> 1) ^ -(start & 1)


def varints(data: bytes, start: int, stop: int) -> list[int]:
    out = []
    while start < stop:
        value, start = varint(data, start)
        out.append(value)
    return out


TIME: Schema = {(3, FIXED64): one("timeUnixNano", first_fixed("Q"))}
COUNTED: Schema = {
    **TIME, (4, FIXED64): one("count", first_fixed("Q")), (5, FIXED64): one("sum", first_fixed("d")),
}  # fmt: skip
NUMBER_POINT: Schema = {
    **TIME, (4, FIXED64): one("asDouble", first_fixed("d")), (6, FIXED64): one("asInt", first_fixed("q")),
    (7, BYTES): attribute, (8, VARINT): one("flags", plain),
}  # fmt: skip
HISTOGRAM_POINT: Schema = {
    **COUNTED, (6, BYTES): many("bucketCounts", fixed("Q")), (7, BYTES): many("explicitBounds", fixed("d")),
    (6, FIXED64): many("bucketCounts", fixed("Q")), (7, FIXED64): many("explicitBounds", fixed("d")),
    (9, BYTES): attribute, (10, VARINT): one("flags", plain),
}  # fmt: skip
SIDE: Schema = {
    (1, VARINT): one("offset", zigzag), (2, BYTES): many("bucketCounts", varints),
    (2, VARINT): many("bucketCounts", lambda data, start, stop: [start]),
}  # fmt: skip
EXPONENTIAL_POINT: Schema = {
    **COUNTED, (1, BYTES): attribute, (6, VARINT): one("scale", zigzag),
    (7, FIXED64): one("zeroCount", first_fixed("Q")),
    (8, BYTES): within("positive", SIDE), (9, BYTES): within("negative", SIDE), (10, VARINT): one("flags", plain),
    (14, FIXED64): one("zeroThreshold", first_fixed("d")),
}  # fmt: skip
QUANTILE: Schema = {(1, FIXED64): one("quantile", first_fixed("d")), (2, FIXED64): one("value", first_fixed("d"))}
SUMMARY_POINT: Schema = {
    **COUNTED, (6, BYTES): within("quantileValues", QUANTILE, repeats=True), (7, BYTES): attribute,
    (8, VARINT): one("flags", plain),
}  # fmt: skip


def data_of(point: Schema) -> Schema:
    return {
        (1, BYTES): within("dataPoints", point, repeats=True),
        (2, VARINT): one("aggregationTemporality", plain),
        (3, VARINT): one("isMonotonic", lambda data, start, stop: bool(start)),
    }


METRIC: Schema = {
    (1, BYTES): one("name", text_at), (2, BYTES): one("description", text_at),
    (5, BYTES): within("gauge", data_of(NUMBER_POINT)), (7, BYTES): within("sum", data_of(NUMBER_POINT)),
    (9, BYTES): within("histogram", data_of(HISTOGRAM_POINT)),
    (10, BYTES): within("exponentialHistogram", data_of(EXPONENTIAL_POINT)),
    (11, BYTES): within("summary", data_of(SUMMARY_POINT)),
}  # fmt: skip
RESOURCE: Schema = {
    (1, BYTES): one("resource", resource_of),
    (2, BYTES): within("scopeMetrics", {(2, BYTES): within("metrics", METRIC, repeats=True)}, repeats=True),
}
REQUEST: Schema = {(1, BYTES): within("resourceMetrics", RESOURCE, repeats=True)}
