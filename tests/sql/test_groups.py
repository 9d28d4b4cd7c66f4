import math
from typing import Any

import pytest

from pyrolens.records.event import SECOND
from pyrolens.sql.groups import Groups, Query
from pyrolens.sql.syntax import read_task


def made(columns: str, *records: dict[str, Any], group: str = "", from_text: bool = True) -> list[dict[str, Any]]:
    by = f" GROUP BY {group}" if group else ""
    statement = read_task(f"SELECT {columns} FROM TAG:'x'{by};")
    query = Query(statement.columns, statement.group, from_text)
    groups = Groups(query)
    groups.add([(1_700_000_000 * SECOND + n * SECOND, record) for n, record in enumerate(records)])
    return [record for _, record in query.results(groups, "the.tag", 7)]


def values(*found: Any) -> list[dict[str, Any]]:
    return [{"v": value} for value in found]


@pytest.mark.parametrize(
    ("function", "given", "result"),
    [
        ("COUNT(*)", [1, None, "x"], 3),
        ("COUNT(v)", [1, None, "x"], 3),
        ("SUM(v)", [1, 2, 3], 6),
        ("SUM(v)", [1, 0.5], 1.5),
        ("SUM(v)", [1, 0.0], 1),
        ("SUM(v)", ["12", "12.5x", "abc", "", True, None, [1], {}], 24.5),
        ("SUM(v)", ["12345678901234567890"], 0),
        ("SUM(v)", [2**63, 2**63], 2.0**64),
        ("AVG(v)", [1, 2, None, 6], 2.25),
        ("AVG(v)", [None], 0.0),
        ("MIN(v)", [3, 1, 2], 1),
        ("MIN(v)", [3, 1.5], 1.5),
        ("MIN(v)", [1, 2.5], 1.0),
        ("MAX(v)", [-3, -1], -1),
        ("MAX(v)", [2.5, 3], 3.0),
        ("MAX(v)", ["x"], 0),
    ],
)
def test_functions(function: str, given: list[Any], result: float) -> None:
    [record] = made(f"{function} AS r", *values(*given))
    assert (record, type(record["r"])) == ({"r": result}, type(result))


def test_text_is_no_number_where_it_is_switched_off() -> None:
    assert made("SUM(v), COUNT(*)", *values("5", 7), from_text=False) == [{"SUM(v)": 7, "COUNT(*)": 2}]
    assert made("v, COUNT(*)", *values("5", 5), group="v", from_text=False) == [
        {"v": "5", "COUNT(*)": 1},
        {"v": 5, "COUNT(*)": 1},
    ]


@pytest.mark.parametrize(
    ("given", "groups"),
    [
        (["a", "b", "a"], {"a": 2, "b": 1}),
        ([200, "200", 200.0], {200.0: 3}),
        (["12abc", "12xyz", "2e3", "1.2.3"], {"12abc": 1, "12xyz": 1, "2e3": 1, "1.2.3": 1}),
        (["1.50", 1.5], {1.5: 2}),
        ([True, False, 1], {1: 2, 0: 1}),
        ([None, {"a": 1}, [1], math.nan], {None: 4}),
    ],
)
def test_groups(given: list[Any], groups: dict[Any, int]) -> None:
    found = {record["v"]: record["n"] for record in made("v, COUNT(*) AS n", *values(*given), group="v")}
    assert found == groups
    assert [type(value) for value in found] == [type(value) for value in groups]


def test_groups_of_several_fields() -> None:
    records = [{"a": {"b": 1}, "c": "x"}, {"a": {"b": 2}, "c": "x"}, {"a": {}, "c": "x"}, {"a": {"b": 1}, "c": "x"}]
    assert made("COUNT(*), c AS d, a['b']", *records, group="a['b'], c") == [
        {"COUNT(*)": 2, "d": "x", "a['b']": 1},
        {"COUNT(*)": 1, "d": "x", "a['b']": 2},
    ]
    assert made("COUNT(*)", *records, group="c") == [{"COUNT(*)": 4}]


def test_values_beside_functions() -> None:
    assert made("RECORD_TAG(), RECORD_TIME() AS t, COUNT(*)", {}) == [
        {"RECORD_TAG()": "the.tag", "t": 7e-09, "COUNT(*)": 1}
    ]


def test_nothing_makes_nothing() -> None:
    assert made("COUNT(*)") == []
    assert made("COUNT(*)", {"a": 1}, group="b") == []


def test_a_forecast_follows_the_line() -> None:
    assert made("TIMESERIES_FORECAST(v, 10) AS f", *values(1, 2, 3)) == [{"f": 13.0}]
    [one] = made("TIMESERIES_FORECAST(v, 10) AS f", *values(1))
    assert math.isnan(one["f"])
    assert made("TIMESERIES_FORECAST(v, 10) AS f", {"x": 1}) == [{"f": None}]


def test_what_was_seen_in_two_parts_is_what_was_seen_at_once() -> None:
    columns = "g, COUNT(*), SUM(v), AVG(v), MIN(v), MAX(v), TIMESERIES_FORECAST(v, 5)"
    statement = read_task(f"SELECT {columns} FROM TAG:'x' GROUP BY g;")
    events = [(n * SECOND, {"g": n % 2, "v": n * n - 7 * n}) for n in range(1, 20)]
    query = Query(statement.columns, statement.group, True)
    whole, first, second = Groups(query), Groups(query), Groups(query)
    whole.add(events)
    first.add(events[:9])
    second.add(events[9:])
    first.join(second)
    assert query.results(first, "t", 1) == query.results(whole, "t", 1)
