"""Values as what JSON knows: text that is valid, doubles of 16 digits, and something for all that JSON has no word for.

Source: src/flb_pack.c, src/flb_utils.c (5.1.1).
"""

import re
from typing import Any

import msgspec
import orjson

TOO_DEEP = 200
"""Levels of nesting after which a value is written as null, so that no record can exhaust the stack."""

LEAST, MOST = -(2**63), 2**64 - 1
"""Integers that the encoder writes itself."""


def plain(value: Any, escape: bool, depth: int = 0) -> Any:
    """The value with Fragments, which are written as they are, in place of what the encoder would write in another way
    than Fluent Bit or would refuse. Never edits the value.

    escape: how text that is not UTF-8 is repaired, see valid_text."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else valid_text(as_bytes(value), escape)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if LEAST <= value <= MOST else orjson.Fragment(str(value))
    if kind is float:
        return orjson.Fragment(double_text(value))
    if depth > TOO_DEEP:
        return None
    if isinstance(value, dict):
        return {plain(_key(k, escape), escape): plain(v, escape, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v, escape, depth + 1) for v in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return valid_text(bytes(value), escape)
    if kind is msgspec.msgpack.Ext:
        return "".join(f"\\x{byte:02x}" for byte in bytes(value.data))
    if kind is msgspec.Raw:
        return orjson.Fragment(bytes(value))
    if kind is orjson.Fragment:
        return value
    return plain(str(value), escape)


def _key(key: Any, escape: bool) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, (bytes, bytearray)):
        return valid_text(bytes(key), escape)
    if isinstance(key, float):
        return double_text(key)
    return orjson.dumps(plain(key, escape)).decode()


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


def as_bytes(text: str) -> bytes:
    """The bytes that the text stands for. Surrogates that stand for no byte are kept as they are."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b"".join(
            c.encode("utf-8", "surrogateescape" if "\udc80" <= c <= "\udcff" else "surrogatepass") for c in text
        )
