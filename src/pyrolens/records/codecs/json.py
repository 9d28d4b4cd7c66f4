"""JSON as Fluent Bit puts it on the wire.

Source: src/flb_pack.c, src/flb_utils.c (5.1.1).
Differs: always valid JSON. nan and inf are null, keys that are not text become text, and an ext value is text of
\\xHH for each byte; Fluent Bit writes nan, inf, bare keys and invalid escapes.
"""

import codecs
import re
from functools import lru_cache
from itertools import chain
from json.encoder import encode_basestring_ascii
from typing import Any

import msgspec

from pyrolens.records.codecs.dates import DATES, doubles
from pyrolens.records.event import Event, Record, metadata_of

FLAT = frozenset({str, int, bool, type(None)})
"""Values that msgspec writes as Fluent Bit does, but for text that is not ASCII or not UTF-8."""
SIMPLE = FLAT | {float}
NESTED = SIMPLE | {dict, list}
NONE, DOUBLES, ALL = range(3)
LONG_NUMBER = b"0" * 18
"""msgspec writes a double in as few digits as tell it from all others, Fluent Bit in 16 at most. They mean the same
unless it takes 17, which with the point between them are 18 characters."""
NUMBERS = bytes(ord("0") if chr(n) in "0123456789." else ord(" ") for n in range(256))
TOO_DEEP = 200
"""Levels of nesting after which a value is written as null, so that no record can exhaust the stack."""

ESCAPED = re.compile("[^\ue000-\ue0ff]+")
"""All but what stands for wrong bytes, which Fluent Bit does not escape either."""
ESCAPES = "pyrolens.json"
"""Name of our error handler for encoding."""
ENCODER = msgspec.json.Encoder()
encode, encode_lines = ENCODER.encode, ENCODER.encode_lines


class Json:
    """Writes events. A record's own field of the date's name replaces the date."""

    def __init__(
        self,
        date_key: str | None = "date",
        date_format: str = "double",
        *,
        escape_unicode: bool = True,
        date_first: bool = False,
    ) -> None:
        """date_first: the date stands before the record as in Fluent Bit, not behind it, which costs less."""
        self.date_key = date_key
        self.date_first = date_first
        self.date = DATES[date_format]
        self.is_double = date_format == "double"
        self.escape = escape_unicode

    def lines(self, events: list[Event]) -> bytes:
        """json_lines: each record with a newline."""
        return self._write(events, encode_lines)

    def array(self, events: list[Event]) -> bytes:
        """json: one array, without a newline."""
        return self._write(events, encode)

    def stream(self, events: list[Event]) -> bytes:
        """json_stream: one record after the other, with nothing between."""
        return b"".join(self.each(events))

    def each(self, events: list[Event]) -> list[bytes]:
        """Each record on its own, without a newline."""
        # JSON has no newlines of its own
        return self.lines(events).split(b"\n")[:-1] if events else []

    def one(self, ns: int, record: Record) -> bytes:
        return self.each([(ns, record)])[0]

    def _write(self, events: list[Event], write: Any) -> bytes:
        records = [r for _, r in events]
        care = care_for(records)
        if care == ALL:
            records = [_exact(r, self.escape, 0) for r in records]
        out = self._encoded(events, records, write)
        if care == DOUBLES and LONG_NUMBER in out.translate(NUMBERS):
            out = self._encoded(events, [_exact(r, self.escape, 0) for r in records], write)
        return out if out.isascii() and b"\x7f" not in out else _escaped(out, self.escape)

    def _encoded(self, events: list[Event], records: list[Record], write: Any) -> bytes:
        dated = self._dated(events, records)
        try:
            return bytes(write(dated))
        except (UnicodeEncodeError, TypeError, RecursionError):
            return bytes(write([_cleaned(r, self.escape) for r in dated]))

    def _dated(self, events: list[Event], records: list[Record]) -> list[Record]:
        key = self.date_key
        times = [ns for ns, _ in events]
        if [1 for ns in times if ns.__class__ is not int]:
            return [self._with_metadata(ns, r) for ns, r in zip(times, records, strict=True)]
        if key is None:
            return records
        dates = doubles(times) if self.is_double else map(self.date, times)
        if self.date_first:
            return [r if key in r else {key: date, **r} for date, r in zip(dates, records, strict=True)]
        out: list[Record] = []
        add = out.append
        for date, record in zip(dates, records, strict=True):
            if key in record:
                add(record)
            else:
                # a copy with the date behind it costs less than half of a new dict with the date before it
                dated = record.copy()
                dated[key] = date
                add(dated)
        return out

    def _with_metadata(self, ns: int, record: Record) -> Record:
        key = self.date_key
        out: Record = {} if key is None or key in record else {key: self.date(int(ns))}
        if metadata_of(ns):
            out["__internal__"] = {"log_metadata": _exact(metadata_of(ns), self.escape, 0)}
        return {**out, **record}


