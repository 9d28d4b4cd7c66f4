"""Who listens to a router that works: what is shown, what it costs, and what is left of it."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from pyrolens.config import load
from pyrolens.delivery.receipt import Receipt
from pyrolens.net import http_server
from pyrolens.net.http_server import Answer, HttpServer, Request
from pyrolens.service.http_api import HttpApi
from pyrolens.service.listener import SHARE, Listener
from pyrolens.service.router import Router as Running
from pyrolens.service.taps import MOST, Taps
from tests.ports import free_port
from tests.running import HttpSink, message, until
from tests.said import Said
from tests.service.test_http_api import Options, counted
from tests.service.test_reload import FORWARD, Reloading, connect, http, numbers, with_router

ROUTES = """
[FILTER]
    Name rewrite_tag
    Match app
    Rule $level ^error$ error.$TAG false
[FILTER]
    Name grep
    Alias healthy
    Match *
    Exclude path /health
"""


def config(sink: HttpSink) -> str:
    return FORWARD + ROUTES + http(sink)


def records(n: int, tag: str = "app", **more: Any) -> bytes:
    return b"".join(message(tag, {"n": i, **more}) for i in range(n))


@asynccontextmanager
async def tapping(port: int, **query: Any) -> AsyncIterator[Callable[[], Any]]:
    """Gives what reads the next line, once the router has said that it has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    path = f"/api/v2/tap?{urlencode(query, doseq=True)}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
    assert b"application/x-ndjson" in head

    async def line() -> Any:
        text = await asyncio.wait_for(reader.readline(), 30)
        return json.loads(text) if text else None

    try:
        yield line
    finally:
        writer.close()


async def to_the_end(line: Callable[[], Any]) -> tuple[list[Any], Any]:
    """The records, and what is said at the end."""
    found = []
    while (one := await line()) and one.get("tap", {}).get("event") != "end":
        if "record" in one:
            found.append(one)
    return found, one and one["tap"]


