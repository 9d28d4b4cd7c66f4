"""Messages of RFC 3164 and RFC 5424 over every kind of socket."""

import asyncio
import itertools
import socket
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.api import ConfigError, OptionError, Parse, Record
from pyrolens.inputs._tls import ServerTls
from pyrolens.inputs.syslog import Syslog, SyslogSource
from pyrolens.plugin import builtin_parser
from pyrolens.records.event import SECOND
from tests.inputs.lent import Lent, run
from tests.lent import Lent as FilterLent
from tests.net import certificates

NEW = b'<165>1 2003-10-11T22:14:15.003Z host app 12 ID47 [a@1 k="v"] it works'
NEW_RECORD = {
    "pri": "165", "time": "2003-10-11T22:14:15.003Z", "host": "host", "ident": "app", "pid": "12", "msgid": "ID47",
    "extradata": '[a@1 k="v"]', "message": "it works",
}  # fmt: skip
NEW_TIME = 1065910455_003_000_000
LOCAL = b"<13>Oct  1 22:14:15 su[230]: hello world"
LOCAL_RECORD = {"pri": "13", "time": "Oct  1 22:14:15", "ident": "su", "pid": "230", "message": "hello world"}


def number(text: str) -> tuple[Record, int | None] | None:
    """A parser of `SECONDS TEXT`."""
    seconds, _, rest = text.partition(" ")
    return ({"rest": rest}, int(seconds) * SECOND or None) if seconds.isdigit() else None


def parsers() -> dict[str, Parse]:
    names = ("syslog-rfc5424", "syslog-rfc3164", "syslog-rfc3164-local")
    found = {name: builtin_parser(name) for name in names}
    return {"number": number, **{name: parser.compile(FilterLent()) for name, parser in found.items() if parser}}


PARSERS = parsers()


def lent() -> Lent:
    env = Lent("syslog.0", "t", PARSERS)
    env.time = 7 * SECOND
    return env


def taken(pieces: list[bytes], **options: Any) -> Lent:
    """What comes of these reads of one connection."""
    env = lent()

    async def check() -> None:
        source = SyslogSource(Syslog(mode="tcp", listen="127.0.0.1", port=0, **options), env)
        await source.start()
        assert source.server.address
        _, writer = await asyncio.open_connection(*source.server.address)
        await env.until(lambda: bool(source.server.connections))
        (connection,) = source.server.connections
        for piece in pieces:
            connection.data_received(piece)
        writer.close()
        await env.until(lambda: not source.server.connections)
        await source.stop()

    run(check())
    return env


def texts(env: Lent) -> list[Any]:
    return [record["rest"] for record in env.records]