def care_for(records: list[Record]) -> int:
    """What in them msgspec writes in another way than Fluent Bit: NONE, maybe some DOUBLES, or ALL, which is anything.
    Looks at all records at once, level by level, for that costs a fraction of looking at each."""
    care = NONE
    try:
        # raises at the first value that is not text, and most records hold nothing else
        "".join(chain.from_iterable(map(dict.values, records)))
        return care
    except TypeError:
        kinds = set(map(type, chain.from_iterable(map(dict.values, records))))
        if float in kinds:
            care = DOUBLES
        if kinds <= SIMPLE:
            return care
    level: list[Any] = list(chain.from_iterable(map(dict.values, records)))
    for _ in range(TOO_DEEP):
        kinds = set(map(type, level))
        if float in kinds:
            care = DOUBLES
        if kinds <= SIMPLE:
            return care
        if not kinds <= NESTED:
            return ALL
        below: list[Any] = []
        if dict in kinds:
            below += chain.from_iterable([v.values() for v in level if type(v) is dict])
        if list in kinds:
            below += chain.from_iterable([v for v in level if type(v) is list])
        level = below
    return ALL


def json_value(value: Any, *, escape_unicode: bool = True) -> bytes:
    """One value as JSON, such as a record without its date."""
    if type(value) not in FLAT:
        value = _exact(value, escape_unicode, 0)
    try:
        out = encode(value)
    except (UnicodeEncodeError, TypeError, RecursionError):
        out = encode(_cleaned(value, escape_unicode))
    return out if out.isascii() and b"\x7f" not in out else _escaped(out, escape_unicode)


def json_text(value: Any, *, escape_unicode: bool = True) -> str:
    return json_value(value, escape_unicode=escape_unicode).decode()


def double_text(value: float) -> str:
    """A double as Fluent Bit writes it: 16 digits, and whole numbers below 2**63 in full with .0"""
    text = f"{value:.16g}"
    if "." in text and "e" not in text:
        return text
    if "n" in text:  # nan, inf
        return "null"
    return f"{value:.1f}" if abs(value) < 2.0**63 and value.is_integer() else text


