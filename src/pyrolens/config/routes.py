"""`routes` of an input, in YAML.

Source: Fluent Bit 5.1.1, src/flb_router_config.c.
"""

import re
from collections.abc import Sequence
from typing import Any

from pyrolens.config.conditions import OPS, MisplacedError, compile_condition
from pyrolens.config.model import Built
from pyrolens.language.document import Entry
from pyrolens.language.yaml_nodes import any_case, place_of
from pyrolens.plugin import Output
from pyrolens.problems import Problems, nearest
from pyrolens.records.routes import Holds, RouteRule

SIGNALS = ("logs", "metrics", "traces", "any")
CONTEXTS = (
    "metadata", "record_metadata", "attributes", "body", "record", "message", "record_body", "group_metadata",
    "group_attributes", "group_body", "otel_resource_attributes", "otel_scope_attributes", "otel_scope_name",
    "otel_scope_version", "otel_scope_metadata",
)  # fmt: skip
METADATA = ("metadata", "record_metadata", "attributes")
BODY = ("body", "record", "message", "record_body")


def read_routes(entry: Entry, outputs: Sequence[Built[Output]], problems: Problems) -> list[RouteRule]:
    """The routes of an input; what is wrong with them goes to problems."""
    rules: list[RouteRule] = []
    names: set[str] = set()
    bound: set[int] = set()

    def wrong(message: str, part: Any, hint: str = "") -> None:
        problems.error("bad-route", f"routes: {message}", place_of(part, entry.value_place), hint)

    spec = any_case(entry.value)
    if not isinstance(spec, dict):
        wrong("expected a map with logs and a list below it", spec)
        return []
    for signal, block in spec.items():
        kinds = str(signal).lower().replace(",", " ").replace("|", " ").replace("+", " ").split()
        if not kinds or any(k not in SIGNALS for k in kinds):
            wrong(f"'{signal}' is no kind of data", spec, nearest(str(signal), SIGNALS))
            continue
        routes = block if isinstance(block, list) else [block]
        if not routes:
            wrong(f"{signal} is an empty list", spec)
        for route in routes:
            try:
                name, targets, holds, default = read_route(route, kinds)
            except ValueError as why:
                wrong(str(why), why.part if isinstance(why, MisplacedError) else route)
                continue
            if name in names:
                wrong(f"there are two of the name '{name}'", route)
            names.add(name)
            place = place_of(route, entry.value_place)
            if "logs" not in kinds and "any" not in kinds:
                message = f"routes: {name} has no effect: only logs have routes, and metrics go where Match says"
                problems.warning("option-ignored", message, place)
                continue
            if route.get("processors"):
                message = f"routes: the processors of {name} have no effect"
                problems.warning("option-ignored", message, place, "put them below the output")
            numbers = []
            for target, fallback in targets:
                number = _find(outputs, target)
                if number is None and fallback:
                    number = _find(outputs, fallback)
                if number is None:
                    hint = nearest(target, [o.label for o in outputs])
                    problems.warning("no-output", f"routes: {name}: no output '{target}'", place, hint)
                elif number in bound:
                    message = f"routes: {name}: another route of this input has the output '{target}' already"
                    problems.warning("no-output", message, place, "each output has one route of an input")
                else:
                    bound.add(number)
                    numbers.append(number)
            if numbers:
                per_record = str(route.get("per_record_routing")).lower() == "true"
                fits = tuple(outputs[n].matches for n in numbers)
                rules.append(RouteRule(name, tuple(numbers), holds, default, per_record, fits))
    if rules and not any(r.holds or r.default or r.per_record for r in rules):
        message = "routes: no route has a condition, so only those of their outputs count that Match the tag, too"
        problems.warning("no-output", message, entry.value_place, "condition: {default: true} takes all")
    return rules


