"""What somebody who listens wants to see, as the query of a request says it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import parse_qs

from pyrolens.problems import nearest
from pyrolens.records.accessor import MISSING, accessor
from pyrolens.records.codecs.json import json_text
from pyrolens.records.event import Record
from pyrolens.records.regex import Pattern, PatternError, compile_pattern
from pyrolens.records.regex.budget import OVERRUNS, WATCH
from pyrolens.records.tags import glob

Test = Callable[[Record], bool]

MOST_SECONDS = 3600.0
MOST_RATE = 10_000.0
MOST_FILTERS = 20
"""Of each kind."""
DEEP = 50
"""Levels of nesting that are searched."""


class NotUnderstoodError(ValueError):
    """What is asked for cannot be. The text says why."""


@dataclass(frozen=True)
class Wanted:
    point: Sequence[str] = ("input:*",)
    """kind:name or name, with wildcards; one of them is enough."""
    tag: Sequence[str] = ()
    """With wildcards; one of them is enough. None: any tag."""
    text: Sequence[str] = ()
    """Each is in some value of the record."""
    regex: Sequence[str] = ()
    """Each is found in some value."""
    field: Sequence[str] = ()
    """All hold: NAME, NAME=TEXT with wildcards, NAME!=TEXT, NAME~REGEX. NAME is that of a field, or $a['b']."""
    every: int = 1
    """Of those that match, each nth."""
    rate: float = 100.0
    """Records a second at most; 0: as many as there is room for."""
    count: int = 0
    """The end, after so many; 0: time decides."""
    seconds: float = 300.0
    """The end."""

    def takes_tag(self) -> Callable[[str], bool]:
        tests = [glob(pattern) for pattern in self.tag]
        return (lambda tag: any(test(tag) for test in tests)) if tests else (lambda tag: True)

    def takes_record(self) -> Test | None:
        """None: each. Raises: NotUnderstoodError."""
        tests = [within(text) for text in self.text]
        tests += [found(pattern(text)) for text in self.regex]
        tests += [field_test(text) for text in self.field]
        if len(tests) == 1:
            return tests[0]
        return (lambda record: all(test(record) for test in tests)) if tests else None


def read_wanted(query: str) -> Wanted:
    """Raises: NotUnderstoodError."""
    try:
        given = parse_qs(query, keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError as why:
        raise NotUnderstoodError(f"the query cannot be read: {why}") from None
    known = {f.name: f for f in fields(Wanted)}
    values: dict[str, Any] = {}
    for name, texts in given.items():
        if name not in known:
            hint = nearest(name, known)
            raise NotUnderstoodError(f"there is no parameter '{name}'{f': {hint}' if hint else ''}")
        default = known[name].default
        if isinstance(default, tuple):
            if len(texts) > MOST_FILTERS:
                raise NotUnderstoodError(f"{name} is given {len(texts)} times: expected {MOST_FILTERS} at most")
            values[name] = tuple(texts)
        else:
            values[name] = number(name, texts[-1], whole=isinstance(default, int))
    return Wanted(**values)


LEAST = {"every": 1, "rate": 0, "count": 0, "seconds": 0.1}
MOST = {"rate": MOST_RATE, "seconds": MOST_SECONDS}


def number(name: str, text: str, *, whole: bool) -> float:
    """Raises: NotUnderstoodError."""
    least, most = LEAST[name], MOST.get(name, 10**12)
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = -1
    if not least <= value <= most:
        raise NotUnderstoodError(f"{name} is '{text}': expected a {'whole ' * whole}number from {least:g} to {most:g}")
    return value


def pattern(text: str) -> Pattern:
    """Raises: NotUnderstoodError."""
    try:
        made = compile_pattern(text)
    except PatternError as why:
        raise NotUnderstoodError(f"the pattern '{text}' cannot be read: {why}") from None
    if made.danger is not None:
        raise NotUnderstoodError(f"the pattern '{text}' can take very long: {made.slow_part}")
    return made


def field_test(text: str) -> Test:
    """Raises: NotUnderstoodError."""
    at, sign = min(((text.find(s), s) for s in ("!=", "=", "~") if s in text), default=(len(text), ""))
    name, expected = text[:at], text[at + len(sign) :]
    try:
        get = accessor(name)
    except ValueError as why:
        raise NotUnderstoodError(f"the field '{name}' cannot be read: {why}") from None
    if not name:
        raise NotUnderstoodError(f"the field of '{text}' has no name: expected such as level=error*")
    if not sign:
        return lambda record: get(record) is not MISSING
    if sign == "~":
        test = without_trace(pattern(expected))
    else:
        test = glob(expected)
    is_wanted = sign != "!="

    def holds(record: Record) -> bool:
        value = get(record)
        return (value is not MISSING and test(text_of(value))) is is_wanted

    return holds


def within(text: str) -> Test:
    return found_by(lambda value: text in value)


def found(made: Pattern) -> Test:
    return found_by(without_trace(made))


def found_by(test: Callable[[str], bool]) -> Test:
    def holds(value: Any, depth: int = 0) -> bool:
        if isinstance(value, str):
            return test(value)
        if isinstance(value, (dict, list)):
            inner = value.values() if isinstance(value, dict) else value
            return depth < DEEP and any(holds(one, depth + 1) for one in inner)
        return test(text_of(value))

    return holds


def text_of(value: Any) -> str:
    """A value as one would look for it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return json_text(value, escape_unicode=False)


def without_trace(made: Pattern) -> Callable[[str], bool]:
    """Pattern.test. What it takes is not the filters': neither their time, nor what is said about them."""

    def test(text: str) -> bool:
        left, told = WATCH.left, OVERRUNS.get(made.text)
        try:
            return made.test(text)
        finally:
            WATCH.left = left
            if OVERRUNS.get(made.text) != told:
                if told is None:
                    del OVERRUNS[made.text]
                else:
                    OVERRUNS[made.text] = told

    return test


def as_query(wanted: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """What read_wanted reads; without what is None."""
    out: list[tuple[str, str]] = []
    for name, value in wanted.items():
        values = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
        out += [(name, f"{v:g}" if isinstance(v, float) else str(v)) for v in values]
    return out
