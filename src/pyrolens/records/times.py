"""Time formats: a format becomes a function that reads the time of a text.

Source: flb_parser_time_lookup and flb_parser_create in src/flb_parser.c (Fluent Bit 5.1.1).
"""

import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from pyrolens.records.event import SECOND
from pyrolens.records.strptime import BLANKS, END, MONTHS, WEEKDAYS, Moment, compile_format

ReadTime = Callable[[str], int | None]
"""Text -> ns since the epoch; None for the epoch itself, which counts as "no time".

Raises: MisfitError; OverflowError for a time that no event can carry."""

Raw = Callable[[str], int]
"""Text -> ns since the epoch, whether an event can carry them or not. Raises: MisfitError."""

Clock = Callable[[], float]
CLOCK: ContextVar[Clock] = ContextVar("clock", default=time.time)


def seconds_now() -> float:
    """Since the epoch, for readers that are made before it is known whose clock counts."""
    return CLOCK.get()()


END_OF_TIME = 2**32 * SECOND
"""An event's time is smaller: it travels as 32 bits of seconds."""

NEVER = -(2**62)
"""A time that no event can carry."""


class MisfitError(Exception):
    """The text does not fit the format. `fraction`: the ns that %L had read before; NEVER for a second or more."""

    def __init__(self, fraction: int = 0) -> None:
        super().__init__("the text does not fit the time format")
        self.fraction = fraction


def event_time(ns: int) -> int | None:
    """What an event takes over of a time that was read. Raises: OverflowError before 1970 and from 2106 on."""
    if 0 < ns < END_OF_TIME:
        return ns
    if ns == 0:
        return None
    if ns in (-SECOND, -2 * SECOND):  # these two mark groups inside Fluent Bit, which lets them through
        return ns + END_OF_TIME
    raise OverflowError(f"no event can carry a time of {ns} ns")


def read_offset(text: str) -> int:
    """Seconds east of UTC, from `+0900`, `-03:30` or `Z`.

    Raises: ValueError("expected ...")."""
    if text.startswith("Z"):
        return 0
    found = re.match(r"([+-])(\d\d)(?::(\d\d)$|(\d\d))", text, re.ASCII)
    if not found or int(found[2]) > 59 or int(found[3] or found[4]) > 59:
        raise ValueError("expected an offset such as +0900 or -03:30")
    seconds = int(found[2]) * 3600 + int(found[3] or found[4]) * 60
    return -seconds if found[1] == "-" else seconds


