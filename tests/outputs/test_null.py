import asyncio

from pyrolens.outputs.null import Null
from tests.outputs.lent_env import Env, chunks


def test_it_takes_everything() -> None:
    for form, size in ((None, 0), ("msgpack", 0), ("json_lines", len(b'{"date":0.0,"a":1}\n'))):
        sink = Null(format=form).open(Env())
        (chunk,) = chunks(sink, "t", [(0, {"a": 1})])
        assert (chunk.records, chunk.size) == (1, size)
        assert asyncio.run(sink.deliver(chunk)).retry == ()
