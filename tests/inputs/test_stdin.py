"""JSON and lines from the standard input."""

import os
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import ConfigError, Record
from pyrolens.inputs.stdin import Stdin, StdinSource
from pyrolens.records.event import SECOND, metadata_of
from tests.inputs.lent import Lent, run


def number(text: str) -> tuple[Record, int | None] | None:
    """A parser of `SECONDS TEXT`."""
    seconds, _, rest = text.partition(" ")
    return ({"rest": rest}, int(seconds) * SECOND or None) if seconds.isdigit() else None


def taken(pieces: list[bytes], **options: Any) -> Lent:
    """What comes of a pipe that the pieces are written to."""
    env = Lent("stdin.0", "t", {"number": number})
    env.time = 7 * SECOND

    async def check() -> None:
        read, write = os.pipe()
        source = StdinSource(Stdin(**options), env, read)
        await source.start()
        for piece in pieces:
            os.write(write, piece)
        os.close(write)
        await env.until(lambda: bool(env.exits))
        await source.stop()
        os.close(read)

    run(check())
    assert env.exits == [0]
    return env


def test_json_objects_and_events() -> None:
    env = taken([b'{"a":1}{"b', b'":2}\n[5,{"c":3}] [[6.5,{"m":1}],{"d":4}]', b'\n{"e":5}'])
    assert env.events == [
        ("t", 7 * SECOND, {"a": 1}),
        ("t", 7 * SECOND, {"b": 2}),
        ("t", 5 * SECOND, {"c": 3}),
        ("t", 6_500_000_000, {"d": 4}),
        ("t", 7 * SECOND, {"e": 5}),
    ]
    assert [metadata_of(ns) for _, events, _ in env.batches for ns, _ in events] == [{}, {}, {}, {"m": 1}, {}]
    assert env.counts == {}


def test_what_is_not_json_is_refused_alone() -> None:
    env = taken([b'{"a":1}\nno\n"text" [1]\n{"b":2}\n{"cut'])
    assert env.records == [{"a": 1}, {"b": 2}]
    assert env.counts == {"refused_records": 4}


def test_lines_for_a_parser() -> None:
    env = taken([b"12 x\nno\n\n0 y", b"z\n3 last"], parser="number")
    assert env.events == [
        ("t", 12 * SECOND, {"rest": "x"}),
        ("t", 7 * SECOND, {"rest": "yz"}),
        ("t", 3 * SECOND, {"rest": "last"}),
    ]
    assert env.counts == {"refused_records": 1}


@pytest.mark.parametrize("content", [b'{"a":1}\n' * 20_000, b""])
def test_a_file(tmp_path: Path, content: bytes) -> None:
    async def check() -> None:
        path = tmp_path / "in"
        path.write_bytes(content)
        env = Lent()
        with path.open("rb") as file:
            source = StdinSource(Stdin(), env, file.fileno())
            paused: list[int] = []

            def pause() -> None:
                source.pause()
                paused.append(1)

            env.on_ingest = pause
            await source.start()
            while not env.exits:
                await env.until(lambda: bool(paused or env.exits))
                paused.clear()
                source.resume()
        assert env.records == [{"a": 1}] * content.count(b"\n")

    run(check())


def test_a_pause_leaves_a_pipe_alone() -> None:
    async def check() -> None:
        env = Lent()
        read, write = os.pipe()
        source = StdinSource(Stdin(), env, read)
        env.on_ingest = source.pause
        await source.start()
        os.write(write, b'{"a":1}')
        await env.until_events(1)
        os.write(write, b'{"a":2}')
        source.pause()
        assert len(env.events) == 1
        source.resume()
        await env.until_events(2)
        await source.stop()
        os.close(read)
        os.close(write)

    run(check())


def test_a_closed_stdin() -> None:
    async def check() -> None:
        read, write = os.pipe()
        os.close(read)
        os.close(write)
        with pytest.raises(ConfigError, match=r"input\.0 cannot read stdin"):
            await StdinSource(Stdin(), Lent(), read).start()

    run(check())
