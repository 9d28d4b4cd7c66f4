"""Cutting and decoding streams of MessagePack."""

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.records import frames
from pyrolens.records.event import SECOND, Stamp, metadata_of
from pyrolens.records.frames import CANNOT, Ext, Frames, Whole, cut, decode_any, key_text, read_entry, time_ns

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(values, max_size=8), st.data())
def test_messages_come_out_whole_however_they_are_cut(messages: list[Any], data: st.DataObject) -> None:
    packed = [msgpack.packb(m) for m in messages]
    stream = b"".join(packed)
    reader, got, at = Frames(0), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, 40))
        got += list(reader.take(stream[at : at + step]).each())
        at += step
    assert got == packed
    assert (reader.waiting, reader.broken) == (0, "")


def test_the_start_of_a_message_waits() -> None:
    reader = Frames(0)
    message = msgpack.packb(["t", 1, {"a": "b" * 100}])
    assert reader.take(message + message[:50]) == Whole(message, [len(message)])
    assert reader.waiting == 50
    assert reader.take(message[50:]) == Whole(message, [len(message)])


def test_a_break_is_told_with_the_messages_before_it() -> None:
    reader = Frames(0)
    good = msgpack.packb(["t", 1])
    assert list(reader.take(good + good + b"\xc1\x01\x02").each()) == [good, good]
    assert reader.broken == "not MessagePack"


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (b"\xdf\x05\xf5\xe1\x00", "a message is larger than 1000 bytes"),  # a map of 100 million
        (b"\xdd\xff\xff\xff\xff", "a message is larger than 1000 bytes"),
        (b"\xc6\xff\xff\xff\xff", "a message is larger than 1000 bytes"),
        (b"\x91" * 2000, "a message is nested too deeply"),
    ],
)
def test_what_never_ends_breaks_the_stream(start: bytes, why: str) -> None:
    reader = Frames(1000)
    assert reader.take(start) == Whole(b"", [])
    reader.take(b"\x01" * 1000)
    assert reader.broken == why


def test_cut_a_payload() -> None:
    one, two = msgpack.packb([1, {}]), msgpack.packb([2, {}])
    assert cut(one + two) == (Whole(one + two, [3, 6]), "")
    assert cut(b"") == (Whole(b"", []), "")
    assert cut(one + two[:2]) == (Whole(one, [3]), "cut off")
    assert cut(one + b"\xc1") == (Whole(one, [3]), "not MessagePack")


EVENT_TIME = msgpack.ExtType(0, (7).to_bytes(4, "big") + (5).to_bytes(4, "big"))


def whole(*messages: Any) -> Whole:
    packed = [msgpack.packb(m) for m in messages]
    return cut(b"".join(packed))[0]


def test_usual_messages_are_decoded_at_once() -> None:
    messages = frames.decode_messages(
        whole(["t", EVENT_TIME, {"a": 1}, {}], ["t", 3, {"b": 2}], ["t", 4, {"c": 3}, None, "more"])
    )
    assert [m.tag for m in messages] == ["t", "t", "t"]
    assert frames.events_of(messages) == [(7 * SECOND + 5, {"a": 1}), (3 * SECOND, {"b": 2}), (4 * SECOND, {"c": 3})]


def test_times_of_one_kind_are_read_together() -> None:
    messages = frames.decode_messages(whole(*[["t", EVENT_TIME, {"n": n}] for n in range(3)]))
    assert frames.events_of(messages) == [(7 * SECOND + 5, {"n": n}) for n in range(3)]


@pytest.mark.parametrize(
    "odd",
    [
        ["t", EVENT_TIME, {1: 2}],
        ["t", EVENT_TIME, {}, {"chunk": "x"}],
        ["t", 1.5, {}],
        [b"t", 1, {}],
        ["t", 1, []],
        ["t", [[1, {}]]],
        ["t", msgpack.ExtType(0, b"123"), {}],
        ["t", -1, {}],
        ["t", True, {}],
        {"t": 1},
    ],
)
def test_odd_messages_are_left_to_the_careful_way(odd: Any) -> None:
    with pytest.raises(CANNOT):
        frames.events_of(frames.decode_messages(whole(["t", EVENT_TIME, {}], odd)))


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        (0, 0),
        (5, 5 * SECOND),
        (1.25, 1_250_000_000),
        (Ext(0, b"\0\0\0\x01\0\0\0\x02"), SECOND + 2),
        (Ext(0, b"\xff\xff\xff\xfd\x3b\x9a\xc9\xff"), 0xFFFFFFFD * SECOND + SECOND - 1),
        (Ext(-1, msgpack.Timestamp(9, 8).to_bytes()), 9 * SECOND + 8),
        (Ext(-1, msgpack.Timestamp(9, 0).to_bytes()), 9 * SECOND),
    ],
)
def test_times(value: Any, ns: int) -> None:
    assert time_ns(value) == ns


@pytest.mark.parametrize(
    "value",
    [-1, True, None, "1", -0.5, float("nan"), float("inf"), Ext(0, b"123"), Ext(1, b"12345678"), Ext(-1, b"1"), []],
)
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        time_ns(value)


def test_any_value_is_decoded() -> None:
    raw = b"\x86\xa1a\xa2\xff\x41\x07\x01\xc4\x01\xfe\xc0\xc0\xc3\xa1e\xd4\x05\x99\xa1t\xd6\xff\0\0\0\x01"
    got = decode_any(raw)
    extras = {k: (v.code, bytes(v.data)) for k, v in got.items() if isinstance(v, Ext)}
    assert {k: v for k, v in got.items() if k not in extras} == {"a": "\udcffA", "7": 1, "\udcfe": None, "null": True}
    assert extras == {"e": (5, b"\x99"), "t": (-1, b"\0\0\0\x01")}


def test_keys_as_text() -> None:
    assert [key_text(k) for k in (1, None, True, 2.5, b"x", (1, 2))] == ["1", "null", "true", "2.5", "x", "(1, 2)"]


@pytest.mark.parametrize(
    "raw", [b"\x91" * 600 + b"\x01", b"\x91" * 3000 + b"\x01", b"\xc1", b"\x92\x01", b"", b"\x01\x01"]
)
def test_what_cannot_be_decoded(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it "):
        decode_any(raw)


def test_entries() -> None:
    assert read_entry([1, {"a": 1}]) == (SECOND, {"a": 1})
    assert type(read_entry([[1, {}], {"a": 1}])[0]) is int
    ns, record = read_entry([[1, {"m": 2}], {"a": 1}])
    assert (ns, record, type(ns), metadata_of(ns)) == (SECOND, {"a": 1}, Stamp, {"m": 2})


@pytest.mark.parametrize(
    "entry", [1, [], [1], [1, {}, 2], [1, "x"], ["x", {}], [[1], {}], [[1, 2], {}], [[[1, {}], {}], {}]]
)
def test_what_is_no_entry(entry: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_entry(entry)


def test_times_of_several_seconds_and_odd_nanoseconds() -> None:
    times = [(7, 5), (8, 0), (0, 999_999_999), (2**32 - 1, 2**32 - 1), (7, 5)]
    packed = [msgpack.ExtType(0, s.to_bytes(4, "big") + n.to_bytes(4, "big")) for s, n in times]
    messages = frames.decode_messages(whole(*[["t", time, {}] for time in packed]))
    assert [ns for ns, _ in frames.events_of(messages)] == [s * SECOND + n for s, n in times]
    assert frames.events_of([]) == []
