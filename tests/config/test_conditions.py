"""Conditions of processors and routes, as Fluent Bit 5.1.1 decides them."""

from typing import Any

import pytest

from pyrolens.config.conditions import compile_condition
from pyrolens.records.event import Record, Stamp


def holds(record: Record, *rules: dict[str, Any], op: str = "and", ns: int = 1) -> bool:
    return compile_condition({"op": op, "rules": list(rules)})(ns, record)


def rule(field: str, op: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value, **more}


@pytest.mark.parametrize(
    ("record", "field", "op", "value", "expected"),
    [
        ({"s": "abc"}, "$s", "eq", "abc", True),
        ({"s": "ABC"}, "$s", "eq", "abc", False),
        ({"n": 5}, "$n", "eq", "5", True),
        ({"n": 5}, "$n", "eq", 5, True),
        ({"n": 1.5}, "$n", "eq", "1.500000", True),
        ({"n": 1.5}, "$n", "eq", 1.5, True),
        ({"b": True}, "$b", "eq", "true", True),
        ({}, "$s", "eq", "abc", False),
        ({}, "$s", "neq", "abc", True),
        ({"n": 20}, "$n", "gt", 10, True),
        ({"n": 5}, "$n", "gt", 10, False),
        ({"n": "12abc"}, "$n", "gte", "12", True),
        ({"n": -1.5}, "$n", "lt", 0, True),
        ({"n": 3}, "$n", "LTE", 3.0, True),
        ({"s": "abc"}, "$s", "regex", "^AB", False),
        ({"s": "ABC"}, "$s", "regex", "(?i)^ab", True),
        ({"s": "x"}, "$s", "not_regex", "^ab", True),
        ({}, "$s", "not_regex", "^ab", True),
        ({"s": "5"}, "$s", "in", ["abc", "5"], True),
        ({}, "$s", "not_in", ["abc"], True),
        ({"k": {"z": "deep"}}, "$k['z']", "eq", "deep", True),
        ({"s": "abc"}, "s", "eq", "abc", False),
        ({}, "s", "eq", "s", True),
        ({"l": [1]}, "$l", "neq", "x", False),
        ({"l": []}, "$l", "not_regex", "x", False),
        ({"l": [1]}, "$l[0]", "neq", "x", True),
        ({"l": [1]}, "a$l", "eq", "a", False),
        ({"m": {}}, "$m", "neq", "x", True),
        ({}, "$TAG", "neq", "x", False),
        ({}, "a$TAG", "eq", "a", True),
    ],
)
def test_rules(record: Record, field: str, op: str, value: Any, expected: bool) -> None:
    assert holds(record, rule(field, op, value)) is expected


def test_and_or() -> None:
    one, other = rule("$a", "eq", "1"), rule("$b", "eq", "1")
    assert [holds({"a": a, "b": b}, one, other) for a, b in ((1, 1), (1, 0), (0, 0))] == [True, False, False]
    assert [holds({"a": a, "b": b}, one, other, op="OR") for a, b in ((1, 1), (1, 0), (0, 0))] == [True, True, False]


def test_metadata() -> None:
    asked = rule("$s", "eq", "abc", context="metadata")
    assert not holds({"s": "abc"}, asked)
    assert holds({}, asked, ns=Stamp(1, {"s": "abc"}))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("always", "expected a map with op and rules"),
        ({"op": "xor", "rules": [{}]}, "op is 'xor': expected and, or or"),
        ({"op": "and"}, "expected rules, a list with at least one rule"),
        ({"rules": ["x"]}, "expected each rule to be a map with field, op and value"),
        ({"rules": [{"op": "eq", "value": "x"}]}, "a rule needs field"),
        ({"rules": [{"field": "$s", "value": "x"}]}, "a rule needs op"),
        ({"rules": [{"field": "$s", "op": "eq"}]}, "a rule needs value"),
        ({"rules": [rule("$s", "eq", ["x"])]}, "value of eq: expected a text or a number"),
        ({"rules": [rule("$s", "eq", "")]}, "value of eq: expected a text that is not empty"),
        ({"rules": [rule("$s", "in", "x")]}, "value of in: expected a list"),
        ({"rules": [rule("$s", "in", [5])]}, "value of in: expected a list of texts; put numbers in quotes"),
    ],
)
def test_mistakes(spec: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        compile_condition(spec)
    assert str(caught.value) == message


def test_an_unknown_comparison_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="op is 'like': expected eq, neq, "):
        compile_condition({"rules": [rule("$s", "like", "x")]})
