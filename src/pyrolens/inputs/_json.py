"""JSON values one after the other in a text, as inputs get them.

Source: src/flb_pack.c (Fluent Bit 5.1.1): whole numbers beyond 64 bit become floats, half a surrogate pair becomes
U+FFFD, and what comes before a mistake is taken.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pyrolens.inputs._text import text_of

BLANKS = re.compile(r"[\s\0]*")
LEAST, MOST = -(1 << 63), (1 << 64) - 1
HALVES = re.compile("[\ud800-\udfff]")


LONGEST_TOKEN = 6
"""Characters of a token that may be cut off, such as fals and \\ud83d."""


class NotJsonError(ValueError):
    """`at`: the character at which it stops to be JSON. `cut_off`: only more text can tell."""

    def __init__(self, reason: str, at: int, cut_off: bool = False) -> None:
        super().__init__(reason)
        self.at = at
        self.cut_off = cut_off


def _int(text: str) -> int | float:
    number = int(text) if len(text) < 25 else float(text)
    return number if LEAST <= number <= MOST else _float(text)


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


DECODE = json.JSONDecoder(strict=False, parse_int=_int, parse_float=_float, parse_constant=_constant).raw_decode


def values(text: str) -> Iterator[Any]:
    """Each JSON value of the text. Raises: NotJsonError."""
    for value, _ in values_and_ends(text):
        yield value


def values_and_ends(text: str) -> Iterator[tuple[Any, int]]:
    """Each JSON value, and where in the text it ends. Raises: NotJsonError."""
    escapes = "\\ud" in text or "\\uD" in text
    at, end = _blanks(text, 0), len(text)
    while at < end:
        try:
            value, at = DECODE(text, at)
        except json.JSONDecodeError as why:
            cut_off = why.msg.startswith("Unterminated") or end - why.pos <= LONGEST_TOKEN
            raise NotJsonError(f"not JSON at character {why.pos}", why.pos, cut_off) from None
        except RecursionError:
            raise NotJsonError("JSON nested too deeply", at) from None
        except ValueError as number:
            raise NotJsonError(str(number), at) from None
        yield (_whole(value) if escapes else value), at
        at = _blanks(text, at)


class Taken(NamedTuple):
    values: list[Any]
    rest: bytes
    """What is no whole value yet."""
    refused: int
    """Places that were not JSON."""


def take_values(data: bytes, last: bool) -> Taken:
    """The values that are whole. What is not JSON is left out up to the end of its line. `last`: nothing follows."""
    text, rest = text_of(data), ""
    taken: list[Any] = []
    refused = 0
    while text:
        done = 0
        try:
            for value, end in values_and_ends(text):
                taken.append(value)
                done = end
            break
        except NotJsonError as why:
            line_end = text.find("\n", max(why.at, done))
            if line_end < 0 and not last and why.cut_off:
                rest = text[done:]
                break
            refused += 1
            text = text[line_end + 1 :] if line_end >= 0 else ""
    return Taken(taken, rest.encode("utf-8", "surrogateescape"), refused)


def _blanks(text: str, at: int) -> int:
    found = BLANKS.match(text, at)
    return found.end() if found else at


def _whole(value: Any) -> Any:
    """The value without halves of surrogate pairs."""
    if isinstance(value, str):
        return HALVES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(k): _whole(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_whole(v) for v in value]
    return value