def test_a_message_of_rfc_5424() -> None:
    env = taken([NEW + b"\n"])
    assert env.events == [("t", NEW_TIME, NEW_RECORD)]
    assert env.batches[0][2] == len(NEW) + 1
    assert env.counts == {}


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        ([b"1 a\n2 b\n"], ["a", "b"]),
        ([b"1 a", b"b\n2", b" c\n3 last"], ["ab", "c", "last"]),
        ([b"\n\n1 a\r\n\n2 \xff\n"], ["a\r", "\udcff"]),
        ([b"1 a\0002 b\0", b"3 c"], ["a", "b", "c"]),
        ([b"1 " + b"x" * 200 + b"\n2 b\n"], ["b"]),
    ],
)
def test_lines(pieces: list[bytes], found: list[str]) -> None:
    env = taken(pieces, parser="number", buffer_chunk_size=100)
    assert texts(env) == found
    assert [ns // SECOND for _, ns, _ in env.events][-1] in (1, 2, 3)


def counted(*messages: bytes) -> bytes:
    return b"".join(b"%d %s" % (len(m), m) for m in messages)


@pytest.mark.parametrize(
    ("pieces", "found", "counts"),
    [
        ([counted(b"1 a", b"2 b\n2", b"3 c")], ["a", "b\n2", "c"], {}),
        ([counted(b"1 a") + b"\n" + counted(b"2 b")], ["a", "b"], {}),
        ([b"0 0 3 1 a"], ["a"], {}),
        ([b"1", b"2", b" 1 abc", b"def", b"ghij3 2 z"], ["abcdefghij", "z"], {}),
        ([b"3 1 ax", b"3 2 b"], ["a"], {"closed_connections": 1}),
        ([b"1234567890"], [], {"closed_connections": 1}),
        ([b"-1 x"], [], {"closed_connections": 1}),
        ([b"3 1 a101 x"], ["a"], {"closed_connections": 1}),
        ([b"3 1 a5 2 b"], ["a"], {"refused_records": 1}),
    ],
)
@pytest.mark.parametrize("form", ["octet_counting", "octet"])
def test_octet_counts(pieces: list[bytes], found: list[str], counts: dict[str, int], form: str) -> None:
    env = taken(pieces, parser="number", format=form, buffer_chunk_size=100)
    assert texts(env) == found
    assert env.counts == counts


def test_what_does_not_fit_is_counted_and_said_once() -> None:
    env = taken([b"1 a\nnope\n2 b\nnope\n", b"nope\n"], parser="number")
    assert texts(env) == ["a", "b"]
    assert env.counts == {"refused_records": 3}
    assert [fields["reason"] for _, _, fields in env.said.lines] == ["does not fit the parser 'number'"]


def test_a_message_without_a_time_has_that_of_its_arrival() -> None:
    assert taken([b"0 a\n"], parser="number").events == [("t", 7 * SECOND, {"rest": "a"})]


@pytest.mark.parametrize(("options", "most"), [({"buffer_chunk_size": 50}, 50), ({"buffer_max_size": 40000}, 40000)])
def test_the_largest_message(options: dict[str, Any], most: int) -> None:
    env = taken([b"1 " + b"x" * (most - 2), b"\n", b"z" * (most + 1)], parser="number", **options)
    assert texts(env) == ["x" * (most - 2)]
    assert env.counts == {"closed_connections": 1}


def test_the_whole_message_and_its_sender() -> None:
    env = taken([b"1 \xffa\n"], parser="number", raw_message_key="raw", source_address_key="src")
    ((_, _, record),) = env.events
    assert list(record) == ["rest", "raw", "src"]
    assert record["raw"] == b"1 \xffa"
    assert record["src"].startswith("tcp://127.0.0.1:")


async def sent(path: Path, kind: int, message: bytes, bound: Path | None = None) -> None:
    with socket.socket(socket.AF_UNIX, kind) as client:
        if bound:
            client.bind(str(bound))
        client.connect(str(path))
        client.sendall(message)


@pytest.mark.parametrize("mode", ["unix_tcp", "unix_udp"])
def test_a_unix_socket(tmp_path: Path, mode: Any) -> None:
    async def check() -> None:
        env, path = lent(), tmp_path / "log"
        plan = Syslog(mode=mode, path=str(path), unix_perm="0622", source_address_key="src")
        source = SyslogSource(plan, env)
        await source.start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o622
        kind = socket.SOCK_STREAM if plan.streams else socket.SOCK_DGRAM
        await sent(path, kind, LOCAL)
        await sent(path, kind, LOCAL, tmp_path / "me")
        await env.until_events(2) if plan.streams else None
        await source.stop()
        assert not path.exists()
        sources = [record.pop("src") for record in env.records]
        assert env.records == [LOCAL_RECORD, LOCAL_RECORD]
        if plan.streams:
            assert {s.rstrip("0123456789") for s in sources} == {"unix://pid_"}
        else:
            assert sources == ["unix://unavailable", f"unix://{tmp_path}/me"]

    run(check())


def test_udp() -> None:
    async def check() -> None:
        env = lent()
        plan = Syslog(mode="udp", listen="127.0.0.1", port=0, receive_buffer_size=100_000, raw_message_key="raw")
        source = SyslogSource(plan, env)
        await source.start()
        assert source.datagrams.address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(source.datagrams.address)
            for message in (NEW, b"nope", b"", NEW.replace(b"works", b"x" * 50_000)):
                client.send(message)
        await source.stop()
        assert [r["message"] for r in env.records] == ["it works", "it " + "x" * 50_000]
        assert env.records[0] == {**NEW_RECORD, "raw": NEW}
        assert env.counts == {"refused_records": 1}

    run(check())


def test_a_kernel_that_gives_less_room_is_told() -> None:
    async def check() -> None:
        for mode in ("udp", "tcp"):
            env = lent()
            plan = Syslog(mode=mode, listen="127.0.0.1", port=0, receive_buffer_size=1 << 30)
            source = SyslogSource(plan, env)
            await source.start()
            await source.stop()
            (line,) = env.said.lines
            assert line[1] == "receive_buffer_size is more than the kernel allows (net.core.rmem_max)"

    run(check())


@pytest.mark.parametrize("mode", ["tcp", "unix_tcp"])
def test_tls(tmp_path: Path, mode: Any) -> None:
    certificates.make(tmp_path, ["localhost"])

    async def check() -> None:
        env = lent()
        tls = ServerTls(crt_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))
        where: dict[str, Any] = {"path": str(tmp_path / "s")} if mode == "unix_tcp" else {"listen": "127.0.0.1"}
        plan = Syslog(mode=mode, port=0, parser="number", tls=True, tls_options=tls, **where)
        source = SyslogSource(plan, env)
        await source.start()
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        more: dict[str, Any] = {"ssl": context, "server_hostname": "localhost"}
        if source.server.address:
            _, writer = await asyncio.open_connection(*source.server.address, **more)
        else:
            _, writer = await asyncio.open_unix_connection(str(tmp_path / "s"), **more)
        writer.write(b"1 a\n2 b\n")
        await env.until_events(2)
        writer.transport.abort()
        await source.stop()
        assert texts(env) == ["a", "b"]

    run(check())


