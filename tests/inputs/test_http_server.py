"""Requests over real sockets: connections, limits, and a buffer that is full."""

import asyncio
import re
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.inputs import _http_server
from pyrolens.inputs._http_server import HttpNet, HttpOptions, HttpSource
from pyrolens.inputs._tls import ServerTls
from pyrolens.inputs.http import Http
from tests.inputs.lent import PATIENCE, Lent
from tests.net import certificates

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """The router's own loop is uvloop's."""
    made: Run = request.param
    return made


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http_server, "WAIT", 0.1)


def post(body: bytes, path: str = "/t", *headers: str, kind: str = "application/json") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: h", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


HEALTH = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n"


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def status(self) -> int:
        """Of the next answer, whose body is read, too; 0 for the end."""
        async with asyncio.timeout(PATIENCE):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return 0
            length = re.search(rb"content-length: (\d+)", head.lower())
            await self.reader.readexactly(int(length[1]) if length else 0)
            self.head = head
            return int(head.split(b" ")[1])

    async def ask(self, data: bytes) -> int:
        self.send(data)
        return await self.status()


async def started(env: Lent, tls: ServerTls | None = None, **options: Any) -> tuple[HttpSource, Callable[..., Any]]:
    """The source, and what makes a client."""
    net, http = HttpNet(**options.pop("net", {})), HttpOptions(**options.pop("http", {}))
    plan = Http(
        listen="127.0.0.1", port=0, enable_health_endpoint=True, net=net, http=http, tls=tls is not None,
        tls_options=tls or ServerTls(), **options,
    )  # fmt: skip
    source = plan.open(env)
    assert isinstance(source, HttpSource)
    await source.start()

    async def connect(**more: Any) -> Client:
        assert source.server.address
        return Client(*await asyncio.open_connection(*source.server.address, **more))

    return source, connect


def test_a_connection_for_several_requests(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env)
        client = await connect()
        for n in range(3):
            assert await client.ask(post(b'{"n":%d}' % n)) == 201
        assert await client.ask(post(b"bad")) == 400
        client.send(b"".join(post(b'{"n":%d}' % n) for n in range(3, 6)))
        assert [await client.status() for _ in range(3)] == [201, 201, 201]
        assert await client.ask(HEALTH) == 200
        assert await client.ask(post(b'{"n":6}', "/t", "Connection: close")) == 201
        assert await client.status() == 0
        await source.stop()
        assert [r["n"] for r in env.records] == list(range(7))
        assert env.counts == {"refused_requests": 1}

    run(check())


def test_without_keepalive(run: Run) -> None:
    async def check() -> None:
        source, connect = await started(Lent(), net={"keepalive": False})
        client = await connect()
        client.send(post(b"{}") * 2)
        assert await client.status() == 201
        assert b"Connection: close" in client.head
        assert await client.status() == 0
        await source.stop()

    run(check())


def test_http_1_0(run: Run) -> None:
    async def check() -> None:
        source, connect = await started(Lent())
        old = post(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0")
        client = await connect()
        assert await client.ask(old) == 201
        assert await client.status() == 0
        client = await connect()
        assert await client.ask(old.replace(b"\r\n", b"\r\nConnection: keep-alive\r\n", 1)) == 201
        assert b"Connection: keep-alive" in client.head
        assert await client.ask(old) == 201
        await source.stop()

    run(check())


def test_a_client_that_asks_first(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env, http={"buffer_max_size": 100})
        client = await connect()
        whole = post(b'{"a":1}', "/t", "Expect: 100-continue")
        client.send(whole[:-7])
        assert await client.status() == 100
        client.send(whole[-7:-3])
        assert await client.ask(whole[-3:]) == 201
        assert await client.ask(whole) == 201
        client.send(post(b"x" * 101, "/t", "Expect: 100-continue")[:-101])
        assert await client.status() == 413
        assert len(env.records) == 2
        await source.stop()

    run(check())


def test_chunks(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env, http={"buffer_max_size": 100})
        client = await connect()
        head = b"POST /t HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        for piece in (head, b'4\r\n{"a"', b"\r\n3\r\n:1}\r\n0\r\n"):
            client.send(piece)
            await client.writer.drain()
        assert await client.ask(b"\r\n") == 201
        client.send(head + b"3c\r\n" + b"x" * 60 + b"\r\n29\r\n")
        assert await client.status() == 413
        await source.stop()
        assert env.records == [{"a": 1}]

    run(check())


