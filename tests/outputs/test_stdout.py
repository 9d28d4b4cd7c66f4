import asyncio
import os

import pytest

from pyrolens.outputs._standard_out import write_out
from pyrolens.outputs.stdout import Stdout, StdoutSink
from pyrolens.records.event import Event, Stamp
from tests.outputs.lent_env import Env, chunks

T = 1718000000_000000000
BATCHES: list[list[Event]] = [[(T + 1, {"log": "a"}), (T, {"n": 1.5})], [(Stamp(T, {"k": "v"}), {"s": "\udcff"})]]


def printed(sink: StdoutSink) -> bytes:
    (chunk,) = chunks(sink, "t.x", *BATCHES)
    return sink._joined(chunk.items)


def test_readable_text_is_numbered_within_a_chunk() -> None:
    assert printed(Stdout().open(Env())) == (
        b'[0] t.x: [[1718000000.000000001, {}], {"log"=>"a"}]\n'
        b'[1] t.x: [[1718000000.000000000, {}], {"n"=>1.500000}]\n'
        b'[2] t.x: [[1718000000.000000000, {"k"=>"v"}], {"s"=>"\xff"}]\n'
    )


def test_json_forms() -> None:
    lines = [
        b'{"date":1718000000.0,"log":"a"}',
        b'{"date":1718000000.0,"n":1.5}',
        b'{"date":1718000000.0,"__internal__":{"log_metadata":{"k":"v"}},"s":""}',
    ]
    assert printed(Stdout(format="json").open(Env())) == b"[" + b",".join(lines) + b"]\n"
    assert printed(Stdout(format="JSON_lines").open(Env())) == b"\n".join([*lines, b""])
    assert printed(Stdout(format="json_stream").open(Env())) == b"".join(lines) + b"\n"


def test_date_options() -> None:
    sink = Stdout(format="json_lines", json_date_key="ts", json_date_format="EPOCH").open(Env())
    (chunk,) = chunks(sink, "t", [(T, {"a": 1})])
    assert sink._joined(chunk.items) == b'{"ts":1718000000,"a":1}\n'
    sink = Stdout(format="json_lines", json_date_key="Off").open(Env())
    (chunk,) = chunks(sink, "t", [(T, {"a": "é"})])
    assert sink._joined(chunk.items) == b'{"a":"\\u00e9"}\n'


def test_the_text_of_one_field() -> None:
    assert printed(Stdout(log_key="log").open(Env())) == b"a\n\n\n"


def test_what_is_not_known_is_told_and_the_default_taken() -> None:
    env = Env()
    sink = Stdout(format="xml", json_date_format="never").open(env)
    assert printed(sink).startswith(b"[0] t.x: ")
    assert [(level, fields) for level, _, fields in env.said.lines] == [
        ("error", {"format": "xml", "known": "msgpack, json, json_lines, json_stream"}),
        ("error", {"json_date_format": "never"}),
    ]


def test_it_goes_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    async def deliver() -> None:
        sink = Stdout().open(Env())
        (chunk,) = chunks(sink, "t", [(T, {})])
        assert (await sink.deliver(chunk)).retry == ()
        await sink.close()

    asyncio.run(deliver())
    assert capfd.readouterr().out == "[0] t: [[1718000000.000000000, {}], {}]\n"


def test_a_reader_that_waits_does_not_stop_the_loop() -> None:
    """A megabyte into a pipe which nobody reads at first; a second writer waits for its turn."""
    read, write = os.pipe()

    async def run() -> bytes:
        first = asyncio.create_task(write_out(b"a" * 1_000_000, write))
        second = asyncio.create_task(write_out(b"b" * 1000, write))
        got = b""
        for _ in range(5):
            await asyncio.sleep(0)  # the loop goes on
        assert not first.done()
        while len(got) < 1_001_000:
            got += await asyncio.to_thread(os.read, read, 65536)
        await asyncio.gather(first, second)
        return got

    try:
        assert asyncio.run(run()) == b"a" * 1_000_000 + b"b" * 1000
    finally:
        os.close(read)
        os.close(write)


def test_a_closed_reader_is_an_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        asyncio.run(write_out(b"x", write))
    os.close(write)
