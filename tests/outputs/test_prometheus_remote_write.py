"""What Fluent Bit 5.1.1 sends of the same metrics, with sorted labels and none that is empty."""

import struct
from collections.abc import Callable
from typing import Any

import cramjam
import pytest

from pyrolens.api import MetricSet, Outcome, Pair
from pyrolens.outputs._protobuf import fields
from pyrolens.outputs.prometheus_remote_write import PrometheusRemoteWrite
from tests.metrics import ALL, T, chunks, one
from tests.net.servers import Answer, Request, Server, answer
from tests.outputs.sending import Env, with_server

MS = T // 1_000_000
NOW = T + 1_000_000_000


class Now(Env):
    def now(self) -> int:
        return NOW


def posted(
    respond: Callable[[Request], Answer], *sets: MetricSet, env: Env | None = None, **options: Any
) -> tuple[list[Outcome], list[Request]]:
    async def test(server: Server) -> list[Outcome]:
        made = PrometheusRemoteWrite(host="127.0.0.1", port=server.port, **options)
        assert list(made.check()) == []
        sink = made.open(env or Now())
        await sink.start()
        outcomes = [await sink.deliver(chunk) for chunk in chunks(sink, "m", *sets)]
        await sink.close()
        return outcomes

    return with_server(respond, test)


def ok(request: Request) -> Answer:
    return answer(204, b"")


def series(body: bytes) -> list[tuple[dict[str, str], float, int]]:
    """Labels, value and ms of each series, whose labels must be sorted."""
    out = []
    for number, inner in fields(body):
        assert number == 1
        assert isinstance(inner, bytes)
        labels: dict[str, str] = {}
        value, ms = 0.0, 0
        for field, content in fields(inner):
            assert isinstance(content, bytes)
            parts = dict(fields(content))
            if field == 1:
                labels[parts[1].decode()] = parts[2].decode()  # type: ignore[union-attr]
            else:
                value = struct.unpack("<d", parts.get(1, bytes(8)))[0]  # type: ignore[arg-type]
                ms = parts[2]  # type: ignore[assignment]
        assert list(labels) == sorted(labels)
        out.append((labels, value, ms))
    return out


def test_a_write_request() -> None:
    env = Now()
    _, (request,) = posted(ok, ALL, env=env, uri="api/v1/write", add_label=[Pair("x", "y")])
    assert (request.method, request.target) == ("POST", "/api/v1/write")
    wanted = ("content-type", "content-encoding", "x-prometheus-remote-write-version", "user-agent")
    assert [request.headers[name] for name in wanted] == ["application/x-protobuf", "snappy", "0.1.0", "Fluent-Bit"]
    found = series(bytes(cramjam.snappy.decompress_raw(request.body)))
    shown = [({k: v for k, v in labels.items() if k != "x"}, value) for labels, value, ms in found if ms == MS]
    assert len(shown) == len(found)
    assert all(labels["x"] == "y" for labels, _, _ in found)
    assert str(shown) == str(
        [
            ({"__name__": "http_requests_total", "method": "post"}, 3.0),
            ({"__name__": "g"}, -1.0),
            ({"__name__": "untyped_thing"}, 12.5),
            ({"__name__": "nan_thing"}, float("nan")),
            ({"__name__": "inf_thing"}, float("inf")),
            ({"__name__": "rpc_count"}, 2693.0),
            ({"__name__": "rpc_sum"}, 17000000.0),
            ({"__name__": "rpc", "quantile": "0.5"}, 4773.0),
            ({"__name__": "rpc", "quantile": "0.90000000000000002"}, 9001.0),
            ({"__name__": "h_count", "a": "b"}, 4.0),
            ({"__name__": "h_sum", "a": "b"}, 5.5),
            ({"__name__": "h_bucket", "a": "b", "le": "0.10000000000000001"}, 1.0),
            ({"__name__": "h_bucket", "a": "b", "le": "1"}, 3.0),
            ({"__name__": "h_bucket", "a": "b", "le": "+Inf"}, 4.0),
        ]
    )
    # the one of 2014
    assert env.counts == {"stale_samples": 1}


def test_readings_of_a_chunk_are_one_request() -> None:
    outcomes, (request,) = posted(ok, one(1), one(0.0), compression="none")
    assert len(outcomes) == 1
    assert "content-encoding" not in request.headers
    assert [value for _, value, _ in series(request.body)] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("status", "kind"), [(200, "done"), (204, "done"), (400, "rejected"), (401, "retry"), (429, "slow"), (503, "slow")]
)
def test_what_an_answer_means(status: int, kind: str) -> None:
    (outcome,), _ = posted(lambda request: answer(status, b"why"), one())
    found = "slow" if outcome.slow_down else "retry" if outcome.retry else "rejected" if outcome.rejected else "done"
    assert found == kind
    if kind == "rejected":
        assert outcome.rejected == {0: "HTTP 400: why"}


def test_who_asks() -> None:
    _, (basic,) = posted(ok, one(), http_user="u", http_passwd="p", header=[Pair("X-A", "b")])
    assert (basic.headers["authorization"], basic.headers["x-a"]) == ("Basic dTpw", "b")
    _, (bearer,) = posted(ok, one(), bearer_token="t0k")
    assert bearer.headers["authorization"] == "Bearer t0k"
    _, (own,) = posted(ok, one(), header=[Pair("user-agent", "me")])
    assert [line for line in own.lines if line.lower().startswith("user-agent")] == ["user-agent: me"]


def test_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    _, (request,) = posted(ok, one(), aws_auth=True)
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/eu-west-1/aps/aws4_request" in request.headers["authorization"]


def test_wrong_options() -> None:
    made = PrometheusRemoteWrite(bearer_token="a", http_user="b", add_label=[Pair("x", "")])
    assert [name for name, _ in made.check()] == ["add_label", "bearer_token"]


def test_all_that_is_too_old_makes_no_request() -> None:
    outcomes, requests = posted(ok, one(ns=T - 2 * 3600 * 10**9))
    assert (outcomes, requests) == ([], [])
