"""Over real sockets. The expected shapes are those of Fluent Bit 5.1.1, with its numbers replaced by ours."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pyrolens.net import http_server
from pyrolens.net.http_server import Answer, Request
from pyrolens.net.requests import is_loopback
from pyrolens.problems import ConfigError
from pyrolens.service.http_api import HttpApi, size
from pyrolens.service.metrics import Metrics
from pyrolens.service.reloaded import DONE, IN_PROGRESS, Reloaded, failed

NOW = 1718000000.5


@dataclass(frozen=True)
class Options:
    http_listen: str = "127.0.0.1"
    http_port: int = 0
    http_token: str | None = None
    health_check: bool = True
    hc_errors_count: int = 5
    hc_retry_failure_count: int = 5
    hc_period: float = 60.0


def counted() -> Metrics:
    metrics = Metrics(lambda: NOW)
    metrics.started = NOW - 93784
    for name, records in (("dummy.0", 3), ("d2", 2)):
        one = metrics.input(name, "dummy")
        one.records, one.bytes = records, records * 28
    metrics.filter("grep.0").records = 5
    null, bad = metrics.output("null.0"), metrics.output("bad", "http")
    null.records, null.bytes = 5, 140
    bad.retries, bad.retried_records, bad.waiting_chunks = 1, 2, 1
    bad.counters["throttled"] = 7
    return metrics


Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


def with_api(test: Callable[[Ask], Awaitable[None]], api: HttpApi | None = None) -> None:
    async def main() -> None:
        served = api or HttpApi(Options(), counted())
        await served.start()

        async def ask(path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
            return await request(served.server.port, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

        try:
            async with asyncio.timeout(30):
                await test(ask)
        finally:
            await served.stop()

    asyncio.run(main())


async def request(port: int, data: bytes) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await read_answer(reader, head=data.startswith(b"HEAD"))
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader, *, head: bool = False) -> tuple[int, dict[str, str], bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    body = b"" if head else await reader.readexactly(int(headers["Content-Length"]))
    return int(first.split()[1]), headers, body


METRICS = {
    "input": {"dummy.0": {"records": 3, "bytes": 84}, "d2": {"records": 2, "bytes": 56}},
    "filter": {"grep.0": {"drop_records": 0, "add_records": 0, "records": 5, "bytes": 0, "drop_bytes": 0}},
    "output": {
        "null.0": {
            "proc_records": 5, "proc_bytes": 140, "errors": 0, "retries": 0, "retries_failed": 0,
            "dropped_records": 0, "retried_records": 0,
        },
        "bad": {
            "proc_records": 0, "proc_bytes": 0, "errors": 0, "retries": 1, "retries_failed": 0,
            "dropped_records": 0, "retried_records": 2,
        },
    },
}  # fmt: skip
CHUNKS = {"total": 0, "up": 0, "down": 0, "busy": 0, "busy_size": "0b"}
STATUS = {"overlimit": False, "mem_size": "0b", "mem_limit": "0b"}
STORAGE = {
    "storage_layer": {
        "chunks": {"total_chunks": 0, "mem_chunks": 0, "fs_chunks": 0, "fs_chunks_up": 0, "fs_chunks_down": 0}
    },
    "input_chunks": {"dummy.0": {"status": STATUS, "chunks": CHUNKS}, "d2": {"status": STATUS, "chunks": CHUNKS}},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/metrics", METRICS),
        ("/api/v1/metrics?x=1", METRICS),
        ("/api/v1/storage", STORAGE),
        (
            "/api/v1/uptime",
            {
                "uptime_sec": 93784,
                "uptime_hr": "Fluent Bit has been running:  1 day, 2 hours, 3 minutes and 4 seconds",
            },
        ),
        ("/api/v2/reload", {"hot_reload_count": 0}),
        (
            "/api/v2/health",
            {
                "status": "ok",
                "errors": 0,
                "retries_failed": 0,
                "error_limit": 5,
                "retry_failure_limit": 5,
                "period_limit": 60,
            },
        ),
    ],
)
def test_json(path: str, expected: Any) -> None:
    async def test(ask: Ask) -> None:
        status, headers, body = await ask(path)
        assert (status, headers["Content-Type"], json.loads(body)) == (200, "application/json", expected)

    with_api(test)


def with_chunks() -> Metrics:
    metrics = counted()
    memory, stored, backlog = metrics.input("dummy.0"), metrics.input("d2"), metrics.input("storage_backlog.2")
    memory.open = dict.fromkeys(range(2), 0.0)
    memory.unsettled, memory.limit, memory.paused = 2000, 2000, False
    stored.open, stored.stores, stored.unsettled = {1: 0.0}, True, 500
    backlog.open, backlog.stores, backlog.unread = {1: 0.0}, True, 7
    metrics.output("bad").stored_chunks = 4
    return metrics


def test_chunks_in_memory_and_on_disk() -> None:
    def chunks(up: int, down: int = 0, size: str = "0b") -> dict[str, object]:
        return {"total": up + down, "up": up, "down": down, "busy": up, "busy_size": size}

    async def test(ask: Ask) -> None:
        layer = {"total_chunks": 15, "mem_chunks": 2, "fs_chunks": 13, "fs_chunks_up": 2, "fs_chunks_down": 11}
        _, _, body = await ask("/api/v1/storage")
        assert json.loads(body) == {
            "storage_layer": {
                "chunks": layer,
            },
            "input_chunks": {
                "dummy.0": {
                    "status": {"overlimit": True, "mem_size": "2.0K", "mem_limit": "2.0K"},
                    "chunks": chunks(2, 0, "2.0K"),
                },
                "d2": {"status": {**STATUS, "mem_size": "500b"}, "chunks": chunks(1, 0, "500b")},
                "storage_backlog.2": {"status": STATUS, "chunks": chunks(1, 7)},
            },
        }  # fmt: skip
        _, _, body = await ask("/api/v2/metrics/prometheus")
        for line in (
            b"fluentbit_storage_chunks 15", b"fluentbit_storage_mem_chunks 2", b"fluentbit_storage_fs_chunks_down 11",
            b'fluentbit_input_storage_chunks_up{name="dummy.0"} 2',
            b'fluentbit_input_storage_overlimit{name="dummy.0"} 1',
            b'fluentbit_input_storage_chunks_down{name="storage_backlog.2"} 7',
            b'fluentbit_input_storage_chunks_busy_bytes{name="d2"} 500',
        ):  # fmt: skip
            assert line in body.splitlines()

    with_api(test, HttpApi(Options(), with_chunks()))


def test_where_chunks_are_no_metrics_nothing_tells_of_them() -> None:
    metrics = with_chunks()
    metrics.storage = False

    async def test(ask: Ask) -> None:
        assert (await ask("/api/v1/storage"))[0] == 404
        _, _, body = await ask("/api/v2/metrics/prometheus")
        assert b"fluentbit_storage_chunks" not in body
        assert b"fluentbit_input_storage_overlimit" in body

    with_api(test, HttpApi(Options(), metrics))


def test_about_and_plugins() -> None:
    async def test(ask: Ask) -> None:
        _, _, body = await ask("/")
        assert json.loads(body)["fluent-bit"]["version"] == "5.1.1"
        _, _, body = await ask("/api/v1/plugins")
        listed = json.loads(body)["plugins"]
        assert {"inputs", "filters", "outputs"} == set(listed)
        assert {"stdout", "forward", "null"} <= set(listed["outputs"])

    with_api(test)


def test_old_prometheus() -> None:
    async def test(ask: Ask) -> None:
        _, headers, body = await ask("/api/v1/metrics/prometheus")
        assert headers["Content-Type"] == "text/plain; version=0.0.4"
        lines = body.decode().split("\n")
        assert lines[:3] == [
            "# HELP fluentbit_filter_add_records_total Fluentbit metrics.",
            "# TYPE fluentbit_filter_add_records_total counter",
            'fluentbit_filter_add_records_total{name="grep.0"} 0 1718000000500',
        ]
        assert [line for line in lines if line.startswith("# TYPE")] == [
            f"# TYPE fluentbit_{name}_total counter"
            for name in (
                "filter_add_records", "filter_bytes", "filter_drop_bytes", "filter_drop_records", "filter_records",
                "input_bytes", "input_records", "output_dropped_records", "output_errors", "output_proc_bytes",
                "output_proc_records", "output_retried_records", "output_retries_failed", "output_retries",
            )
        ] + [
            "# TYPE fluentbit_uptime counter",
            "# TYPE process_start_time_seconds gauge",
            "# TYPE fluentbit_build_info gauge",
        ]  # fmt: skip
        assert 'fluentbit_output_retries_total{name="bad"} 1 1718000000500' in lines
        assert lines[-1] == ""

    with_api(test)


def test_prometheus() -> None:
    async def test(ask: Ask) -> None:
        _, headers, body = await ask("/api/v2/metrics/prometheus")
        assert headers["Content-Type"] == "text/plain; version=0.0.4"
        lines = body.decode().splitlines()
        for expected in (
            'fluentbit_input_records_total{name="dummy.0"} 3',
            'fluentbit_filter_records_total{name="grep.0"} 5',
            'fluentbit_output_proc_bytes_total{name="null.0"} 140',
            'fluentbit_output_retried_records_total{name="bad"} 2',
            'fluentbit_logger_logs_total{message_type="warn"} 0',
            'pyrolens_output_waiting_chunks{name="bad"} 1',
            'pyrolens_output_throttled_total{name="bad"} 7',
        ):
            assert expected in lines
        assert all(re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? \d+(\.\d+)?', line) for line in lines)
        names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
        assert len(names) == len(set(names))

    with_api(test)


def test_plain_metrics() -> None:
    async def test(ask: Ask) -> None:
        _, headers, body = await ask("/api/v2/metrics")
        assert "Content-Type" not in headers
        assert re.search(
            r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z fluentbit_input_records_total\{name="d2"\} = 2$',
            body.decode(),
            re.MULTILINE,
        )

    with_api(test)


def test_health() -> None:
    async def test(ask: Ask) -> None:
        assert (await ask("/api/v1/health"))[::2] == (200, b"ok\n")
        api.metrics.output("bad").errors += 6
        api.health.note(api.metrics.outputs.values())
        assert (await ask("/api/v1/health"))[::2] == (500, b"error\n")
        status, _, body = await ask("/api/v2/health")
        assert (status, json.loads(body)["status"], json.loads(body)["errors"]) == (500, "error", 6)

    api = HttpApi(Options(), counted())
    with_api(test, api)


def test_health_says_why() -> None:
    async def test(ask: Ask) -> None:
        found = await ask("/api/v1/health?verbose")
        assert (found[0], json.loads(found[2])) == (200, {"status": "ok", "reasons": []})
        bad, source = api.metrics.output("bad"), api.metrics.input("dummy.0")
        bad.errors, bad.retries_failed, bad.waiting_records = 6, 1, 9
        source.unsettled = 2048
        source.pause()
        source.open["one"] = time.monotonic() - 61
        api.health.note(api.metrics.outputs.values())
        status, _, body = await ask("/api/v1/health?x=y&verbose=1")
        assert (status, json.loads(body)) == (
            500,
            {
                "status": "error",
                "reasons": [
                    "output bad: 6 errors within 60 s; of all outputs, 5 may be",
                    "output bad: 1 chunks given up within 60 s; of all outputs, 5 may be",
                    "output bad: 9 records wait to be sent",
                    "input dummy.0: paused at Mem_Buf_Limit, 2.0K are not settled",
                    "input dummy.0: its oldest record has been here for 61 s",
                ],
            },
        )

    api = HttpApi(Options(), counted())
    with_api(test, api)


def test_lag_and_back_pressure_are_among_the_metrics() -> None:
    async def test(ask: Ask) -> None:
        source = api.metrics.input("dummy.0")
        source.paused_before = 2.5
        text = (await ask("/api/v2/metrics/prometheus"))[2].decode()
        assert 'pyrolens_input_paused_seconds_total{name="dummy.0"} 2.5\n' in text
        assert 'pyrolens_input_lag_seconds{name="dummy.0"} 0\n' in text

    api = HttpApi(Options(), counted())
    with_api(test, api)


def test_no_health_check_no_answer() -> None:
    async def test(ask: Ask) -> None:
        assert (await ask("/api/v1/health"))[0] == 404

    with_api(test, HttpApi(replace(Options(), health_check=False), counted()))


@pytest.mark.parametrize("path", ["/nope", "/api/v1", "/api/v1/", "/api/v1/uptime/", "/api/v1/trace", "*"])
def test_not_found(path: str) -> None:
    async def test(ask: Ask) -> None:
        assert (await ask(path))[::2] == (404, b"")

    with_api(test)


def test_methods() -> None:
    async def test(ask: Ask) -> None:
        status, headers, body = await ask("/api/v1/uptime", "HEAD")
        assert (status, body) == (200, b"")
        assert int(headers["Content-Length"]) > 50
        assert (await ask("/api/v1/metrics", "DELETE"))[0] == 200
        assert (await ask("/api/v1/metrics", "POST"))[0] == 200
        status, headers, _ = await ask("/api/v2/reload", "DELETE")
        assert (status, headers["Allow"]) == (405, "GET, POST, PUT")

    with_api(test)


def test_reload() -> None:
    async def test(ask: Ask) -> None:
        async def post() -> tuple[int, Any]:
            status, _, body = await ask("/api/v2/reload", "POST")
            return status, json.loads(body)

        assert await post() == (200, {"reload": "not enabled", "status": -1})
        told = [DONE, IN_PROGRESS, failed(["router.conf:1: x"])]

        async def reload() -> Reloaded:
            await asyncio.sleep(0)
            return told.pop(0)

        api.reload = reload
        assert await post() == (200, {"reload": "done", "status": 0})
        assert await post() == (400, {"reload": "in progress", "status": -2})
        assert await post() == (400, {"reload": "failed", "status": -3, "problems": ["router.conf:1: x"]})

    api = HttpApi(Options(), counted())
    with_api(test, api)


def test_requests_of_one_connection() -> None:
    async def main() -> None:
        api = HttpApi(Options(), counted())
        await api.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
        one = b"GET /api/v1/uptime HTTP/1.1\r\nHost: [::1]:2020\r\nContent-Length: 3\r\n\r\nabc"
        writer.write(one + one[:20])
        assert (await read_answer(reader))[0] == 200
        writer.write(one[20:] + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n" + one)
        assert (await read_answer(reader))[0] == 200
        status, headers, _ = await read_answer(reader)
        assert (status, headers["Connection"]) == (200, "close")
        assert await reader.read() == b""
        writer.close()
        await api.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/3\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: elsewhere\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000, 431),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
    ],
)
def test_odd_requests_are_answered_and_closed(data: bytes, status: int) -> None:
    async def main() -> None:
        api = HttpApi(Options(), counted())
        await api.start()
        got, headers, _ = await request(api.server.port, data)
        assert (got, headers["Connection"]) == (status, "close")
        await api.stop()

    asyncio.run(main())


def test_silent_clients_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "IDLE_SECONDS", 0.05)

    async def main() -> None:
        api = HttpApi(Options(), counted())
        await api.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
        writer.write(b"GET / HT")
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        await api.stop()

    asyncio.run(main())


def test_who_holds_connections_does_not_keep_others_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "CONNECTIONS", 1)

    async def test(ask: Ask) -> None:
        reader, first = await asyncio.open_connection("127.0.0.1", api.server.port)
        first.write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await read_answer(reader))[0] == 200
        assert (await ask("/"))[0] == 200
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        first.close()

    api = HttpApi(Options(), counted())
    with_api(test, api)


def test_a_port_that_is_taken() -> None:
    async def main() -> None:
        first = HttpApi(Options(), counted())
        await first.start()
        second = HttpApi(replace(Options(), http_port=first.server.port), counted())
        with pytest.raises(ConfigError, match=r"the HTTP API cannot listen on 127\.0\.0\.1:"):
            await second.start()
        await second.stop()
        await first.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("n", "text"),
    [(0, "0b"), (1023, "1023b"), (1024, "1.0K"), (1536, "1.5K"), (5_000_000, "4.8M"), (3 * 1024**3, "3.0G")],
)
def test_sizes(n: int, text: str) -> None:
    assert size(n) == text


def asked(method: str, headers: dict[str, str], local: bool) -> Request:
    where = "/api/v2/reload"
    return Request(method, where, headers, True, path=where, peer=("127.0.0.1" if local else "10.0.0.1", 1))


@pytest.mark.parametrize(
    ("method", "headers", "local", "status"),
    [
        ("GET", {}, True, 200),
        ("GET", {"host": "127.0.0.1:2020"}, True, 200),
        ("GET", {"host": "[::1]:2020"}, True, 200),
        ("GET", {"host": "LOCALHOST."}, True, 200),
        ("GET", {"host": "router:2020"}, True, 200),
        # a name that was made to lead to this machine
        ("GET", {"host": "evil.example"}, True, 403),
        ("GET", {"host": "127.0.0.1.evil.example:2020"}, True, 403),
        ("GET", {"host": "router.internal:2020"}, False, 200),
        ("POST", {"host": "localhost"}, True, 200),
        ("POST", {"host": "localhost", "origin": "http://localhost"}, True, 403),
        ("POST", {"host": "localhost", "origin": "null"}, True, 403),
        ("POST", {"host": "localhost", "sec-fetch-site": "cross-site"}, True, 403),
        ("POST", {"host": "localhost", "authorization": "Bearer wrong"}, True, 401),
        ("POST", {"host": "router:2020"}, False, 401),
        ("POST", {"host": "router:2020", "authorization": "Bearer wrong"}, False, 401),
        ("POST", {"host": "router:2020", "authorization": "Bearer "}, False, 401),
        ("POST", {"host": "router:2020", "authorization": "Basic right"}, False, 401),
        ("POST", {"host": "router:2020", "authorization": "bearer right"}, False, 200),
        ("DELETE", {"host": "router:2020"}, False, 401),
    ],
)
def test_who_may_ask_for_what(method: str, headers: dict[str, str], local: bool, status: int) -> None:
    async def main() -> None:
        api = HttpApi(Options(http_token="right"), counted())

        async def reload() -> Reloaded:
            return DONE

        api.reload = reload
        answer = api.answer(asked(method, headers, local))
        assert isinstance(answer, (Answer, Awaitable))
        assert (answer if isinstance(answer, Answer) else await answer).status == status

    asyncio.run(main())


def test_without_a_token_nobody_elsewhere_changes_anything() -> None:
    api = HttpApi(Options(), counted())
    for given in ("", "Bearer", "Bearer ", "Bearer None"):
        answer = api.answer(asked("POST", {"authorization": given}, local=False))
        assert isinstance(answer, Answer)
        assert answer.status == 401


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        (("127.0.0.1", 1), True), (("127.8.0.1", 1), True), (("::1", 1, 0, 0), True), (("::ffff:127.0.0.1", 1), True),
        (("10.0.0.1", 1), False), (("::ffff:10.0.0.1", 1), False), (("fe80::1", 1), False), (None, True),
    ],
)  # fmt: skip
def test_who_is_on_this_machine(peer: object, local: bool) -> None:
    assert is_loopback(peer) is local
