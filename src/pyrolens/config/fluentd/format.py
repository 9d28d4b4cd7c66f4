"""`<format>` and `<inject>`: records become text, and get fields for it.

Source: Fluentd 1.19, lib/fluent/plugin/formatter*.rb and plugin_helper/inject.rb.
"""

import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pyrolens.config.fluentd.accessors import getter, inspect, to_s
from pyrolens.config.fluentd.kinds import Array, Bool, Fields
from pyrolens.config.fluentd.reading import Reading, Said
from pyrolens.config.fluentd.times import TimeOptions, writer
from pyrolens.language.fluentd import Element
from pyrolens.options import group, opt
from pyrolens.plugin import Transform
from pyrolens.records.codecs.json import json_text
from pyrolens.records.event import SECOND, Event, Record

WriteText = Callable[[str, int, Record], str]
"""(tag, ns, record) -> text, with its newline if it is to have one."""
NEWLINES = {"lf": "\n", "crlf": "\r\n"}
STDOUT_TIME = "%Y-%m-%d %H:%M:%S.%N %z"


def json_of(record: Record) -> str:
    return json_text(record, escape_unicode=False)


@dataclass(frozen=True, kw_only=True)
class FormatSection(Said):
    """What all formats have."""

    ignored = {"json_parser": "the encoder of this router is used"}
    name: ClassVar[str] = ""

    time: TimeOptions = group(TimeOptions)
    add_newline: Bool = opt("Each record ends with a newline.", default=True)
    newline: Literal["lf", "crlf"] = opt("Which one.", default="lf")

    def check(self) -> Iterable[tuple[str, str]]:
        self.time.writer()
        return ()

    @property
    def end(self) -> str:
        return NEWLINES[self.newline] if self.add_newline else ""

    def compile(self) -> WriteText:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class JsonFormat(FormatSection):
    """The record as JSON."""

    name = "json"

    def compile(self) -> WriteText:
        end = self.end
        return lambda tag, ns, record: json_of(record) + end


@dataclass(frozen=True, kw_only=True)
class OutFileFormat(FormatSection):
    """Time, tag and JSON, with tabs between."""

    name = "out_file"

    output_time: Bool = opt("Begin with the time.", default=True)
    output_tag: Bool = opt("Then the tag.", default=True)
    delimiter: str = opt("Between them: TAB, SPACE or COMMA.", default="TAB")

    def compile(self) -> WriteText:
        word, end = self.delimiter.lower(), NEWLINES[self.newline]
        between = " " if "space" in word else "," if "comma" in word else "\t"
        write, with_time, with_tag = self.time.writer(), self.output_time, self.output_tag

        def text(tag: str, ns: int, record: Record) -> str:
            head = f"{write(ns)}{between}" if with_time else ""
            return f"{head}{tag}{between}{json_of(record)}{end}" if with_tag else f"{head}{json_of(record)}{end}"

        return text


@dataclass(frozen=True, kw_only=True)
class SingleValueFormat(FormatSection):
    """The value of one field."""

    name = "single_value"

    message_key: str = opt("The field.", default="message")

    def compile(self) -> WriteText:
        key, end = self.message_key, self.end
        return lambda tag, ns, record: to_s(record.get(key)) + end


@dataclass(frozen=True, kw_only=True)
class LtsvFormat(FormatSection):
    """label:value, with tabs between."""

    name = "ltsv"

    delimiter: str = opt("Between the fields.", default="\t")
    label_delimiter: str = opt("Between label and value.", default=":")
    replacement: str = opt("In place of a delimiter in a value.", default=" ")

    def compile(self) -> WriteText:
        between, label, instead, end = self.delimiter, self.label_delimiter, self.replacement, self.end

        def text(tag: str, ns: int, record: Record) -> str:
            fields = (f"{k}{label}{to_s(v).replace(between, instead)}" for k, v in record.items())
            return between.join(fields) + end

        return text


@dataclass(frozen=True, kw_only=True)
class CsvFormat(FormatSection):
    """The values of some fields, in double quotes, with commas between."""

    name = "csv"

    fields: Fields = opt("The fields, in order.")
    delimiter: str = opt("Between the values; TAB for a tab.", default=",")
    force_quotes: Bool = opt("Put all values into quotes, and not only those that need it.", default=True)

    def compile(self) -> WriteText:
        gets = [getter(field) for field in self.fields if field]
        between = "\t" if self.delimiter in ("\\t", "TAB") else self.delimiter
        force, end = self.force_quotes, "\n" if self.add_newline else ""

        def cell(value: object) -> str:
            if value is None and not force:
                return ""
            written = to_s(value)
            if force or not written or any(c in written for c in (between, '"', "\n", "\r")) or written[0] == " ":
                return '"' + written.replace('"', '""') + '"'
            return written

        return lambda tag, ns, record: between.join(cell(get(record)) for get in gets) + end


