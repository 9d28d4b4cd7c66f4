"""The config is loaded again under load: numbered records, none of them lost or doubled."""

import asyncio
import json
import signal
import socket
import sqlite3
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyrolens.options import spec_of
from pyrolens.plugin import Heir, Host, find, names
from tests.inputs.lent import Lent
from tests.net.certificates import make
from tests.net.servers import serving
from tests.outputs.s3_service import S3
from tests.ports import free_port
from tests.running import HttpSink, Router, message, running, until
from tests.service.test_http_api import request

SERVICE = """
[SERVICE]
    Flush 0.1
    Grace 20
    hot_reload on
    http_server on
    http_listen 127.0.0.1
    http_port {api}
    scheduler.base 1
    scheduler.cap 1
"""
FORWARD = """
[INPUT]
    Name forward
    unix_path {dir}/in.sock
"""
HTTP = """
[OUTPUT]
    Name http
    Match {match}
    Host 127.0.0.1
    Port {port}
    Format json_lines
    URI {uri}
    Retry_Limit no_limits
"""


def http(sink: HttpSink, match: str = "*", uri: str = "/") -> str:
    return HTTP.format(match=match, port=sink.port, uri=uri)


class Reloading:
    """A router with its HTTP API, and sinks."""

    def __init__(self, router: Router, port: int) -> None:
        self.router, self.port = router, port

    def write(self, config: str) -> None:
        self.router.config.write_text(config.replace("{dir}", str(self.router.folder)))

    async def ask(self, method: str, path: str = "/api/v2/reload", port: int = 0) -> tuple[int, Any]:
        status, _, body = await request(
            port or self.port, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        return status, json.loads(body)

    async def get(self, path: str) -> str:
        """The whole answer, as text."""
        _, headers, body = await request(self.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return f"{headers}{body.decode()}"

    async def reload(self, config: str) -> None:
        self.write(config)
        assert await self.ask("POST") == (200, {"reload": "done", "status": 0}), self.router.said()


def numbers(sink: HttpSink, name: str = "n") -> list[int]:
    return [r[name] for r in map(json.loads, sink.lines()) if name in r]


async def connect(router: Router) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_unix_connection(str(router.folder / "in.sock"))
    return writer


def with_router(
    tmp_path: Path, config: Callable[[HttpSink], str], test: Callable[[Reloading, HttpSink], Any], **env: str
) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        port = free_port()
        async with running(tmp_path, SERVICE.format(api=port) + config(sink), **env) as router:
            await test(Reloading(router, port), sink)
        await sink.close()

    asyncio.run(main())


def test_a_storm_of_reloads_under_load(tmp_path: Path) -> None:
    """forward, tcp and tail at once; the tag, a filter, the output and its path change from config to config."""
    tcp, udp, total = free_port(), free_port(), 6000
    inputs = (
        "[INPUT]\n    Name forward\n    unix_path {dir}/in.sock\n    tag_prefix %s\n"
        f"[INPUT]\n    Name tcp\n    Listen 127.0.0.1\n    Port {tcp}\n    Tag tcp%s\n"
        f"[INPUT]\n    Name udp\n    Listen 127.0.0.1\n    Port {udp}\n    Tag udp%s\n"
        "[INPUT]\n    Name tail\n    Path {dir}/app*.log\n    Tag %s.tail\n    Read_from_Head on\n"
        "    DB {dir}/offsets.db\n    Parser json\n"
    )

    def config(sink: HttpSink, turn: int = 0) -> str:
        filters = "" if turn % 3 else "[FILTER]\n    Name modify\n    Match *\n    Add turn x\n"
        return inputs % (f"t{turn % 2}", turn % 2, turn % 2, f"t{turn % 2}") + filters + http(sink, uri=f"/{turn % 2}")

    async def test(it: Reloading, sink: HttpSink) -> None:
        router, service = it.router, it.router.config.read_text().partition("[INPUT]")[0]
        unix = await connect(router)
        _, plain = await asyncio.open_connection("127.0.0.1", tcp)
        done = asyncio.Event()
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.connect(("127.0.0.1", udp))

        async def write() -> None:
            with open(tmp_path / "app.log", "ab", buffering=0) as file:
                for n in range(total):
                    # cut in the middle, so that what is not whole must be handed over, too
                    data = message("app", {"unix": n})
                    unix.write(data[: n % len(data)])
                    plain.write(b'{"tcp":')
                    file.write(b'{"tail":')
                    if n % 10 == 0:
                        await unix.drain()
                        await plain.drain()
                        await asyncio.sleep(0.002)
                    unix.write(data[n % len(data) :])
                    plain.write(b"%d}\n" % n)
                    file.write(b"%d}\n" % n)
                    if n % 10 == 0:  # not more than the kernel has room for
                        datagrams.send(b'{"udp":%d}' % n)
            done.set()

        writing = asyncio.create_task(write())
        turns = 0
        while not done.is_set():
            turns += 1
            await it.reload(service + config(sink, turns))
        await writing
        assert turns >= 5
        assert await it.ask("GET") == (200, {"hot_reload_count": turns})
        for name in ("unix", "tcp", "tail"):
            await until(lambda name=name: len(numbers(sink, name)) >= total, name)  # type: ignore[misc]
        unix.close()
        plain.close()
        datagrams.close()
        assert await router.stop() == 0
        assert sorted(numbers(sink, "udp")) == list(range(0, total, 10))
        for name in ("unix", "tcp", "tail"):
            assert sorted(numbers(sink, name)) == list(range(total)), name
        assert "unexpected" not in router.said()
        assert "lost=0" in router.said()

    with_router(tmp_path, config, test)


def test_a_bad_config_changes_nothing_and_is_told_with_all_its_problems(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        peer, good = await connect(it.router), it.router.config.read_text()
        cases = [
            (
                good + "[FILTER]\n    Name grepp\n    Match *\n[FILTER]\n    Name grep\n    Match *\n    Regex log (\n",
                "did you mean",
            ),
            (
                good + "[INPUT]\n    Name tail\n    Path x\n    Parser_Firstline no\n    Multiline on\n",
                "no parser 'no'",
            ),
            (good.replace("Flush 0.1", "Parsers_File nowhere.conf"), "nowhere.conf"),
            (good + f"[INPUT]\n    Name tcp\n    Listen 127.0.0.1\n    Port {sink.port}\n", "cannot listen on"),
            (good + "[INPUT]\n    Name tail\n    Path x\n    DB /no/such/folder/x.db\n", "cannot use the database"),
        ]
        for turn, (bad, told) in enumerate(cases):
            it.write(bad)
            status, answer = await it.ask("POST")
            assert (status, answer["reload"], answer["status"]) == (400, "failed", -3)
            assert told in " ".join(answer["problems"]), answer
            assert told in it.router.said()
            peer.write(message("app", {"n": turn}))
            await until(lambda turn=turn: len(numbers(sink)) == turn + 1, "the next record")  # type: ignore[misc]
        assert await it.ask("GET") == (200, {"hot_reload_count": 0})
        it.write(good)
        assert await it.ask("POST") == (200, {"reload": "done", "status": 0})
        peer.close()
        assert await it.router.stop() == 0
        assert numbers(sink) == list(range(5))

    with_router(tmp_path, lambda sink: FORWARD + http(sink), test)


def test_deliveries_of_an_output_that_is_gone_finish_beside_the_new_ones(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        other = HttpSink()
        await other.open()
        peer, service = await connect(it.router), SERVICE.format(api=it.port)
        sink.status = 503
        peer.write(b"".join(message("app", {"n": n}) for n in range(3)))
        await until(lambda: sink.requests > 0, "a call that fails")
        await it.reload(service + FORWARD + http(other))
        peer.write(b"".join(message("app", {"n": n}) for n in range(3, 6)))
        await until(lambda: numbers(other) == [3, 4, 5], "the new output")
        sink.status = 200
        await until(lambda: numbers(sink) == [0, 1, 2], "the old one")
        # both had one name, under which the counting goes on
        _, metrics = await it.ask("GET", "/api/v1/metrics")
        assert metrics["output"]["http.0"]["proc_records"] == 6
        assert metrics["input"]["forward.0"]["records"] == 6
        peer.close()
        assert await it.router.stop() == 0
        await other.close()

    with_router(tmp_path, lambda sink: FORWARD + http(sink), test)


def test_what_an_old_output_could_not_deliver_is_told_at_the_stop(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        peer = await connect(it.router)
        sink.status = 503
        peer.write(b"".join(message("app", {"n": n}) for n in range(3)))
        await until(lambda: sink.requests > 0, "a call that fails")
        await it.reload(
            SERVICE.format(api=it.port).replace("Grace 20", "Grace 1")
            + FORWARD
            + "[OUTPUT]\n    Name null\n    Match *\n"
        )
        peer.close()
        assert await it.router.stop() == 0
        assert "lost=3" in it.router.said()

    with_router(tmp_path, lambda sink: FORWARD + http(sink), test)


def test_filters_let_go_what_they_remember(tmp_path: Path) -> None:
    joining = (
        "[FILTER]\n    Name multiline\n    Match *\n    multiline.parser python\n    flush_ms 60000\n"
        "    multiline.key_content log\n"
    )

    async def test(it: Reloading, sink: HttpSink) -> None:
        peer = await connect(it.router)
        peer.write(
            message("app", {"log": "Traceback (most recent call last):\n"}) + message("app", {"log": '  File "x"\n'})
        )
        _, metrics = await it.ask("GET", "/api/v1/metrics")
        while metrics["input"]["forward.0"]["records"] < 2:
            _, metrics = await it.ask("GET", "/api/v1/metrics")
        await it.reload(SERVICE.format(api=it.port) + FORWARD + http(sink))
        await until(lambda: len(sink.lines()) > 0, "the lines")
        peer.close()
        assert await it.router.stop() == 0
        text = "".join(json.loads(line)["log"] for line in sink.lines())
        assert text.count("Traceback") == 1
        assert text.count('File "x"') == 1

    with_router(tmp_path, lambda sink: FORWARD + joining + http(sink), test)


def test_a_script_is_loaded_again_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    script = tmp_path / "change.py"
    text = "n = 0\ndef change(record):\n    global n\n    n += 1\n    return {'n': n, 'by': %r, **record['more']}\n"
    script.write_text(text % "old")
    config = "[FILTER]\n    Name python\n    Match *\n    Script change.py\n"

    async def test(it: Reloading, sink: HttpSink) -> None:
        def made() -> list[tuple[int, str]]:
            return [(r["n"], r["by"]) for r in map(json.loads, sink.lines()) if "by" in r]

        peer = await connect(it.router)
        peer.write(message("app", {"more": {}}) * 2)
        await until(lambda: made() == [(1, "old"), (2, "old")], "what the old script made")
        script.write_text(text.replace("def", "deaf") % "bad")
        status, answer = await it.ask("POST")
        assert (status, answer["status"]) == (400, -3)
        assert "change.py:2:6: error[bad-script]: filter python: invalid syntax" in answer["problems"][0]
        peer.write(message("app", {"more": {}}))
        await until(lambda: made()[2:] == [(3, "old")], "what the old script makes")
        script.write_text(text % "new")
        assert await it.ask("POST") == (200, {"reload": "done", "status": 0})
        peer.write(message("app", {"more": {}}) + message("app", {"mor": {}}))
        await until(lambda: made()[3:] == [(1, "new")] and b'"mor":{}' in sink.bodies[-1], "what the new one makes")
        assert 'pyrolens_filter_failed_records_total{name="python.0"} 1' in await it.get("/api/v2/metrics/prometheus")
        peer.close()
        assert await it.router.stop() == 0
        assert "its records go on unchanged function=change" in it.router.said()
        assert "change.py:5:" in it.router.said()

    with_router(tmp_path, lambda sink: FORWARD + config + http(sink), test)


def test_a_lua_script_is_loaded_again_and_begins_anew(tmp_path: Path) -> None:
    pytest.importorskip("lupa")
    script = tmp_path / "s.lua"
    text = "n = 0\nfunction f(tag, ts, r)\n    n = n + 1\n    return 2, ts, {n = n, by = %r}\nend\n"
    script.write_text(text % "old")
    config = "[FILTER]\n    Name lua\n    Match *\n    Script s.lua\n    Call f\n"

    async def test(it: Reloading, sink: HttpSink) -> None:
        def made() -> list[tuple[int, str]]:
            return [(r["n"], r["by"]) for r in map(json.loads, sink.lines())]

        peer = await connect(it.router)
        peer.write(message("app", {"a": 1}) * 2)
        await until(lambda: made() == [(1, "old"), (2, "old")], "what the old script made")
        script.write_text("x = = 1\n")
        status, answer = await it.ask("POST")
        assert (status, answer["status"]) == (400, -3)
        assert "s.lua:1:5: error[bad-script]: filter lua: the script does not compile" in answer["problems"][0]
        script.write_text(text % "new")
        assert await it.ask("POST") == (200, {"reload": "done", "status": 0})
        peer.write(message("app", {"a": 1}))
        await until(lambda: made()[2:] == [(1, "new")], "what the new script made")
        peer.close()
        assert await it.router.stop() == 0

    with_router(tmp_path, lambda sink: FORWARD + config + http(sink), test)


def test_a_moved_port_and_a_moved_api(tmp_path: Path) -> None:
    first, second, api = free_port(), free_port(), free_port()
    tcp = "[INPUT]\n    Name tcp\n    Listen 127.0.0.1\n    Port %d\n"

    async def test(it: Reloading, sink: HttpSink) -> None:
        _, peer = await asyncio.open_connection("127.0.0.1", first)
        peer.write(b'{"n":0}\n{"n":1}')
        await until(lambda: numbers(sink) != [], "the first record")
        await it.reload(SERVICE.format(api=api) + tcp % second + http(sink))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", first)
        _, peer = await asyncio.open_connection("127.0.0.1", second)
        peer.write(b'{"n":2}\n')
        peer.close()
        await until(lambda: sorted(numbers(sink)) == [0, 1, 2], "what came on both ports")
        assert await it.ask("GET", port=api) == (200, {"hot_reload_count": 1})
        assert await it.router.stop() == 0

    with_router(tmp_path, lambda sink: tcp % first + http(sink), test)


def test_only_the_address_changes(tmp_path: Path) -> None:
    """The old socket is in the way of the new one until it is closed."""
    port = free_port()
    tcp = "[INPUT]\n    Name tcp\n    Listen %s\n    Port %d\n"

    async def test(it: Reloading, sink: HttpSink) -> None:
        await it.reload(SERVICE.format(api=it.port) + tcp % ("127.0.0.1", port) + http(sink))
        _, peer = await asyncio.open_connection("127.0.0.1", port)
        peer.write(b'{"n":0}\n')
        peer.close()
        await until(lambda: numbers(sink) == [0], "a record")
        assert await it.router.stop() == 0

    with_router(tmp_path, lambda sink: tcp % ("0.0.0.0", port) + http(sink), test)


def test_at_sighup_and_only_where_it_is_switched_on(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        assert it.router.process is not None
        it.router.process.send_signal(signal.SIGHUP)
        await until(lambda: "the config is loaded again" in it.router.said(), "reloaded")
        await it.reload(it.router.config.read_text().replace("hot_reload on", "hot_reload off"))
        it.router.process.send_signal(signal.SIGHUP)
        await until(lambda: "hot_reload is off" in it.router.said(), "refused")
        assert await it.ask("POST") == (200, {"reload": "not enabled", "status": -1})
        assert await it.ask("GET") == (200, {"hot_reload_count": 2})
        assert await it.router.stop() == 0

    with_router(tmp_path, lambda sink: FORWARD + http(sink), test)


def test_an_output_that_stays_keeps_what_waits_in_it(tmp_path: Path) -> None:
    async def test(it: Reloading, sink: HttpSink) -> None:
        peer = await connect(it.router)
        sink.status = 503
        peer.write(message("app", {"n": 0}))
        await until(lambda: sink.requests > 0, "a call that fails")
        for _ in range(3):
            assert (await it.ask("POST"))[0] == 200
        sink.status = 200
        await until(lambda: numbers(sink) == [0], "its retry")
        peer.close()
        assert await it.router.stop() == 0
        assert numbers(sink) == [0]

    with_router(tmp_path, lambda sink: FORWARD + http(sink), test)


def test_tail_goes_on_where_it_was_under_another_config(tmp_path: Path) -> None:
    tail = "[INPUT]\n    Name tail\n    Path {dir}/%s\n    Tag %s\n    DB {dir}/%s\n    Parser json\n"

    async def test(it: Reloading, sink: HttpSink) -> None:
        log, service = tmp_path / "app.log", SERVICE.format(api=it.port)
        with log.open("a") as file:
            for n, (path, tag, db) in enumerate(
                [("app.log", "u", "x.db"), ("app*.log", "u", "x.db"), ("app*.log", "v", "y.db")]
            ):
                file.write(f'{{"n":{n}}}\n{{"n":')
                file.flush()
                await it.reload(service + tail % (path, tag, db) + http(sink, uri=f"/{tag}"))
                file.write(f"{n + 100}}}\n")
                file.flush()
        await until(lambda: len(numbers(sink)) == 6, "all lines")
        # a new file is read from its beginning
        (tmp_path / "app2.log").write_text('{"n":1000}\n')
        await it.reload(service + tail % ("app*.log", "w", "y.db") + http(sink))
        await until(lambda: len(numbers(sink)) == 7, "the line of the new file")
        assert await it.router.stop() == 0
        assert sorted(numbers(sink)) == [0, 1, 2, 100, 101, 102, 1000]
        with sqlite3.connect(tmp_path / "y.db") as saved:
            rows = dict(saved.execute("SELECT name, offset FROM in_tail_files"))
        assert rows == {str(log): log.stat().st_size, str(tmp_path / "app2.log"): 11}

    (tmp_path / "app.log").touch()
    with_router(tmp_path, lambda sink: tail % ("app.log", "t", "x.db") + http(sink), test)


def test_a_changed_s3_goes_on_with_the_store_of_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    s3 = S3()

    async def main() -> None:
        async with serving(s3) as server:
            output = (
                "[OUTPUT]\n    Name s3\n    Match *\n    bucket b\n    region eu-west-1\n    log_key log\n"
                f"    endpoint {server.url}\n    store_dir {{dir}}/store\n    s3_key_format /$TAG/%s-$UUID\n"
            )
            port = free_port()
            service = SERVICE.format(api=port)
            async with running(tmp_path, service + FORWARD + output % "old") as router:
                it, peer = Reloading(router, port), await connect(router)
                for n in range(200):
                    peer.write(message("app", {"log": f"line {n}"}))
                    if n % 50 == 25:
                        await peer.drain()
                        await it.reload(service + FORWARD + output % f"new{n}")
                peer.close()
                assert await router.stop() == 0
                assert "cannot be used" not in router.said()

    asyncio.run(main())
    lines = [line for body in s3.objects.values() for line in body.decode().splitlines()]
    assert sorted(lines, key=lambda line: int(line[5:])) == [f"line {n}" for n in range(200)]


def test_an_input_that_cannot_hand_over_goes_on_if_it_is_the_same(tmp_path: Path) -> None:
    dummy = "[INPUT]\n    Name dummy\n    Samples 3\n    Interval_Sec 0\n    Interval_NSec 50000000\n    Dummy %s\n"

    async def test(it: Reloading, sink: HttpSink) -> None:
        service = SERVICE.format(api=it.port)
        await until(lambda: len(sink.lines()) == 3, "the records")
        await it.reload(service + dummy % '{"n":0}' + http(sink, uri="/other"))
        _, metrics = await it.ask("GET", "/api/v1/metrics")
        assert metrics["input"]["dummy.0"]["records"] == 3
        await it.reload(service + dummy % '{"n":1}' + http(sink))
        await until(lambda: numbers(sink) == [0, 0, 0, 1, 1, 1], "those of the changed one")
        assert await it.router.stop() == 0

    with_router(tmp_path, lambda sink: dummy % '{"n":0}' + http(sink), test)


LISTENING = [name for name in names("input") if any(spec.name == "listen" for spec in spec_of(find("input", name)))]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", LISTENING)
def test_every_input_that_listens_hands_over(name: str) -> None:
    cls: Any = find("input", name)
    env = Lent(parsers={"syslog-rfc5424": lambda text: None})
    source = cls(**({"mode": "tcp"} if name == "syslog" else {})).open(env)
    assert isinstance(source, Heir)
    assert isinstance(source, Host) or not hasattr(source, "server"), "at a stop it waits for its peers"


def test_a_new_certificate_closes_no_connection(tmp_path: Path) -> None:
    make(tmp_path, ["127.0.0.1"])
    port = free_port()
    tcp = f"[INPUT]\n    Name tcp\n    Listen 127.0.0.1\n    Port {port}\n    tls on\n    Tag %s\n"
    tcp += "    tls.crt_file {dir}/cert.pem\n    tls.key_file {dir}/key.pem\n"
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))

    async def test(it: Reloading, sink: HttpSink) -> None:
        service = SERVICE.format(api=it.port)
        reader, peer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        peer.write(b'{"n":0}\n{"n":')
        await until(lambda: numbers(sink) == [0], "the first record")
        await it.reload(service + tcp % "changed" + http(sink))
        peer.write(b"1}\n")
        await until(lambda: numbers(sink) == [0, 1], "what was cut by the reload")
        for turn in (2, 3):
            make(tmp_path, ["127.0.0.1"])
            peer.write(b'{"n":')
            await peer.drain()
            await it.reload(service + tcp % f"changed{turn}" + http(sink))
            peer.write(b"%d}\n" % turn)
            await until(lambda turn=turn: numbers(sink)[-1] == turn, "what was cut by it")  # type: ignore[misc]
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        fresh = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        _, new = await asyncio.open_connection("127.0.0.1", port, ssl=fresh)
        new.write(b'{"n":4}\n')
        await until(lambda: numbers(sink) == [0, 1, 2, 3, 4], "with the new certificate")
        bad = it.router.config.read_text().replace("cert.pem", "ca.pem")
        it.write(bad)
        status, answer = await it.ask("POST")
        assert (status, answer["status"]) == (400, -3)
        peer.write(b'{"n":5}\n')
        await until(lambda: numbers(sink)[-1] == 5, "what is wrong changes nothing")
        assert not reader.at_eof()
        peer.close()
        new.close()
        assert await it.router.stop() == 0

    with_router(tmp_path, lambda sink: tcp % "t" + http(sink), test)


@pytest.mark.parametrize("change", ["tls.min_version TLSv1.3", "Listen 127.0.0.2"])
def test_what_was_sent_before_a_socket_is_opened_again_arrives(tmp_path: Path, change: str) -> None:
    make(tmp_path, ["127.0.0.1"])
    port = free_port()
    tcp = f"[INPUT]\n    Name tcp\n    Listen 127.0.0.1\n    Port {port}\n    tls on\n"
    tcp += "    tls.crt_file {dir}/cert.pem\n    tls.key_file {dir}/key.pem\n"
    new = tcp.replace("Listen 127.0.0.1", change) if change.startswith("Listen") else f"{tcp}    {change}\n"
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    trusting.check_hostname = False

    async def test(it: Reloading, sink: HttpSink) -> None:
        peers = [await asyncio.open_connection("127.0.0.1", port, ssl=trusting) for _ in range(5)]
        for number, (_, peer) in enumerate(peers):
            peer.write(b"".join(b'{"n":%d}\n' % (number * 2000 + n) for n in range(2000)))
        await asyncio.gather(*(peer.drain() for _, peer in peers))
        await it.reload(SERVICE.format(api=it.port) + new + http(sink))
        for reader, _ in peers:
            assert await reader.read() == b"", "they are to connect again"
        host = change.partition("Listen ")[2] or "127.0.0.1"
        _, peer = await asyncio.open_connection(host, port, ssl=trusting)
        peer.write(b'{"n":10000}\n')
        peer.close()
        await until(lambda: len(numbers(sink)) == 10_001, "all has arrived")
        assert sorted(numbers(sink)) == list(range(10_001))
        assert await it.router.stop() == 0

    with_router(tmp_path, lambda sink: tcp + http(sink), test)