def test_each_point_shows_what_passes_there(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        writer = await connect(it.router)
        error, health = {"level": "error"}, {"path": "/health"}
        async with tapping(it.port, point="*", count=6) as line:
            there = ["input:forward.0", "after:rewrite_tag.0", "after:healthy", "output:http.0"]
            assert (await line())["tap"] == {"event": "began", "points": there, "seconds": 300.0, "rate": 100.0}
            writer.write(message("app", error, 5) + message("app", health, 6))
            found, end = await to_the_end(line)
            assert await line() is None
        at = {(one["point"], one["tag"], str(one["record"]), one["time"]) for one in found}
        five, six = "1970-01-01T00:00:05.000000000Z", "1970-01-01T00:00:06.000000000Z"
        assert len(found) == 6
        assert at == {
            ("input:forward.0", "app", str(error), five),
            ("after:rewrite_tag.0", "error.app", str(error), five),
            ("after:healthy", "error.app", str(error), five),
            ("output:http.0", "error.app", str(error), five),
            ("input:forward.0", "app", str(health), six),
            ("after:rewrite_tag.0", "app", str(health), six),
        }
        assert (end["why"], end["shown"]) == ("so many were asked for", 6)
        await until(lambda: sink.lines() != [], "the record is there")
        said = it.router.said()
        assert "somebody listens to records" in said
        assert "somebody listens no more" in said

    with_router(tmp_path, config, test)


def test_a_filter_by_alias_tag_and_text(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        writer = await connect(it.router)
        query = {"point": ["before:heal*"], "tag": "error.*", "text": "late", "count": 1}
        async with tapping(it.port, **query) as line:
            assert (await line())["tap"]["points"] == ["before:healthy"]
            for level, text in (("info", "late"), ("error", "soon"), ("error", "too late")):
                writer.write(message("app", {"level": level, "text": text}))
            found, end = await to_the_end(line)
        assert [one["record"] for one in found] == [{"level": "error", "text": "too late"}]
        assert end["seen"] == 2

    with_router(tmp_path, config, test)


def test_who_does_not_read_holds_nothing_back(tmp_path: Path) -> None:
    """Its lines would be more than the kernel and the router keep for it."""

    async def test(it: Reloading, sink: HttpSink) -> None:
        writer = await connect(it.router)
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        slow.connect(("127.0.0.1", it.port))
        slow.sendall(b"GET /api/v2/tap?rate=0&seconds=20 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        dead = socket.create_connection(("127.0.0.1", it.port))
        dead.sendall(b"GET /api/v2/tap?rate=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for one in (slow, dead):
            one.settimeout(30)
            assert one.recv(15) == b"HTTP/1.1 200 OK"
        total = 3000
        began = time.monotonic()
        for start in range(0, total, 100):
            writer.write(b"".join(message("app", {"n": n, "x": "y" * 3000}) for n in range(start, start + 100)))
            await writer.drain()
            if start == 1000:
                dead.close()
        await until(lambda: len(sink.lines()) >= total, "all have arrived")
        took = time.monotonic() - began
        assert sorted(numbers(sink)) == list(range(total))
        assert took < 20
        await until(lambda: 'why="the reader has gone"' in it.router.said(), "the dead one has left")
        # now it reads, and is told what it has missed
        counts: dict[str, int] = {}
        with slow, slow.makefile("rb") as lines:
            while counts.get("seen") != total or not counts["room"]:
                line = next(lines)
                counts = json.loads(line)["tap"] if line.startswith(b'{"tap"') else counts
        assert counts["shown"] + counts["room"] + counts["time"] == total
        assert "unexpected" not in it.router.said()

    with_router(tmp_path, config, test)


def test_a_reload_goes_on_or_says_that_it_does_not(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        writer = await connect(it.router)
        here = it.router.config.read_text()
        async with tapping(it.port, point="output:*") as line, tapping(it.port, point="before:healthy") as other:
            await line()
            await other()
            writer.write(message("app", {"n": 1}))
            assert (await line())["record"] == {"n": 1}
            assert (await other())["record"] == {"n": 1}
            # another config, with an output that stays and one more, and without the filter
            await it.reload(here.replace(ROUTES, "") + http(sink, "error.*", "/errors"))
            assert (await to_the_end(other))[1]["why"] == (
                "the config was loaded again, and there is no such point any more"
            )
            said = await line()
            while "points" not in said.get("tap", {}):
                said = await line()
            assert said["tap"]["points"] == ["output:http.0", "output:http.1"]
            writer.write(message("error.app", {"n": 2}))
            found = [one for one in [await line(), await line()] if "record" in one]
            assert sorted((one["point"], one["record"]["n"]) for one in found) == [
                ("output:http.0", 2), ("output:http.1", 2),
            ]  # fmt: skip
            # a config that is refused changes nothing
            it.write("[OUTPUT]\n    Name nonsense\n")
            assert (await it.ask("POST"))[0] == 400
            writer.write(message("app", {"n": 3}))
            assert [one["record"]["n"] for one in [await line()]] == [3]
            # switched off
            await it.reload(here.replace("[SERVICE]", "[SERVICE]\n    http_tap off"))
            assert (await to_the_end(line))[1]["why"] == "tapping is switched off: http_tap off in [SERVICE]"
        assert (await it.ask("GET", "/api/v2/tap"))[0] == 403
        assert (await it.ask("GET", "/api/v2/tap/points"))[0] == 403

    with_router(tmp_path, config, test)


def test_a_moved_api_says_so(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        async with tapping(it.port) as line:
            await line()
            moved = it.router.config.read_text().replace(f"http_port {it.port}", f"http_port {free_port()}")
            await it.reload(moved)
            assert (await to_the_end(line))[1]["why"] == (
                "the config was loaded again, and the HTTP API is elsewhere now"
            )

    with_router(tmp_path, config, test)


def test_the_end_of_the_router_is_told(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        async with tapping(it.port) as line:
            await line()
            stopping = asyncio.ensure_future(it.router.stop())
            assert (await to_the_end(line))[1]["why"] == "the router stops"
            assert await stopping == 0

    with_router(tmp_path, config, test)


# -- without a process --------------------------------------------------------------------------------------------

PLAIN = """\
service:
  flush: 1
pipeline:
  inputs:
    - name: dummy
      tag: in
      alias: first
      processors: {logs: [{name: content_modifier, action: insert, key: a, value: b}]}
    - {name: dummy, tag: in2}
  filters:
    - {name: grep, match: "*", exclude: log nothing}
    - {name: rewrite_tag, match: "in*", rule: "$x ^y$ again.$TAG false", alias: moved}
    - {name: multiline, match: "in2", multiline.parser: python, multiline.key_content: log}
  outputs:
    - {name: "null", match: "*", processors: {logs: [{name: content_modifier, action: delete, key: a}]}}
    - {name: "null", match: "again.*", alias: second}
"""


def made(tmp_path: Path) -> Running:
    path = tmp_path / "router.yaml"
    path.write_text(PLAIN)
    return Running(load(str(path)))


def parts(router: Running) -> list[Any]:
    """Everything that records meet on their way."""
    pipeline = router.pipeline
    plans = [part for key, plan in pipeline._plans.items() for part in (key, plan, *plan.steps, *plan.doors)]
    steps = [part for _, _, step in router.steps for part in (step, step.transform, type(step), step.onward)]
    ways = [part for env in router.inputs for part in (env, env._pipeline, env._processors, *env._processors, env.way)]
    gates = [part for gate in router.gates.values() for part in (gate, gate.door, gate.watch)]
    own = [part for name, part in vars(pipeline).items() if name not in ("unrouted", "unsent", "loops")]
    methods = [pipeline.feed, pipeline.emit, pipeline.go_on, pipeline.make, pipeline.resume, pipeline.pass_on]
    functions = [getattr(method, "__func__", None) for method in methods]
    return [*plans, *steps, *ways, *gates, *own, *vars(pipeline), *functions, *pipeline.routes, *pipeline.steps]


def same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def asked(query: str, method: str = "GET") -> Request:
    return Request(method, "/", {}, True, query=query, peer=("127.0.0.1", 1))


def test_afterwards_the_pipeline_is_made_of_the_very_objects_from_before(tmp_path: Path) -> None:
    async def main() -> None:
        router = made(tmp_path)
        taps = Taps(router, Said(), on=True)

        def feed() -> None:
            for env in router.inputs:
                for tag in ("in", "in2"):
                    events = [(1, {"log": "x", "x": "y"}), (2, {"log": "x"})]
                    receipt = Receipt(1, lambda _: None)
                    router.pipeline.feed(tag, events, receipt, env._processors, env.way)

        feed()
        feed()
        before = parts(router)
        assert same(before, parts(router))
        each = [str(point) for point in router.points]
        assert {point.partition(":")[0] for point in each} == {"input", "before", "after", "output"}
        for points in ([one] for one in each):
            listener = taps.answer(asked(urlencode({"point": points, "rate": 0}, doseq=True)))
            assert isinstance(listener, Listener)
            assert not same(before, parts(router)), points
            feed()
            assert listener.counts.seen > 0, points
            listener.close()
            await asyncio.sleep(0)
            assert same(before, parts(router)), points
        # several that come and go by turns
        listeners = [taps.answer(asked(urlencode({"point": each[n::MOST]}, doseq=True))) for n in range(MOST)]
        for listener in listeners[::-1]:
            feed()
            assert isinstance(listener, Listener)
            listener.close()
            await asyncio.sleep(0)
        assert same(before, parts(router))
        assert taps.listeners == []

    asyncio.run(main())


def test_a_router_that_another_takes_over_from_is_as_it_was(tmp_path: Path) -> None:
    async def main() -> None:
        old, new = made(tmp_path), made(tmp_path)
        before, after = parts(old), parts(new)
        taps, others = Taps(old, Said(), on=True), Taps(new, Said(), on=True)
        listener = taps.answer(asked("point=*&rate=0"))
        assert isinstance(listener, Listener)
        others.succeed(taps)
        assert same(before, parts(old))
        assert not same(after, parts(new))
        assert (taps.listeners, others.listeners) == ([], [listener])
        env = new.inputs[1]
        new.pipeline.feed("in2", [(1, {"log": "x"})], Receipt(1, lambda _: None), env._processors, env.way)
        assert listener.counts.seen > 0
        listener.close()
        await asyncio.sleep(0)
        assert others.listeners == []
        assert not any(gate.watch for gate in new.gates.values())

    asyncio.run(main())


def test_a_defect_of_ours_ends_the_listening_and_nothing_else(tmp_path: Path) -> None:
    async def main() -> None:
        router, log = made(tmp_path), Said()
        taps = Taps(router, log, on=True)
        listener = taps.answer(asked("point=input:*"))
        assert isinstance(listener, Listener)
        listener._look = None  # type: ignore[assignment,method-assign]
        env = router.inputs[0]
        router.pipeline.feed("in", [(1, {})], Receipt(1, lambda _: None), env._processors, env.way)
        assert router.pipeline.unrouted == 0
        assert listener.why == "an error of ours, which is in the router's log"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("query", "method", "status", "said"),
    [
        ("", "POST", 405, "only GET is answered here"),
        ("every=x", "GET", 400, "every is 'x': expected a whole number from 1 to 1e+12"),
        ("point=after:movd", "GET", 404, "there is no such point: after:movd; did you mean 'after:moved'?"),
        ("point=secnd", "GET", 404, "there is no such point: secnd; did you mean 'second'?"),
        ("point=output:first", "GET", 404, "there is no such point: output:first"),
    ],
)
def test_what_is_refused(tmp_path: Path, query: str, method: str, status: int, said: str) -> None:
    async def main() -> None:
        taps = Taps(made(tmp_path), Said(), on=True)
        answer = taps.answer(asked(query, method))
        assert isinstance(answer, Answer)
        body = json.loads(answer.body)
        assert (answer.status, body["error"][: len(said)]) == (status, said)
        assert taps.listeners == []
        if status == 404:
            assert "input:first" in body["points"]

    asyncio.run(main())


def test_so_many_may_listen_and_no_more(tmp_path: Path) -> None:
    async def main() -> None:
        taps = Taps(made(tmp_path), Said(), on=True)
        listeners = [taps.answer(asked("")) for _ in range(MOST)]
        refused = taps.answer(asked(""))
        assert isinstance(refused, Answer)
        assert refused.status == 429
        assert [one.share for one in taps.listeners] == [SHARE / MOST] * MOST
        for listener in listeners:
            assert isinstance(listener, Listener)
            listener.close()
        again = taps.answer(asked(""))
        assert isinstance(again, Listener)
        assert again.share == SHARE

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "local", "status"),
    [
        ({}, True, 200),
        ({"sec-fetch-site": "cross-site"}, True, 403),
        ({"origin": "http://localhost"}, True, 403),
        ({"host": "evil.example"}, True, 403),
        ({"authorization": "Bearer wrong"}, True, 401),
        # by way of a proxy that is here
        ({"x-forwarded-for": "10.0.0.1"}, True, 401),
        ({"via": "1.1 proxy"}, True, 401),
        ({"x-forwarded-for": "10.0.0.1", "authorization": "Bearer right"}, True, 200),
        ({}, False, 401),
        ({"authorization": "Bearer wrong"}, False, 401),
        ({"authorization": "Bearer right"}, False, 200),
    ],
)
@pytest.mark.parametrize("path", ["/api/v2/tap", "/api/v2/tap/points"])
def test_who_may_listen(tmp_path: Path, path: str, headers: dict[str, str], local: bool, status: int) -> None:
    async def main() -> None:
        taps = Taps(made(tmp_path), Said(), on=True)
        api = HttpApi(Options(http_token="right"), counted(), taps=taps)
        peer = ("127.0.0.1" if local else "10.0.0.1", 1)
        answer = api.answer(Request("GET", path, headers, True, path=path, peer=peer))
        assert (answer.status if isinstance(answer, Answer) else 200) == status
        assert len(taps.listeners) == (status == 200 and path.endswith("tap"))

    asyncio.run(main())


def test_without_a_token_nobody_elsewhere_listens(tmp_path: Path) -> None:
    api = HttpApi(Options(), counted(), taps=Taps(made(tmp_path), Said(), on=True))
    answer = api.answer(Request("GET", "/api/v2/tap", {}, True, path="/api/v2/tap", peer=("10.0.0.1", 1)))
    assert isinstance(answer, Answer)
    assert answer.status == 401


class Endless:
    """An answer that goes on, of large parts."""

    content_type = "text/plain"

    def __init__(self, parts: int = 2**30) -> None:
        self.parts = parts
        self.closed = 0

    async def next(self) -> bytes:
        self.parts -= 1
        return b"x" * 2**20 if self.parts >= 0 else b""

    def close(self) -> None:
        self.closed += 1


def with_stream(streamed: Endless, test: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> None:
    async def main() -> None:
        server = HttpServer(lambda request: streamed)
        await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(30):
            await test(reader, writer)
            await until(lambda: streamed.closed > 0 and not server.connections, "it is closed")
        writer.close()
        await server.stop()

    asyncio.run(main())


def test_a_stream_ends_with_its_connection() -> None:
    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"Connection: close" in head
        assert b"Content-Length" not in head
        assert body == b"x" * 20 * 2**20

    with_stream(Endless(20), read)


def test_a_client_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "IDLE_SECONDS", 0.1)

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]

    streamed = Endless()
    with_stream(streamed, wait)
    assert streamed.parts > 2**30 - 100, "it is only asked for more when there is room"


def test_a_client_that_goes_is_noticed() -> None:
    async def go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100)
        writer.close()

    with_stream(Endless(), go)


class Wire(asyncio.Transport):
    def is_closing(self) -> bool:
        return False


def test_a_client_that_goes_at_once_is_noticed_too() -> None:
    async def main() -> None:
        streamed = Endless()
        connection = http_server._Connection(HttpServer(lambda request: streamed))
        connection.connection_made(Wire())
        connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
        connection.connection_lost(None)  # before the first part was asked for
        await asyncio.sleep(0)
        assert (streamed.closed, streamed.parts) == (1, 2**30)

    asyncio.run(main())


def test_a_stream_that_fails_is_closed() -> None:
    class Failing(Endless):
        async def next(self) -> bytes:
            if self.parts == 0:
                raise ValueError("a defect")
            return await super().next()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        assert (await reader.read()).endswith(b"x")

    with_stream(Failing(1), read)


FLUENTD = """
<source>
  @type sample
  tag app
  sample {"n": 1}
</source>
<filter **>
  @type grep
  @id only
  <regexp>
    key n
    pattern /1/
  </regexp>
</filter>
<match app>
  @type relabel
  @label @OTHER
</match>
<label @OTHER>
  <match **>
    @type null
    @id last
  </match>
</label>
"""


def test_labels_of_a_config_in_fluentds_language(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "fluent.conf"
        path.write_text(FLUENTD)
        router = Running(load(str(path)))
        env = router.inputs[0]

        def feed() -> None:
            router.pipeline.feed("app", [(1, {"n": "1"})], Receipt(1, lambda _: None), env._processors, env.way)

        feed()
        before = parts(router)
        taps = Taps(router, Said(), on=True)
        listener = taps.answer(asked("point=*&rate=0"))
        assert isinstance(listener, Listener)
        feed()
        lines = [json.loads(line) for line in (await listener.next()).splitlines()]
        assert [one["record"] for one in lines[1:]] == [{"n": "1"}] * 4
        assert [one["point"].partition(":")[0] for one in lines[1:]] == ["input", "after", "after", "output"]
        listener.close()
        await asyncio.sleep(0)
        assert same(before, parts(router))

    asyncio.run(main())
