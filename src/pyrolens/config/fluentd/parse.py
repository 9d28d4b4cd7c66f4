"""`<parse>`: text becomes records.

Source: Fluentd 1.19, lib/fluent/plugin/parser*.rb.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec

from pyrolens.config.fluentd.accessors import to_f, to_i, to_s
from pyrolens.config.fluentd.kinds import Array, Bool, Hash, Regexp, Slashed
from pyrolens.config.fluentd.reading import Reading, Said
from pyrolens.config.fluentd.times import ReadTime, TimeOptions, reader, zone_of
from pyrolens.language.fluentd import Element
from pyrolens.options import OptionError, group, opt
from pyrolens.records.event import Record
from pyrolens.records.regex import Pattern, PatternError, compile_pattern

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


@dataclass(frozen=True, kw_only=True)
class JsonParse(ParseSection):
    """One object, or an array of them."""

    default_key = "time"
    default_type = "float"

    def fields(self) -> Callable[[str], list[Record]]:
        decode = msgspec.json.decode

        def read(text: str) -> list[Record]:
            try:
                value = decode(text)
            except msgspec.DecodeError:
                value = slowly(text)
            except UnicodeEncodeError:
                value = slowly(text)
            items = value if isinstance(value, list) else [value]
            return [item for item in items if isinstance(item, dict)]

        return read


def slowly(text: str) -> Any:
    """As Python reads JSON, which takes surrogates and NaN."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def of_pattern(pattern: Pattern) -> Callable[[str], list[Record]]:
    named = pattern.named

    def read(text: str) -> list[Record]:
        found = named(text)
        if found is None:
            return []
        return [{name: value for name, value in found.items() if value is not None}]

    return read


@dataclass(frozen=True, kw_only=True)
class RegexpParse(ParseSection):
    """The named groups of a pattern."""

    default_key = "time"
    refused = {
        "ignorecase": "write /pattern/i",
        "multiline": "write /pattern/m",
    }

    expression: Regexp = opt("The pattern, with groups such as (?<level>\\w+).")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from super().check()
        if not self.expression.names:
            yield "expression", "expression has no named group such as (?<level>\\w+)"

    def fields(self) -> Callable[[str], list[Record]]:
        return of_pattern(self.expression)


NGINX = (
    r'/^(?<remote>[^ ]*) (?<host>[^ ]*) (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>[^\"]*?)'
    r'(?: +\S*)?)?" (?<code>[^ ]*) (?<size>[^ ]*)(?: "(?<referer>[^\"]*)" "(?<agent>[^\"]*)"'
    r"(?:\s+\"?(?<http_x_forwarded_for>[^\"]*)\"?)?)?$/"
)
APACHE2 = (
    r'/^(?<host>[^ ]*) [^ ]* (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>(?:[^\"]|\\")*?)'
    r'(?: +\S*)?)?" (?<code>[^ ]*) (?<size>[^ ]*)(?: "(?<referer>(?:[^\"]|\\")*)" "(?<agent>(?:[^\"]|\\")*)")?$/'
)
APACHE = (
    r'/^(?<host>[^ ]*) [^ ]* (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>[^ ]*) +\S*)?"'
    r" (?<code>[^ ]*) (?<size>[^ ]*)(?: \"(?<referer>[^\"]*)\" \"(?<agent>[^\"]*)\")?$/"
)
ACCESS_TIME = "%d/%b/%Y:%H:%M:%S %z"


@dataclass(frozen=True, kw_only=True)
class NginxParse(ParseSection):
    """Access lines of nginx."""

    default_key = "time"

    expression: Regexp = opt("Another pattern.", default=None)

    def read_time(self) -> ReadTime:
        return self.time.reader() if self.time.time_format else reader("string", ACCESS_TIME, None)

    def fields(self) -> Callable[[str], list[Record]]:
        return of_pattern(self.expression or compile_pattern(NGINX))


@dataclass(frozen=True, kw_only=True)
class ApacheParse(ParseSection):
    """Access lines of Apache, all of it text."""

    default_key = "time"

    def read_time(self) -> ReadTime:
        return self.time.reader() if self.time.time_format else reader("string", ACCESS_TIME, None)

    def fields(self) -> Callable[[str], list[Record]]:
        return of_pattern(compile_pattern(APACHE))


