"""JSON as Fluent Bit puts it on the wire.

Source: src/flb_pack.c, src/flb_utils.c (5.1.1).
Differs: always valid JSON. nan and inf are null, keys that are not text become text, and an ext value is text of
\\xHH for each byte; Fluent Bit writes nan, inf, bare keys and invalid escapes.
"""

import codecs
import re
from itertools import chain
from json.encoder import encode_basestring_ascii
from typing import Any

import msgspec

from pyrolens.records.codecs.dates import DATES, doubles
from pyrolens.records.event import Event, Record, metadata_of

FLAT = frozenset({str, int, bool, type(None)})
"""Values that msgspec writes as Fluent Bit does, but for text that is not ASCII or not UTF-8."""
NESTED = FLAT | {dict, list, float}
TOO_DEEP = 200
"""Levels of nesting after which a value is written as null, so that no record can exhaust the stack."""

ESCAPED = re.compile("[^\ue000-\ue0ff]+")
"""All but what stands for wrong bytes, which Fluent Bit does not escape either."""
ESCAPES = "pyrolens.json"
"""Name of our error handler for encoding."""
ENCODER = msgspec.json.Encoder()
encode, encode_lines = ENCODER.encode, ENCODER.encode_lines


class Json:
    """Writes events. The date comes first; a record's own field of that name replaces it."""

    def __init__(
        self, date_key: str | None = "date", date_format: str = "double", *, escape_unicode: bool = True
    ) -> None:
        self.date_key = date_key
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
        plain = self._plain([r for _, r in events])
        dated = self._dated(events, plain)
        try:
            out = list(map(encode, dated))
        except (UnicodeEncodeError, TypeError, RecursionError):
            out = [encode(_cleaned(r, self.escape)) for r in dated]
        escape = self.escape
        return [line if line.isascii() and b"\x7f" not in line else _escaped(line, escape) for line in out]

    def one(self, ns: int, record: Record) -> bytes:
        return self.each([(ns, record)])[0]

    def _write(self, events: list[Event], write: Any) -> bytes:
        dated = self._dated(events, self._plain([r for _, r in events]))
        try:
            out: bytes = write(dated)
        except (UnicodeEncodeError, TypeError, RecursionError):
            out = write([_cleaned(r, self.escape) for r in dated])
        return out if out.isascii() and b"\x7f" not in out else _escaped(out, self.escape)

    def _plain(self, records: list[Record]) -> list[Record]:
        """The same records, with raw text in place of doubles and of what JSON does not know."""
        if not needs_care(records):
            return records
        escape = self.escape
        return [_exact(r, escape, 0) for r in records]

    def _dated(self, events: list[Event], records: list[Record]) -> list[Record]:
        key = self.date_key
        times = [ns for ns, _ in events]
        if [1 for ns in times if ns.__class__ is not int]:
            return [self._with_metadata(ns, r) for ns, r in zip(times, records, strict=True)]
        if key is None:
            return records
        dates = doubles(times) if self.is_double else map(self.date, times)
        return [r if key in r else {key: date, **r} for date, r in zip(dates, records, strict=True)]

    def _with_metadata(self, ns: int, record: Record) -> Record:
        key = self.date_key
        out: Record = {} if key is None or key in record else {key: self.date(int(ns))}
        if metadata_of(ns):
            out["__internal__"] = {"log_metadata": _exact(metadata_of(ns), self.escape, 0)}
        return {**out, **record}


def needs_care(records: list[Record]) -> bool:
    """Whether anything in them is what msgspec would write in another way. Looks at all records at once, level by
    level, for that costs a fraction of looking at each."""
    try:
        # raises at the first value that is not text, and most records hold nothing else
        "".join(chain.from_iterable(map(dict.values, records)))
        return False
    except TypeError:
        level: list[Any] = list(chain.from_iterable(map(dict.values, records)))
    for _ in range(TOO_DEEP):
        kinds = set(map(type, level))
        if kinds <= FLAT:
            return False
        if not kinds <= NESTED or (float in kinds and not short([v for v in level if type(v) is float])):
            return True
        below: list[Any] = []
        if dict in kinds:
            below += chain.from_iterable([v.values() for v in level if type(v) is dict])
        if list in kinds:
            below += chain.from_iterable([v for v in level if type(v) is list])
        level = below
    return True


def short(values: list[float]) -> bool:
    """Whether all are finite and exact with 16 digits, for then msgspec's shortest form means the same number as
    Fluent Bit's. Most doubles in logs are: 0.25, 12.7."""
    texts = list(map(float.__repr__, values))
    if "n" in "".join(texts):  # nan, inf
        return False
    return max(map(len, texts), default=0) < 18 or all(
        len(text) < 18 or float(f"{value:.16g}") == value for text, value in zip(texts, values, strict=True)
    )


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
    run = error.object[error.start : error.end]
    return ESCAPED.sub(lambda m: encode_basestring_ascii(m[0])[1:-1], run).encode(), error.end


codecs.register_error(ESCAPES, _escaped_run)
