"""JSON and text over UDP."""

import asyncio
import socket
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.api import ConfigError, Event, OptionError, Record
from pyrolens.inputs._payload import Payload
from pyrolens.inputs.udp import Udp, UdpSource
from pyrolens.records.event import SECOND
from tests.inputs.lent import Lent, run


def number(text: str) -> tuple[Record, int | None] | None:
    """A parser of `SECONDS TEXT`."""
    seconds, _, rest = text.partition(" ")
    return ({"rest": rest}, int(seconds) * SECOND or None) if seconds.isdigit() else None


def udp(**options: Any) -> Udp:
    carried = {name: options.pop(name) for name in ("format", "separator", "parser") if name in options}
    return Udp(listen="127.0.0.1", port=0, payload=Payload(**carried), **options)


def sender(source: UdpSource) -> socket.socket:
    assert source.datagrams.address
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.connect(source.datagrams.address)
    return made


async def sent(datagrams: list[bytes], env: Lent, **options: Any) -> str:
    """Send them, and stop. Gives the address of the sender."""
    source = UdpSource(udp(**options), env)
    await source.start()
    with sender(source) as client:
        for data in datagrams:
            client.send(data)
        host, port = client.getsockname()
        await source.stop()
    return f"udp://{host}:{port}"


def taken(datagrams: list[bytes], **options: Any) -> Lent:
    env = Lent("udp.0", "t", {"number": number})
    env.time = 7 * SECOND

    async def check() -> None:
        await sent(datagrams, env, **options)

    run(check())
    return env


@pytest.mark.parametrize(
    ("datagrams", "records"),
    [
        ([b'{"a":1}', b'{"b":2.5}\n'], [{"a": 1}, {"b": 2.5}]),
        ([b'{"a":1}{"b":2} [1,2] '], [{"a": 1}, {"b": 2}, {"msg": [1, 2]}]),
        ([b'\r\n{"a":1}', b"", b"\n", b'{\n"b":\n2}', b"{}"], [{"a": 1}, {"b": 2}, {}]),
        ([b'{"a":"\xff"}', b'{"a":1}\0'], [{"a": "\udcff"}, {"a": 1}]),
    ],
)
def test_json(datagrams: list[bytes], records: list[Any]) -> None:
    env = taken(datagrams)
    assert env.events == [("t", 7 * SECOND, r) for r in records]
    assert env.counts == {}
    assert [size for _, _, size in env.batches] == [sum(map(len, datagrams))], "one batch"


@pytest.mark.parametrize(
    ("datagrams", "records", "refused"),
    [
        ([b'{"a":', b"1}", b'{"b":2}'], [{"b": 2}], 3),
        ([b'{"a":1}xx', b'"text" 5', b'{"b":2}'], [{"a": 1}, {"b": 2}], 3),
        ([b"[" * 5000, b'{"a":1}'], [{"a": 1}], 1),
    ],
)
def test_no_datagram_spoils_another(datagrams: list[bytes], records: list[Any], refused: int) -> None:
    env = taken(datagrams)
    assert env.records == records
    assert env.counts == {"refused_records": refused}


def test_the_address_of_the_sender() -> None:
    async def check() -> None:
        env = Lent()
        peer = await sent([b'{"a":1}{"src":"x"}[1]'], env, source_address_key="src")
        assert env.records == [{"a": 1, "src": peer}, {"src": peer}, {"msg": [1], "src": peer}]

    run(check())


@pytest.mark.parametrize(
    ("datagrams", "options", "texts"),
    [
        ([b"a\nb", b"\n\nc\n", b"\rd\r\n"], {}, ["a", "b", "c", "d\r"]),
        ([b"a|b|", b"||c"], {"separator": "|"}, ["a", "b", "c"]),
        ([b"a\0b\n", b"\xff"], {"source_address_key": "src"}, ["a\0b", "\udcff"]),
    ],
)
def test_text(datagrams: list[bytes], options: dict[str, Any], texts: list[str]) -> None:
    assert taken(datagrams, format="none", **options).records == [{"log": text} for text in texts]


def test_a_parser_makes_the_format_none() -> None:
    events: list[Event] = [(12 * SECOND, {"rest": "x"}), (7 * SECOND, {"log": "nope"}), (7 * SECOND, {"rest": "y"})]
    assert taken([b"12 x\nnope", b"0 y\n"], parser="number").events == [("t", ns, record) for ns, record in events]