@dataclass(frozen=True, kw_only=True)
class Apache2Parse(ParseSection):
    """Access lines of Apache, with numbers, and null where there is a dash."""

    default_key = "time"

    def read_time(self) -> ReadTime:
        return reader("string", ACCESS_TIME, None)

    def fields(self) -> Callable[[str], list[Record]]:
        named = compile_pattern(APACHE2).named

        def read(text: str) -> list[Record]:
            found = named(text)
            if found is None:
                return []
            record: Record = {"time": found["time"]}
            for name in ("host", "user", "method", "path", "code", "size", "referer", "agent"):
                record[name] = None if found[name] == "-" and name not in ("method", "path") else found[name]
            record["code"] = to_i(record["code"]) or None
            record["size"] = None if record["size"] is None else to_i(record["size"])
            return [record]

        return read

    def finisher(self) -> Callable[[Record], tuple[Record, int | None]]:
        finish, keep = super().finisher(), self.keep_time_key

        def last(record: Record) -> tuple[Record, int | None]:
            record, ns = finish(record)
            if keep:
                record["time"] = record.pop("time")
            return record, ns

        return last


@dataclass(frozen=True, kw_only=True)
class NoneParse(ParseSection):
    """The text as it is, in one field."""

    message_key: str = opt("Field for the text.", default="message")

    def fields(self) -> Callable[[str], list[Record]]:
        key = self.message_key
        return lambda text: [{key: text}]


@dataclass(frozen=True, kw_only=True)
class LtsvParse(ParseSection):
    """label:value, with tabs between."""

    default_key = "time"

    delimiter: str = opt("Between the fields.", default="\t")
    delimiter_pattern: Slashed | None = opt("The same as a pattern.", default=None)
    label_delimiter: str = opt("Between label and value.", default=":")

    def fields(self) -> Callable[[str], list[Record]]:
        between, label = self.delimiter, self.label_delimiter
        pattern = self.delimiter_pattern

        def read(text: str) -> list[Record]:
            parts = cut(text, pattern) if pattern else text.split(between)
            return [{key: value for key, colon, value in (part.partition(label) for part in parts) if colon}]

        return read


def cut(text: str, pattern: Pattern) -> list[str]:
    """The text between the matches."""
    parts: list[str] = []
    while (found := pattern.match(text)) and found[0]:
        parts.append(text[: found.end() - len(found[0])])
        text = text[found.end() :]
    return [*parts, text]


@dataclass(frozen=True, kw_only=True)
class CsvParse(ParseSection):
    """Values with commas between, perhaps in double quotes."""

    keys: Array = opt("Names of the fields, in order.")
    delimiter: str = opt("Between the values.", default=",")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from super().check()
        if len(self.delimiter) != 1:
            yield "delimiter", "delimiter has to be one character here"

    def fields(self) -> Callable[[str], list[Record]]:
        keys, delimiter = self.keys, self.delimiter

        def read(text: str) -> list[Record]:
            try:
                rows = list(csv.reader([text], delimiter=delimiter, strict=True))
            except csv.Error as why:
                raise ValueError(f"it is no CSV: {why}") from None
            values: list[str | None] = [value or None for value in rows[0]] if rows else []
            if not values:
                return []
            return [dict(zip(keys, [*values, *[None] * len(keys)], strict=False))]

        return read


@dataclass(frozen=True, kw_only=True)
class TsvParse(ParseSection):
    """Values with tabs between."""

    keys: Array = opt("Names of the fields, in order.")
    delimiter: str = opt("Between the values.", default="\t")

    def fields(self) -> Callable[[str], list[Record]]:
        keys, delimiter = self.keys, self.delimiter
        return lambda text: [
            dict(zip(keys, [*text.split(delimiter, len(keys) - 1), *[None] * len(keys)], strict=False))
        ]


RFC3164 = r"(?<host>[^ ]*) (?<ident>[^ :\[]*)(?:\[(?<pid>[0-9]+)\])?(?:[^\:]*\:)? *(?<message>.*)$/"
RFC5424 = (
    r"(?<time>[^ ]+) (?<host>[!-~]{1,255}) (?<ident>[!-~]{1,48}) (?<pid>[!-~]{1,128}) (?<msgid>[!-~]{1,32})"
    r" (?<extradata>(?:\-|(?:\[.*?(?<!\\)\])+))(?: (?<message>.+))?\z/m"
)