def test_while_paused_messages_wait() -> None:
    async def check() -> None:
        env = lent()
        source = SyslogSource(Syslog(mode="tcp", listen="127.0.0.1", port=0, parser="number"), env)
        await source.start()
        assert source.server.address
        _, writer = await asyncio.open_connection(*source.server.address)
        await env.until(lambda: source.peers == 1)
        source.pause()
        writer.write(b"1 a\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        assert env.records == []
        source.resume()
        await env.until_events(1)
        await source.stop()

    run(check())


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, ("path", "mode unix_udp needs path, the path of its socket")),
        ({"mode": "tcp", "unix_perm": "rw"}, ("unix_perm", "unix_perm is 'rw': expected an octal number such as 0666")),
        ({"mode": "udp", "tls": True}, ("tls", "tls cannot be combined with mode udp")),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], problem: tuple[str, str]) -> None:
    assert list(Syslog(**options).check()) == [problem]


def test_what_cannot_start(tmp_path: Path) -> None:
    async def check() -> None:
        (tmp_path / "file").write_text("")
        for path, message in ((tmp_path / "file", "is not a socket"), (tmp_path / "no" / "s", "cannot listen on")):
            with pytest.raises(ConfigError, match=message):
                await SyslogSource(Syslog(path=str(path)), lent()).start()
        assert (tmp_path / "file").exists()

    run(check())
    with pytest.raises(OptionError, match="there is no parser 'nope'"):
        Syslog(mode="tcp", parser="nope").open(lent())


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.binary(max_size=30) | st.sampled_from([b"1 a\n", b"3 1 a", b"\n", b"\0", b"9", b" ", NEW]), max_size=8),
    st.sampled_from(["newline", "octet_counting"]),
)
def test_no_input_stops_it(pieces: list[bytes], form: str) -> None:
    env = taken(pieces, parser="number", format=form)
    assert all(type(record) is dict for record in env.records)


MESSAGES = st.lists(st.binary(max_size=20).map(lambda b: b"1 " + b.replace(b"\n", b"").replace(b"\0", b"")), max_size=8)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(MESSAGES, st.lists(st.integers(0, 100), max_size=5), st.sampled_from(["newline", "octet_counting"]))
def test_however_reads_cut_them_the_messages_are_the_same(sent: list[bytes], cuts: list[int], form: str) -> None:
    data = counted(*sent) if form == "octet_counting" else b"".join(m + b"\n" for m in sent)
    at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(at)]
    env = taken(pieces, parser="number", format=form)
    assert texts(env) == [m[2:].decode("utf-8", "surrogateescape") for m in sent]
    assert env.counts == {}