@pytest.mark.parametrize("size", [101, 5_000_000])
def test_a_request_that_is_too_large_is_told_so(run: Run, size: int) -> None:
    """Also while its client is still writing."""

    async def check() -> None:
        env = Lent()
        source, connect = await started(env, http={"buffer_max_size": 100})
        client = await connect()
        client.send(post(b"x" * size))
        assert await client.status() == 413
        assert await client.status() == 0
        other = await connect()
        assert await other.ask(post(b" " * 98 + b"{}")) == 201
        await source.stop()
        assert env.counts == {"refused_requests": 1}

    run(check())


def test_what_is_not_http(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env)
        for sent, status in ((b"\x16\x03\x01 tls\r\n\r\n", 400), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)):
            client = await connect()
            assert await client.ask(sent) == status
            assert await client.status() == 0
        client = await connect()
        assert await client.ask(b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000) == 431
        await source.stop()
        assert env.counts == {"refused_requests": 3}

    run(check())


def test_a_slow_client_is_cut_off(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env, http={"idle_timeout": 0.2})
        idle, slow, good = await connect(), await connect(), await connect()
        whole = post(b'{"a":1}')
        began = asyncio.get_running_loop().time()
        status = asyncio.ensure_future(slow.status())
        for at in range(len(whole)):
            if status.done():
                break
            slow.send(whole[at : at + 1])  # a byte now and then does not help it
            if at % 4 == 0:
                assert await good.ask(post(b"{}")) == 201
            await asyncio.sleep(0.02)
        assert await status == 408
        assert asyncio.get_running_loop().time() - began < 2
        assert await idle.status() == 0
        assert env.counts["refused_requests"] == 1, "who was only idle is not counted"
        await source.stop()

    run(check())


def test_who_sends_much_may_take_its_time(run: Run) -> None:
    async def check() -> None:
        source, connect = await started(Lent(), http={"idle_timeout": 0.3})
        client = await connect()
        whole = post(b'{"a":"' + b"x" * 40_000 + b'"}')
        for at in range(0, len(whole), 5000):
            client.send(whole[at : at + 5000])
            await asyncio.sleep(0.1)
        assert await client.status() == 201
        await source.stop()

    run(check())


def test_a_full_buffer_makes_requests_wait(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env)
        waiting, late, half = await connect(), await connect(), await connect()
        half.send(post(b'{"a":3}')[:-2])
        await env.until(lambda: any(c.reader.begun for c in source.server.connections))  # type: ignore[attr-defined]
        source.pause()
        waiting.send(post(b'{"a":1}') * 2)
        half.send(post(b'{"a":3}')[-2:])
        answers = [asyncio.ensure_future(client.status()) for client in (waiting, half)]
        assert await late.ask(HEALTH) == 200, "what takes no records is answered"
        assert await late.ask(post(b"{}").replace(b"POST", b"GET")) == 400
        await asyncio.sleep(0.05)
        assert not any(answer.done() for answer in answers)
        assert env.records == []
        source.resume()
        assert [await answer for answer in answers] == [201, 201]
        assert await waiting.status() == 201
        assert sorted(r["a"] for r in env.records) == [1, 1, 3]
        await source.stop()

    run(check())


def test_a_request_that_fills_the_buffer_is_answered_and_the_next_waits(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env)
        env.on_ingest = source.pause
        client = await connect()
        client.send(post(b'{"a":1}') + HEALTH + post(b'{"a":2}') + post(b'{"a":3}'))
        assert [await client.status(), await client.status()] == [201, 200]
        await asyncio.sleep(0.05)
        assert [r["a"] for r in env.records] == [1]
        for n in (2, 3):
            source.resume()
            assert await client.status() == 201
            assert [r["a"] for r in env.records][-1] == n
        await source.stop()

    run(check())


