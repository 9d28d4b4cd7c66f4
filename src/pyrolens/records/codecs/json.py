"""JSON as Fluent Bit puts it on the wire.

Source: src/flb_pack.c, src/flb_utils.c (5.1.1).
Differs: always valid JSON. nan and inf are null, keys that are not text become text, and an ext value is text of
\\xHH for each byte; Fluent Bit writes nan, inf, bare keys and invalid escapes.
"""

import re
from io import BytesIO
from itertools import chain
from operator import itemgetter
from typing import Any

from orjson import Fragment, dumps

from pyrolens.records.codecs.dates import DATES
from pyrolens.records.codecs.escape import escape_all, escaped
from pyrolens.records.codecs.plain import double_text, plain, valid_text
from pyrolens.records.event import Event, Record, group_of, metadata_of

__all__ = ["Json", "double_text", "json_text", "json_value", "valid_text"]

END = Fragment(b"\n")
"""Stands before, between and behind the records in what the encoder writes. JSON has no newlines of its own, so there
is one record in each line: a search for one byte, and BytesIO has the fastest one, costs next to nothing."""
LINE = b",%b,\n"
"""What a line is then."""
CUT = itemgetter(slice(2, -2))
"""Its fields, and the brace behind them."""
RECORD = itemgetter(slice(1, -2))
"""All of the record."""

SEVENTEEN = "|".join(f"(?<=[0-9]{{{n}}}\\.)[0-9]{{{17 - n}}}" for n in range(18))
LONG_NUMBER = re.compile(rf"\.(?:(?=[0-9]{{9}})|(?<=[0-9]{{9}}\.))(?:{SEVENTEEN})".encode()).search
"""Finds a number with a point and 17 digits or more. The encoder writes a double in as few digits as tell it from all
others, Fluent Bit in 16 at most; they mean the same unless it takes 17. Few points have 9 digits on one side, and
that is looked at first."""
DOUBLE = re.compile(rb"(?:^|[\[:,])-?[0-9]+[.e]").search
"""Finds all doubles, and some text."""


class Json:
    """Writes events. A record's own field of the date's name replaces the date."""

    def __init__(
        self, date_key: str | None = "date", date_format: str = "double", *, escape_unicode: bool = True
    ) -> None:
        self.date_key = date_key
        self.dates = DATES[date_format]
        self.escape = escape_unicode
        self.start = b"{" if date_key is None else b"{%b:" % json_value(date_key, escape_unicode=escape_unicode)

    def lines(self, events: list[Event]) -> bytes:
        """json_lines: each record with a newline."""
        return self._joined(events, b"", b"\n", b"\n") if events else b""

    def array(self, events: list[Event]) -> bytes:
        """json: one array, without a newline."""
        return self._joined(events, b"[", b",", b"]") if events else b"[]"

    def stream(self, events: list[Event]) -> bytes:
        """json_stream: one record after the other, with nothing between."""
        return self._joined(events, b"", b"", b"") if events else b""

    def each(self, events: list[Event], end: bytes = b"") -> list[bytes]:
        """Each record on its own, with `end` behind it."""
        if not events:
            return []
        if self.date_key is None:
            lines = self._lines(events)[2]
            return [line[1:-2] + end for line in lines] if end else list(map(RECORD, lines))
        heads, bodies = self._parts(events, b"")
        return [head + body + end for head, body in zip(heads, bodies, strict=True)]

    def texts(self, events: list[Event]) -> list[str]:
        """Each record as text. Only without a date."""
        return [line[1:-2].decode() for line in self._lines(events)[2]] if events else []

    def one(self, ns: int, record: Record) -> bytes:
        return self.each([(ns, record)])[0]

    def _joined(self, events: list[Event], first: bytes, between: bytes, last: bytes) -> bytes:
        if self.date_key is None:
            return first + between.join(map(RECORD, self._lines(events)[2])) + last
        heads, bodies = self._parts(events, between)
        heads[0] = first + heads[0][len(between) :]
        parts = [last] * (2 * len(bodies) + 1)
        parts[:-1:2], parts[1::2] = heads, bodies
        return b"".join(parts)

    def _parts(self, events: list[Event], between: bytes) -> tuple[list[bytes], list[bytes]]:
        """Of each record, what stands before its fields (`between`, brace, date), and the fields with the brace behind
        them."""
        times, records, lines = self._lines(events)
        return self._heads(times, records, between), list(map(CUT, lines))

    def _lines(self, events: list[Event]) -> tuple[list[int], list[Record], list[bytes]]:
        """The time of each event, what is written of it, and its line: see LINE."""
        times = [ns for ns, _ in events]
        records = [r for _, r in events]
        if [1 for ns in times if ns.__class__ is not int]:
            records = [self._with_metadata(ns, r) for ns, r in events]
        try:
            out = encode(records)
        except TypeError:
            records = [r if fits(r) else plain(r, self.escape) for r in records]
            out = encode(records)
        lines = BytesIO(out).readlines()[1:-1]
        if not all_text(records) and LONG_NUMBER(out):
            for n, line in enumerate(lines):
                if LONG_NUMBER(line):
                    lines[n] = LINE % write(plain(records[n], self.escape))
        if self.escape and not out.isascii():
            escape_all(lines)
        return times, records, lines

    def _heads(self, times: list[int], records: list[Record], between: bytes) -> list[bytes]:
        # no date has a comma in it, and no key a raw NUL
        dates = dumps(self.dates(times))[1:-1]
        text = between + self.start + dates.replace(b",", b",\0" + between + self.start) + b","
        heads = text.split(b"\0")
        if not all(records):
            heads = [head if record else head[:-1] for head, record in zip(heads, records, strict=True)]
        for n in [n for n, record in enumerate(records) if self.date_key in record]:
            heads[n] = between + b"{"
        return heads

    def _with_metadata(self, ns: int, record: Record) -> Record:
        metadata, group = metadata_of(ns), group_of(ns)
        if not metadata and not group:
            return record
        internal = {"group_attributes": group} if group else {}
        return {"__internal__": {**internal, "log_metadata": metadata} if metadata else internal, **record}


def encode(records: list[Record]) -> bytes:
    """An array of all records, each in a line of its own. Raises: TypeError for what is not plain."""
    marked: list[Any] = [END] * (2 * len(records) + 1)
    marked[1::2] = records
    return write(marked)


def all_text(records: list[Record]) -> bool:
    """Whether all values are text, as far as that is soon known: then there is no number to be looked for, which takes
    three times as long."""
    try:
        "".join(records[0].values())
        "".join(chain.from_iterable(map(dict.values, records)))
    except TypeError:
        return False
    return True


def write(value: Any) -> bytes:
    """Raises: TypeError for what is not plain."""
    out = dumps(value)
    return out.replace(b"\x7f", b"\\u007f") if b"\x7f" in out else out


def fits(value: Any) -> bool:
    """Whether the encoder takes it."""
    try:
        dumps(value)
    except TypeError:
        return False
    return True


def json_value(value: Any, *, escape_unicode: bool = True) -> bytes:
    """One value as JSON, such as a record without its date. Its doubles are written exactly as Fluent Bit does."""
    try:
        out = write(value)
        if DOUBLE(out):
            out = write(plain(value, escape_unicode))
    except TypeError:
        out = write(plain(value, escape_unicode))
    return escaped(out) if escape_unicode and not out.isascii() else out


def json_text(value: Any, *, escape_unicode: bool = True) -> str:
    return json_value(value, escape_unicode=escape_unicode).decode()
