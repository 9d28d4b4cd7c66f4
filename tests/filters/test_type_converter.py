from typing import Any

import pytest

from pyrolens.api import OptionError
from pyrolens.filters.type_converter import Conversion, TypeConverter
from tests.filters.trial import misfits, records, shown
from tests.lent import Lent

NOTHING = object()


def converter(option: str, *lines: str) -> TypeConverter:
    options: dict[str, Any] = {option: [Conversion.read(line) for line in lines]}
    return TypeConverter(**options)


TEXTS = ["0", "12", "-7", "+3", "  9x", "0x1F", "1f", "abc", "", "99999999999999999999", "true1", "FALSEx", "1.5e1x"]


@pytest.mark.parametrize(
    ("option", "kind", "values", "expected"),
    [
        (
            "str_key",
            "int",
            TEXTS,
            [NOTHING, 12, -7, 3, 9, NOTHING, 1, NOTHING, NOTHING, 2**63 - 1, NOTHING, NOTHING, 1],
        ),
        (
            "str_key",
            "uint",
            TEXTS,
            [NOTHING, 12, 2**64 - 7, 3, 9, NOTHING, 1, NOTHING, NOTHING, 2**64 - 1, NOTHING, NOTHING, 1],
        ),
        (
            "str_key",
            "hex",
            TEXTS,
            [NOTHING, 18, 2**64 - 7, 3, 9, 31, 31, 2748, NOTHING, 2**64 - 1, NOTHING, 0xFA, 1],
        ),
        ("str_key", "float", TEXTS, [0.0, 12.0, -7.0, 3.0, 9.0, 31.0, 1.0, 0.0, 0.0, 1e20, 0.0, 0.0, 15.0]),
        ("str_key", "bool", ["true1", "FALSEx", "tru", 1], [True, False, NOTHING, NOTHING]),
        ("str_key", "string", ["a"], [NOTHING]),
        ("int_key", "string", [5, -5, 2**63, True, "5", 1.0], ["5", "-5", str(-(2**63)), NOTHING, NOTHING, NOTHING]),
        ("int_key", "float", [5, -5], [5.0, -5.0]),
        ("int_key", "uint", [5, -5], [5, 2**64 - 5]),
        ("int_key", "int", [5], [NOTHING]),
        ("uint_key", "str", [5, -5], ["5", str(2**64 - 5)]),
        ("uint_key", "int", [2**63], [-(2**63)]),
        ("float_key", "int", [1.9, -1.9, 1e18, 1e19, 5], [1, -1, 10**18, -(2**63), NOTHING]),
        ("float_key", "uint", [1.9, -1.5, 1e19], [1, 2**64 - 1, 10**19]),
        ("float_key", "string", [1.5, 3.0, 1e21, 1e-9, 0.1], ["1.5", "3.0", "1e+21", "1e-09", "0.1"]),
    ],
)
def test_conversions(option: str, kind: str, values: list[Any], expected: list[Any]) -> None:
    found = records(converter(option, f"v w {kind}"), [{"v": value} for value in values])
    wanted = [{"v": v} if e is NOTHING else {"v": v, "w": e} for v, e in zip(values, expected, strict=True)]
    assert [repr(record) for record in found] == [repr(record) for record in wanted]


def test_an_existing_target_and_a_path() -> None:
    given: dict[str, Any] = {"w": "old", "m": {"x": "5"}, "l": ["5"]}
    plugin = converter("str_key", "$m['x'] w int", "$l[0] z int")
    assert shown(records(plugin, [given])) == shown([{"w": 5, "m": {"x": "5"}, "l": ["5"]}])


def test_of_two_one_that_does_not_convert_copies() -> None:
    assert records(converter("str_key", "v w int", "u z int"), [{"v": "5", "u": "abc"}]) == [
        {"v": "5", "u": "abc", "w": 5, "z": "abc"}
    ]


def test_a_line_of_four_words_is_left_out_and_said() -> None:
    env = Lent()
    assert records(converter("str_key", "v w int x", "v z int"), [{"v": "5"}], env) == [{"v": "5", "z": 5}]
    assert "left out" in str(env.said.lines)


@pytest.mark.parametrize(
    ("plugin", "option", "message"),
    [
        (TypeConverter(), "str_key", "it needs at least one of Str_key, Int_key, Uint_key and Float_key"),
        (
            converter("str_key", "v w integer"),
            "str_key",
            "the type is 'integer': expected one of int, uint, float, hex, string, bool",
        ),
        (
            converter("int_key", "$v[ w float"),
            "int_key",
            "'$v[' is no accessor: expected $key, $key['sub'] or $key[0]",
        ),
    ],
)
def test_refused(plugin: TypeConverter, option: str, message: str) -> None:
    assert misfits(plugin) == [(option, message)]
    with pytest.raises(OptionError):
        plugin.compile(Lent())


def test_three_words() -> None:
    with pytest.raises(ValueError, match="expected three words"):
        Conversion.read("v w")
