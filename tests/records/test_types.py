import math

import pytest

from pyrolens.records.types import read_types, to_bool, to_float, to_hex, to_integer


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("12abc", 12), ("abc", 0), ("", 0), (" \t-5", -5), ("+3", 3), ("0x1F", 0), ("1_000", 1), ("١", 0),
     ("99999999999999999999", 2**63 - 1), ("-99999999999999999999", -(2**63)), ("9" * 5000, 2**63 - 1)],
)  # fmt: skip
def test_integers(text: str, value: int) -> None:
    assert to_integer(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("1f", 31), ("0x1F", 31), ("0X1f", 31), ("0x", 0), ("0xg", 0), ("-1", 2**64 - 1), (" 10", 16), ("zz", 0),
     ("f" * 20, 2**64 - 1), ("-" + "f" * 20, 2**64 - 1)],
)  # fmt: skip
def test_hex(text: str, value: int) -> None:
    assert to_hex(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", 1.5), ("1.5x", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1e", 1.0), ("-2", -2.0), ("x", 0.0),
     ("", 0.0), ("0x1.8p3", 12.0), ("0x10", 16.0), ("  +0x2", 2.0), ("inf", math.inf), ("-Infinity", -math.inf),
     ("1e999", math.inf), ("0x1p99999", math.inf)],
)  # fmt: skip
def test_floats(text: str, value: float) -> None:
    assert to_float(text) == value


def test_not_a_number() -> None:
    assert math.isnan(to_float("nan(1)"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("TRUEly", True), ("False", False), ("falsehood", False), ("tru", "tru"), ("1", "1"), ("", "")],
)
def test_booleans(text: str, value: bool | str) -> None:
    assert to_bool(text) is value or to_bool(text) == value == text


def test_types_by_key() -> None:
    types = read_types("code:integer  ms:FLOAT bare code:bool id:int a:b:hex")
    assert types == {"code": to_integer, "ms": to_float, "id": str, "a": str}
    # commas do not separate: what stands behind the first colon is a type of no known name
    assert read_types("code:integer,ms:float") == {"code": str}