@dataclass(frozen=True, kw_only=True)
class TsvFormat(FormatSection):
    """The values of some fields, with tabs between."""

    name = "tsv"

    keys: Array = opt("The fields, in order.")
    delimiter: str = opt("Between the values.", default="\t")

    def compile(self) -> WriteText:
        keys, between, end = self.keys, self.delimiter, self.end
        return lambda tag, ns, record: between.join(to_s(record.get(key)) for key in keys) + end


@dataclass(frozen=True, kw_only=True)
class HashFormat(FormatSection):
    """The record as a hash of Ruby's."""

    name = "hash"

    def compile(self) -> WriteText:
        end = self.end
        return lambda tag, ns, record: inspect(record) + end


@dataclass(frozen=True, kw_only=True)
class StdoutFormat(FormatSection):
    """Time, tag and the record, for people."""

    name = "stdout"

    output_type: Literal["json", "hash"] = opt("How the record is written.", default="json")

    def compile(self) -> WriteText:
        write, of = (
            writer(self.time.time_format or STDOUT_TIME, None),
            json_of if self.output_type == "json" else inspect,
        )
        return lambda tag, ns, record: f"{write(ns)} {tag}: {of(record)}\n"


FORMATS: Mapping[str, type[FormatSection]] = {
    cls.name: cls
    for cls in (
        JsonFormat,
        OutFileFormat,
        SingleValueFormat,
        LtsvFormat,
        CsvFormat,
        TsvFormat,
        HashFormat,
        StdoutFormat,
    )
}
INSTEAD = {"msgpack": "use an output forward to send MessagePack", "protobuf": "there are json, ltsv and csv"}


def formatter(reading: Reading, element: Element) -> type[FormatSection] | None:
    return reading.type_of(element, FORMATS, **INSTEAD)


@dataclass(frozen=True, kw_only=True)
class InjectSection(Said):
    """Fields that a record gets on its way out."""

    hostname_key: str | None = opt("Field for the name of the host.", default=None)
    hostname: str | None = opt("That name, if not the system's.", default=None)
    worker_id_key: str | None = opt("Field for the number of the worker, which is 0.", default=None)
    tag_key: str | None = opt("Field for the tag.", default=None)
    time_key: str | None = opt("Field for the time.", default=None)
    time_type: Literal["float", "unixtime", "unixtime_millis", "unixtime_micros", "unixtime_nanos", "string"] = opt(
        "How the time is written.", default="float"
    )
    time_format: str | None = opt("Of time_type string, as for strftime.", default=None)
    localtime: Bool = opt("Of time_type string: local time of this system; else UTC.", default=True)
    utc: Bool = opt("Of time_type string: UTC.", default=False)
    timezone: str | None = opt("Of time_type string: +09:00, or Asia/Tokyo.", default=None)

    def check(self) -> Iterable[tuple[str, str]]:
        self.write_time()
        return ()

    def write_time(self) -> Callable[[int], object]:
        if self.time_type == "string":
            zone = TimeOptions(localtime=self.localtime, utc=self.utc, timezone=self.timezone).zone
            return writer(self.time_format, zone)
        if self.time_type == "float":
            return lambda ns: int(ns) // 1000 / 1_000_000
        divisor = {
            "unixtime": SECOND,
            "unixtime_millis": 1_000_000,
            "unixtime_micros": 1000,
            "unixtime_nanos": 1,
        }[self.time_type]
        return lambda ns: int(ns) // divisor

    def compile(self) -> Transform:
        fixed: Record = {}
        if self.hostname_key:
            fixed[self.hostname_key] = self.hostname or socket.gethostname()
        if self.worker_id_key:
            fixed[self.worker_id_key] = 0
        tag_key, time_key, write = self.tag_key, self.time_key, self.write_time()

        def inject(tag: str, events: list[Event]) -> list[Event]:
            out: list[Event] = []
            for ns, record in events:
                record = {**record, **fixed}
                if tag_key:
                    record[tag_key] = tag
                if time_key:
                    record[time_key] = write(ns)
                out.append((ns, record))
            return out

        return inject
