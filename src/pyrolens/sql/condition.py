"""WHERE as a function.

Source: Fluent Bit 5.1.1, src/stream_processor/flb_sp.c (reduce_expression, numerical_comp, value_to_bool).
"""

from collections.abc import Callable
from typing import Any

from pyrolens.records.accessor import MISSING
from pyrolens.records.event import SECOND, Event, Record
from pyrolens.sql.nodes import (
    Both,
    Compare,
    Condition,
    Constant,
    Contains,
    Either,
    Field,
    IsNull,
    Not,
    RecordTime,
    Truth,
)
from pyrolens.sql.values import getter, number_in, order

Test = Callable[[int, Record], bool]
"""(ns, record) -> whether the condition holds."""
Pick = Callable[[list[Event]], list[Event]]
"""The events for which a condition holds; it may be the list that it was given."""


def picker(where: Condition | None) -> Pick:
    if where is None:
        return lambda events: events
    # what most queries ask costs least without a call per event
    if isinstance(where, Compare) and isinstance(where.left, Field) and type(where.right) is str and where.order == "=":
        text = where.right
        if not where.left.path:
            name = where.left.name
            return lambda events: [event for event in events if event[1].get(name) == text]
        get = getter(where.left)
        return lambda events: [event for event in events if get(event[1]) == text]
    holds = tester(where)
    return lambda events: [event for event in events if holds(*event)]


def tester(condition: Condition) -> Test:
    if isinstance(condition, Both):
        left, right = tester(condition.left), tester(condition.right)
        return lambda ns, record: left(ns, record) and right(ns, record)
    if isinstance(condition, Either):
        left, right = tester(condition.left), tester(condition.right)
        return lambda ns, record: left(ns, record) or right(ns, record)
    if isinstance(condition, Not):
        inner = tester(condition.inner)
        return lambda ns, record: not inner(ns, record)
    if isinstance(condition, IsNull):
        get = getter(condition.field)
        return lambda ns, record: get(record) is None
    if isinstance(condition, Truth):
        return truth(condition.of)
    return comparison(condition)


def truth(of: Field | Constant) -> Test:
    if not isinstance(of, Field):
        constant = holds(of)
        return lambda ns, record: constant
    get = getter(of)
    return lambda ns, record: holds(get(record))


def holds(value: Any) -> bool:
    """Whether a value alone is a condition that holds: numbers above 0, any text, maps and lists."""
    if value is None or value is MISSING:
        return False
    if isinstance(value, bool):
        return value
    return value > 0 if isinstance(value, int | float) else isinstance(value, str | dict | list)


def comparison(compare: Compare) -> Test:
    fits = fitting(compare)
    left = compare.left
    if isinstance(left, RecordTime):
        return lambda ns, record: fits(ns // SECOND + ns % SECOND / SECOND)
    if isinstance(left, Contains):
        get = getter(left.field)
        is_there = fits(True)
        return lambda ns, record: is_there and get(record) is not MISSING
    get = getter(left)
    return lambda ns, record: fits(get(record))


def fitting(compare: Compare) -> Callable[[Any], bool]:
    """Whether a value compares so with the constant."""
    right, how = compare.right, compare.order
    if isinstance(right, bool):
        if how != "=":
            return lambda value: False
        # maps and lists are true
        return lambda value: value is right or (right and isinstance(value, dict | list))
    if isinstance(right, str):
        text = right
        if how == "=":
            return lambda value: isinstance(value, str) and value == text
        in_order = ORDERS[how]
        return lambda value: isinstance(value, str) and in_order(order(value, text), 0)
    in_order = ORDERS[how]
    number = right

    def fits(value: Any) -> bool:
        kind = type(value)
        if kind is str:
            value = number_in(value)
            return value is not None and in_order(value, number)
        return (kind is int or kind is float) and in_order(value, number)

    return fits


ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