@pytest.mark.usefixtures("no_patience")
def test_who_waits_too_long_is_told_to_come_again(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env)
        source.pause()
        client = await connect()
        assert await client.ask(post(b'{"a":1}')) == 503
        assert b"Retry-After: " in client.head
        assert await client.status() == 0
        assert env.counts == {"refused_requests": 1}
        source.resume()
        await source.stop()
        assert env.records == []

    run(check())


def test_at_the_stop_what_was_sent_is_taken_or_refused(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env)
        first, half = await connect(), await connect()
        await env.until(lambda: len(source.server.connections) == 2)
        first.send(post(b'{"a":1}'))
        half.send(post(b'{"a":2}')[:-1])
        await asyncio.gather(first.writer.drain(), half.writer.drain())
        await source.stop()
        assert env.records == [{"a": 1}]
        assert [await first.status(), await half.status()] == [201, 0]

        source, connect = await started(env)
        waiting = await connect()
        await env.until(lambda: len(source.server.connections) == 1)
        source.pause()
        waiting.send(post(b'{"a":3}'))
        await asyncio.sleep(0.05)
        await source.stop()
        assert env.records == [{"a": 1}]
        assert await waiting.status() == 503

    run(check())


def test_success_is_answered_once_all_is_stored(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        env.stores = True
        source, connect = await started(env, tag_key="$t")
        client, other = await connect(), await connect()
        client.send(post(b'[{"a":1,"t":"x"},{"a":2,"t":"y"}]'))
        client.send(post(b'{"a":3}') + HEALTH)
        await env.until_events(2)
        answer = asyncio.ensure_future(client.status())
        assert await other.ask(HEALTH) == 200
        for call in env.store[:1]:
            call()
        await asyncio.sleep(0.02)
        assert not answer.done(), "the other half is not stored"
        env.store[1]()
        assert await answer == 201
        await env.until_events(3)
        env.store[2]()
        assert [await client.status(), await client.status()] == [201, 200]
        assert [r["a"] for r in env.records] == [1, 2, 3]
        await source.stop()

    run(check())


@pytest.mark.parametrize(
    ("stores", "ack_on", "waits"),
    [(True, None, True), (True, "received", False), (False, None, False), (False, "delivered", True)],
)
def test_for_what_an_answer_waits(stores: bool, ack_on: str | None, waits: bool) -> None:
    async def check() -> None:
        env = Lent()
        env.stores = stores
        source, connect = await started(env, http={"ack_on": ack_on})
        client = await connect()
        client.send(post(b'{"a":1}'))
        await env.until_events(1)
        answer = asyncio.ensure_future(client.status())
        if waits:
            await asyncio.sleep(0.05)
            assert not answer.done()
            for call in [*env.store, *env.settle]:
                call()
        assert await answer == 201
        await source.stop()

    asyncio.run(check())


def test_what_is_not_stored_in_time_is_answered_503_and_closed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http_server, "KEEPING", 0.1)

    async def check() -> None:
        env = Lent()
        env.stores = True
        source, connect = await started(env)
        client = await connect()
        client.send(post(b'{"a":1}') * 2)
        assert await client.status() == 503
        assert b"Retry-After: " in client.head
        assert await client.status() == 0
        env.store[0]()
        assert len(env.records) == 1
        await source.stop()

    run(check())


def test_an_answer_that_is_owed_comes_after_the_stop(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        env.stores = True
        source, connect = await started(env)
        client, gone = await connect(), await connect()
        client.send(post(b'{"a":1}') * 2)
        gone.send(post(b'{"a":2}'))
        await env.until_events(2)
        gone.writer.close()
        await env.until(lambda: len(source.server.connections) == 1)
        await source.stop()
        assert len(env.records) == 2
        for call in env.store:
            call()
        assert await client.status() == 201
        assert b"Connection: close" in client.head
        assert await client.status() == 0

    run(check())


def test_who_waits_for_an_answer_may_send_little_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http_server, "KEEPING", 1.0)

    async def check() -> None:
        env = Lent()
        env.stores = True
        source, connect = await started(env)
        client = await connect()
        client.send(post(b'{"a":1}'))
        await env.until_events(1)
        client.send(post(b'{"a":2}') * 100_000)
        await asyncio.sleep(0.1)
        (connection,) = source.server.connections
        assert connection.reader.size < 2_000_000  # type: ignore[attr-defined]
        env.store[0]()
        await env.until_events(2)
        client.writer.transport.abort()
        await env.until(lambda: not source.server.connections)
        await source.stop()

    run(check())


