"""strptime as Fluent Bit reads it: what a format takes from a text, and what of the date it leaves behind.

Source: src/flb_strptime.c (Fluent Bit 5.1.1), which goes back to OpenBSD's. Unlike Python's strptime it ignores what
follows, takes one digit where two are usual, and keeps what it has read when the rest does not fit.
"""

import time
from collections.abc import Callable

from pyrolens.records.zones import AMERICAN, OFFSETS

END = "\0"
"""Every text that is read ends with this, as in C."""

BLANKS = frozenset(" \t\n\v\f\r")
DIGITS = frozenset("0123456789")
MONTHS = ["January", "February", "March", "April", "May", "June", "July",
          "August", "September", "October", "November", "December"]  # fmt: skip
WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
COMPOUND = {"c": "%a %b %e %H:%M:%S %Y", "D": "%m/%d/%y", "F": "%Y-%m-%d", "R": "%H:%M",
            "r": "%I:%M:%S %p", "T": "%H:%M:%S", "X": "%H:%M:%S", "x": "%m/%d/%y"}  # fmt: skip

LAST_SECOND = 67768036191676799
"""Of the last year that C's struct tm can hold."""

MON, MDAY, YDAY, YEAR, ALL = 1, 2, 8, 16, 0xFFFF


class Moment:
    """What has been read of a date: like C's struct tm, all zero at first, and kept when the rest does not fit."""

    __slots__ = ("century", "gmtoff", "hour", "mday", "min", "mon", "relyear", "sec", "seen", "yday", "year")

    def __init__(self) -> None:
        self.year = self.mon = self.mday = self.hour = self.min = self.sec = self.yday = 0
        self.begin()

    def begin(self) -> None:
        """Before each format: the date stays, an offset read before is forgotten."""
        self.century, self.relyear, self.seen, self.gmtoff = 1900, -1, 0, 0

    def seconds(self) -> int:
        """Since 1970 if this is UTC, the offset not counted. Fields out of range carry over."""
        return days(self.year + 1900, self.mon, self.mday) * 86400 + self.hour * 3600 + self.min * 60 + self.sec

    def take_seconds(self, seconds: int) -> None:
        """Become the UTC date of so many seconds after 1970."""
        day, rest = divmod(seconds, 86400)
        self.hour, rest = divmod(rest, 3600)
        self.min, self.sec = divmod(rest, 60)
        # civil from days, era by era of 400 years that begin in March
        era, of_era = divmod(day + 719468, 146097)
        year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
        of_year = of_era - (365 * year + year // 4 - year // 100)
        month = (5 * of_year + 2) // 153
        self.mday = of_year - (153 * month + 2) // 5 + 1
        self.mon = month + 2 if month < 10 else month - 10
        self.year = year + era * 400 + (self.mon < 2) - 1900

    def complete(self) -> None:
        """Work out what the fields that were read say about the others."""
        if self.relyear != -1:
            century = self.century
            if century == 1900 and self.relyear <= 68:
                century = 2000
            self.year = self.relyear + century - 1900
            self.seen |= YEAR
        if self.seen & YEAR and self.seen & YDAY:
            left = self.yday
            if not self.seen & MON:
                self.mon = 0
                while self.mon < 12 and left >= (length := month_length(self.year + 1900, self.mon)):
                    left -= length
                    self.mon += 1
            if not self.seen & MDAY:
                self.mday = left + 1


def month_length(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 1 and leap else MONTH_LENGTHS[month]


def days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01; month counts from 0, and month and day may be out of range."""
    year, month = year + month // 12, month % 12
    year, month = (year, month - 2) if month > 1 else (year - 1, month + 10)
    return year * 365 + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 1 - 719468


Step = Callable[[Moment, str, int], int]
"""Read from the text at an index: the index after it, or -1."""


def compile_format(layout: str) -> Step:
    """A reader of that format, to be called with Moment.begin() done and a text that ends with END."""
    steps = _steps(layout)

    def read(moment: Moment, text: str, at: int) -> int:
        for blank, step in steps:
            if not blank and text[at] == END:
                return -1
            at = step(moment, text, at)
            if at < 0:
                return -1
        moment.complete()
        return at

    return read


def _steps(layout: str) -> list[tuple[bool, Step]]:
    steps: list[tuple[bool, Step]] = []
    at = 0
    while at < len(layout):
        letter = layout[at]
        at += 1
        if letter in BLANKS:
            steps.append((True, _blanks))
        elif letter != "%":
            steps.append((False, _literal(letter)))
        else:
            modifier = ""
            while layout[at : at + 1] in ("E", "O"):
                modifier += layout[at]
                at += 1
            steps.append((False, _conversion(layout[at : at + 1], modifier)))
            at += 1
    return steps


ANY_MODIFIER = frozenset("%GgVZzs")
E_OR_O = frozenset("y")
ONLY_E = frozenset("cXxCY")
ONLY_O = frozenset("edHIMmSUWwu")


def _conversion(letter: str, modifier: str) -> Step:
    allowed = (
        not modifier
        or (len(modifier) == 1 and letter in ANY_MODIFIER | E_OR_O)
        or (modifier == "E" and letter in ONLY_E)
        or (modifier == "O" and letter in ONLY_O)
    )
    if not letter or not allowed:
        return _nothing
    if letter == "%":
        return _literal("%")
    if letter in COMPOUND:
        return compile_format(COMPOUND[letter])
    return CONVERSIONS.get(letter, _nothing)


def _nothing(moment: Moment, text: str, at: int) -> int:
    return -1


def _blanks(moment: Moment, text: str, at: int) -> int:
    while text[at] in BLANKS:
        at += 1
    return at


def _literal(letter: str) -> Step:
    return lambda moment, text, at: at + 1 if text[at] == letter else -1


def read_number(text: str, at: int, low: int, high: int) -> tuple[int, int]:
    """(value, index after it), or (0, -1). Takes no more digits than the highest value has."""
    if text[at] not in DIGITS:
        return 0, -1
    value, left = 0, high
    while True:
        value = value * 10 + ord(text[at]) - 48
        at += 1
        left //= 10
        if value * 10 > high or not left or text[at] not in DIGITS:
            break
    return (value, at) if low <= value <= high else (0, -1)


def _number(field: str, low: int, high: int, minus: int = 0, seen: int = 0) -> Step:
    def read(moment: Moment, text: str, at: int) -> int:
        value, at = read_number(text, at, low, high)
        if at >= 0:
            setattr(moment, field, value - minus)
            moment.seen |= seen
        return at

    return read


def _unused(low: int, high: int) -> Step:
    return lambda moment, text, at: read_number(text, at, low, high)[1]


def _starts(text: str, at: int, word: str) -> bool:
    return text[at : at + len(word)].lower() == word.lower()


def _weekday(moment: Moment, text: str, at: int) -> int:
    return next((at + len(w) for full in WEEKDAYS for w in (full, full[:3]) if _starts(text, at, w)), -1)


def _month(moment: Moment, text: str, at: int) -> int:
    for number, full in enumerate(MONTHS):
        for word in (full, full[:3]):
            if _starts(text, at, word):
                moment.mon = number
                moment.seen |= MON
                return at + len(word)
    return -1


_day = _number("mday", 1, 31, seen=MDAY)


def _padded_day(moment: Moment, text: str, at: int) -> int:
    return _day(moment, text, at + 1 if text[at] in BLANKS else at)


def _half_of_day(moment: Moment, text: str, at: int) -> int:
    half = text[at : at + 2].lower()
    if half not in ("am", "pm") or moment.hour > 12:
        return -1
    if half == "am" and moment.hour == 12:
        moment.hour = 0
    elif half == "pm" and moment.hour < 12:
        moment.hour += 12
    return at + 2


def _century(moment: Moment, text: str, at: int) -> int:
    value, at = read_number(text, at, 0, 99)
    if at >= 0:
        moment.century = value * 100
    return at


def _year(moment: Moment, text: str, at: int) -> int:
    value, at = read_number(text, at, 0, 9999)
    if at >= 0:
        moment.relyear = -1
        moment.year = value - 1900
        moment.seen |= YEAR
    return at


def _epoch(moment: Moment, text: str, at: int) -> int:
    end = at
    while text[end] in DIGITS and end < at + 19:
        end += 1
    if end == at:
        return -1
    value = int(text[at:end])
    if value >= 922337203685477580 or value > LAST_SECOND:
        return -1
    moment.take_seconds(value)
    moment.gmtoff, moment.seen = 0, ALL
    return end


def _iso_year(moment: Moment, text: str, at: int) -> int:
    at += 1  # whatever it is
    while text[at] in DIGITS:
        at += 1
    return at


def _zone_name(moment: Moment, text: str, at: int) -> int:
    end = at
    while text[end].isascii() and text[end].isalnum():
        end += 1
    offset = OFFSETS.get(text[at:end].upper())
    if offset is not None:
        moment.gmtoff = offset
        return end
    if text.startswith(("GMT", "UTC"), at):
        moment.gmtoff = 0
        return at + 3
    for name in time.tzname:
        if _starts(text, at, name):
            moment.gmtoff = -time.timezone
            return at + len(name)
    return -1


def _offset(moment: Moment, text: str, at: int) -> int:
    at = _blanks(moment, text, at)
    for word in ("GMT", "UTC", "UT", "Z"):
        if text.startswith(word, at):
            moment.gmtoff = 0
            return at + len(word)
    sign = text[at]
    if sign not in "+-":
        hours = AMERICAN.get(text[at : at + 3].upper())
        if hours is None:
            return -1
        moment.gmtoff = hours * 3600
        return at + 3
    at += 1
    if text[at] not in DIGITS or text[at + 1] not in DIGITS:
        return -1
    seconds = int(text[at : at + 2]) * 3600
    at += 2
    if text[at] == ":":
        at += 1
    if text[at] in DIGITS:
        if text[at + 1] not in DIGITS:
            return -1
        seconds += int(text[at : at + 2]) * 60
        at += 2
    moment.gmtoff = -seconds if sign == "-" else seconds
    return at


CONVERSIONS: dict[str, Step] = {
    "A": _weekday,
    "a": _weekday,
    "B": _month,
    "b": _month,
    "h": _month,
    "C": _century,
    "e": _padded_day,
    "d": _day,
    "k": _number("hour", 0, 23),
    "H": _number("hour", 0, 23),
    "l": _number("hour", 1, 12),
    "I": _number("hour", 1, 12),
    "j": _number("yday", 1, 366, minus=1, seen=YDAY),
    "M": _number("min", 0, 59),
    "m": _number("mon", 1, 12, minus=1, seen=MON),
    "p": _half_of_day,
    "S": _number("sec", 0, 60),
    "s": _epoch,
    "U": _unused(0, 53),
    "W": _unused(0, 53),
    "w": _unused(0, 6),
    "u": _unused(1, 7),
    "g": _unused(0, 99),
    "G": _iso_year,
    "V": _unused(0, 53),
    "Y": _year,
    "y": _number("relyear", 0, 99),
    "Z": _zone_name,
    "z": _offset,
    "n": _blanks,
    "t": _blanks,
}
