"""JSON as Fluent Bit's parsers take it.

Source: pack_json_to_msgpack_yyjson in src/flb_pack.c (Fluent Bit 5.1.1) and yyjson 0.12: raw control characters are
text, half a surrogate pair becomes U+FFFD, integers beyond 64 bit become floats, floats beyond the range of a double
and a second value after the first are refused, and other text after the first value is ignored.
Differs: what is nested deeper than Python's stack is refused.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from pyrolens.records.event import Record

Pairs = list[tuple[str, Any]]
Parsed = tuple[Record, int | None] | None
"""What a Parse gives back."""
Finish = Callable[[str, Record], Parsed]

# msgspec is strict, so what it accepts is nearly always the same for both. Not so integers: it takes them of any
# size. The type says which are the same; nested types are written out some levels deep, and all that does not fit
# them takes the exact way below.
INTEGER = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
LEVELS = 6


def _value_type(levels: int) -> Any:
    plain: Any = None | bool | INTEGER | float | str
    if not levels:
        return plain
    inner: Any = _value_type(levels - 1)
    return plain | list[inner] | dict[str, inner]


decode_strictly = msgspec.json.Decoder(dict[str, _value_type(LEVELS)]).decode  # type: ignore[misc]
"""An object as a dict. Raises: REFUSED, and then read_object still has to be asked."""

REFUSED = (msgspec.MsgspecError, UnicodeError, RecursionError)


def read_object(text: str) -> Record | None:
    """The object in a text, or None. Where a key is there twice the last one counts."""
    try:
        record: Record = decode_strictly(text)
        return record
    except REFUSED:
        return read_exactly(text)


def read_exactly(text: str) -> Record | None:
    pairs = read_pairs(text)
    return None if pairs is None else dict(pairs)


class JsonParse:
    """A Parse that takes JSON. Whoever has many texts may call decode_strictly itself: what it gives back is the
    record, unless `key` is in it, and then `finish` is to be called; for texts that it refuses, `after_refusal`."""

    def __init__(self, key: str | None = None, finish: Finish | None = None) -> None:
        """key: a field that finish is asked about, with the text and the record, which it may edit."""
        self.key = key
        self.finish: Finish = finish or (lambda text, record: (record, None))

    def __call__(self, text: str) -> Parsed:
        return self._finished(text, read_object(text))

    def after_refusal(self, text: str) -> Parsed:
        """The same for a text that decode_strictly has refused."""
        return self._finished(text, read_exactly(text))

    def _finished(self, text: str, record: Record | None) -> Parsed:
        if record is None:
            return None
        return self.finish(text, record) if self.key in record else (record, None)


def read_pairs(text: str) -> Pairs | None:
    """The same, with keys that are there twice."""
    start = _blanks(text, 0)
    if text[start : start + 1] != "{":
        return None
    try:
        pairs, end = _read_object(text, start)
        return None if _value_follows(text, end) else pairs
    except (_BadTextError, RecursionError):
        return None


class _BadTextError(Exception):
    pass


BLANKS = re.compile(r"[ \t\n\r]*")
LITERAL = re.compile(r'[^"\\]*')
NUMBER = re.compile(r"-?(?:0(?![0-9])|[1-9][0-9]*+)(?:(\.[0-9]++)|(?!\.))(?:([eE][+-]?[0-9]+)|(?![eE]))")
HEX = re.compile(r"[0-9a-fA-F]{0,4}")
ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
WORDS = {"true": True, "false": False, "null": None}
REPLACEMENT = "\ufffd"


def _blanks(text: str, at: int) -> int:
    return BLANKS.match(text, at).end()  # type: ignore[union-attr]


def _value_follows(text: str, at: int) -> bool:
    at = _blanks(text, at)
    try:
        _read_value(text, at)
    except _BadTextError:
        return False
    return True


def _read_value(text: str, at: int) -> tuple[Any, int]:
    first = text[at : at + 1]
    if first == "{":
        pairs, at = _read_object(text, at)
        return dict(pairs), at
    if first == "[":
        return _read_array(text, at)
    if first == '"':
        return _read_string(text, at + 1)
    for word, value in WORDS.items():
        if text.startswith(word, at):
            return value, at + len(word)
    return _read_number(text, at)


def _read_object(text: str, at: int) -> tuple[Pairs, int]:
    pairs: Pairs = []
    at = _blanks(text, at + 1)
    if text[at : at + 1] == "}":
        return pairs, at + 1
    while True:
        if text[at : at + 1] != '"':
            raise _BadTextError
        key, at = _read_string(text, at + 1)
        at = _blanks(text, at)
        if text[at : at + 1] != ":":
            raise _BadTextError
        value, at = _read_value(text, _blanks(text, at + 1))
        pairs.append((key, value))
        at = _blanks(text, at)
        sign = text[at : at + 1]
        if sign == "}":
            return pairs, at + 1
        if sign != ",":
            raise _BadTextError
        at = _blanks(text, at + 1)


def _read_array(text: str, at: int) -> tuple[list[Any], int]:
    values: list[Any] = []
    at = _blanks(text, at + 1)
    if text[at : at + 1] == "]":
        return values, at + 1
    while True:
        value, at = _read_value(text, at)
        values.append(value)
        at = _blanks(text, at)
        sign = text[at : at + 1]
        if sign == "]":
            return values, at + 1
        if sign != ",":
            raise _BadTextError
        at = _blanks(text, at + 1)


def _read_number(text: str, at: int) -> tuple[int | float, int]:
    found = NUMBER.match(text, at)
    if not found:
        raise _BadTextError
    if found[1] is None and found[2] is None and found.end() - at < 21:
        whole = int(found[0])
        if -(2**63) <= whole < 2**64:
            return whole, found.end()
    value = float(found[0])
    if value in (float("inf"), float("-inf")):
        raise _BadTextError
    return value, found.end()


def _read_string(text: str, at: int) -> tuple[str, int]:
    """From behind the opening quote: (text, index behind the closing one)."""
    parts: list[str] = []
    while True:
        found = LITERAL.match(text, at)
        parts.append(found[0])  # type: ignore[index]
        at = found.end()  # type: ignore[union-attr]
        sign = text[at : at + 2]
        if sign[:1] == '"':
            return "".join(parts), at + 1
        if sign == "\\u":
            piece, at = _read_unicode(text, at + 2)
            parts.append(piece)
        elif len(sign) == 2 and sign[1] in ESCAPES:
            parts.append(ESCAPES[sign[1]])
            at += 2
        else:
            raise _BadTextError


def _read_unicode(text: str, at: int) -> tuple[str, int]:
    r"""From behind `\u`. What is no escape is taken as text, but for the byte that should have been a digit."""
    digits = HEX.match(text, at)[0]  # type: ignore[index]
    at += len(digits)
    if len(digits) < 4:
        skipped = text[at : at + 1]
        if skipped in ("", "\0", '"', "'"):
            return "\\u" + digits, at
        left = skipped.encode(errors="surrogateescape")[1:].decode(errors="surrogateescape")
        return "\\u" + digits + left, at + 1
    code = int(digits, 16)
    if not 0xD800 <= code < 0xE000:
        return chr(code), at
    if code >= 0xDC00 or not text.startswith("\\u", at):
        return REPLACEMENT, at
    digits = HEX.match(text, at + 2)[0]  # type: ignore[index]
    at += 2 + len(digits)
    low = int(digits, 16) if len(digits) == 4 else 0
    if not 0xDC00 <= low < 0xE000:
        return REPLACEMENT, at
    return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00), at