def valid_text(data: bytes, escape: bool = True) -> str:
    """Bytes as text that is valid Unicode, as Fluent Bit repairs it.

    With escaping, a sequence cut off by the end loses its first byte, other wrong bytes become U+E000 + byte, and
    overlong forms are read as what they mean. Without, each wrong byte becomes U+FFFD."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        if not escape:
            return re.sub("[\udc80-\udcff]", "\ufffd", data.decode(errors="surrogateescape"))
    out: list[str] = []
    i, end = 0, len(data)
    while i < end:
        first = data[i]
        if first < 0x80:
            out.append(chr(first))
            i += 1
            continue
        length = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4 if first < 0xF8 else 5
        length += first >= 0xFC
        if i + length > end:
            i += 1
            continue
        code, good = _sequence(data[i : i + length])
        if code is not None:
            out.append(chr(code))
            i += length
        else:
            out += (chr(0xE000 + byte) for byte in data[i : i + good])
            i += good
    return "".join(out)


def _sequence(data: bytes) -> tuple[int | None, int]:
    """The code point of a sequence, or None and how many bytes of it are one mistake (at least 1)."""
    if not 2 <= len(data) <= 4:
        return None, 1
    code = data[0] & (0x7F >> len(data))
    for n, byte in enumerate(data[1:], 1):
        if byte & 0xC0 != 0x80:
            return None, n
        code = code << 6 | byte & 0x3F
    if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return None, len(data) - 1
    return code, len(data)


def _exact(value: Any, escape: bool, depth: int) -> Any:
    """The value with raw text in place of what msgspec would write in another way. Never edits the value."""
    kind = type(value)
    if kind in FLAT:
        return value
    if kind is float:
        return msgspec.Raw(double_text(value).encode())
    if depth > TOO_DEEP:
        return None
    if kind is dict:
        try:
            "".join(value)  # are all keys text?
        except TypeError:
            value = {k if type(k) is str else _key(k, escape): v for k, v in value.items()}
        odd = [(k, v) for k, v in value.items() if type(v) not in FLAT]
        if not odd:
            return value
        out = value.copy()
        for k, v in odd:
            out[k] = _exact(v, escape, depth + 1)
        return out
    if kind in (list, tuple):
        return [_exact(v, escape, depth + 1) for v in value]
    if kind in (bytes, bytearray, memoryview):
        return valid_text(bytes(value), escape)
    if kind is msgspec.msgpack.Ext:
        return "".join(f"\\x{byte:02x}" for byte in bytes(value.data))
    if kind is msgspec.Raw:
        return value
    return str(value)


def _key(key: Any, escape: bool) -> str:
    if isinstance(key, (bytes, bytearray)):
        return valid_text(bytes(key), escape)
    if isinstance(key, float):
        return double_text(key)
    if isinstance(key, str):
        return str(key)
    return json_text(list(key) if isinstance(key, tuple) else key)


def _cleaned(value: Any, escape: bool, depth: int = 0) -> Any:
    """As _exact, and with all text made valid: for what msgspec refuses to write."""
    if isinstance(value, str):
        return value if value.isascii() else valid_text(_bytes(value), escape)
    if isinstance(value, dict):
        if depth > TOO_DEEP:
            return None
        return {
            _cleaned(k if isinstance(k, str) else _key(k, escape), escape): _cleaned(v, escape, depth + 1)
            for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return None if depth > TOO_DEEP else [_cleaned(v, escape, depth + 1) for v in value]
    return _exact(value, escape, depth)


def _bytes(text: str) -> bytes:
    """The bytes that the text stands for. Surrogates that stand for no byte are kept as they are."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b"".join(
            c.encode("utf-8", "surrogateescape" if "\udc80" <= c <= "\udcff" else "surrogatepass") for c in text
        )


def _escaped(line: bytes, escape_unicode: bool) -> bytes:
    r"""The same JSON with \uXXXX for DEL and, if so wanted, for all that is not ASCII."""
    if escape_unicode and not line.isascii():
        # of many lines, only those that need it are read
        lines = line.split(b"\n")
        line = b"\n".join([one if one.isascii() else one.decode().encode("ascii", ESCAPES) for one in lines])
    return line.replace(b"\x7f", b"\\u007f")


def _escaped_run(error: UnicodeError) -> tuple[bytes, int]:
    """What the ASCII encoder calls for each run of other characters; it skips ASCII faster than a regex can."""
    assert isinstance(error, UnicodeEncodeError)
    return _escape(error.object[error.start : error.end]), error.end


@lru_cache(maxsize=4096)
def _escape(run: str) -> bytes:
    return ESCAPED.sub(lambda m: encode_basestring_ascii(m[0])[1:-1], run).encode()


codecs.register_error(ESCAPES, _escaped_run)
