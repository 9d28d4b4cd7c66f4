import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.records.lenient_json import JsonParse, read_object, read_pairs


def typed(value: Any) -> Any:
    """So that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {k: typed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [typed(v) for v in value]
    return type(value), value


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ('{"a":0,"b":-0,"c":-1}', {"a": 0, "b": 0, "c": -1}),
        ('{"a":9223372036854775807,"b":-9223372036854775808}', {"a": 2**63 - 1, "b": -(2**63)}),
        ('{"a":9223372036854775808,"b":18446744073709551615}', {"a": 2**63, "b": 2**64 - 1}),
        ('{"a":18446744073709551616}', {"a": 1.8446744073709552e19}),
        ('{"a":[{"b":-9223372036854775809}]}', {"a": [{"b": -9.223372036854776e18}]}),
        ('{"a":1.0,"b":1e3,"c":5e-324,"d":1e-400}', {"a": 1.0, "b": 1000.0, "c": 5e-324, "d": 0.0}),
        ('{"a":"x\ny\x01\x00"}', {"a": "x\ny\x01\x00"}),
        (r'{"a":"\ud83d"}', {"a": "\ufffd"}),
        (r'{"a":"\ude00 x"}', {"a": "\ufffd x"}),
        (r'{"a":"\ud83d\u0041"}', {"a": "\ufffd"}),
        (r'{"a":"\ud83d\u12x"}', {"a": "\ufffdx"}),
        (r'{"a":"\ud83d\ude00\u00e9\u0000"}', {"a": "😀é\0"}),
        (r'{"a":"\u12x"}', {"a": r"\u12"}),
        (r'{"a":"\u12"}', {"a": r"\u12"}),
        ('{"a":"\\ué"}', {"a": "\\u\udca9"}),
        ('{"a":"\udcff"}', {"a": "\udcff"}),
        ('{"a":1} tail', {"a": 1}),
        ('{"a":1}}', {"a": 1}),
        ('{"a":1} {', {"a": 1}),
        ('{"a":1}\x00', {"a": 1}),
        ('{"a":1} 01', {"a": 1}),
        ('{"a":1} 1e400', {"a": 1}),
        ('{"a":1} -', {"a": 1}),
        (' \n\t{ "a" : [ ] , "b" : { } }\r\n', {"a": [], "b": {}}),
        ('{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
        ("{}", {}),
        ('{"":1}', {"": 1}),
        ("{" + '"a":{' * 40 + "}" * 41, None),
    ],
)
def test_reads(text: str, record: dict[str, Any] | None) -> None:
    if record is None:
        found = read_object(text)
        for _ in range(40):
            assert found is not None
            found = found["a"]
        assert found == {}
    else:
        assert typed(read_object(text)) == typed(record)


@pytest.mark.parametrize(
    "text",
    ["", " ", "text", "{'a':1}", "{a:1}", '{"a":1,}', '{"a":1', '{"a"}', '{"a":1]', '{"a":tru}', "}", '{"a":"x}',
     '{"a":True}', "null", "[1]", '[{"a":1}]', '"a"', "5", '{"a":1e400}', '{"a":-1e400}', '{"a":01}', '{"a":1.}',
     '{"a":.5}', '{"a":+1}', '{"a":NaN}', '{"a":Infinity}', r'{"a":"\q"}', '{"a":"\\', '\ufeff{"a":1}', 'x {"a":1}',
     '{"a":1}{"b":2}', '{"a":1} 5', '{"a":1} []', '{"a":1}"x"', '{"a":1} null', '{"a":1} 1.5.3', '{"a":1} 2026-05',
     '{"a":1}{"b":2}x', "{,}", '{"a" 1}', '{"a":1 "b":2}', "{" * 100000, '{"a":[1,]}'],
)  # fmt: skip
def test_refuses(text: str) -> None:
    assert read_object(text) is None
    assert read_pairs(text) is None


def test_pairs_keep_what_is_there_twice() -> None:
    assert read_pairs('{"a":1,"b":{"c":1,"c":2},"a":3}') == [("a", 1), ("b", {"c": 2}), ("a", 3)]


NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.booleans())
def test_both_ways_read_the_same(record: dict[str, Any], ascii_only: bool) -> None:
    try:
        text = json.dumps(record, ensure_ascii=ascii_only)
    except UnicodeEncodeError:
        return
    pairs = read_pairs(text)
    assert pairs is not None
    assert typed(dict(pairs)) == typed(read_object(text)) == typed(record)


def test_plain_json_after_a_refusal() -> None:
    plain = JsonParse()
    assert plain('{"a":1}') == ({"a": 1}, None)
    assert plain("text") is None
    assert plain.after_refusal('{"a":1} tail') == ({"a": 1}, None)
    assert plain.after_refusal("text") is None


def test_what_is_asked_about_records_that_hold_the_key() -> None:
    parse = JsonParse("ts", lambda text, record: ({**record, "text": text}, 5))
    assert parse('{"a":1}') == ({"a": 1}, None)
    assert parse('{"ts":1}') == ({"ts": 1, "text": '{"ts":1}'}, 5)
    assert parse.after_refusal('{"ts":1} tail') == ({"ts": 1, "text": '{"ts":1} tail'}, 5)
    assert parse("text") is None
