from typing import Any

import pytest

from pyrolens.records.event import SECOND, Stamp
from pyrolens.sql.condition import picker
from pyrolens.sql.syntax import read_task
from pyrolens.sql.values import number_in, order

RECORDS: dict[str, dict[str, Any]] = {
    "int": {"v": 9},
    "float": {"v": 9.0},
    "text": {"v": "9"},
    "ms": {"v": "9ms"},
    "word": {"v": "nine"},
    "empty": {"v": ""},
    "zero": {"v": 0},
    "less": {"v": -3},
    "true": {"v": True},
    "false": {"v": False},
    "null": {"v": None},
    "map": {"v": {"in": 9}},
    "list": {"v": [9]},
    "huge": {"v": 2**63 + 5},
    "none": {},
}


def found(where: str) -> str:
    pick = picker(read_task(f"SELECT * FROM TAG:'x' WHERE {where};").where)
    events = [(n, record) for n, record in enumerate(RECORDS.values())]
    names = list(RECORDS)
    return " ".join(names[n] for n, _ in pick(events))


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("v = 9", "int float text ms"),
        ("v = 9.0", "int float text ms"),
        ("v = '9'", "text"),
        ("v = ''", "empty"),
        ("v != 9", "word empty zero less true false null map list huge none"),
        ("v < 9", "zero less"),
        ("v >= 9", "int float text ms huge"),
        ("v > 9223372036854775807", "huge"),
        ("v > '9'", "ms word"),
        ("v < 'a'", "text ms"),
        ("v = true", "true map list"),
        ("v = false", "false"),
        ("v < true", ""),
        ("v", "int float text ms word empty true map list huge"),
        ("NOT v", "zero less false null none"),
        ("v IS NULL", "null"),
        ("v IS NOT NULL", "int float text ms word empty zero less true false map list huge none"),
        ("@record.contains(v)", " ".join(name for name in RECORDS if name != "none")),
        ("@record.contains(v) = false", ""),
        ("v['in'] = 9", "int float text ms map"),
        ("v['out'] IS NULL", "null"),
        ("v['in']['x'] = 9", "int float text ms"),
        ("v = 9 AND v != '9'", "int float ms"),
        ("v = 0 OR v = 'nine'", "word zero"),
        ("true", " ".join(RECORDS)),
        ("0", ""),
        ("'x'", " ".join(RECORDS)),
    ],
)
def test_what_holds(where: str, names: str) -> None:
    assert found(where) == names


def test_times() -> None:
    pick = picker(read_task("SELECT * FROM TAG:'x' WHERE @record.time() >= 1700000001.5;").where)
    early, late = (1_700_000_001 * SECOND, {"a": 1}), (Stamp(1_700_000_001 * SECOND + SECOND // 2, {"m": 1}), {"a": 2})
    assert pick([early, late]) == [late]


def test_without_a_condition_all_are_found() -> None:
    events: list[Any] = [(1, {})]
    assert picker(None)(events) is events


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        (" -12abc", -12),
        ("12.5x", 12.5),
        (".5", 0.5),
        ("1.5e2", 150.0),
        ("1e5", 1),
        ("1.2.3", None),
        ("abc", None),
        ("", None),
        ("9223372036854775808", None),
        ("1.0e999", None),
        ("x.y", None),
        ("9" * 5000, None),
    ],
)
def test_numbers_in_text(text: str, number: float | None) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize(
    ("left", "right", "sign"),
    [("a", "b", -1), ("b", "a", 1), ("a", "ab", 0), ("ab", "a", 1), ("", "a", 0), ("é", "z", 1), ("\udcff", "é", 1)],
)
def test_order_of_text(left: str, right: str, sign: int) -> None:
    assert order(left, right) == sign