def read_route(route: Any, kinds: Sequence[str]) -> tuple[str, list[tuple[str, str]], Holds | None, bool]:
    """(name, outputs with what replaces them, condition, whether it is a default). `kinds`: of data that it is for.
    Raises: ValueError."""
    if not isinstance(route, dict):
        raise ValueError("expected each route to be a map")
    name = route.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("a route needs name")
    to = route.get("to")
    outputs = to.get("outputs") if isinstance(to, dict) else to
    listed = outputs if isinstance(outputs, list) else [outputs]
    targets = []
    for output in listed:
        target = output.get("name") if isinstance(output, dict) else output
        fallback = output.get("fallback", "") if isinstance(output, dict) else ""
        if not isinstance(target, str) or not isinstance(fallback, str):
            raise ValueError(f"{name} needs to: outputs: and a list of outputs below it")
        targets.append((target, fallback))
    if not targets:
        raise ValueError(f"{name} needs an output")
    if "condition" not in route:
        return name, targets, None, False
    try:
        holds, default = read_condition(route["condition"], kinds)
    except MisplacedError as why:
        raise MisplacedError(f"condition of {name}: {why}", why.part) from None
    except ValueError as why:
        raise MisplacedError(f"condition of {name}: {why}", route["condition"]) from None
    return name, targets, holds, default


def read_condition(spec: Any, kinds: Sequence[str] = ("logs",)) -> tuple[Holds | None, bool]:
    """(what it takes; None: all, whether it is a default). Raises: ValueError or MisplacedError for what Fluent Bit
    refuses; a rule that it accepts and cannot use takes nothing."""
    if not isinstance(spec, dict):
        raise ValueError("expected a map")
    default = str(spec.get("default", False)).lower()
    if default not in ("true", "false"):
        raise ValueError(f"default is '{spec['default']}': expected true or false")
    is_default = default == "true"
    if str(spec.get("op", "and")).lower() not in ("and", "or"):
        raise ValueError(f"op is '{spec['op']}': expected and, or or")
    rules = spec.get("rules", [])
    if not isinstance(rules, list):
        raise ValueError("expected rules to be a list")
    if not rules:
        if is_default:
            return None, True
        raise ValueError("expected rules, a list with at least one rule")
    checked = []
    for rule in rules:
        try:
            checked.append(_rule(rule, kinds))
        except ValueError as why:
            raise MisplacedError(str(why), rule) from None
    if any(rule is None for rule in checked):
        return _nothing, is_default
    try:
        return compile_condition({**spec, "rules": checked}), is_default
    except ValueError:
        return _nothing, is_default


FIELDS = {
    "logs": re.compile(r"(?!\$(?:metric|span|scope)\.)"),
    "metrics": re.compile(r"\$metric\.|\$resource\[|\$attributes\["),
    "traces": re.compile(r"\$span\.|\$resource\[|\$scope\["),
}
"""How fields of rules begin, by the kind of data that a route is for."""


def _rule(rule: Any, kinds: Sequence[str]) -> dict[str, Any] | None:
    """The rule for conditions.py; None for one that takes nothing. Raises: ValueError."""
    if not isinstance(rule, dict) or not all(isinstance(rule.get(k), str) for k in ("field", "op")):
        raise ValueError("expected each rule to be a map with field, op and value")
    value = rule.get("value")
    if value is None or isinstance(value, dict):
        raise ValueError("a rule needs value")
    if isinstance(value, list) and (not value or any(v is None or isinstance(v, list | dict) for v in value)):
        raise ValueError("expected a list of values to hold texts or numbers, and one at least")
    if not any(FIELDS[kind].match(rule["field"]) for kind in (FIELDS if "any" in kinds else kinds)):
        raise ValueError(f"there is no field '{rule['field']}' in {' and '.join(kinds)}")
    context = str(rule.get("context", "body")).lower()
    if context not in CONTEXTS:
        raise ValueError(f"context is '{rule['context']}': expected body or metadata")
    if rule["op"].lower() not in OPS or context not in METADATA + BODY:
        return None
    if rule["op"].lower() in ("gt", "lt", "gte", "lte"):
        try:
            float(value)
        except (TypeError, ValueError):
            return None
    texts = [_text(v) for v in value] if isinstance(value, list) else _text(value)
    return {**rule, "value": texts, "context": "metadata" if context in METADATA else "body"}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def _nothing(ns: int, record: dict[str, Any]) -> bool:
    return False


def _find(outputs: Sequence[Built[Output]], name: str) -> int | None:
    """By alias, by name and number, or by the plugin; the first that fits."""
    for number, output in enumerate(outputs):
        if name in (output.plugin.alias, output.name, output.plugin.name):
            return number
    return None
