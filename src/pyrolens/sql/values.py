"""Values of records as queries see them.

Source: Fluent Bit 5.1.1, src/stream_processor/flb_sp_key.c and flb_sp.c (string_to_number, object_to_number).
Differs: a list is a value, as a map is; in Fluent Bit it counts as not there, and selecting one by its name breaks the
stream. Whole numbers of 2^63 and more are themselves, not negative.
"""

import re
from collections.abc import Callable
from typing import Any

from pyrolens.records.accessor import MISSING
from pyrolens.records.event import Record
from pyrolens.sql.nodes import Field

Get = Callable[[Record], Any]
"""A record -> the value, or MISSING."""

SPACE = r"[ \t\n\v\f\r]*"
WHOLE = re.compile(SPACE + r"([+-]?[0-9]+)")
FRACTION = re.compile(SPACE + r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)", re.IGNORECASE)
LONGEST = 19
"""Characters of a text that functions over records take for a number."""


def getter(field: Field) -> Get:
    """A path into what is no map gives that value itself."""
    name, path = field.name, field.path
    if not path:
        return lambda record: record.get(name, MISSING)

    def get(record: Record) -> Any:
        value = record.get(name, MISSING)
        if type(value) is not dict:
            return MISSING if type(value) is list else value
        for step in path:
            if type(value) is not dict:
                return MISSING
            value = value.get(step, MISSING)
        return value

    return get


def number_in(text: str) -> int | float | None:
    """The number that a text begins with."""
    dots = text.count(".")
    if dots > 1:
        return None
    if dots:
        found = FRACTION.match(text)
        fraction = float(found[1]) if found else float("inf")
        return fraction if abs(fraction) != float("inf") else None
    found = WHOLE.match(text)
    if found is None or len(found[1]) > 20:
        return None
    whole = int(found[1])
    return whole if -(2**63) <= whole < 2**63 else None


def number_of(value: Any, from_text: bool) -> int | float | None:
    """What functions over records count with."""
    kind = type(value)
    if kind is int or kind is float:
        # 0.0 makes no result a fraction
        return value or 0
    if kind is str and from_text and len(value) <= LONGEST:
        number = number_in(value)
        return None if number is None else number or 0
    return None


def order(left: str, right: str) -> int:
    """Below, at or above 0 as the left text stands before, with or behind the right one.

    Only as many bytes as the left one has are looked at: `a` stands with `ab`, and `ab` behind `a`."""
    first = left.encode("utf-8", "surrogateescape")
    second = right.encode("utf-8", "surrogateescape")[: len(first)]
    return (first > second) - (first < second)