@dataclass(frozen=True, kw_only=True)
class SyslogParse(ParseSection):
    """Messages of syslog."""

    default_key = "time"
    ignored = {
        **ParseSection.ignored,
        "support_colonless_ident": "a message without a colon is taken anyway",
    }

    with_priority: Bool = opt("Messages begin with a priority such as <9>.", default=False)
    message_format: Literal["rfc3164", "rfc5424", "auto"] = opt("Which form they have.", default="rfc3164")
    rfc5424_time_format: str = opt("How the time of RFC 5424 is written.", default="%Y-%m-%dT%H:%M:%S.%L%z")

    def read_time(self) -> ReadTime:
        old = reader("string", self.time.time_format or "%b %d %H:%M:%S", self.time.zone)
        new = [reader("string", self.rfc5424_time_format, None), reader("string", None, None)]
        if self.message_format == "rfc5424" and self.time.time_format:
            new = [old]
        by_form = {"rfc3164": [old], "rfc5424": new, "auto": [*new, old]}[self.message_format]

        def read(value: Any) -> int:
            for one in by_form:
                try:
                    return one(value)
                except ValueError:
                    continue
            raise ValueError("its time cannot be read")

        return read

    def fields(self) -> Callable[[str], list[Record]]:
        blanks = (self.time.time_format or "%b %d %H:%M:%S").count(" ")
        time = r"(?<time>" + r"[^ ]*" + r" +[^ ]*" * blanks + ")"
        pri = "<(?<pri>[0-9]{1,3})>" if self.with_priority else ""
        old = of_pattern(compile_pattern(rf"/^{pri}{time} {RFC3164}"))
        version = r"[1-9]\d{0,2} "
        new = of_pattern(compile_pattern(rf"/\A{pri}{version if pri else ''}{RFC5424}"))
        first = {"rfc3164": (old,), "rfc5424": (new,), "auto": (new, old)}[self.message_format]

        def read(text: str) -> list[Record]:
            for one in first:
                if found := one(text):
                    if "pri" in found[0]:
                        found[0]["pri"] = int(found[0]["pri"])
                    return found
            return []

        return read


FORMATS = tuple(f"format{n}" for n in range(1, 21))


@dataclass(frozen=True, kw_only=True)
class MultilineParse(ParseSection):
    """Several lines that a pattern takes as one text."""

    default_key = "time"
    more = FORMATS

    format_firstline: Slashed | None = opt("The first line of a record.", default=None)
    unmatched_lines: Bool = opt("What does not fit becomes the field unmatched_line.", default=False)

    @property
    def pattern(self) -> Pattern:
        """Raises: OptionError."""
        parts: list[str] = []
        for number, name in enumerate(FORMATS):
            text = self.element.text(name)
            if not text:
                continue
            if number != len(parts):
                raise OptionError(name, f"{FORMATS[len(parts)]} is missing")
            if len(text) < 2 or text[0] != "/" or text[-1] != "/":
                raise OptionError(name, "expected a pattern between slashes")
            parts.append(text[1:-1])
        try:
            pattern = compile_pattern(f"/{''.join(parts)}/m")
        except PatternError as why:
            raise OptionError("format1", str(why)) from None
        if not pattern.names:
            raise OptionError("format1", "it needs format1, with a named group such as (?<message>.*)")
        return pattern

    def check(self) -> Iterable[tuple[str, str]]:
        yield from super().check()
        _ = self.pattern

    def fields(self) -> Callable[[str], list[Record]]:
        pattern, unmatched = self.pattern, self.unmatched_lines
        groups = of_pattern(pattern)

        def read(text: str) -> list[Record]:
            out: list[Record] = []
            while text:
                found = pattern.match(text)
                if found is None:
                    return [*out, {"unmatched_line": text}] if unmatched else out
                out += groups(text)
                if found.end() == 0:
                    break
                text = text[found.end() :].removeprefix("\n")
            return out

        return read


PARSERS: Mapping[str, type[ParseSection]] = {
    "json": JsonParse,
    "regexp": RegexpParse,
    "none": NoneParse,
    "apache2": Apache2Parse,
    "apache": ApacheParse,
    "nginx": NginxParse,
    "syslog": SyslogParse,
    "ltsv": LtsvParse,
    "csv": CsvParse,
    "tsv": TsvParse,
    "multiline": MultilineParse,
}
INSTEAD = {
    "apache_error": "use @type regexp",
    "msgpack": "send MessagePack to a source forward",
    "in_http": "leave <parse> out: JSON and forms are taken",
    "grok": "use @type regexp",
    "multi_format": "use a filter parser for each form, with reserve_data true",
    "cri": "use @type regexp, and a filter concat",
}


def parser(reading: Reading, element: Element) -> type[ParseSection] | None:
    entry = element.get("@type")
    if entry and str(entry.value).startswith("/"):
        message = "a pattern stands in expression, and @type is regexp"
        reading.problems.error("bad-value", f"<parse>: {message}", entry.value_place)
        return None
    return reading.type_of(element, PARSERS, **INSTEAD)
