import json
import math
import re
from decimal import Decimal
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from pyrolens.records.codecs import Json, json_text, json_value
from pyrolens.records.codecs.dates import doubles
from pyrolens.records.codecs.json import LONG_NUMBER, double_text
from pyrolens.records.event import Event, Stamp

T = 1718000000_000000000
EVENTS: list[Event] = [(T + 123456789, {"log": "a", "n": 1}), (T, {"log": "b"})]


def test_the_three_forms() -> None:
    writer = Json()
    first, second = b'{"date":1718000000.123457,"log":"a","n":1}', b'{"date":1718000000.0,"log":"b"}'
    assert writer.lines(EVENTS) == first + b"\n" + second + b"\n"
    assert writer.array(EVENTS) == b"[" + first + b"," + second + b"]"
    assert writer.stream(EVENTS) == first + second
    assert writer.each(EVENTS) == [first, second]
    assert writer.one(*EVENTS[1]) == second


def test_nothing_is_nothing() -> None:
    assert (Json().lines([]), Json().array([]), Json().stream([]), Json().each([])) == (b"", b"[]", b"", [])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("double", b"1718000000.123457"),
        ("iso8601", b'"2024-06-10T06:13:20.123456Z"'),
        ("epoch", b"1718000000"),
        ("epoch_ms", b"1718000000123"),
        ("java_sql_timestamp", b'"2024-06-10 06:13:20.123456"'),
    ],
)
def test_date_formats(form: str, expected: bytes) -> None:
    assert Json("ts", form).one(T + 123456789, {}) == b'{"ts":' + expected + b"}"


def test_dates_of_several_seconds() -> None:
    lines = Json("t", "iso8601").lines([(T - 1, {}), (T, {}), (T + 1_000_001_000, {})])
    assert lines.split() == [
        b'{"t":"2024-06-10T06:13:19.999999Z"}',
        b'{"t":"2024-06-10T06:13:20.000000Z"}',
        b'{"t":"2024-06-10T06:13:21.000001Z"}',
    ]


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (T + 999999999, "1718000001.0"),
        (T + 100000000, "1718000000.1"),
        (T + 999999, "1718000000.001"),
        (123456789, "0.123456789"),
        (0, "0.0"),
        (3_000_000_000_123456789, "3000000000.123457"),
    ],
)
def test_a_double_has_sixteen_digits(ns: int, expected: str) -> None:
    assert Json().one(ns, {}).decode() == f'{{"date":{expected}}}'


