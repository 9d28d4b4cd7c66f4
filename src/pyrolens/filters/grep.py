"""filter grep.

Source: plugins/filter_grep/grep.c (Fluent Bit 5.1.1).
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple

from pyrolens.api import (
    Deciding,
    Env,
    Event,
    Filter,
    FilterEnv,
    Line,
    Lines,
    OptionError,
    Record,
    Transform,
    lines,
    opt,
    plugin,
)
from pyrolens.options import Kind
from pyrolens.records.accessor import accessor, field_name
from pyrolens.records.regex import PatternError, compile_pattern


def read_operation(text: str) -> str:
    return text.lower() if text.lower() in ("and", "or") else "legacy"


def doubt_operation(text: str) -> str:
    return "" if text.lower() in ("and", "or", "legacy") else "AND, OR or legacy is expected; legacy is taken"


class Rule(NamedTuple):
    regex: bool
    """Whether a record that matches stays; else it goes."""
    which: Callable[[list[Event]], list[int]]
    """The indexes of the events that match."""


@plugin("grep")
class Grep(Filter):
    """Keep or drop records by what matches a pattern in one of their fields."""

    rules: Lines = lines(
        regex="FIELD PATTERN: keep records in which it matches.",
        exclude="FIELD PATTERN: drop records in which it matches.",
    )
    logical_op: Annotated[str, Kind("operation", read_operation, doubt=doubt_operation)] = opt(
        "AND: all rules must match, OR: one of them; legacy: the first Regex that matches keeps the record, and rules "
        "after it are not looked at.",
        default="legacy",
    )

    def check(self) -> Iterable[OptionError]:
        for line in self.rules:
            if self.logical_op != "legacy" and line.key != self.rules[0].key:
                message = "with Logical_Op AND or OR the rules must all be Regex or all be Exclude"
                yield OptionError(line.key, message, line.place)
            try:
                read_rule(line)
            except OptionError as why:
                yield why

    def compile(self, env: FilterEnv) -> Transform:
        for misfit in self.check():
            raise misfit
        rules = list(map(read_rule, self.rules))
        if not rules:
            return lambda tag, events: events
        if self.logical_op == "legacy":
            if len(rules) == 1:
                return one_rule(rules[0])
            return lambda tag, events: legacy(rules, events)
        return every(rules) if self.logical_op == "and" else any_of(rules)

    def deciding(self, env: Env) -> Deciding:
        rules = list(map(read_rule, self.rules))
        legacy, wants = self.logical_op == "legacy", self.logical_op == "or"

        def of(tag: str, event: Event) -> list[tuple[int, bool]]:
            seen = []
            for n, rule in enumerate(rules):
                matches = bool(rule.which([event]))
                if (rule.regex or matches) if legacy else matches is wants:
                    return [(n, matches)]
                seen.append((n, matches))
            return [] if legacy else seen

        return Deciding(self.rules, of)


def read_rule(line: Line) -> Rule:
    """Raises: OptionError."""
    field, _, pattern = line.value.lstrip(" ").partition(" ")
    if not pattern:
        raise OptionError(line.key, f"{line.key} is '{line.value}': expected a field and a pattern", line.place)
    try:
        return Rule(line.key == "regex", matching(field if field.startswith("$") else "$" + field, pattern))
    except PatternError as why:
        raise OptionError(line.key, f"the pattern '{pattern}' does not compile: {why}", line.place) from None
    except ValueError as why:
        raise OptionError(line.key, str(why), line.place) from None


def matching(field: str, pattern: str) -> Callable[[list[Event]], list[int]]:
    """The indexes of the events in whose field the pattern matches. Raises: ValueError."""
    which = compile_pattern(pattern).which
    name = field_name(field)
    if name is not None:
        key = name
        return lambda events: which([record.get(key) for _, record in events])
    get: Callable[[Record], Any] = accessor(field)
    return lambda events: which([get(record) for _, record in events])


def one_rule(rule: Rule) -> Transform:
    which, regex = rule.which, rule.regex

    def transform(tag: str, events: list[Event]) -> list[Event]:
        found = which(events)
        if len(found) == (len(events) if regex else 0):
            return events
        return [events[n] for n in found] if regex else without(events, found)

    return transform


def without(events: list[Event], indexes: list[int]) -> list[Event]:
    """`indexes`: in ascending order."""
    if len(indexes) * 8 > len(events):
        gone = set(indexes)
        return [event for n, event in enumerate(events) if n not in gone]
    left = events.copy()
    for n in reversed(indexes):
        del left[n]
    return left


def legacy(rules: list[Rule], events: list[Event]) -> list[Event]:
    """A Regex decides either way; an Exclude decides only when it matches."""
    for rule in rules:
        found = rule.which(events)
        if rule.regex:
            return events if len(found) == len(events) else [events[n] for n in found]
        if found:
            events = without(events, found)
    return events


def every(rules: list[Rule]) -> Transform:
    def transform(tag: str, events: list[Event]) -> list[Event]:
        matching = set(range(len(events)))
        for rule in rules:
            matching &= set(rule.which(events))
        return chosen(events, matching, rules[0].regex)

    return transform


def any_of(rules: list[Rule]) -> Transform:
    def transform(tag: str, events: list[Event]) -> list[Event]:
        matching: set[int] = set()
        for rule in rules:
            matching.update(rule.which(events))
        return chosen(events, matching, rules[0].regex)

    return transform


def chosen(events: list[Event], matching: set[int], keep: bool) -> list[Event]:
    if len(matching) == (len(events) if keep else 0):
        return events
    return [event for n, event in enumerate(events) if (n in matching) == keep]
