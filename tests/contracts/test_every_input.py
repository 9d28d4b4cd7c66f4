"""What every input that listens must bear, over its real sockets: being paused and stopped at any moment, a place that
is taken, a config that is loaded again, and bytes of strangers."""

import asyncio
import json
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import pytest

from pyrolens.api import ConfigError, Input
from pyrolens.options import spec_of
from pyrolens.parsers._library import builtin
from pyrolens.plugin import Host, find, names
from tests.inputs.configured import configured, refused
from tests.inputs.lent import PATIENCE, Lent
from tests.lent import Lent as LentToFilter
from tests.net import certificates

NETWORK = "listen 127.0.0.1\nport 0\n"
SYSLOG = b"<13>1 2003-10-11T22:14:15.003Z host app 12 ID47 - message %d"


def post(path: str, body: bytes, kind: str) -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: h\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        path.encode(), kind.encode(), len(body), body,
    )  # fmt: skip


def otlp(n: int) -> bytes:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"intValue": n}}]}]}]}
    return post("/v1/logs", json.dumps(body).encode(), "application/json")


@dataclass(frozen=True)
class Kind:
    """One input that listens. `message`: with one record that has the number in it."""

    name: str
    message: Any
    options: str = NETWORK
    how: str = "stream"

    @property
    def datagrams(self) -> bool:
        return self.how == "datagrams"

    def __str__(self) -> str:
        mode = self.options.split("mode ")[1].split()[0] if "mode " in self.options else ""
        return f"{self.name}-{mode}" if mode else self.name


def json_line(n: int) -> bytes:
    return b'{"n":%d}\n' % n


def syslog(mode: str, end: bytes = b"") -> Kind:
    place = "path {dir}/s\n" if mode.startswith("unix") else NETWORK
    how = "datagrams" if mode.endswith("udp") else "stream"
    return Kind("syslog", lambda n: SYSLOG % n + end, f"mode {mode}\nparser syslog-rfc5424\n{place}", how)


KINDS = [
    Kind("forward", lambda n: msgpack.packb(["t", 1, {"n": n}])),
    Kind("forward", lambda n: msgpack.packb(["t", 1, {"n": n}]), "unix_path {dir}/s\n"),
    Kind("tcp", json_line),
    Kind("udp", json_line, how="datagrams"),
    syslog("tcp", b"\n"),
    syslog("unix_tcp", b"\n"),
    syslog("udp"),
    syslog("unix_udp"),
    Kind("statsd", lambda n: b"n:%d|c" % n, how="datagrams"),
    Kind("http", lambda n: post("/t", json_line(n), "application/json"), how="http"),
    Kind("opentelemetry", otlp, how="http"),
    Kind("elasticsearch", lambda n: post("/_bulk", b'{"index":{}}\n' + json_line(n), "application/json"), how="http"),
    Kind("splunk", lambda n: post("/services/collector", b'{"event":%d}' % n, "application/json"), how="http"),
]
ODD = [
    b"", b"\0", b"\xff" * 100, b"\r\n\r\n", b"{" * 2000, b"[" * 2000, b'"' * 50, b"\x93" * 300, b"\xdf\xff\xff\xff\xff",
    b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"999999999 x", b"<" * 500,
    b"POST /v1/logs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b":|@" * 100, b"\n" * 3000, bytes(range(256)) * 4,
]  # fmt: skip


def test_all_that_listen_are_here() -> None:
    listening = set()
    for name in names("input"):
        cls = find("input", name)
        assert cls is not None
        if "listen" in {spec.name for spec in spec_of(cls)}:
            listening.add(name)
    assert {kind.name for kind in KINDS} == listening


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def plan_of(kind: Kind, folder: Path, more: str = "") -> Input:
    plugin, _ = configured(kind.name, kind.options.replace("{dir}", str(folder)) + more)
    assert isinstance(plugin, Input)
    return plugin


def lent() -> Lent:
    parser = builtin("syslog-rfc5424")
    assert parser
    return Lent("input.0", "t", {"syslog-rfc5424": parser.compile(LentToFilter())})


def opened(kind: Kind, folder: Path, env: Lent, more: str = "") -> Any:
    return plan_of(kind, folder, more).open(env)


def place_of(kind: Kind, source: Any) -> Any:
    """Where to connect: a path, or host and port."""
    listening = source.datagrams if kind.datagrams else source.server
    return listening.path or listening.address


