import asyncio

import pytest

from pyrolens.outputs.counter import Counter
from tests.outputs.lent_env import Env, chunks


def test_a_line_for_each_chunk(capfd: pytest.CaptureFixture[str]) -> None:
    sink = Counter().open(Env())
    (chunk,) = chunks(sink, "t", [(0, {}), (0, {})], [(0, {})])
    asyncio.run(sink.deliver(chunk))
    assert capfd.readouterr().out == '{"ts":1718000000.123457,"serialized_events":3,"log_records":3,"total":3}\n'
