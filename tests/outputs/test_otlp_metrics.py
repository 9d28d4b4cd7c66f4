"""opentelemetry and metrics: what Fluent Bit 5.1.1 sends, but for the counts of the buckets."""

import struct
from typing import Any

from pyrolens.api import Outcome, Pair
from pyrolens.outputs._protobuf import fields
from pyrolens.outputs.opentelemetry import OpenTelemetry
from tests.metrics import ALL, OLD, T, chunks, one
from tests.net.servers import Request, Server, answer
from tests.outputs.sending import Env, with_server


def posted(*sets: Any, **options: Any) -> tuple[list[Outcome], list[Request]]:
    async def test(server: Server) -> list[Outcome]:
        sink = OpenTelemetry(host="127.0.0.1", port=server.port, **options).open(Env())
        outcomes = [await sink.deliver(chunk) for chunk in chunks(sink, "m", *sets)]
        await sink.close()
        return outcomes

    return with_server(lambda request: answer(200, b""), test)


def metrics_of(body: bytes) -> list[bytes]:
    ((number, resource),) = fields(body)
    ((scopes, scope),) = fields(resource)  # type: ignore[arg-type]
    assert (number, scopes) == (1, 2)
    found = fields(scope)  # type: ignore[arg-type]
    assert {n for n, _ in found} == {2}
    return [metric for _, metric in found]  # type: ignore[misc]


def pair(data: bytes) -> str:
    key, value = (content for _, content in fields(data))
    return f"{key.decode()}={fields(value)[0][1].decode()}"  # type: ignore[arg-type, union-attr]


def double(data: bytes | int) -> float:
    return float(struct.unpack("<d", data)[0])  # type: ignore[arg-type]


def whole(data: bytes | int) -> int:
    return int(struct.unpack("<Q", data)[0])  # type: ignore[arg-type]


def test_a_request() -> None:
    _, (request,) = posted(ALL, add_label=[Pair("x", "y")], metrics_uri="/m")
    assert (request.target, request.headers["content-type"]) == ("/m", "application/x-protobuf")
    found: dict[str, tuple[str, int, list[tuple[int, Any]]]] = {}
    for metric in metrics_of(request.body):
        (_, name), (_, about), (kind, data) = fields(metric)
        found[name.decode()] = (about.decode(), kind, fields(data))  # type: ignore[union-attr, arg-type]
    assert [(name, about, kind) for name, (about, kind, _) in found.items()] == [
        ("http_requests_total", "The total number.", 7),
        ("g", "", 5),
        ("untyped_thing", "", 5),
        ("nan_thing", "", 5),
        ("inf_thing", "", 5),
        ("rpc", "", 11),
        ("h", "", 9),
    ]
    first, second, *rest = found["http_requests_total"][2]
    assert rest == [(2, 2), (3, 1)], "cumulative and monotonic"
    point = fields(first[1])
    assert (whole(point[0][1]), double(point[1][1])) == (OLD, 1027.0)
    assert [pair(v) for n, v in point if n == 7] == ["x=y", "method=post", "code=200"]  # type: ignore[arg-type]
    assert [pair(v) for n, v in fields(second[1]) if n == 7] == ["x=y", "method=post"]  # type: ignore[arg-type]
    summary = fields(found["rpc"][2][0][1])
    assert [(n, whole(v)) for n, v in summary if n in (3, 4)] == [(3, T), (4, 2693)]
    assert [[double(v) for _, v in fields(q)] for n, q in summary if n == 6] == [[0.5, 4773.0], [0.9, 9001.0]]  # type: ignore[arg-type]
    (_, data), temporality = found["h"][2]
    assert temporality == (2, 2)
    histogram = dict(fields(data))
    assert (whole(histogram[4]), double(histogram[5])) == (4, 5.5)
    assert struct.unpack("<3Q", histogram[6]) == (1, 2, 1), "of each bucket alone"  # type: ignore[arg-type]
    assert struct.unpack("<2d", histogram[7]) == (0.1, 1.0)  # type: ignore[arg-type]
    assert pair(histogram[9]) == "x=y" or pair(histogram[9]) == "a=b"  # type: ignore[arg-type]


def test_readings_of_a_chunk_are_one_request() -> None:
    outcomes, (request,) = posted(one(1), one(2))
    assert (len(outcomes), request.target, len(metrics_of(request.body))) == (1, "/v1/metrics", 2)
