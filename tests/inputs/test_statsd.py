"""The metrics of StatsD as records."""

import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.inputs.statsd import Statsd, StatsdSource, metric
from pyrolens.records.event import SECOND
from tests.inputs.configured import configured, refused
from tests.inputs.lent import Lent, run


def counter(value: float, rate: float = 1.0, bucket: str = "a") -> dict[str, Any]:
    return {"type": "counter", "bucket": bucket, "value": value, "sample_rate": rate}


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ("a:1|c", counter(1.0)),
        ("a:1|c|@0.5|#tag:v", counter(1.0, 0.5)),
        ("a:1|c|@0", counter(1.0)),
        ("a:1|c|@x", counter(1.0)),
        ("a:1|c|@-2y", counter(1.0, -2.0)),
        ("a:0x10|h", counter(16.0)),
        ("a:x|", counter(0.0)),
        ("a:  7e1|C\r", counter(70.0)),
        ("a:1:2|m", counter(1.0)),
        ("a|b:1|c", counter(1.0, bucket="a|b")),
        (":12abc|c", counter(12.0, bucket="")),
        ("a:2|g", {"type": "gauge", "bucket": "a", "value": 2.0, "incremental": 0}),
        ("a:+2|gauge|@0.5", {"type": "gauge", "bucket": "a", "value": 2.0, "incremental": 1}),
        ("a:-2|g", {"type": "gauge", "bucket": "a", "value": -2.0, "incremental": 1}),
        ("a:320|ms|@0.1", {"type": "timer", "bucket": "a", "value": 320.0, "sample_rate": 0.1}),
        ("a:user 1|s|@0.1", {"type": "set", "bucket": "a", "value": "user 1"}),
        ("a:1", None),
        ("a|c", None),
        ("", None),
    ],
)
def test_a_line(line: str, record: Any) -> None:
    assert metric(line) == record


async def sent(datagrams: list[bytes], env: Lent) -> None:
    source = StatsdSource(Statsd(listen="127.0.0.1", port=0), env)
    await source.start()
    assert source.datagrams.address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for data in datagrams:
            client.sendto(data, source.datagrams.address)
    source.pause()
    source.resume()
    await source.stop()


def test_datagrams() -> None:
    env = Lent("statsd.0", "t")
    env.time = 7 * SECOND
    run(sent([b"a:1|c\nbad\n\nb:2|c\n", b"\xff:3|c\0more", b"nothing"], env))
    assert env.events == [
        ("t", 7 * SECOND, counter(value, bucket=bucket)) for bucket, value in (("a", 1.0), ("b", 2.0), ("\udcff", 3.0))
    ]
    assert env.counts == {"refused_records": 2}
    assert [size for _, _, size in env.batches] == [34]


def test_the_port_is_handed_over() -> None:
    async def check() -> None:
        first, env = StatsdSource(Statsd(listen="127.0.0.1", port=0), Lent()), Lent()
        await first.start()
        second = StatsdSource(Statsd(listen="127.0.0.1", port=0), env)
        assert second.inherit(first)
        await second.start()
        await first.stop()
        assert second.datagrams.address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"a:1|c", second.datagrams.address)
        await second.stop()
        assert env.records == [counter(1.0)]

    run(check())


def test_options() -> None:
    plugin, warnings = configured("statsd", "metrics on\nnet.io_timeout 5")
    assert plugin.port == 8125
    assert warnings == [
        "input statsd: net.io_timeout has no effect: datagrams have no connections",
    ]
    assert refused("statsd", "tls on") == ["input statsd does not speak TLS"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=20) | st.text(":|@cgsm1.\n", max_size=12).map(str.encode), max_size=6))
def test_no_datagram_stops_it(datagrams: list[bytes]) -> None:
    env = Lent()
    run(sent([*datagrams, b"good:1|c"], env))
    assert counter(1.0, bucket="good") in env.records
