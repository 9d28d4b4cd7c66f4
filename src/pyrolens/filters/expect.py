"""filter expect.

Source: plugins/filter_expect/expect.c (Fluent Bit 5.1.1).
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from pyrolens.api import (
    Deciding,
    Env,
    Event,
    Filter,
    FilterEnv,
    Line,
    Lines,
    Misfit,
    OptionError,
    Record,
    Transform,
    lines,
    opt,
    plugin,
)
from pyrolens.records.accessor import MISSING, accessor
from pyrolens.records.codecs.json import json_text

FAILED = 255
"""Exit status of Action exit."""


class Rule(NamedTuple):
    text: str
    holds: Callable[[Record], bool]


@plugin("expect")
class Expect(Filter):
    """Check what records are expected to be, and say so, mark them, or stop the router."""

    rules: Lines = lines(
        key_exists="KEY: the field is there.",
        key_not_exists="KEY: the field is not there.",
        key_val_is_null="KEY: the field is there, and null.",
        key_val_is_not_null="KEY: the field is there, and not null.",
        key_val_eq="KEY VALUE: the field is this text; what is no text passes.",
    )
    action: Literal["warn", "exit", "result_key"] = opt(
        "When a record is not as expected: warn in the log; exit: stop the router; result_key: add a field with true "
        "or false to every record.",
        default="warn",
    )
    result_key: str = opt("The field of Action result_key.", default="matched")

    def check(self) -> Iterable[Misfit]:
        for line in self.rules:
            try:
                read_rule(line)
            except OptionError as why:
                yield why

    def deciding(self, env: Env) -> Deciding:
        rules = list(map(read_rule, self.rules))

        def of(tag: str, event: Event) -> list[tuple[int, bool]]:
            decided = []
            for n, rule in enumerate(rules):
                decided.append((n, rule.holds(event[1])))
                if not decided[-1][1]:
                    return decided[-1:]
            return decided

        return Deciding(self.rules, of)

    def compile(self, env: FilterEnv) -> Transform:
        rules = [read_rule(line) for line in self.rules]
        if not rules:
            env.log.warning("it has no rule")

        def failure(record: Record) -> str:
            for rule in rules:
                if not rule.holds(record):
                    return rule.text
            return ""

        if self.action == "result_key":
            key = self.result_key
            return lambda tag, events: [(ns, {key: not failure(record)} | record) for ns, record in events]
        leave = self.action == "exit"

        def transform(tag: str, events: list[Event]) -> list[Event]:
            for _, record in events:
                failed = failure(record)
                if failed:
                    env.log.error("not as expected", rule=failed, tag=tag, record=json_text(record))
                    if leave:
                        env.exit(FAILED)
                        break
            return events

        return transform


def read_rule(line: Line) -> Rule:
    """Raises: OptionError."""
    option, text, place = line
    key, _, rest = text.strip(" ").partition(" ")
    if option != "key_val_eq":
        key = text
    try:
        get = accessor(key)
    except ValueError as why:
        raise OptionError(option, str(why), place) from None
    return Rule(f"{option} {text}", RULES[option](lambda record: existing(get(record)), rest.strip(" ") or key))


def existing(value: Any) -> Any:
    """A list counts as not there."""
    return MISSING if isinstance(value, list | tuple) else value


RULES: dict[str, Callable[[Callable[[Record], Any], str], Callable[[Record], bool]]] = {
    "key_exists": lambda get, _: lambda record: get(record) is not MISSING,
    "key_not_exists": lambda get, _: lambda record: get(record) is MISSING,
    "key_val_is_null": lambda get, _: lambda record: get(record) is None,
    "key_val_is_not_null": lambda get, _: lambda record: get(record) is not None and get(record) is not MISSING,
    "key_val_eq": lambda get, text: (
        lambda record: (value := get(record)) is not MISSING and (type(value) is not str or value == text)
    ),
}
