"""The names, kinds and labels are those of Fluent Bit 5.1.1."""

import socket

import pytest

from pyrolens.inputs import _statsd_metrics
from pyrolens.inputs._statsd_metrics import Tally
from pyrolens.inputs.statsd import Statsd, StatsdSource
from pyrolens.records.codecs.prometheus import plain_text
from tests.inputs.lent import Lent, run


def read(tally: Tally) -> list[str]:
    return [line.split(" ", 1)[1] for line in plain_text(tally.read()).splitlines()]


def taken(*lines: str) -> list[str]:
    tally = Tally()
    assert [tally.take(line, 1) for line in lines] == [""] * len(lines)
    return read(tally)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("page.hits:3|c|@0.5|#env:prod,host:a",), ['page.hits{env="prod",host="a"} = 6']),
        (("x:1|c", "x:2|c", "x:4|zz"), ["x = 7"]),
        (("x:1|c|@2", "x:1|c|@0"), ["x = 2"]),
        (("temp:7.5|g", "temp:+2|g", "temp:-1|g"), ["temp = 8.5"]),
        (("temp:+2|g", "temp:7|g"), ["temp = 7"]),
        (("t:20|ms", "t:-3|ms"), ["t = -3"]),
        (("users:12|s",), ["users = 12"]),
        (("a:1|c|#k:v", "a:1|c|#k:w", "a:2|c|#k:v"), ['a{k="v"} = 3', 'a{k="w"} = 1']),
        (("a:1|c|#k:v,k:w,bad,:x|c:123",), ['a{k="w"} = 1']),
    ],
)
def test_what_lines_add_up_to(lines: tuple[str, ...], expected: list[str]) -> None:
    assert taken(*lines) == expected


def test_kinds() -> None:
    tally = Tally()
    for line in ("a:1|c", "b:1|g", "c:1|ms", "d:1|s", "e:1|h"):
        tally.take(line, 1)
    assert {f.name: f.kind for f in tally.read().families} == {
        "a": "counter", "b": "gauge", "c": "gauge", "d": "untyped", "e": "counter"
    }  # fmt: skip


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    for line in ("a:1", "a|c", ":1|c", ""):
        assert tally.take(line, 1) == "no metric of StatsD, as NAME:VALUE|TYPE"
    for line in ("a:x|c", "users:bob|s"):
        assert tally.take(line, 1) == "its value is no number"
    monkeypatch.setattr(_statsd_metrics, "MOST", 1)
    assert (tally.take("a:1|c", 1), tally.take("b:1|c", 1)) == ("", "there are 1 metrics already")
    assert tally.take("a:1|c", 1) == "", "those that are there go on"


def test_over_udp() -> None:
    async def main() -> None:
        env = Lent(tag="st")
        env.flush = 0.01
        source = StatsdSource(Statsd(listen="127.0.0.1", port=0, metrics=True), env)
        await source.start()
        assert source.datagrams.address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"x:1|c\ny:2|g\nbad\n", source.datagrams.address)
            await env.until(lambda: len(env.published) == 1)
            client.sendto(b"x:2|c", source.datagrams.address)
            await env.until(lambda: len(env.published) == 2)
            # a config that is loaded again goes on counting
            other = StatsdSource(Statsd(listen="127.0.0.1", port=0, metrics=True), env)
            other.plan, source.plan = source.plan, source.plan
            other.inherit(source)
            assert other.tally is source.tally
        await source.stop()
        assert env.batches == []
        tag, last = env.published[-1]
        assert (tag, [line.split(" ", 1)[1] for line in plain_text(last).splitlines()]) == ("st", ["x = 3", "y = 2"])

    run(main())


def test_it_says_what_it_makes() -> None:
    assert (Statsd(metrics=True).publishes("st"), Statsd().publishes("st")) == ("st", None)
