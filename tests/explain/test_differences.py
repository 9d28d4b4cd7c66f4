from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.explain.differences import Change, differences, same


def told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [
        " ".join(map(str, [c.how, c.field, *([f"to {c.to}"] if c.to else []), *([c.before, c.after])]))
        for c in differences(before, after)
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1, "b": 2}, ["added b MISSING 2"]),
        ({"a": 1, "b": 22}, {"a": 1}, ["removed b 22 MISSING"]),
        ({"a": "x"}, {"a": "y"}, ["changed a x y"]),
        # a type is a difference
        ({"a": 1}, {"a": 1.0}, ["changed a 1 1.0"]),
        ({"a": 1}, {"a": True}, ["changed a 1 True"]),
        ({"a": "200"}, {"a": 200}, ["changed a 200 200"]),
        # what stands in another field has moved
        ({"msg": "hello"}, {"message": "hello"}, ["moved msg to message hello hello"]),
        ({"a": {"b": "deep"}}, {"a": {}, "b": "deep"}, ["moved a['b'] to b deep deep"]),
        (
            {"k_a": "one!", "k_b": "two!", "x": 1},
            {"x": 1, "k": {"k_a": "one!", "k_b": "two!"}},
            ["moved k_a to k['k_a'] one! one!", "moved k_b to k['k_b'] two! two!"],
        ),
        (
            {"k": {"a": "one!", "b": "two!"}},
            {"p_a": "one!", "p_b": "two!"},
            ["moved k['a'] to p_a one! one!", "moved k['b'] to p_b two! two!"],
        ),
        # of values that are anywhere nobody can say so, unless there is one only
        (
            {"a": True, "b": 5},
            {"c": True, "d": 5},
            ["removed a True MISSING", "removed b 5 MISSING", "added c MISSING True", "added d MISSING 5"],
        ),
        ({"ok": True}, {"fine": True}, ["moved ok to fine True True"]),
        # nor where it is twice
        (
            {"a": "xyz"},
            {"b": "xyz", "c": "xyz"},
            ["removed a xyz MISSING", "added b MISSING xyz", "added c MISSING xyz"],
        ),
        # within lists and maps
        ({"l": [1, 2]}, {"l": [1, 3, 4]}, ["changed l[1] 2 3", "added l[2] MISSING 4"]),
        ({"l": [1, 2]}, {"l": [1]}, ["removed l[1] 2 MISSING"]),
        ({"a": {"b": {"c": "x"}}}, {"a": {"b": {"c": "y"}}}, ["changed a['b']['c'] x y"]),
        ({"a": {"b": "x"}}, {"a": "x"}, ["changed a {'b': 'x'} x"]),
        # a name that is no word
        ({}, {"a.b": "x"}, ["added ['a.b'] MISSING x"]),
        # another order alone is no change of a field
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
    ],
)
def test_differences(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    assert told(before, after) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 20) | st.sampled_from(["", "x", "long text", "other text"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.dictionaries(st.sampled_from("abcdef"), VALUES, max_size=4)


@given(RECORDS, RECORDS)
def test_no_change_only_where_all_is_equal_but_for_the_order(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert (differences(before, after) == []) == same(in_order(before), in_order(after))


@given(RECORDS, RECORDS)
def test_going_back_turns_each_change_round(before: dict[str, Any], after: dict[str, Any]) -> None:
    back = {"added": "removed", "removed": "added", "changed": "changed", "moved": "moved"}

    def turned(change: Change) -> tuple[str, str, str, str, str]:
        field, to = (change.to, change.field) if change.to else (change.field, "")
        return back[change.how], field, to, repr(change.after), repr(change.before)

    def plain(change: Change) -> tuple[str, str, str, str, str]:
        return change.how, change.field, change.to, repr(change.before), repr(change.after)

    assert sorted(map(turned, differences(before, after))) == sorted(map(plain, differences(after, before)))


def in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(each) for each in value] if isinstance(value, list) else value
