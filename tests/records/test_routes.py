"""Which outputs get which records, as Fluent Bit 5.1.1 decides it."""

from pyrolens.records.event import Event
from pyrolens.records.routes import RouteRule, splitter
from pyrolens.records.tags import glob

EVENTS: list[Event] = [(1, {"n": 1}), (2, {"n": 2}), (3, {"n": 3})]


def least(n: int) -> RouteRule:
    return RouteRule(f"least{n}", (n,), lambda ns, record: record["n"] >= n)


def parts(*rules: RouteRule) -> list[tuple[str, list[int], tuple[int, ...]]]:
    return [(p.tag, [ns for ns, _ in p.events], p.outputs) for p in splitter(rules)("t", EVENTS)]


def test_a_record_may_take_several_routes() -> None:
    assert parts(least(2), least(3)) == [("least2", [2, 3], (2,)), ("least3", [3], (3,))]


def test_default_routes_take_the_rest() -> None:
    one, other = RouteRule("d", (0,), None, True), RouteRule("e", (1,), None, True)
    assert parts(one, least(3), other) == [("least3", [3], (3,)), ("d", [1, 2], (0,)), ("e", [1, 2], (1,))]


def test_a_default_route_with_rules_takes_some_of_the_rest() -> None:
    rest = RouteRule("d", (0,), lambda ns, record: record["n"] > 1, True)
    assert parts(least(3), rest) == [("least3", [3], (3,)), ("d", [2], (0,))]


def test_a_route_without_a_condition_keeps_the_tag_and_needs_another_one_beside_it() -> None:
    plain = RouteRule("p", (4, 5))
    assert parts(plain, least(3)) == [("least3", [3], (3,)), ("t", [1, 2, 3], (4, 5))]


def test_without_any_condition_outputs_have_to_match_as_well() -> None:
    plain = RouteRule("p", (4, 5, 6), fits=(glob("t"), glob("other"), None))
    more = RouteRule("q", (7,), fits=(glob("*"),))
    assert parts(plain, more) == [("t", [1, 2, 3], (4, 7))]
    assert parts(RouteRule("p", (5,), fits=(glob("other"),))) == [("t", [1, 2, 3], ())], "nobody wants them"


def test_a_route_that_is_decided_for_each_record_takes_all() -> None:
    assert parts(RouteRule("p", (0,), per_record=True)) == [("p", [1, 2, 3], (0,))]


def test_nothing_goes_nowhere() -> None:
    assert splitter([least(9)])("t", EVENTS) == []
    assert splitter([RouteRule("p", (0,), None, True)])("t", []) == []
    assert splitter([RouteRule("p", (0,), fits=(glob("*"),))])("t", []) == []
