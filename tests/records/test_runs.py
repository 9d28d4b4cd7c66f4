"""Messages that are counted by what they begin with."""

import random
from typing import Any

import msgpack
import pytest

from pyrolens.records.runs import LEAST, MISSES, Runs, head_of

TIME = msgpack.ExtType(0, bytes(8))
TAG = "app-firelens-0f1e2d3c"
HEAD = b"\x94\xb5" + TAG.encode() + b"\xd7\x00"


def message(n: int, text: str = "x" * 200, tag: str = TAG) -> bytes:
    return bytes(msgpack.packb([tag, TIME, {"n": n, "log": text}, {}]))


def read(reader: Runs, data: bytes) -> tuple[list[bytes], int]:
    """The messages that came out, and how many of them were counted."""
    run, whole = reader.run(data)
    counted = list(run.walked().each()) if run else []
    if run:
        assert [m.record for m in run.messages] == [msgpack.unpackb(m, ext_hook=msgpack.ExtType)[2] for m in counted]
        assert run.size == sum(map(len, counted))
    return [*counted, *whole.each()], len(counted)


@pytest.mark.parametrize("seed", range(20))
def test_messages_come_out_whole_wherever_the_stream_is_cut(seed: int) -> None:
    rng = random.Random(seed)
    packed = [message(n, "x" * rng.randrange(600), rng.choice([TAG, TAG, TAG, "other"])) for n in range(400)]
    stream, at, got, counted = b"".join(packed), 0, [], 0
    reader = Runs(0)
    while at < len(stream):
        step = rng.choice([rng.randrange(1, 300), rng.randrange(LEAST, 40_000)])
        found, some = read(reader, stream[at : at + step])
        got += found
        counted += some
        at += step
    assert got == packed
    assert (reader.waiting, reader.broken) == (0, "")


def test_the_messages_of_one_tag_are_counted() -> None:
    packed = [message(n) for n in range(100)]
    reader = Runs(0)
    assert read(reader, b"".join(packed[:40]) + packed[40][:50]) == (packed[:40], 0)
    assert read(reader, packed[40][50:] + b"".join(packed[41:80])) == (packed[40:80], 39)
    assert read(reader, b"".join(packed[80:])) == (packed[80:], 19)


def odd(*parts: Any) -> bytes:
    return bytes(msgpack.packb(list(parts)))


@pytest.mark.parametrize(
    "stranger",
    [
        message(7, HEAD.decode("latin-1")),
        odd(TAG, TIME, {"log": HEAD}, {}),
        odd(TAG, TIME, {"log": HEAD + b"\x80"}, {}) + message(9, tag="other"),
        odd(TAG, TIME, {"log": "x"}, {"chunk": "id"}),
        odd(TAG, [[TIME, {"log": "x"}]], {"chunk": "id"}),
        odd(TAG, TIME, {1: 2}, {}),
        odd("not", "one"),
    ],
)
@pytest.mark.parametrize("place", [0, 10, 39])
def test_what_looks_like_a_beginning_and_is_none_changes_nothing(stranger: bytes, place: int) -> None:
    packed = [message(n) for n in range(40)]
    packed.insert(place, stranger)
    stream, reader = b"".join(packed), Runs(0)
    read(reader, b"".join(message(n) for n in range(40)))
    got, _ = read(reader, stream)
    assert b"".join(got) == stream
    assert reader.waiting == 0


def test_a_peer_whose_messages_cannot_be_counted_is_not_counted_for_ever() -> None:
    packed = [odd(TAG, TIME, {"log": HEAD * 20}, {}) for _ in range(20)]
    reader = Runs(0)
    for _ in range(3 * MISSES):
        assert read(reader, b"".join(packed)) == (packed, 0)
    assert reader._misses == MISSES


def test_a_large_message_is_not_searched_again_with_each_piece() -> None:
    large, small = message(0, "x" * 1_000_000), [message(n) for n in range(40)]
    reader = Runs(0)
    read(reader, b"".join(small))
    stream, looked = large + b"".join(small), []
    for at in range(0, len(stream), 5000):
        before = reader.waiting
        run, _ = reader.run(stream[at : at + 5000])
        looked.append(run is not None)
        assert run is None or before <= 5000
    assert looked[:-2] == [False] * (len(looked) - 2)
    assert looked[-1]


def test_what_is_broken_is_told() -> None:
    reader = Runs(0)
    read(reader, b"".join(message(n) for n in range(40)))
    got, counted = read(reader, b"".join(message(n) for n in range(40)) + b"\xc1")
    assert (len(got), counted, reader.broken) == (40, 39, "not MessagePack")


def test_a_message_that_is_too_large_breaks_the_stream() -> None:
    reader = Runs(10_000)
    read(reader, b"".join(message(n) for n in range(40)))
    read(reader, message(1, "x" * 30_000)[:8000])
    read(reader, b"x" * 8000)
    assert reader.broken == "a message is larger than 10000 bytes"


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (message(1), HEAD),
        (odd("t", 1_700_000_000, {}), b"\x93\xa1t\xce"),
        (odd("t" * 40, TIME, {}, {}), b"\x94\xd9\x28" + b"t" * 40 + b"\xd7\x00"),
        (odd("t" * 300, TIME, {}, {}), b""),
        (odd("t", 5, {}), b""),
        (odd("t", [[TIME, {}]]), b""),
        (b"", b""),
    ],
)
def test_what_messages_begin_with(data: bytes, head: bytes) -> None:
    assert head_of(data) == head
