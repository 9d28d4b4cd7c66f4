"""Conditions of processors and routes: rules about fields of a record.

Source: Fluent Bit 5.1.1, src/flb_conditionals.c, and src/flb_processor.c for how they are written. A field is a
template (`$level`, `$k['z']`), and its value is compared as text; a field that is not there is the empty text. A rule
about a list, or about nothing but the tag, never holds.
Differs: a number without quotes is compared as the number it is. In processors Fluent Bit compares its bytes, so that
`eq` is never true and `gt 10` is true for 5, and refuses most that have a fraction.
"""

from collections.abc import Callable
from typing import Any

from pyrolens.options import read_float
from pyrolens.records.accessor import Key, Tag, getter
from pyrolens.records.event import Record, metadata_of
from pyrolens.records.regex import compile_pattern
from pyrolens.records.routes import Holds
from pyrolens.records.template import Template

Compare = Callable[[str], bool]

NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "gt": lambda a, b: a > b,
    "lt": lambda a, b: a < b,
    "gte": lambda a, b: a >= b,
    "lte": lambda a, b: a <= b,
}
OPS = ("eq", "neq", "gt", "lt", "gte", "lte", "regex", "not_regex", "in", "not_in")


class MisplacedError(ValueError):
    """What is wrong with a part of a condition or a route, and that part, which knows its place."""

    def __init__(self, message: str, part: Any) -> None:
        super().__init__(message)
        self.part = part


def compile_condition(spec: Any) -> Holds:
    """A condition as YAML gives it, its keys in small letters: `{op: and, rules: [{field: $a, op: eq, value: x}]}`.

    Raises: ValueError("expected ..."), MisplacedError."""
    if not isinstance(spec, dict):
        raise ValueError("expected a map with op and rules")
    op = spec.get("op", "and")
    if not isinstance(op, str) or op.lower() not in ("and", "or"):
        raise ValueError(f"op is '{op}': expected and, or or")
    rules = spec.get("rules")
    if not isinstance(rules, list) or not rules:
        raise ValueError("expected rules, a list with at least one rule")
    tests = []
    for rule in rules:
        try:
            tests.append(compile_rule(rule))
        except ValueError as why:
            raise MisplacedError(str(why), rule) from None
    if op.lower() == "and":
        return lambda ns, record: all(test(ns, record) for test in tests)
    return lambda ns, record: any(test(ns, record) for test in tests)


def compile_rule(rule: Any) -> Holds:
    """Raises: ValueError."""
    if not isinstance(rule, dict):
        raise ValueError("expected each rule to be a map with field, op and value")
    field, op = rule.get("field"), rule.get("op")
    if not isinstance(field, str) or not field:
        raise ValueError("a rule needs field")
    if not isinstance(op, str):
        raise ValueError("a rule needs op")
    if op.lower() not in OPS:
        raise ValueError(f"op is '{op}': expected {', '.join(OPS[:-1])} or {OPS[-1]}")
    if "value" not in rule:
        raise ValueError("a rule needs value")
    compare = comparison(op.lower(), rule["value"])
    test = of_field(Template(field), compare)
    context = rule.get("context")
    if isinstance(context, str) and context.lower() == "metadata":
        return lambda ns, record: test(metadata_of(ns))
    return lambda ns, record: test(record)


def of_field(template: Template, compare: Compare) -> Callable[[Record], bool]:
    if all(isinstance(part, Tag) for part in template.parts):
        return lambda record: False
    render, several = template.render(""), len(template.parts) > 1
    fields = [getter(part) for part in template.parts if isinstance(part, Key)]

    def test(record: Record) -> bool:
        text = render(record, ()) or ""
        if (several or not text) and any(isinstance(get(record), list | tuple) for get in fields):
            return False
        return compare(text)

    return test


def comparison(op: str, value: Any) -> Compare:
    """Raises: ValueError."""
    if op in ("in", "not_in"):
        if not isinstance(value, list) or not value:
            raise ValueError(f"value of {op}: expected a list")
        if not all(isinstance(v, str) for v in value):
            raise ValueError(f"value of {op}: expected a list of texts; put numbers in quotes")
        known = frozenset(value)
        return (lambda text: text in known) if op == "in" else (lambda text: text not in known)
    if isinstance(value, list | dict) or value is None or isinstance(value, bool):
        raise ValueError(f"value of {op}: expected a text or a number")
    if op in NUMBERS:
        holds = NUMBERS[op]
        limit = read_float(str(value))
        return lambda text: holds(read_float(text), limit)
    # a record's float is written with six digits after the point
    wanted = f"{value:f}" if isinstance(value, float) else str(value)
    if not wanted:
        raise ValueError(f"value of {op}: expected a text that is not empty")
    if op in ("regex", "not_regex"):
        test = compile_pattern(wanted).test
        return test if op == "regex" else (lambda text: not test(text))
    return (lambda text: text == wanted) if op == "eq" else (lambda text: text != wanted)
