"""What a record is for Firehose and Kinesis: a line of JSON, or the value of one field, in both dialects of options."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyrolens.api import Commas, Event, Record, opt
from pyrolens.outputs._values import value_bytes, value_line
from pyrolens.records.codecs import Json, second_text
from pyrolens.records.event import SECOND

Lines = Callable[[list[Event]], Sequence[bytes | None]]
"""Events -> the data of each, None for one that has none."""

LOG_KEY = "Send only the value of this field."
TIME_KEY = "Add the record's time as this field."
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
EMPTY = b"{}\n"


@dataclass(frozen=True, kw_only=True)
class RecordLines:
    """What a record is for kinesis_firehose and kinesis_streams."""

    log_key: str | None = opt(LOG_KEY, default=None)
    time_key: str | None = opt(TIME_KEY, default=None)
    time_key_format: str = opt(
        "strftime format of that time; also %3N (milliseconds), %9N and %L (nanoseconds).", default=TIME_FORMAT
    )

    def mistakes(self) -> Iterable[tuple[str, str]]:
        if self.log_key and self.time_key:
            yield "time_key", "time_key cannot be combined with log_key"

    @property
    def missing(self) -> str:
        """Why a record has no data."""
        return f"no field '{self.log_key}'" if self.log_key else "the record is empty"

    def lines(self, escape_unicode: bool) -> Lines:
        return record_lines(self.log_key, self.time_key, self.time_key_format, escape_unicode)


@dataclass(frozen=True, kw_only=True)
class GoRecordLines:
    """What a record is for firehose and kinesis."""

    data_keys: Commas = opt("Send only these fields, with commas between.", default=[])
    log_key: str | None = opt(LOG_KEY, default=None)
    replace_dots: str = opt("Put this in place of each dot in the names of fields.", default="")
    time_key: str | None = opt(TIME_KEY, default=None)
    time_key_format: str = opt(
        "strftime format of that time; also %L (milliseconds) and %f (microseconds).", default=TIME_FORMAT
    )

    @property
    def missing(self) -> str:
        """Why a record has no data."""
        return f"no field '{self.log_key}'"

    def lines(self, escape_unicode: bool, *, newline: bool = True) -> Lines:
        return go_record_lines(self, escape_unicode, newline=newline)


FRACTIONS = {
    "%3N": lambda rest: f"{rest // 1_000_000:03d}",
    "%6N": lambda rest: f"{rest // 1000:06d}",
    "%9N": lambda rest: f"{rest:09d}",
    "%N": lambda rest: f"{rest:09d}",
    "%L": lambda rest: f"{rest:09d}",
}
GO_FRACTIONS = {
    **FRACTIONS,
    "%L": lambda rest: f"{rest // 1_000_000:03d}",
    "%f": lambda rest: f"{rest // 1000:06d}",
}


def time_text(form: str, fractions: dict[str, Callable[[int], str]] | None = None) -> Callable[[int], str]:
    """ns -> its time in a format of strftime, UTC, with fractions of a second by name.

    Source: Fluent Bit 5.1.1 flb_aws_strftime_precision: %3N milliseconds, %9N and %L nanoseconds."""
    known = FRACTIONS if fractions is None else fractions
    parts = re.split(r"(%s|%%|" + "|".join(map(re.escape, known)) + ")", form)
    if not any(p in known or p == "%s" for p in parts):
        return lambda ns: second_text(form, ns // SECOND)

    def text(ns: int) -> str:
        seconds, rest = divmod(ns, SECOND)
        return "".join(
            [
                known[p](rest) if p in known else str(seconds) if p == "%s" else second_text(p, seconds) if p else ""
                for p in parts
            ]
        )

    return text


def record_lines(log_key: str | None, time_key: str | None, time_key_format: str, escape_unicode: bool) -> Lines:
    """As kinesis_firehose and kinesis_streams send them. Empty records have no data."""
    if log_key:
        key = log_key
        return lambda events: [
            value_line(record[key], escape_unicode) if key in record else None for _, record in events
        ]
    json = Json(None, escape_unicode=escape_unicode)
    name = time_key
    if name:
        text = time_text(time_key_format)
        return lambda events: [
            line if event[1] else None
            for event, line in zip(
                events, json.each([(ns, {**r, name: text(ns)}) for ns, r in events], b"\n"), strict=True
            )
        ]

    def lines(events: list[Event]) -> Sequence[bytes | None]:
        made = json.each(events, b"\n")
        return [line if line != EMPTY else None for line in made] if EMPTY in made else made

    return lines


def go_record_lines(options: GoRecordLines, escape_unicode: bool, *, newline: bool) -> Lines:
    """As AWS's plugins in Go send them: the time is one of the fields that data_keys and log_key look for."""
    log_key, time_key, data_keys = options.log_key, options.time_key, options.data_keys
    text = time_text(options.time_key_format, GO_FRACTIONS)
    json = Json(None, escape_unicode=escape_unicode)
    end = b"\n" if newline else b""

    def edited(ns: int, record: Record) -> Record:
        if time_key:
            record = {**record, time_key: text(ns)}
        if data_keys:
            record = {k: v for k, v in record.items() if k in data_keys}
        return without_dots(record, options.replace_dots) if options.replace_dots else record

    def lines(events: list[Event]) -> Sequence[bytes | None]:
        made = [(ns, edited(ns, record)) for ns, record in events]
        if log_key:
            return [
                value_bytes(record[log_key], escape_unicode) + end if log_key in record else None for _, record in made
            ]
        return json.each(made, end)

    return lines


def without_dots(record: dict[Any, Any], replacement: str) -> dict[Any, Any]:
    """With something else in place of the dots in the names of fields."""
    return {
        k.replace(".", replacement) if isinstance(k, str) else k: without_dots(v, replacement)
        if isinstance(v, dict)
        else v
        for k, v in record.items()
    }
