"""`${…}` in the values of record_transformer and record_modifier.

Source: Fluentd 1.19, lib/fluent/plugin/filter_record_transformer.rb, PlaceholderExpander; of Ruby, with enable_ruby,
what reads a field or the tag, and nothing else.
"""

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from pyrolens.config.fluentd.accessors import to_s
from pyrolens.config.fluentd.times import writer
from pyrolens.records.event import Record

HOLDER = re.compile(r"\$\{[^}]+\}|__[A-Z_]+__")
INDEXED = re.compile(r"(tag_parts|tag_prefix|tag_suffix)\[\s*(-?\d+)\s*\]")
RUBY_TIME = "%Y-%m-%d %H:%M:%S %z"
STRING = r"(?:\"(?:[^\"\\#]|\\.)*\"|'(?:[^'\\]|\\.)*')"
FIELD = re.compile(rf"record((?:\[\s*(?:{STRING}|-?\d+)\s*\])+)")
DIG = re.compile(rf"record\.dig\(\s*((?:{STRING}|-?\d+)(?:\s*,\s*(?:{STRING}|-?\d+))*)\s*\)")
STRFTIME = re.compile(rf"time\.strftime\(\s*({STRING})\s*\)")
SIMPLE_FIELD = re.compile(r"record\[\"(.*)\"\]")

Value = Callable[["Of", int, Record], Any]
"""(tag, ns, record) -> the value."""


class UnknownError(ValueError):
    """There is no such placeholder."""


class Of:
    """A tag and its parts."""

    def __init__(self, tag: str) -> None:
        parts = tag.split(".")
        while parts and not parts[-1]:
            parts.pop()
        self.tag = tag
        self.of = {
            "tag_parts": parts,
            "tag_prefix": [".".join(parts[: n + 1]) for n in range(len(parts))],
            "tag_suffix": [".".join(parts[n:]) for n in range(len(parts))],
        }

    def part(self, name: str, number: int) -> str | None:
        parts = self.of[name]
        return parts[number] if -len(parts) <= number < len(parts) else None


@dataclass(frozen=True)
class Holder:
    value: Value
    constant: bool
    """It depends on nothing but the tag."""


def holder(name: str, ruby: bool) -> Holder:
    """What stands between ${ and }. Raises: UnknownError."""
    if name == "tag":
        return Holder(lambda of, ns, record: of.tag, True)
    if name == "hostname":
        host = socket.gethostname()
        return Holder(lambda of, ns, record: host, True)
    if name == "time":
        return Holder(timed(RUBY_TIME), False)
    if found := INDEXED.fullmatch(name):
        kind, number = found[1], int(found[2])
        return Holder(lambda of, ns, record: of.part(kind, number), True)
    if found := SIMPLE_FIELD.fullmatch(name) if not ruby else None:
        key = found[1]
        return Holder(lambda of, ns, record: record.get(key), False)
    if ruby and (found := STRFTIME.fullmatch(name)):
        return Holder(timed(literal(found[1])), False)
    if ruby and (found := FIELD.fullmatch(name) or DIG.fullmatch(name)):
        keys = [literal(k) for k in re.findall(rf"{STRING}|-?\d+", found[1])]
        return Holder(lambda of, ns, record: dig(record, keys), False)
    raise UnknownError(name)


def literal(text: str) -> Any:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else int(text)


def dig(value: Any, keys: list[Any]) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def timed(layout: str) -> Value:
    write = writer(layout, None)
    return lambda of, ns, record: write(ns)


Tell = Callable[[str], None]
"""Says that there is no such placeholder."""


def template(value: Any, typed: bool, ruby: bool, unknown: Tell) -> Holder:
    """Of text, or of the arrays and hashes of a JSON value. `typed`: a placeholder alone keeps its type."""
    if isinstance(value, str):
        return of_text(value, typed, ruby, unknown)
    if isinstance(value, dict):
        fields = [
            (of_text(key, False, ruby, unknown), template(inner, typed, ruby, unknown)) for key, inner in value.items()
        ]
        constant = all(key.constant and inner.constant for key, inner in fields)
        return Holder(
            lambda of, ns, record: {k.value(of, ns, record): v.value(of, ns, record) for k, v in fields}, constant
        )
    if isinstance(value, list):
        items = [template(inner, typed, ruby, unknown) for inner in value]
        constant = all(item.constant for item in items)
        return Holder(lambda of, ns, record: [item.value(of, ns, record) for item in items], constant)
    return Holder(lambda of, ns, record: value, True)


def of_text(text: str, typed: bool, ruby: bool, unknown: Tell) -> Holder:
    parts: list[Holder | str] = []
    at = 0
    for found in HOLDER.finditer(text):
        if ruby and found[0].startswith("_"):
            continue
        parts += [text[at : found.start()]] if found.start() > at else []
        at = found.end()
        try:
            parts.append(holder(found[0][2:-1].strip() if ruby else found[0][2:-1], ruby))
        except UnknownError:
            unknown(found[0])
            parts.append(NOTHING)
    parts += [text[at:]] if at < len(text) else []
    if len(parts) == 1 and isinstance(parts[0], Holder):
        alone = parts[0]
        return alone if typed else Holder(lambda of, ns, record: to_s(alone.value(of, ns, record)), alone.constant)
    if all(isinstance(part, str) for part in parts):
        return Holder(lambda of, ns, record: text, True)

    def joined(of: Of, ns: int, record: Record) -> str:
        return "".join(p if isinstance(p, str) else to_s(p.value(of, ns, record)) for p in parts)

    return Holder(joined, all(isinstance(p, str) or p.constant for p in parts))


NOTHING = Holder(lambda of, ns, record: None, True)


def json_or_text(text: str) -> Any:
    """The value of a parameter below <record>."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


class Fields(NamedTuple):
    """What is set in the records of a tag."""

    make: Callable[[int, Record], Record]
    """(ns, record) -> the fields."""
    fixed: Record | None = None
    """They are the same for all records."""


def fields_of(values: dict[str, Any], typed: bool, ruby: bool, unknown: Tell) -> Callable[[str], Fields]:
    """By tag."""
    made = [
        (of_text(key, False, ruby, unknown), template(value, typed, ruby, unknown)) for key, value in values.items()
    ]

    @lru_cache(1000)
    def of_tag(tag: str) -> Fields:
        of = Of(tag)
        if all(key.constant and value.constant for key, value in made):
            fixed = {key.value(of, 0, {}): value.value(of, 0, {}) for key, value in made}
            return Fields(lambda ns, record: fixed, fixed)
        return Fields(
            lambda ns, record: {key.value(of, ns, record): value.value(of, ns, record) for key, value in made}
        )

    return of_tag
