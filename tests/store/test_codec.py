"""What comes back is what was kept, with its types."""

import math
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from pyrolens.records.event import Event, Record, Stamp, metadata_of
from pyrolens.store.codec import FAST, PLAIN, pack, pack_batch, unpack, unpack_batch
from tests.contracts.odd import NOW, ODD

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.binary(max_size=8).map(
    lambda data: data.decode("utf-8", "surrogateescape")
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXT | st.binary(max_size=9)
)
EXTS = st.builds(Ext, st.integers(-128, 127), st.binary(max_size=9))


def nested(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


PLAIN_DATA = st.recursive(
    SCALARS | EXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXT | st.integers(0, 9), inner, max_size=3)
    ),
)
RECORDS = st.dictionaries(TEXT, nested(SCALARS), max_size=4)


def same(a: Any, b: Any) -> bool:
    """Also of the same types; Exts have no order of their own."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, Ext):
        return bool(a.code == b.code and bytes(a.data) == bytes(b.data))
    if isinstance(a, Stamp):
        return int(a) == int(b) and same(a.metadata, b.metadata) and same(a.group, b.group)
    return bool(a == b) or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@given(PLAIN_DATA)
def test_plain_data_comes_back_with_its_types(value: Any) -> None:
    assert same(unpack(pack(value)), value)


@given(TEXT, st.lists(st.tuples(st.integers(0, 2**63), RECORDS)), st.booleans())
def test_a_batch_comes_back(tag: str, events: list[Event], stamped: bool) -> None:
    if stamped:
        events = [(Stamp(ns, {"m": [1]}, {"r": {}} if ns % 2 else None), record) for ns, record in events]
    assert same(unpack_batch(*pack_batch(tag, events)), (tag, events))


@pytest.mark.parametrize("odd", ODD)
def test_odd_records_come_back(odd: str) -> None:
    record = ODD[odd]
    tag, (event,) = unpack_batch(*pack_batch("web.app", [(NOW, record)]))
    expected: Record = record
    if odd == "keys_of_others":
        # no input makes such keys; if one did they would be text
        expected = {str(k): v for k, v in record.items()}
        event = event[0], {str(k): v for k, v in event[1].items()}
    assert tag == "web.app"
    assert len(event[1]) == len(expected)
    assert same(event[1], expected) or odd == "keys_of_others"


def test_usual_events_are_encoded_by_one_call_and_timestamps_stay_what_they_are() -> None:
    events: list[Event] = [(1, {"log": "x", "at": Ext(-1, b"\0\0\0\1"), "e": Ext(1, b"\xd6\xff")})]
    kind, body = pack_batch("t", events)
    assert kind == FAST
    assert same(unpack_batch(kind, body), ("t", events))


def test_metadata_stays_beside_its_record() -> None:
    kind, body = pack_batch("t", [(Stamp(5, {"a": 1}), {"log": "x"}), (6, {})])
    assert kind == PLAIN
    assert [(ns, metadata_of(ns), r) for ns, r in unpack_batch(kind, body)[1]] == [
        (5, {"a": 1}, {"log": "x"}),
        (6, {}, {}),
    ]


class Named(NamedTuple):
    text: str


@pytest.mark.parametrize("value", [Named("x"), {1, 2}, object(), [(Named("x"),)]])
def test_what_is_no_plain_data_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="is no plain data"):
        pack(value)


@given(st.binary(max_size=40))
def test_any_bytes_are_data_or_refused(data: bytes) -> None:
    for read in (unpack, lambda data: unpack_batch(PLAIN, data), lambda data: unpack_batch(FAST, data)):
        try:
            read(data)
        except ValueError:
            pass
