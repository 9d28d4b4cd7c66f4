"""Expected and observed: what counts as the same, and which records belong together."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.problems import Place
from pyrolens.records.regex import compile_pattern
from pyrolens.rehearsal.journey import Arrival
from pyrolens.testing.compare import FieldDiff, assigned, compare, differences, longest
from pyrolens.testing.suite import Expected

HERE = Place("x.pyrolens.yaml", 1)


def expected(**said: Any) -> Expected:
    return Expected(HERE, **said)


def arrival(**record: Any) -> Arrival:
    return Arrival("out", "app.web", (1_000_000_000, record))


@pytest.mark.parametrize(
    ("said", "record", "found"),
    [
        ({"contains": {"a": 1}}, {"a": 1, "b": 2}, []),
        ({"contains": {"a": 1}}, {"a": 2}, [("a", "1", "2")]),
        ({"contains": {"a": 1}}, {}, [("a", "1", "no such field")]),
        ({"contains": {"a": 1}}, {"a": 1.0}, [("a", "1", "1.0")]),
        ({"contains": {"a": 1}}, {"a": True}, [("a", "1", "true")]),
        ({"contains": {"a": "1"}}, {"a": 1}, [("a", '"1"', "1")]),
        ({"contains": {"a": "é"}}, {"a": "é".encode()}, []),
        ({"contains": {"a": {"b": 1}}}, {"a": {"b": 1, "c": 2}}, []),
        ({"contains": {"a": {"b": 1}}}, {"a": {"b": 2}}, [("a.b", "1", "2")]),
        ({"contains": {"a": [1, {"b": 2}]}}, {"a": [1, {"b": 2}]}, []),
        ({"contains": {"a": [1]}}, {"a": [1, 2]}, [("a", "[1]", "[1, 2]")]),
        ({"contains": {"a": None}}, {"a": None}, []),
        ({"contains": {"a": None}}, {}, [("a", "null", "no such field")]),
        ({"exact": {"a": 1}}, {"a": 1}, []),
        ({"exact": {"a": 1}}, {"a": 1, "b": 2}, [("b", "no such field", "2")]),
        ({"exact": {"a": {"b": 1}}}, {"a": {"b": 1, "c": 1}}, [("a", '{"b": 1}', '{"b": 1, "c": 1}')]),
        ({"exact": {"a": 1}, "matches": {"b": compile_pattern("^x")}}, {"a": 1, "b": "xy"}, []),
        ({"matches": {"a": compile_pattern("^x")}}, {"a": "yx"}, [("a", "what fits ^x", '"yx"')]),
        ({"matches": {"a": compile_pattern("^5..$")}}, {"a": 503}, []),
        ({"matches": {"a": compile_pattern(".")}}, {}, [("a", "what fits .", "no such field")]),
        ({"matches": {"a": {"b": compile_pattern("^x")}}}, {"a": {"b": "x"}}, []),
        ({"matches": {"a": {"b": compile_pattern("^x")}}}, {"a": 1}, [("a", "a map", "1")]),
        ({"absent": ("a",)}, {"b": 1}, []),
        ({"absent": ("a", "$b['c']", "$b['d']")}, {"a": 1, "b": {"c": 2}},
         [("a", "no such field", "1"), ("$b['c']", "no such field", "2")]),
        ({"tag": "app.*"}, {}, []),
        ({"tag": "web"}, {}, [("(tag)", "web", "app.web")]),
        ({"time": 2_000_000_000}, {}, [("(time)", "1970-01-01T00:00:02Z", "1970-01-01T00:00:01Z")]),
        ({"sent": "x"}, {"log": "y"}, [("(sent)", '"x"', '"y"')]),
    ],
)  # fmt: skip
def test_differences(said: dict[str, Any], record: dict[str, Any], found: list[tuple[str, str, str]]) -> None:
    made = differences(expected(**said), arrival(**record), lambda a: str(a.event[1].get("log")))
    assert list(made) == [FieldDiff(*one) for one in found]


def look(said: str, came: str, any_order: bool = False, others: bool = False) -> list[tuple[str | None, int | None]]:
    """Each letter is a record. Gives (the letter that was expected, the index of what came) of each difference."""
    wanted = [expected(contains={"log": letter}) for letter in said]
    observed = [arrival(log=letter) for letter in came]
    found = compare(wanted, observed, any_order=any_order, others=others)
    return [((d.expected.contains or {})["log"] if d.expected else None, d.observed) for d in found]


@pytest.mark.parametrize(
    ("said", "came", "any_order", "others", "found"),
    [
        ("", "", False, False, []),
        ("abc", "abc", False, False, []),
        ("abc", "ac", False, False, [("b", None)]),
        ("ac", "abc", False, False, [(None, 1)]),
        ("abc", "axc", False, False, [("b", 1)]),
        ("abc", "bca", False, False, [("a", 2)]),  # out of order
        ("abc", "cab", True, False, []),
        ("aab", "ab", True, False, [("a", None)]),
        ("ac", "xaycz", False, True, []),
        ("ca", "xaycz", False, True, [("c", 3)]),
        ("ac", "xaycz", True, True, []),
        ("ad", "abc", True, True, [("d", 1)]),
    ],
)
def test_which_records_belong_together(
    said: str, came: str, any_order: bool, others: bool, found: list[tuple[str | None, int | None]]
) -> None:
    assert look(said, came, any_order, others) == found


def test_a_record_out_of_order_says_so() -> None:
    wanted = [expected(contains={"log": letter}) for letter in "abc"]
    found = compare(wanted, [arrival(log=letter) for letter in "bca"], any_order=False, others=False)
    assert [d.fields for d in found] == [(FieldDiff("(order)", "record 1", "record 3"),)]


def test_any_order_finds_the_partners_that_leave_most_to_others() -> None:
    wanted = [expected(contains={"log": "x"}), expected(contains={"log": "x", "n": 1})]
    assert compare(wanted, [arrival(log="x", n=1), arrival(log="x")], any_order=True, others=False) == []


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), max_size=4))
def test_pairs_fit_and_none_is_taken_twice(fits: list[list[bool]]) -> None:
    for pairs in (longest(fits), assigned(fits)):
        assert all(fits[i][j] for i, j in pairs)
        assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert longest(fits) == sorted(longest(fits), key=lambda pair: pair[1])
    assert len(assigned(fits)) >= len(longest(fits))


def test_a_thousand_records_that_are_as_expected_are_compared_once_each() -> None:
    assert look("a" * 1000, "a" * 1000) == []
    assert look("a" * 999, "a" * 1000) == [(None, 999)]