def find_zone(name: str) -> ZoneInfo:
    """The time zone of that name, such as Asia/Tokyo.

    Raises: ValueError("expected ...")."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("expected a time zone such as Asia/Tokyo that this system knows") from None


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """A Time_Format with the options that stand beside it."""

    text: str
    offset: int = 0
    """Seconds east of UTC of times whose format has no zone."""
    strict: bool = True
    """A text that does not fit is refused; else what could be read of it counts."""
    system_zone: bool = False
    """Times are local times of this system, whatever zone they name themselves."""
    zone: str = ""
    """Times whose format has no zone are local times there."""

    def reader(self, clock: Clock = time.time) -> ReadTime:
        """The function that reads such times. `clock`: seconds since the epoch, for times without a date."""
        raw = _exact(self, clock)
        return _quick(self, lambda text: event_time(raw(text)), clock)

    @property
    def has_year(self) -> bool:
        return any(part in self.text for part in ("%Y", "%y", "%s"))

    @property
    def has_zone(self) -> bool:
        return any(part in self.text for part in ("%z", "%Z", "%SZ", "%S.%LZ"))


def _exact(layout: TimeFormat, clock: Clock) -> Raw:
    """Reads every text that Fluent Bit reads."""
    head, fraction, tail = layout.text.partition("%L")
    read_head = compile_format(head if layout.has_year else "%Y " + head)
    read_tail = compile_format(tail)
    seconds = _to_seconds(layout)
    today = _local_date(layout, clock)
    has_year, has_zone = layout.has_year, layout.has_zone

    def read(text: str) -> int:
        moment = Moment()
        if not has_year and 57 < len(text.encode(errors="surrogateescape")) < 64:
            raise MisfitError  # with the year it does not fit into Fluent Bit's buffer
        text = text.partition(END)[0]
        if not has_year:
            year, moment.mon, moment.mday = today()
            text = f"{year} {text}"
        text += END
        part = 0
        at = read_head(moment, text, 0)
        if fraction and at >= 0:
            part, at = read_fraction(text, at)
            if at >= 0:
                moment.begin()
                at = read_tail(moment, text, at)
        if at < 0:
            if layout.strict:
                raise MisfitError(part)
        elif not has_zone and not layout.zone:
            moment.gmtoff = layout.offset
        return seconds(moment) + part if 0 <= part < SECOND else NEVER

    return read


NUMBER = re.compile(r"[0-9]*(?:[eE][+-]?[0-9]+)?")


def read_fraction(text: str, at: int) -> tuple[int, int]:
    """(ns, index after it) of the digits after a decimal point, or (0, -1). They are read as C's strtod does, nine
    characters at most, so `5e1` is five seconds."""
    end = NUMBER.match(text, at, min(at + 9, len(text)))
    if end is None or end.end() == at:
        return 0, -1
    value = float("0." + end[0])
    return (int(value * SECOND) if value < 1 else NEVER), end.end()


def _to_seconds(layout: TimeFormat) -> Callable[[Moment], int]:
    """ns since the epoch of a date, by the zone that counts for it."""
    if layout.zone and not layout.has_zone:
        zone = find_zone(layout.zone)
        return lambda moment: zone_seconds(zone, moment.seconds()) * SECOND
    if not layout.system_zone:
        return lambda moment: (moment.seconds() - moment.gmtoff) * SECOND

    def local(moment: Moment) -> int:
        date = (moment.year + 1900, moment.mon + 1, moment.mday, moment.hour, moment.min, moment.sec, 0, 0, -1)
        try:
            return int(time.mktime(date)) * SECOND
        except OverflowError:
            return NEVER

    return local


def utc_offset(zone: ZoneInfo, utc: int) -> int:
    """Seconds east of UTC at that moment."""
    offset = datetime.fromtimestamp(utc, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def zone_seconds(zone: ZoneInfo, local: int) -> int:
    """Seconds since the epoch of a local time, which is given as if it were UTC. Of two that are possible (clocks
    were put back) the earlier one; one that never was (put forward) counts with the offset that holds at that time
    of UTC."""
    try:
        around = [utc_offset(zone, local - 86400), utc_offset(zone, local + 86400)]
        for offset in sorted(around, reverse=True):
            if utc_offset(zone, local - offset) == offset:
                return local - offset
        return local - utc_offset(zone, local)
    except (OverflowError, ValueError, OSError):  # a year that datetime does not know
        return NEVER


def _local_date(layout: TimeFormat, clock: Clock) -> Callable[[], tuple[int, int, int]]:
    """(year, month from 0, day) of now, where times without a date belong."""
    zone = find_zone(layout.zone) if layout.zone and not layout.has_zone else None

    def today() -> tuple[int, int, int]:
        now = clock()
        if zone is None and layout.system_zone:
            date = time.localtime(now)
        else:
            date = time.gmtime(now + (utc_offset(zone, int(now)) if zone else 0))
        return date.tm_year, date.tm_mon - 1, date.tm_mday

    return today


# The quick way. Logs repeat themselves: the same second comes again and again, then the next one. So the part of a
# fixed width is looked up in a dict, and so is the short rest (fraction and zone). A text whose shape is not the
# usual one goes the exact way, so both give the same.

DAY = "(?:0[1-9]|[12][0-9]|3[01])"
SHAPES = {
    "Y": (4, "[0-9]{4}"),
    "y": (2, "[0-9]{2}"),
    "m": (2, "(?:0[1-9]|1[0-2])"),
    "d": (2, DAY),
    "H": (2, "(?:[01][0-9]|2[0-3])"),
    "M": (2, "[0-5][0-9]"),
    "S": (2, "(?:[0-5][0-9]|60)"),
    "b": (3, "(?:" + "|".join(month[:3] for month in MONTHS) + ")"),
    "a": (3, "(?:" + "|".join(day[:3] for day in WEEKDAYS) + ")"),
    "F": (10, f"[0-9]{{4}}-(?:0[1-9]|1[0-2])-{DAY}"),
    "T": (8, "(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"),
}
"""What a conversion takes when it is written in the usual width."""

PADDED_DAY = f"(?: [1-9]|{DAY})"
FRACTION = "([0-9]{9}|[0-9]{1,8}(?![0-9eE]))"
ZONE = "(Z|[+-][0-9]{2}:?[0-9]{2})"
RESTS = {
    "%L": FRACTION,
    "%z": "()" + ZONE,
    " %z": "() *" + ZONE,
    "%L%z": FRACTION + ZONE,
    "%L %z": FRACTION + " *" + ZONE,
    "%LZ": FRACTION + "Z",
}
"""What may follow the part of fixed width: group 1 is the fraction, group 2 the zone."""

KEPT = 4096
"""Entries that a dict of the quick way may hold."""


def usual_shape(layout: str) -> tuple[str, int, int]:
    """(pattern, width, length) of the longest start of a format whose texts have one width: the regex that they
    match, their width, and how much of the format that is."""
    pattern, width, at = "", 0, 0
    while at < len(layout):
        letter, next_letter = layout[at], layout[at + 1 : at + 2]
        if day := re.match(r" %[de](?=[^%])", layout[at:]):
            # as in syslog, where the day has a blank in front when it has one digit
            piece, size, taken = " " + PADDED_DAY, 3, day.end()
        elif letter == "%" and next_letter in SHAPES:
            size, piece = SHAPES[next_letter]
            taken = 2
            if next_letter in "ab" and not re.match(r"[^%A-Za-z]", layout[at + 2 :]):
                break  # the whole name might be written out
        elif letter == " ":
            after = layout[at + 2 : at + 3]
            if layout[at + 1 : at + 2] != "%" or after not in SHAPES:
                break  # the blanks of the text would not be seen as a whole
            piece, size, taken = " ", 1, 1
        elif letter == "%" or letter in BLANKS:
            break
        else:
            piece, size, taken = re.escape(letter), 1, 1
        pattern += piece
        width += size
        at += taken
    if layout[:at].endswith(("%d", "%e")) and pattern.endswith(PADDED_DAY):
        return "", 0, 0  # one digit of a day might be half of two
    return pattern, width, at


def _quick(layout: TimeFormat, exact: ReadTime, clock: Clock) -> ReadTime:
    if layout.text in ("%s", "%s.%L") and not layout.system_zone and not layout.zone:
        return _quick_epoch(layout, exact)
    pattern, width, length = usual_shape(layout.text)
    rest = layout.text[length:]
    if not width or (rest and rest not in RESTS):
        return exact
    start = replace(layout, text=layout.text[:length], strict=True)
    if layout.has_zone and not start.has_zone:
        start = replace(start, offset=0, zone="")
    read_start = _exact(start, clock)
    usual = re.compile(pattern)
    starts: dict[str, int] = {}
    minutes: dict[str, int] = {}
    # in a zone with a history, seconds need not follow from their minute
    by_minute = start.text.endswith(("%S", "%T")) and not start.system_zone and not start.zone

    def learn(head: str) -> int | None:
        if not usual.fullmatch(head):
            return None
        if len(starts) >= KEPT:
            starts.clear()
            minutes.clear()
        if by_minute:
            minute = head[:-2]
            if minute not in minutes:
                minutes[minute] = read_start(minute + "00")
            base = minutes[minute] + int(head[-2:]) * SECOND
        else:
            base = read_start(head)
        starts[head] = base
        return base

    def read_whole(text: str) -> int | None:
        base = starts.get(text[:width])
        if base is None and (base := learn(text[:width])) is None:
            return exact(text)
        return base if 0 < base < END_OF_TIME else event_time(base)

    read_rest = _rest_reader(rest, counts=not layout.system_zone)
    rests: dict[str, int] = {}

    def read_both(text: str) -> int | None:
        base = starts.get(text[:width])
        if base is None and (base := learn(text[:width])) is None:
            return exact(text)
        tail = text[width:]
        more = rests.get(tail)
        if more is None:
            if (more := read_rest(tail)) is None:
                return exact(text)
            if len(tail) < 11:  # milliseconds come again, nanoseconds do not
                if len(rests) >= KEPT:
                    rests.clear()
                rests[tail] = more
        ns = base + more
        return ns if 0 < ns < END_OF_TIME else event_time(ns)

    read = read_both if rest else read_whole
    if layout.has_year:
        # whole seconds come again as they are
        return read if "%L" in rest else Remembering(read)
    until = 0.0

    def read_today(text: str) -> int | None:
        nonlocal until
        # without a year (or a date) it belongs to today, and days begin at a quarter of an hour in every zone
        now = clock()
        if now >= until:
            until = now // 900 * 900 + 900
            starts.clear()
            minutes.clear()
        return read(text) if len(text) < 58 else exact(text)

    return read_today


class Remembering:
    """Looks whole texts up first."""

    __slots__ = ("known", "read")

    def __init__(self, read: ReadTime) -> None:
        self.read = read
        self.known: dict[str, int] = {}

    def __call__(self, text: str) -> int | None:
        ns = self.known.get(text)
        if ns is None and (ns := self.read(text)) is not None:
            if len(self.known) >= KEPT:
                self.known.clear()
            self.known[text] = ns
        return ns


def _rest_reader(rest: str, counts: bool) -> Callable[[str], int | None]:
    """ns that the rest of a text adds, or None where it has not the usual shape. `counts`: its zone counts."""
    match = re.compile(RESTS.get(rest, "")).match
    has_fraction = "%L" in rest
    has_zone = "%z" in rest

    def read(tail: str) -> int | None:
        found = match(tail)
        if found is None:
            return None
        ns = 0
        if has_fraction:
            digits = found[1]
            ns = int(int(digits) / 10 ** len(digits) * SECOND)
        if has_zone and counts and (zone := found[2]) != "Z":
            seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
            ns += seconds * SECOND if zone[0] == "-" else -seconds * SECOND
        return ns

    return read


def _quick_epoch(layout: TimeFormat, exact: ReadTime) -> ReadTime:
    shift = layout.offset * SECOND
    fraction = layout.text == "%s.%L"

    def read(text: str) -> int | None:
        whole, point, part = text.partition(".")
        if len(whole) == 10 and whole.isdecimal() and text.isascii():
            if not fraction:
                return event_time(int(whole) * SECOND - shift)
            if point and 0 < len(part) <= 9 and part.isdecimal():
                return event_time(int(whole) * SECOND - shift + int(int(part) / 10 ** len(part) * SECOND))
        return exact(text)

    return read