@given(st.lists(st.integers(min_value=0, max_value=4_000_000_000_000000000), min_size=1, max_size=4))
@example([9_373_350_586])
def test_the_fast_date_is_the_exact_one(times: list[int]) -> None:
    """16 digits of the double of seconds, as %.16g writes it."""
    near = [times[0] + 86_399 * 10**9, times[0] + 1, *times]
    seconds = [ns // 10**9 + ns % 10**9 / 1e9 for ns in near]
    assert doubles(near) == [float(f"{s:.16g}") for s in seconds]


def test_without_a_date() -> None:
    assert Json(None).lines(EVENTS) == b'{"log":"a","n":1}\n{"log":"b"}\n'


def test_a_field_named_as_the_date_replaces_it() -> None:
    assert Json().one(T, {"log": "x", "date": "mine"}) == b'{"log":"x","date":"mine"}'
    assert Json().one(Stamp(T, {}), {"log": "x", "date": "mine"}) == b'{"log":"x","date":"mine"}'


def test_what_a_group_has_in_common_stands_in_internal() -> None:
    group = {"resource": {"a": 1}, "scope": {}}
    assert Json(None).each([(Stamp(T, {"k": 1}, group), {"log": "x"}), (Stamp(T, {}, group), {})]) == [
        b'{"__internal__":{"group_attributes":{"resource":{"a":1},"scope":{}},"log_metadata":{"k":1}},"log":"x"}',
        b'{"__internal__":{"group_attributes":{"resource":{"a":1},"scope":{}}}}',
    ]


def test_metadata_stands_in_internal() -> None:
    events: list[Event] = [(Stamp(T, {"k": 1.0}), {"log": "x"}), (T, {"log": "y"}), (Stamp(T, {}), {})]
    assert Json().each(events) == [
        b'{"date":1718000000.0,"__internal__":{"log_metadata":{"k":1.0}},"log":"x"}',
        b'{"date":1718000000.0,"log":"y"}',
        b'{"date":1718000000.0}',
    ]
    assert Json(None).lines(events[:1]) == b'{"__internal__":{"log_metadata":{"k":1.0}},"log":"x"}\n'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (0.30000000000000004, "0.3"),
        (1e15, "1000000000000000.0"),
        (1e17, "100000000000000000.0"),
        (1e20, "1e+20"),
        (1e-5, "1e-05"),
        (5e-324, "4.940656458412465e-324"),
        (123456789.12345679, "123456789.1234568"),
        (float("nan"), "null"),
        (float("inf"), "null"),
        (float("-inf"), "null"),
    ],
)
def test_doubles(value: float, expected: str) -> None:
    assert double_text(value) == expected
    assert json_text({"f": value, "l": [value], "d": {"e": value}}) == (
        f'{{"f":{expected},"l":[{expected}],"d":{{"e":{expected}}}}}'
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("ff", ""),
        ("61ff62", "ab"),
        ("c3", ""),
        ("61c3", "a"),
        ("c361", "\ue0c3a"),
        ("e28261", "\ue0e2\ue082a"),
        ("f09f98", "\ue09f\ue098"),
        ("c080", "\0"),
        ("c1bf", "\x7f"),
        ("eda080", "\ue0ed\ue0a0\ue080"),
        ("f08080af", "/"),
        ("f48fbfbf", "\U0010ffff"),
        ("f4908080", "\ue0f4\ue090\ue080\ue080"),
        ("f5808080", "\ue0f5\ue080\ue080\ue080"),
        ("ff6161616161", "\ue0ffaaaaa"),
        ("80", "\ue080"),
        ("e282ace282", "€\ue082"),
        ("6162c3a9ffc3a9", "abéé"),
    ],
)
def test_wrong_utf8_is_repaired(data: str, expected: str) -> None:
    """Recorded from Fluent Bit 5.1.1."""
    raw = bytes.fromhex(data)
    text = raw.decode(errors="surrogateescape")
    assert json.loads(json_value({"s": text})) == {"s": expected}
    assert json.loads(Json(None).one(T, {"s": text, text: 1, "l": [text], "b": raw})) == {
        "s": expected,
        expected: 1,
        "l": [expected],
        "b": expected,
    }


def test_escapes() -> None:
    record = {"log": 'é😀\x7f\x01\u2028"'}
    assert Json(None).one(T, record) == rb'{"log":"\u00e9\ud83d\ude00\u007f\u0001\u2028\""}'
    assert Json(None, escape_unicode=False).one(T, record) == '{"log":"é😀\\u007f\\u0001\u2028\\""}'.encode()


def test_wrong_utf8_without_escaping() -> None:
    text = b"a\xe2\x82b\xffc\xc3\xa9".decode(errors="surrogateescape")
    assert Json(None, escape_unicode=False).lines([(T, {"s": text})]) == '{"s":"a\ufffd\ufffdb\ufffdcé"}\n'.encode()


def test_what_json_does_not_know() -> None:
    record: dict[Any, Any] = {
        1: "int",
        1.5: 1.0,
        None: 2,
        b"raw\xff": b"\x00\xc3\xa9",
        (1, "a"): 3,
        "ext": Ext(7, b"\x01\xff"),
        "big": 2**70,
        "tuple": (1, 2.5),
    }
    assert json.loads(Json(None).one(T, record)) == {
        "1": "int",
        "1.5": 1.0,
        "null": 2,
        "raw": "\x00é",
        '[1,"a"]': 3,
        "ext": "\\x01\\xff",
        "big": 2**70,
        "tuple": [1, 2.5],
    }


