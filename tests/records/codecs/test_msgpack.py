import struct
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from pyrolens.records.codecs import (
    forward_message,
    pack,
    pack_entries,
    pack_entries_integer_time,
    pack_entries_without_metadata,
)
from pyrolens.records.event import Event, Stamp

T = 1718000000_123456789


def read_all(data: bytes) -> list[Any]:
    unpacker = msgpack.Unpacker(unicode_errors="surrogateescape", strict_map_key=False)
    unpacker.feed(data)
    return list(unpacker)


def stamp(ns: int) -> msgpack.ExtType:
    return msgpack.ExtType(0, struct.pack(">II", ns // 10**9, ns % 10**9))


def test_entries() -> None:
    events: list[Event] = [(T, {"a": 1}), (T + 1, {"b": [None, 1.5, b"x"]})]
    assert read_all(pack_entries(events)) == [[[stamp(ns), {}], r] for ns, r in events]
    assert read_all(pack_entries_without_metadata(events)) == [[stamp(ns), r] for ns, r in events]
    assert read_all(pack_entries_integer_time(events)) == [[1718000000, r] for _, r in events]


def test_metadata_and_odd_values_take_the_slow_way() -> None:
    events: list[Event] = [(Stamp(T, {"m": 1}), {"a": 1}), (T, {"s": "\udcff", "big": 2**70, "e": Ext(5, b"x")})]
    assert read_all(pack_entries(events)) == [
        [[stamp(T), {"m": 1}], {"a": 1}],
        [[stamp(T), {}], {"s": "\udcff", "big": float(2**70), "e": msgpack.ExtType(5, b"x")}],
    ]


def test_a_time_outside_of_32_bits_does_not_fail() -> None:
    assert len(read_all(pack_entries([(-1, {}), (2**62, {})]))) == 2


@given(st.binary(max_size=20))
def test_text_keeps_its_bytes(data: bytes) -> None:
    text = data.decode(errors="surrogateescape")
    assert msgpack.unpackb(pack({"k": text}), raw=True) == {b"k": data}


def test_messages() -> None:
    entries = pack_entries([(T, {"a": 1})] * 20)
    tag, listed = read_all(forward_message("t\udcff", entries, 20, None))[0]
    assert (tag, len(listed)) == ("t\udcff", 20)
    assert read_all(forward_message("t", b"zip", 20, {"size": 20}, packed=True)) == [["t", b"zip", {"size": 20}]]
    many = b"\xc0" * 70_000
    assert read_all(forward_message("t", many, 70_000, {})) == [["t", [None] * 70_000, {}]]
    assert read_all(forward_message("t", b"\xc0" * 3, 3, {})) == [["t", [None] * 3, {}]]
