from typing import Any

import pytest
from msgspec.msgpack import Ext

from pyrolens.records.codecs import stdout_text, text_of
from pyrolens.records.event import Stamp


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, "{}"),
        ({"a": 1, "b": [True, None, "x"]}, '{"a"=>1, "b"=>[true, nil, "x"]}'),
        (1.5, "1.500000"),
        (1e20, "100000000000000000000.000000"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ('quote" and\nline', '"quote" and\nline"'),
        (b'a"\x00\xff', '"a\\"\\x00\\xff"'),
        (Ext(-1, b"\x01z"), '(ext: -1)"\\x01z"'),
        ({1: (2,)}, "{1=>[2]}"),
    ],
)
def test_values(value: Any, expected: str) -> None:
    assert text_of(value) == expected


def test_an_event() -> None:
    assert stdout_text(1718000000_000000001, {"a": 1}) == '[[1718000000.000000001, {}], {"a"=>1}]'
    assert stdout_text(Stamp(5, {"m": "x"}), {}) == '[[0.000000005, {"m"=>"x"}], {}]'
