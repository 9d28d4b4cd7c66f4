"""What all parsers of `<parse>` have.

Source: Fluentd 1.19, lib/fluent/plugin/parser.rb.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from pyrolens.config.fluentd.accessors import to_f, to_i, to_s
from pyrolens.config.fluentd.kinds import Bool, Hash, Regexp
from pyrolens.config.fluentd.reading import Said
from pyrolens.config.fluentd.times import ReadTime, TimeOptions, reader, zone_of
from pyrolens.options import OptionError, group, opt
from pyrolens.records.event import Record
from pyrolens.records.regex import Pattern

Parsed = list[tuple[Record, int | None]]
"""Records, each with its time in ns; None: it names none. Empty: the text does not fit."""
ParseText = Callable[[str], Parsed]
"""Raises: ValueError with the reason why the text does not fit."""
Convert = Callable[[Any], Any]

ENGINES = "the parser of this router is used"


@dataclass(frozen=True, kw_only=True)
class ParseSection(Said):
    """What all parsers have."""

    ignored = {
        "timeout": "patterns that take too long are stopped anyway",
        "json_parser": ENGINES,
        "stream_buffer_size": ENGINES,
        "parser_engine": ENGINES,
        "parser_type": ENGINES,
    }
    default_key: ClassVar[str | None] = None
    default_type: ClassVar[str] = "string"

    time: TimeOptions = group(TimeOptions)
    types: Hash | None = opt(
        "Types of fields, such as `code:integer,ms:float,ok:bool,at:time:%d/%b/%Y,list:array`.", default=None
    )
    time_key: str | None = opt("Field that holds the time of the event.", default=None)
    null_value_pattern: Regexp | None = opt("Texts that fit become null.", default=None)
    null_empty_string: Bool = opt("Empty texts become null.", default=False)
    estimate_current_event: Bool = opt(
        "In a filter: a record without a time of its own is of now; else it keeps the event's.", default=True
    )
    keep_time_key: Bool = opt("Keep the field that the time was read from.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        self.read_time()
        self.converters()
        return ()

    @property
    def key(self) -> str | None:
        return self.time_key or self.default_key

    def read_time(self) -> ReadTime:
        return self.time.reader("" if self.said("time_type") or self.said("time_format") else self.default_type)

    def converters(self) -> dict[str, Convert]:
        return {name: converter(str(kind), self.time) for name, kind in (self.types or {}).items()}

    def fields(self) -> Callable[[str], list[Record]]:
        """Text -> records, which are ours to change; empty: it does not fit."""
        raise NotImplementedError

    def compile(self) -> ParseText:
        fields, finish = self.fields(), self.finisher()
        return lambda text: [finish(record) for record in fields(text)]

    def finisher(self) -> Callable[[Record], tuple[Record, int | None]]:
        """Takes the time out of a record and converts its fields. Raises: ValueError."""
        key, read, keep = self.key, self.read_time(), self.keep_time_key
        converters, empty, null = self.converters(), self.null_empty_string, self.null_value_pattern

        def finish(record: Record) -> tuple[Record, int | None]:
            ns = None
            if key is not None and key in record:
                ns = read(record[key])
                if not keep:
                    del record[key]
            if empty or null:
                for name, value in record.items():
                    if isinstance(value, str) and ((empty and not value) or (null and null.test(value))):
                        record[name] = None
            for name, convert in converters.items():
                if record.get(name) not in (None, False):
                    record[name] = convert(record[name])
            return record, ns

        return finish


def converter(definition: str, time: TimeOptions) -> Convert:
    """Raises: OptionError."""
    kind, _, option = definition.partition(":")
    if kind == "string":
        return to_s
    if kind == "integer":
        return to_i
    if kind == "float":
        return to_f
    if kind == "bool":
        return lambda value: to_s(value).lower() in ("true", "yes", "1")
    if kind == "array":
        return lambda value: split(to_s(value), option or ",")
    if kind == "time":
        read = time_converter(option)

        def convert(value: Any) -> Any:
            try:
                return read(value) // 1_000_000_000
            except ValueError:
                return None

        return convert
    message = f"'{kind}' is no type: expected string, integer, float, bool, time or array"
    raise OptionError("types", message)


def split(text: str, delimiter: str) -> list[str]:
    parts = text.split() if delimiter == " " else text.split(delimiter)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def time_converter(option: str) -> ReadTime:
    zone = None
    head, _, rest = option.partition(":")
    if rest and "%" not in head:
        found = re.match(r"([+-]\d\d:\d\d|[^:]+):(.*)", option)
        if found:
            zone, option = zone_of(found[1]), found[2]
    if option in ("unixtime", "float"):
        return reader(option, None, None)
    return reader("string", option or None, zone)


def of_pattern(pattern: Pattern) -> Callable[[str], list[Record]]:
    named = pattern.named

    def read(text: str) -> list[Record]:
        found = named(text)
        if found is None:
            return []
        return [{name: value for name, value in found.items() if value is not None}]

    return read
