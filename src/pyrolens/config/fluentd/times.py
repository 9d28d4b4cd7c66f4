"""Times as Fluentd reads and writes them.

Source: Fluentd 1.19, lib/fluent/time.rb; Ruby 3.1, strftime.
Differs: without time_format Ruby guesses at any text; here it is ISO 8601, RFC 2822, or one of the usual forms of logs.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from pyrolens.config.fluentd.accessors import float_text, to_i
from pyrolens.config.fluentd.kinds import Array, Bool
from pyrolens.options import OptionError, opt
from pyrolens.records.event import SECOND
from pyrolens.records.times import MisfitError, TimeFormat, find_zone, read_offset, seconds_now

ReadTime = Callable[[Any], int]
"""A value -> ns since the epoch. Raises: ValueError."""
WriteTime = Callable[[int], str]

GUESSED = ("%Y-%m-%d %H:%M:%S.%L", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%b %d %H:%M:%S", "%d/%b/%Y:%H:%M:%S %z")
DIRECTIVE = re.compile(r"%(?P<flag>[-0^#:]*)(?P<width>\d*)(?P<letter>[a-zA-Z+%])")


@dataclass(frozen=True, kw_only=True)
class TimeOptions:
    """Of <parse>, <format> and <inject>."""

    time_type: Literal["string", "unixtime", "float", "mixed"] = opt(
        "How times are written: string (see time_format), unixtime (seconds), float (seconds with a fraction), or"
        " mixed (time_format, then each of time_format_fallbacks).",
        default="string",
    )
    time_format: str | None = opt("As for strptime and strftime, or %iso8601.", default=None)
    localtime: Bool = opt("Times without a zone are local times of this system; else UTC.", default=True)
    utc: Bool = opt("Times without a zone are UTC.", default=False)
    timezone: str | None = opt("Times without a zone are local times there: +09:00, or Asia/Tokyo.", default=None)
    time_format_fallbacks: Array = opt("Of time_type mixed: formats to try after time_format.", default=[])

    @property
    def zone(self) -> tzinfo | None:
        """None: the system's. Raises: OptionError."""
        if self.timezone:
            return zone_of(self.timezone)
        return UTC if self.utc or not self.localtime else None

    def reader(self, kind: str = "") -> ReadTime:
        """Raises: OptionError. `kind`: time_type, if another one is the parser's default."""
        kind = kind or self.time_type
        if kind != "mixed":
            return reader(kind, self.time_format, self.zone)
        formats = [f for f in [self.time_format, *self.time_format_fallbacks] if f]
        if not formats:
            raise OptionError("time_type", "time_type mixed needs time_format or time_format_fallbacks")
        return first_of([reader(f if f in ("unixtime", "float") else "string", f, self.zone) for f in formats])

    def writer(self) -> WriteTime:
        """Raises: OptionError."""
        if self.time_type == "unixtime":
            return lambda ns: str(ns // SECOND)
        if self.time_type == "float":
            return lambda ns: f"{ns // SECOND}.{ns % SECOND:09d}"
        return writer(self.time_format, self.zone)


def zone_of(text: str) -> tzinfo:
    """Raises: OptionError."""
    try:
        if re.fullmatch(r"[+-]\d\d(?::?\d\d)?", text):
            return timezone(timedelta(seconds=read_offset(text if len(text) > 3 else f"{text}00")))
        return find_zone(text)
    except ValueError:
        message = f"there is no time zone '{text}': expected one such as +09:00 or Asia/Tokyo"
        raise OptionError("timezone", message) from None


def reader(kind: str, layout: str | None, zone: tzinfo | None) -> ReadTime:
    """Raises: OptionError."""
    if kind == "unixtime":
        return lambda value: to_i(numeric(value)) * SECOND
    if kind == "float":
        return read_float
    if layout is None:
        return guesser(zone)
    if layout == "%iso8601":
        return lambda value: iso(text(value), zone)
    return of_layout(layout, zone)


def numeric(value: Any) -> Any:
    """Raises: ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("a time has to be a text or a number")
    return value


def text(value: Any) -> str:
    """Raises: ValueError."""
    if not isinstance(value, str):
        raise ValueError("a time has to be a text")
    return value


def read_float(value: Any) -> int:
    written = float_text(value) if isinstance(value, float) else str(numeric(value))
    seconds, _, rest = written.partition(".")
    digits = re.match(r"\d*", rest)
    return to_i(seconds) * SECOND + int((digits[0] if digits else "")[:9].ljust(9, "0") or 0)


def of_layout(layout: str, zone: tzinfo | None) -> ReadTime:
    fraction = re.sub(r"%\d*N", "%L", layout)
    plain = TimeFormat(fraction)
    name = getattr(zone, "key", "")
    offset = 0
    if zone is not None and not name:
        offset = int((zone.utcoffset(None) or timedelta()).total_seconds())
    system = zone is None and not plain.has_zone
    try:
        read = TimeFormat(fraction, offset=offset, system_zone=system, zone=name).reader(seconds_now)
    except ValueError as why:
        raise OptionError("time_format", str(why)) from None

    def of_text(value: Any) -> int:
        try:
            return read(text(value)) or 0
        except (MisfitError, OverflowError):
            raise ValueError(f"the time does not fit {layout}") from None

    return of_text


def guesser(zone: tzinfo | None) -> ReadTime:
    read = first_of([lambda value: iso(text(value), zone), *(of_layout(g, zone) for g in GUESSED)])

    def of_text(value: Any) -> int:
        try:
            return read(value)
        except ValueError:
            try:
                return ns_of(parsedate_to_datetime(text(value)), zone)
            except (ValueError, TypeError, IndexError):
                raise ValueError("the time is in no form that is known: give time_format") from None

    return of_text


def iso(value: str, zone: tzinfo | None) -> int:
    """Raises: ValueError."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d)?)(?:[.,](\d+))?\s*(Z|[+-]\d\d:?\d\d)?", value.strip())
    if found is None:
        raise ValueError("the time is not in ISO 8601")
    offset = found[3] or ""
    moment = datetime.fromisoformat(found[1] + ("+00:00" if offset == "Z" else offset))
    return ns_of(moment, zone) + int((found[2] or "").ljust(9, "0")[:9] or 0)


