"""Random numbers."""

import asyncio

from pyrolens.inputs.random import Random
from tests.inputs.lent import Lent, run
from tests.inputs.looking import QUICK, looked


def test_a_number_of_64_bits() -> None:
    records = looked(Random(every=QUICK), 20).records
    assert all(list(record) == ["rand_value"] and 0 <= record["rand_value"] < 2**64 for record in records)
    assert len({record["rand_value"] for record in records}) == len(records)
    assert max(record["rand_value"] for record in records) >= 2**58


def test_so_many_of_them_and_no_more() -> None:
    async def check() -> None:
        env = Lent()
        more, source = Lent(), Random(samples=3, every=QUICK).open(env)
        other = Random(every=QUICK).open(more)
        await source.start()
        await other.start()
        await more.until_events(20)
        assert len(env.records) == 3
        await source.stop()
        await other.stop()

    run(check())


def test_a_pause() -> None:
    async def check() -> None:
        env, more = Lent(), Lent()
        source, other = Random(every=QUICK).open(env), Random(every=QUICK).open(more)
        await source.start()
        source.pause()
        await other.start()
        await more.until_events(10)
        assert env.records == []
        source.resume()
        await env.until_events(2)
        await asyncio.gather(source.stop(), other.stop())

    run(check())