def test_a_lone_surrogate_that_stands_for_no_byte() -> None:
    assert json.loads(Json(None).one(T, {"s": "a\ud800"})) == {"s": "a\ue0ed\ue0a0\ue080"}


def test_depth_has_an_end() -> None:
    deep: Any = 1
    for _ in range(3000):
        deep = [deep]
    line = Json(None).one(T, {"d": deep})
    assert line.startswith(b'{"d":[[[')
    assert b"null" in line
    thirty: Any = 1
    for _ in range(30):
        thirty = {"a": [thirty]}
    assert json.loads(json_value({"d": thirty})) == {"d": thirty}


def test_records_are_not_edited() -> None:
    record = {"f": 0.30000000000000004, "l": [0.1, {"b": b"x"}], "s": "\udcff"}
    before = {"f": 0.30000000000000004, "l": [0.1, {"b": b"x"}], "s": "\udcff"}
    Json().lines([(T, record)])
    assert record == before


def rounded(value: Any) -> Any:
    """The value as JSON may have it."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if value.is_integer() and abs(value) < 2**63 else float(f"{value:.16g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return value


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


LONG = st.floats(0, 1e6) | st.text("0123456789.", min_size=16, max_size=22)
ODD = st.binary(max_size=4) | st.just(2**70) | st.just("\udcff") | st.just(Ext(1, b"x"))
RECORDS = st.dictionaries(st.sampled_from(["date", "log", "é", "n"]), VALUES | LONG | ODD, max_size=4)
TIMES = st.integers(0, 86_400 * 10**9).map(lambda ns: T + ns)


@given(st.lists(st.tuples(TIMES | TIMES.map(lambda ns: Stamp(ns, {"k": 0.5})), RECORDS), min_size=1), st.booleans())
def test_a_batch_is_written_as_its_records_one_by_one(events: list[Event], escape: bool) -> None:
    for writer in (Json(escape_unicode=escape), Json(None, escape_unicode=escape), Json("n", "iso8601")):
        each = [writer.one(*event) for event in events]
        assert writer.each(events) == each
        assert writer.lines(events) == b"".join(line + b"\n" for line in each)
        assert writer.array(events) == b"[" + b",".join(each) + b"]"
        assert writer.stream(events) == b"".join(each)


@given(st.dictionaries(st.text(max_size=8), VALUES | LONG | ODD, max_size=4))
def test_the_fast_way_means_the_same_as_the_exact_one(record: dict[str, Any]) -> None:
    """json_value writes every double in the digits of Fluent Bit, Json only those for which it makes a difference."""
    assert same(json.loads(Json(None).one(T, record)), json.loads(json_value(record)))


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


def test_keys_of_the_date_that_need_escapes() -> None:
    assert json.loads(Json('a\0,"é\udcff').one(T, {"x": 1})) == {'a\0,"é': T / 1e9, "x": 1}


@given(st.text("0123456789.,e-", max_size=60))
def test_long_numbers_are_found(text: str) -> None:
    beside = [
        len(re.search("[0-9]*$", text[:at])[0]) + len(re.match("[0-9]*", text[at + 1 :])[0])  # type: ignore[index]
        for at in range(len(text))
        if text[at] == "."
    ]
    assert bool(LONG_NUMBER(text.encode())) == (max(beside, default=0) >= 17)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_that_takes_seventeen_digits_is_found(value: float) -> None:
    if len(Decimal(repr(value)).as_tuple().digits) > 16:
        assert LONG_NUMBER(msgspec.json.encode(value))
        assert LONG_NUMBER(orjson.dumps(value))


@given(st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=4), max_size=5), st.booleans())
def test_every_record_is_read_back(records: list[dict[str, Any]], escape: bool) -> None:
    writer = Json("date", escape_unicode=escape)
    lines = writer.lines([(T, r) for r in records])
    assert lines.isascii() or not escape or re.search("[\ue000-\ue0ff]", lines.decode())
    expected = [{"date": T / 1e9, **rounded(r)} for r in records]
    assert [json.loads(line) for line in lines.split(b"\n")[:-1]] == expected
    assert json.loads(writer.array([(T, r) for r in records])) == expected