@pytest.mark.parametrize("options", [{"chunk_size": 1}, {"buffer_size": 1, "chunk_size": 9}])
def test_the_largest_datagram(options: dict[str, Any]) -> None:
    env = taken([b"x" * 1024, b"y" * 1025, b"z"], format="none", **options)
    assert env.records == [{"log": "x" * 1024}, {"log": "z"}]
    assert env.counts == {"refused_records": 1}


def test_any_size_is_taken_where_nothing_is_said() -> None:
    assert taken([b"x" * 60_000], format="none").records == [{"log": "x" * 60_000}]


def test_while_paused_datagrams_wait_in_the_kernel() -> None:
    async def check() -> None:
        env = Lent()
        source = UdpSource(udp(), env)
        await source.start()
        source.pause()
        with sender(source) as client:
            client.send(b'{"a":1}')
            client.send(b'{"a":2}')
            await env.until(lambda: True)
            assert env.records == []
            source.resume()
            await env.until_events(2)
            source.pause()
            source.pause()
            client.send(b'{"a":3}')
            await source.stop()
        assert env.records == [{"a": 1}, {"a": 2}, {"a": 3}]

    run(check())


def test_a_batch_that_fills_the_buffer_is_the_last() -> None:
    async def check() -> None:
        env = Lent()
        source = UdpSource(udp(), env)
        env.on_ingest = source.pause
        await source.start()
        with sender(source) as client:
            client.send(b"{}")
            await env.until_events(1)
            client.send(b"{}")
            await asyncio.sleep(0)
            assert len(env.records) == 1
            source.resume()
            await env.until_events(2)
            for _ in range(200):
                client.send(b"{}")
            await source.stop()
        assert len(env.records) == 202

    run(check())


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not tell")
def test_what_the_kernel_had_no_room_for_is_counted() -> None:
    async def check() -> None:
        env = Lent()
        source = UdpSource(udp(format="none"), env)
        await source.start()
        source.pause()
        with sender(source) as client:
            for _ in range(2000):
                client.send(b"x" * 1000)
            source.resume()
            await env.until(lambda: len(env.records) > 0)
            client.send(b"x" * 1000)  # the count comes with the next that finds room
            await env.until(lambda: "kernel_dropped_datagrams" in env.counts)
        await source.stop()
        assert len(env.records) + env.counts["kernel_dropped_datagrams"] == 2001
        (line,) = [fields for _, event, fields in env.said.lines if "no room" in event]
        assert line["number"] == env.counts["kernel_dropped_datagrams"]

    run(check())


def test_what_cannot_start() -> None:
    async def check() -> None:
        first = UdpSource(udp(), Lent())
        await first.start()
        assert first.datagrams.address
        port = first.datagrams.address[1]
        with pytest.raises(
            ConfigError, match=rf"input\.0 cannot listen on 127\.0\.0\.1:{port}: address already in use"
        ):
            await UdpSource(Udp(listen="127.0.0.1", port=port), Lent()).start()
        with pytest.raises(ConfigError, match=r"cannot listen on nowhere\.invalid:0"):
            await UdpSource(Udp(listen="nowhere.invalid", port=0), Lent()).start()
        await first.stop()

    run(check())
    with pytest.raises(OptionError, match="there is no parser 'nope'"):
        udp(parser="nope").open(Lent())
    assert list(udp(separator="").check()) == [("separator", "separator is empty")]


def test_a_port_may_be_shared() -> None:
    async def check() -> None:
        first = UdpSource(udp(share_port=True), Lent())
        await first.start()
        assert first.datagrams.address
        second = UdpSource(Udp(listen="127.0.0.1", port=first.datagrams.address[1], share_port=True), Lent())
        await second.start()
        await first.stop()
        await second.stop()

    run(check())


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.binary(max_size=30) | st.sampled_from([b'{"a":1}', b'{"b', b'"', b"[", b"\n", b"\\u12"]), max_size=8)
)
def test_no_input_stops_it(datagrams: list[bytes]) -> None:
    env = taken([*datagrams, b'{"good":1}'])
    assert {"good": 1} in env.records
    assert all(type(r) is dict for r in env.records)