def ns_of(moment: datetime, zone: tzinfo | None) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone) if zone else moment.astimezone()
    return int(moment.timestamp()) * SECOND


def first_of(readers: Sequence[ReadTime]) -> ReadTime:
    def read(value: Any) -> int:
        for one in readers:
            try:
                return one(value)
            except ValueError:
                continue
        raise ValueError("the time fits no format")

    return read


# -- writing -----------------------------------------------------------------------------------------------------


def writer(layout: str | None, zone: tzinfo | None) -> WriteTime:
    """ISO 8601 up to the second without a layout."""
    if layout is None or layout == "%iso8601":
        return lambda ns: iso_text(ns, zone)
    parts = list(DIRECTIVE.finditer(layout))
    exact = any(p["letter"] in "LN" for p in parts)
    last: tuple[int, str] = (-1, "")

    def write(ns: int) -> str:
        nonlocal last
        second = ns // SECOND
        if exact or last[0] != second:
            moment = datetime.fromtimestamp(second, zone) if zone else datetime.fromtimestamp(second).astimezone()
            last = second, DIRECTIVE.sub(lambda found: directive(found, ns, moment), layout)
        return last[1]

    return write


def iso_text(ns: int, zone: tzinfo | None) -> str:
    moment = datetime.fromtimestamp(ns // SECOND, zone) if zone else datetime.fromtimestamp(ns // SECOND).astimezone()
    written = moment.isoformat(timespec="seconds")
    return f"{written[:-6]}Z" if zone is UTC else written


def directive(found: re.Match[str], ns: int, moment: datetime) -> str:
    letter, flag, width = found["letter"], found["flag"], found["width"]
    if letter in "LN":
        digits = int(width or (3 if letter == "L" else 9))
        return f"{ns % SECOND:09d}".ljust(digits, "0")[:digits]
    if letter == "s":
        return str(ns // SECOND)
    if letter == "z":
        offset = moment.strftime("%z")[:5]
        return f"{offset[:3]}:{offset[3:]}" if ":" in flag else offset
    if letter == "P":
        return moment.strftime("%p").lower()
    if letter == "v":
        return moment.strftime("%e-%^b-%Y")
    if letter == "+":
        return moment.strftime("%a %b %e %H:%M:%S %Z %Y")
    written = moment.strftime(f"%{letter}")
    if "^" in flag:
        written = written.upper()
    if "-" in flag:
        written = written.lstrip("0 ") or "0"
    elif width:
        written = written.rjust(int(width[:3]), "0" if written.isdigit() else " ")
    return written
