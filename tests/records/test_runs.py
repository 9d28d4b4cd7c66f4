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
    packed = [message(n, "x" * rng.randrange(600), rng.choice([TAG, TAG, TAG, "other"])) for n in range(800)]
    stream, at, got, counted = b"".join(packed), 0, [], 0
    reader = Runs(0)
    while at < len(stream):
        step = rng.choice([rng.randrange(1, 300), rng.randrange(LEAST, 100_000)])
        found, some = read(reader, stream[at : at + step])
        got += found
        counted += some
        at += step
    assert got == packed
    assert (reader.waiting, reader.broken) == (0, "")


def test_the_messages_of_one_tag_are_counted() -> None:
    packed = [message(n) for n in range(600)]
    reader = Runs(0)
    assert read(reader, b"".join(packed[:200]) + packed[200][:50]) == (packed[:200], 0)
    assert read(reader, packed[200][50:] + b"".join(packed[201:400])) == (packed[200:400], 200)
    assert read(reader, b"".join(packed[400:]) + packed[0][:5]) == (packed[400:], 199)
    assert read(reader, packed[0][5:] + b"".join(packed[1:])) == (packed, 600)
    assert read(reader, b"".join(packed[:100])) == (packed[:100], 0), "that is little"


def test_without_options_the_last_one_is_walked_through() -> None:
    packed = [odd(TAG, TIME, {"n": n, "log": "x" * 200}) for n in range(200)]
    reader = Runs(0)
    assert read(reader, b"".join(packed)) == (packed, 0)
    assert read(reader, b"".join(packed)) == (packed, 199)


def test_another_tag_is_learnt() -> None:
    packed = [message(n, tag="another") for n in range(200)]
    reader = Runs(0)
    read(reader, b"".join(message(n) for n in range(200)))
    assert [read(reader, b"".join(packed)) for _ in range(3)] == [(packed, 0), (packed, 0), (packed, 200)]


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
@pytest.mark.parametrize("place", [0, 10, 199])
def test_what_looks_like_a_beginning_and_is_none_changes_nothing(stranger: bytes, place: int) -> None:
    packed = [message(n) for n in range(200)]
    packed.insert(place, stranger)
    stream, reader = b"".join(packed), Runs(0)
    read(reader, b"".join(message(n) for n in range(200)))
    got, _ = read(reader, stream)
    assert b"".join(got) == stream
    assert reader.waiting == 0


def test_a_peer_whose_messages_cannot_be_counted_is_not_counted_for_ever() -> None:
    packed = [odd(TAG, TIME, {"log": HEAD * 20}, {}) for _ in range(100)]
    reader = Runs(0)
    for _ in range(3 * MISSES):
        assert read(reader, b"".join(packed)) == (packed, 0)
    assert reader._misses == MISSES


def test_a_large_message_is_not_searched_again_with_each_piece() -> None:
    large, small = message(0, "x" * 1_000_000), [message(n) for n in range(200)]
    reader = Runs(0)
    read(reader, b"".join(small))
    stream, looked = large + b"".join(small)[:LEAST], []
    for at in range(0, len(stream), LEAST):
        before = reader.waiting
        run, _ = reader.run(stream[at : at + LEAST])
        looked.append(run is not None)
        assert run is None or before <= LEAST
    assert not any(looked)


def test_what_is_broken_is_told() -> None:
    reader = Runs(0)
    read(reader, b"".join(message(n) for n in range(200)))
    got, counted = read(reader, b"".join(message(n) for n in range(200)) + b"\xc1")
    assert (len(got), counted, reader.broken) == (200, 199, "not MessagePack")


def test_a_message_that_is_too_large_breaks_the_stream() -> None:
    reader = Runs(10_000)
    read(reader, b"".join(message(n) for n in range(200)))
    read(reader, message(1, "x" * 90_000)[:40_000])
    read(reader, b"x" * 40_000)
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