def test_who_does_not_read_its_answers_is_not_read(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env)
        client = await connect(limit=1)
        client.writer.transport.pause_reading()
        many = HEALTH * 200_000
        client.send(many)
        await asyncio.sleep(0.2)
        (connection,) = source.server.connections
        assert connection.transport.get_write_buffer_size() < 2_000_000
        client.writer.transport.abort()
        await env.until(lambda: not source.server.connections)
        await source.stop()

    run(check())


def test_as_many_connections_as_are_allowed(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env, http={"max_connections": 1})
        client = await connect()
        assert await client.ask(post(b"{}")) == 201
        assert await (await connect()).ask(post(b"{}")) == 0
        assert env.counts == {"closed_connections": 1}
        await source.stop()

    run(check())


def test_a_defect_acknowledges_nothing(run: Run) -> None:
    async def check() -> None:
        env = Lent()
        source, connect = await started(env)
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))

        def broken() -> None:
            raise OSError("no room on the disk")

        env.on_ingest = broken
        client = await connect()
        assert await client.ask(post(b"{}")) == 500
        assert [str(error) for error in told] == ["no room on the disk"]
        env.on_ingest = lambda: None
        assert await client.ask(post(b"{}")) == 201
        await source.stop()

    run(check())


def test_tls(run: Run, tmp_path: Path) -> None:
    certificates.make(tmp_path, ["localhost", "127.0.0.1"])

    async def check() -> None:
        env = Lent()
        tls = ServerTls(crt_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))
        source, connect = await started(env, tls, http={"buffer_max_size": 100})
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        client = await connect(ssl=context, server_hostname="localhost")
        client.send(post(b'{"a":1}') * 2)
        assert [await client.status(), await client.status()] == [201, 201]
        assert await client.ask(post(b"x" * 200)) == 413
        assert await client.status() == 0
        client.writer.transport.abort()
        await source.stop()
        assert env.records == [{"a": 1}] * 2

    run(check())


def test_a_config_that_is_loaded_again_keeps_its_clients(run: Run) -> None:
    async def check() -> None:
        env, later = Lent(), Lent()
        source, connect = await started(env)
        client, idle = await connect(), await connect()
        whole = post(b'{"a":1}')
        client.send(whole[:-3])
        await env.until(lambda: any(c.reader.begun for c in source.server.connections))  # type: ignore[attr-defined]
        assert (len(source.server.connections), source.peers) == (2, 1)
        plan = Http(listen="127.0.0.1", port=0, successful_response_code=204)
        heir = plan.open(later)
        assert isinstance(heir, HttpSource)
        assert heir.inherit(source)
        await heir.start()
        await source.stop()
        assert await client.ask(whole[-3:]) == 204
        assert await idle.ask(whole) == 204
        assert (env.records, later.records) == ([], [{"a": 1}] * 2)
        await heir.stop()

    run(check())


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([post(b"{}"), HEALTH, b"\r\n\r\n", b"POST / HTTP/1.1\r\n", b"Content-Length: 5\r\n\r\n"]),
        max_size=6,
    )
)
def test_no_bytes_break_it(pieces: list[bytes]) -> None:
    async def check() -> None:
        env = Lent()
        failed: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
        source, connect = await started(env, http={"buffer_max_size": 100})
        client = await connect()
        for piece in pieces:
            client.send(piece)
        client.writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            try:
                answers = await client.reader.read()
            except ConnectionError:
                answers = b""
        assert set(re.findall(rb"HTTP/1.1 (\d+)", answers)) <= {b"201", b"200", b"400", b"413", b"505", b"431", b"501"}
        other = await connect()
        assert await other.ask(post(b'{"good":1}')) == 201
        await source.stop()
        assert {"good": 1} in env.records
        assert failed == []

    asyncio.run(check())
