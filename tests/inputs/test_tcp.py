"""JSON and text over TCP."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.api import Event, OptionError, Record
from pyrolens.inputs._payload import Payload
from pyrolens.inputs.tcp import Tcp, TcpSource
from pyrolens.records.event import SECOND
from tests.inputs.lent import Lent, run


def number(text: str) -> tuple[Record, int | None] | None:
    """A parser of `SECONDS TEXT`."""
    seconds, _, rest = text.partition(" ")
    return ({"rest": rest}, int(seconds) * SECOND or None) if seconds.isdigit() else None


def tcp(**options: Any) -> Tcp:
    carried = {name: options.pop(name) for name in ("format", "separator", "parser") if name in options}
    return Tcp(listen="127.0.0.1", port=0, payload=Payload(**carried), **options)


async def sent(pieces: list[bytes], env: Lent, **options: Any) -> str:
    """Send the pieces one by one, end, and stop. Gives the address of the peer."""
    source = TcpSource(tcp(**options), env)
    await source.start()
    assert source.server.address
    _, writer = await asyncio.open_connection(*source.server.address)
    host, port = writer.get_extra_info("sockname")
    (connection,) = await some(env, source)
    for piece in pieces:
        connection.data_received(piece)  # as reads would cut it
    writer.close()
    await env.until(lambda: not source.server.connections)
    await source.stop()
    return f"tcp://{host}:{port}"


async def some(env: Lent, source: TcpSource) -> Any:
    await env.until(lambda: bool(source.server.connections))
    return source.server.connections


def taken(pieces: list[bytes], **options: Any) -> Lent:
    env = Lent("tcp.0", "t", {"number": number})
    env.time = 7 * SECOND
    run(_sent(pieces, env, options))
    return env


async def _sent(pieces: list[bytes], env: Lent, options: dict[str, Any]) -> None:
    await sent(pieces, env, **options)


@pytest.mark.parametrize(
    ("pieces", "records"),
    [
        ([b'{"a":1}\n{"b":2.5}\n'], [{"a": 1}, {"b": 2.5}]),
        ([b'{"a":1}{"b":2} [1,2] '], [{"a": 1}, {"b": 2}, {"msg": [1, 2]}]),
        ([b'{"a":', b"1}", b' {"b":2}'], [{"a": 1}, {"b": 2}]),
        ([b'{"a":tr', b'ue}\r\n\r\n{"b":"x\\u00', b'e9"}'], [{"a": True}, {"b": "x\u00e9"}]),
        ([b'{\n  "a": 1,\n', b'  "b": 2\n}\n'], [{"a": 1, "b": 2}]),
        ([b'{"a":"\xff"}\n'], [{"a": "\udcff"}]),
        ([b'{"a":"x\ny"}\n'], [{"a": "x\ny"}]),
        ([b'{"a":"\xc3', b'\xa9"}\n'], [{"a": "\u00e9"}]),
    ],
)
def test_json(pieces: list[bytes], records: list[Any]) -> None:
    env = taken(pieces)
    assert env.events == [("t", 7 * SECOND, r) for r in records]
    assert env.counts == {}
    assert sum(size for _, _, size in env.batches) <= sum(map(len, pieces))


@pytest.mark.parametrize(
    ("pieces", "records", "refused"),
    [
        ([b'{"a":1}\nxx{"b":2}\n{"c":3}\n'], [{"a": 1}, {"c": 3}], 1),
        ([b'{"a":1} "text" 5 {"b":2}\n'], [{"a": 1}, {"b": 2}], 2),
        ([b"not json at all"], [], 1),
        ([b'{"a":1e400}\n{"b":1}\n'], [{"b": 1}], 1),
        ([b'{"a":"cut', b""], [], 1),
        ([b"[" * 5000 + b'\n{"a":1}\n'], [{"a": 1}], 1),
    ],
)
def test_what_is_not_json_is_refused_alone(pieces: list[bytes], records: list[Any], refused: int) -> None:
    env = taken(pieces)
    assert env.records == records
    assert env.counts == {"refused_records": refused}


def test_the_address_of_the_peer() -> None:
    async def check() -> None:
        env = Lent()
        peer = await sent([b'{"a":1}{"src":"x"}[1]\n'], env, source_address_key="src")
        assert env.records == [{"a": 1, "src": peer}, {"src": peer}, {"msg": [1], "src": peer}]

    run(check())


@pytest.mark.parametrize(
    ("pieces", "options", "texts"),
    [
        ([b"a\r\nb\n\nc\nd", b"e\nlast"], {}, ["a\r", "b", "c", "de", "last"]),
        ([b"a|b|", b"||c|"], {"separator": "|"}, ["a", "b", "c"]),
        ([b"a\nb\r", b"\nc\r\n"], {"separator": r"\r\n"}, ["a\nb", "c"]),
        ([b"a\0b\0"], {"separator": r"\x00"}, ["a", "b"]),
        ([b"a\\\xffb\\"], {"separator": "\\\\"}, ["a", "\udcffb"]),
        ([b"a\n"], {"source_address_key": "src"}, ["a"]),
    ],
)
def test_text(pieces: list[bytes], options: dict[str, Any], texts: list[str]) -> None:
    assert taken(pieces, format="none", **options).records == [{"log": text} for text in texts]


def test_a_parser_makes_the_format_none() -> None:
    events: list[Event] = [(12 * SECOND, {"rest": "x"}), (7 * SECOND, {"log": "nope"}), (7 * SECOND, {"rest": "y"})]
    assert taken([b"12 x\nnope\n0 y\n"], parser="number").events == [("t", ns, record) for ns, record in events]


def test_an_unknown_parser() -> None:
    with pytest.raises(OptionError, match="there is no parser 'nope'"):
        tcp(parser="nope").open(Lent())


@pytest.mark.parametrize(("options", "most"), [({}, 32768), ({"chunk_size": 2}, 2048), ({"buffer_size": 3}, 3072)])
def test_the_largest_record(options: dict[str, Any], most: int) -> None:
    env = taken([b"x" * (most - 1), b"y\n", b"z" * (most + 1)], format="none", **options)
    assert env.records == [{"log": "x" * (most - 1) + "y"}]
    assert env.counts == {"closed_connections": 1}


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.binary(max_size=30) | st.sampled_from([b'{"a":1}', b'{"b', b'"', b"[", b"\n", b"\\u12"]), max_size=8)
)
def test_no_input_stops_it(pieces: list[bytes]) -> None:
    env = taken([*pieces, b'\n{"good":1}' * 4 + b"\n"])
    assert {"good": 1} in env.records
    assert all(type(r) is dict for r in env.records)
