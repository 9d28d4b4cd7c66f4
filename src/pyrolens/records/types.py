"""Text to number or boolean, as the `Types` of a parser convert it.

Source: flb_parser_typecast in src/flb_parser.c (Fluent Bit 5.1.1); numbers are read by C's strtoll, strtoull and
strtod, which take what looks like a number at the start and ignore the rest.
"""

import re
from collections.abc import Callable
from typing import Any

Convert = Callable[[str], Any]

INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
HEX = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)")
FLOAT = re.compile(
    r"[ \t\n\v\f\r]*([+-]?)(?:"
    r"(0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?)"
    r"|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(inf|nan))",
    re.IGNORECASE,
)
LOW, HIGH, HIGH_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1


def to_integer(text: str) -> int:
    """0 where no number begins; numbers beyond 64 bit become the nearest there is."""
    found = INTEGER.match(text)
    if not found:
        return 0
    digits = found[1]
    if len(digits) > 4000:  # Python refuses to read it, and it is out of range anyway
        return LOW if digits[0] == "-" else HIGH
    return min(max(int(digits), LOW), HIGH)


def to_hex(text: str) -> int:
    """Hexadecimal with or without 0x; a negative one wraps around 64 bit."""
    found = HEX.match(text)
    if not found:
        return 0
    value = min(int(found[2], 16), HIGH_UNSIGNED)
    return -value % 2**64 if found[1] == "-" and value < HIGH_UNSIGNED else value


def to_float(text: str) -> float:
    """0.0 where no number begins; hexadecimal, inf and nan are numbers, too."""
    found = FLOAT.match(text)
    if not found:
        return 0.0
    sign, hexadecimal, decimal, name = found.groups()
    if hexadecimal:
        try:
            value = float.fromhex(hexadecimal)
        except OverflowError:
            value = float("inf")
    else:
        value = float(decimal or name)
    return -value if sign == "-" else value


def to_bool(text: str) -> bool | str:
    """By how the text begins, in any case; other text stays text."""
    if text[:4].lower() == "true":
        return True
    if text[:5].lower() == "false":
        return False
    return text


CONVERSIONS: dict[str, Convert] = {"integer": to_integer, "hex": to_hex, "float": to_float, "bool": to_bool}


def read_types(text: str) -> dict[str, Convert]:
    """The conversions that `code:integer ms:float` asks for, by key. The first one of a key counts; a word without a
    colon is nothing, and a type of another name means text."""
    conversions: dict[str, Convert] = {}
    for word in text.split(" "):
        key, colon, kind = word.partition(":")
        if colon:
            conversions.setdefault(key, CONVERSIONS.get(kind.lower(), str))
    return conversions
