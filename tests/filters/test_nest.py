from typing import Any

import pytest

from pyrolens.api import Line, Record
from pyrolens.filters.nest import Nest
from tests.filters.trial import records, shown
from tests.lent import Lent

R: Record = {"log": "x", "k_a": 1, "k_b": {"z": 2}, "id": 7, "m": {"p": 1, "id": 9}}


def nest(*wildcards: str, under: str = "k", **options: Any) -> Nest:
    return Nest(wildcard=list(wildcards), under=[Line("nest_under", under)], **options)


def lift(under: str = "m", **options: Any) -> Nest:
    return Nest(operation="lift", under=[Line("nested_under", under)], **options)


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        (nest("k_*"), {"log": "x", "id": 7, "m": R["m"], "k": {"k_a": 1, "k_b": {"z": 2}}}),
        (nest("k_*", remove_prefix="k_"), {"log": "x", "id": 7, "m": R["m"], "k": {"a": 1, "b": {"z": 2}}}),
        (nest("k_a", add_prefix="p."), {"log": "x", "k_b": {"z": 2}, "id": 7, "m": R["m"], "k": {"p.k_a": 1}}),
        (nest("*_a", "K_*"), R),
        (nest("k_*", under="id"), {"log": "x", "id": {"k_a": 1, "k_b": {"z": 2}}, "m": R["m"]}),
        (nest("*"), {"k": R}),
        (nest(), R),
        (lift(), {"log": "x", "k_a": 1, "k_b": {"z": 2}, "id": 9, "p": 1}),
        (lift(add_prefix="m."), {"log": "x", "k_a": 1, "k_b": {"z": 2}, "id": 7, "m.p": 1, "m.id": 9}),
        (lift(remove_prefix="p"), {"log": "x", "k_a": 1, "k_b": {"z": 2}, "id": 9, "": 1}),
        (lift("log"), R),
        (lift("nope"), R),
        (Nest(wildcard=["k_*"]), R),
        (Nest(operation="lift"), R),
    ],
)
def test_fields(plugin: Nest, expected: Record) -> None:
    assert shown(records(plugin, [R])) == shown([expected])


def test_an_empty_map_lifts_to_nothing() -> None:
    assert records(lift(), [{"m": {}}, {"m": {}, "a": 1}, {"m": {"m": 1}}]) == [{}, {"a": 1}, {"m": 1}]


def test_what_is_no_map_is_said() -> None:
    env = Lent()
    assert records(lift("log"), [R], env) == [R]
    assert "the field is no map" in str(env.said.lines)


def test_the_last_of_the_two_spellings_counts() -> None:
    under = [Line("nested_under", "m"), Line("nest_under", "nope")]
    assert records(Nest(operation="lift", under=under), [R]) == [R]
    assert list(Nest(under=under).check()) == []


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        (Nest(operation="NEST"), [("operation", "Operation is 'NEST': expected nest or lift")]),
        (Nest(operation="nesting"), []),
        (Nest(add_prefix="a", remove_prefix="b"), [("add_prefix", "Add_prefix cannot be combined with Remove_prefix")]),
        (Nest(under=[Line("nest_under", "a")] * 2), [("nest_under", "nest_under is given twice")]),
    ],
)
def test_check(plugin: Nest, expected: list[tuple[str, str]]) -> None:
    assert list(plugin.check()) == expected
