"""Conditions of processors, routes and stream tasks as one line of text."""

from typing import Any

from pyrolens.language.yaml_nodes import any_case
from pyrolens.sql.nodes import Both, Compare, Contains, Either, IsNull, Not, RecordTime, Truth


def condition_text(spec: Any) -> str:
    """Of a processor or a route, in YAML."""
    spec = any_case(spec)
    rules = spec.get("rules") if isinstance(spec, dict) else None
    if not isinstance(rules, list) or not rules:
        return "its condition"
    texts = [f"{rule.get('field')} {rule.get('op')} {_value(rule.get('value'))}" for rule in map(any_case, rules)]
    return f" {str(spec.get('op', 'and')).lower()} ".join(texts)


def _value(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def where_text(node: Any) -> str:
    """Of SQL."""
    match node:
        case Both(left, right):
            return f"{_inner(left, Either)} AND {_inner(right, Either)}"
        case Either(left, right):
            return f"{_inner(left, Both)} OR {_inner(right, Both)}"
        case Not(inner):
            return f"NOT {_inner(inner, Both, Either, Compare)}"
        case Compare(left, order, right):
            return f"{where_text(left)} {order} {_constant(right)}"
        case IsNull(field):
            return f"{field} IS NULL"
        case Truth(of):
            return _constant(of)
        case Contains(field):
            return f"@record.contains({field})"
        case RecordTime():
            return "@record.time()"
        case _:
            return str(node)


def _inner(node: Any, *in_brackets: type) -> str:
    return f"({where_text(node)})" if isinstance(node, in_brackets) else where_text(node)


def _constant(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    return (
        {True: "true", False: "false", None: "NULL"}[value] if value is None or isinstance(value, bool) else str(value)
    )