def client(kind: Kind, source: Any) -> socket.socket:
    place = place_of(kind, source)
    family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM if kind.datagrams else socket.SOCK_STREAM)
    made.settimeout(PATIENCE)
    made.connect(place)
    return made


async def sent(kind: Kind, source: Any, *messages: bytes) -> None:
    """Send them over one connection, from a thread, and read the answers to requests."""

    def send() -> None:
        with client(kind, source) as connection:
            for message in messages:
                connection.send(message) if kind.datagrams else connection.sendall(message)
            if kind.how == "http":
                got = b""
                while got.count(b"HTTP/1.1 ") < len(messages):
                    part = connection.recv(65536)
                    assert part, "the connection ended without an answer"
                    got += part
                assert got.count(b"HTTP/1.1 20") == len(messages), got

    await asyncio.to_thread(send)


def numbers(env: Lent) -> list[int]:
    """Of the messages that came."""
    found = []
    for record in env.records:
        text = json.dumps(record, default=str)
        values = [v for v in record.values() if type(v) in (int, float)] or [
            int(text.split("message ")[-1].split('"')[0])
        ]
        found.append(int(record.get("n", record.get("value", values[-1]))))
    return found


def test_what_is_sent_arrives(kind: Kind, tmp_path: Path) -> None:
    async def check() -> None:
        env = lent()
        source = opened(kind, tmp_path, env)
        await source.start()
        messages = [kind.message(n) for n in range(5)]
        await sent(kind, source, *messages)
        await env.until_events(5)
        await source.stop()
        assert numbers(env) == list(range(5))
        assert 0 < sum(size for _, _, size in env.batches) <= sum(map(len, messages))
        assert {tag for tag, _, _ in env.batches} <= {"t", "v1_logs"}
        assert env.counts == {}

    asyncio.run(check())


def test_while_it_is_paused_nothing_comes_and_nothing_is_lost(kind: Kind, tmp_path: Path) -> None:
    async def check() -> None:
        env = lent()
        source = opened(kind, tmp_path, env)
        await source.start()
        source.pause()
        source.pause()
        sending = asyncio.ensure_future(sent(kind, source, *(kind.message(n) for n in range(3))))
        await asyncio.sleep(0.1)
        assert env.batches == []
        source.resume()
        source.resume()
        await sending
        await env.until_events(3)
        await source.stop()
        assert numbers(env) == [0, 1, 2]

    asyncio.run(check())


def test_a_batch_may_fill_the_buffer(kind: Kind, tmp_path: Path) -> None:
    """Each batch pauses the input before it is taken, and room is there a little later."""

    async def check() -> None:
        env = lent()
        source = opened(kind, tmp_path, env)
        await source.start()
        loop = asyncio.get_running_loop()

        def full() -> None:
            source.pause()
            loop.call_later(0.005, source.resume)

        env.on_ingest = full
        await asyncio.gather(*(sent(kind, source, *(kind.message(10 * c + n) for n in range(10))) for c in range(3)))
        await env.until_events(30)
        await source.stop()
        assert sorted(numbers(env)) == list(range(30))
        for c in range(3):
            own = [n for n in numbers(env) if n // 10 == c]
            assert own == sorted(own), "those of one connection are in their order"

    asyncio.run(check())


def test_a_stop_takes_what_was_sent_before(kind: Kind, tmp_path: Path) -> None:
    async def check() -> None:
        env = lent()
        source = opened(kind, tmp_path, env)
        await source.start()
        with client(kind, source) as connection:
            if not kind.datagrams:
                await env.until(lambda: bool(source.server.connections))
            connection.send(kind.message(7))
            place = place_of(kind, source)
            await source.stop()
        assert numbers(env) == [7]
        await source.stop()
        assert not isinstance(place, str) or not os.path.exists(place)
        assert isinstance(source, Host) is not (kind.datagrams and kind.name != "syslog")

    asyncio.run(check())


def test_a_stop_without_a_start(kind: Kind, tmp_path: Path) -> None:
    async def check() -> None:
        env = lent()
        source = opened(kind, tmp_path, env)
        source.pause()
        source.resume()
        await source.stop()
        assert env.batches == []

    asyncio.run(check())


def test_a_place_that_is_taken(kind: Kind, tmp_path: Path) -> None:
    async def check() -> None:
        first = opened(kind, tmp_path, lent())
        await first.start()
        place = place_of(kind, first)
        if isinstance(place, str):
            await first.stop()
            Path(place).write_text("a file")
            second = opened(kind, tmp_path, lent())
        else:
            taken = Kind(kind.name, kind.message, kind.options.replace("port 0", f"port {place[1]}"), kind.how)
            second = opened(taken, tmp_path, lent())
        with pytest.raises(ConfigError, match=r"input\.0"):
            await second.start()
        await second.stop()
        await first.stop()

    asyncio.run(check())


def test_a_config_that_is_loaded_again(kind: Kind, tmp_path: Path) -> None:
    async def check() -> None:
        env, later = lent(), lent()
        old = opened(kind, tmp_path, env)
        await old.start()
        await sent(kind, old, kind.message(1))
        await env.until_events(1)
        place = place_of(kind, old)
        new = opened(kind, tmp_path, later)
        assert new.inherit(old)
        await new.start()
        await old.stop()
        assert place_of(kind, new) == place
        await sent(kind, new, kind.message(2))
        await later.until_events(1)
        await new.stop()
        assert (numbers(env), numbers(later)) == ([1], [2])

    asyncio.run(check())


def test_bytes_of_strangers(kind: Kind, tmp_path: Path) -> None:
    async def check() -> None:
        env = lent()
        failed: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
        source = opened(kind, tmp_path, env)
        await source.start()

        def strange(data: bytes) -> None:
            with client(kind, source) as connection:
                try:
                    connection.sendall(data)
                except OSError:
                    pass  # it was closed in the middle

        for data in ODD:
            await asyncio.to_thread(strange, data)
        env.batches.clear()
        await sent(kind, source, kind.message(7))
        await env.until(lambda: 7 in safe_numbers(env))
        if not kind.datagrams:
            await env.until(lambda: not source.server.connections)
        await source.stop()
        assert failed == []
        assert [line for line in env.said.lines if line[0] == "error"] == []

    asyncio.run(check())


def safe_numbers(env: Lent) -> Iterator[int]:
    for tag, events, size in env.batches:
        for event in events:
            one = lent()
            one.batches = [(tag, [event], size)]
            try:
                yield from numbers(one)
            except (ValueError, TypeError, AttributeError):
                continue  # of a stranger


STREAMS = [kind for kind in KINDS if not kind.datagrams and "{dir}" not in kind.options]


@pytest.mark.parametrize("kind", STREAMS, ids=str)
def test_tls(kind: Kind, tmp_path: Path) -> None:
    """With a certificate of the client, too, where one is asked for."""
    certificates.make(tmp_path, ["localhost"])
    files = f"tls on\ntls.crt_file {tmp_path}/cert.pem\ntls.key_file {tmp_path}/key.pem\n"
    must = f"tls.verify_client_cert on\ntls.ca_file {tmp_path}/ca.pem\ntls.min_version TLSv1.2\n"

    async def check(own: bool) -> None:
        env = lent()
        source = opened(kind, tmp_path, env, files + must)
        await source.start()
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        if own:
            context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

        def send() -> None:
            try:
                with client(kind, source) as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
                    secure.sendall(kind.message(7))
                    if kind.how == "http":
                        secure.recv(1000)
            except (ssl.SSLError, ConnectionError):
                assert not own

        await asyncio.to_thread(send)
        await env.until(lambda: bool(env.batches if own else env.counts))
        await source.stop()
        assert numbers(env) == ([7] if own else [])

    asyncio.run(check(own=True))
    asyncio.run(check(own=False))


def test_options_of_connections(kind: Kind, tmp_path: Path) -> None:
    given = kind.options.replace("{dir}", str(tmp_path))
    assert refused(kind.name, given + "net.nope 1") == [f"input {kind.name} has no option 'net.nope'"]
    downstream = "net.share_port off\nnet.backlog 5\nnet.io_timeout 5\nnet.accept_timeout 5\nnet.keepalive on"
    _, warnings = configured(kind.name, given + downstream)
    if kind.name in ("udp", "statsd"):
        assert len(warnings) == 4
        assert refused(kind.name, given + "tls on") == [f"input {kind.name} does not speak TLS"]
    else:
        assert [w for w in warnings if "net.keepalive" not in w] == []
        assert len(warnings) == (kind.how != "http")
