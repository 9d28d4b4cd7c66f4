"""Fields of a record by their accessor: $log, $a['b']['c'], $a[0].

Source: Fluent Bit 5.1.1 src/flb_record_accessor.c, record_accessor/ra.l and ra.y, flb_ra_key.c, with what they do to
texts that nobody would write on purpose: a character that the reader does not know is skipped, so $list[-1] is
$list[1] and $svc: is $svc; a dot outside of quotes ends the accessor, and so do a blank, a comma and a double quote.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pyrolens.records.event import Record


class Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
Get = Callable[[Record], Any]
"""A record -> the value, or MISSING."""


@dataclass(frozen=True, slots=True)
class Key:
    """A field, and the way on into it."""

    name: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupOf:
    """$0 to $9: what a group of the pattern matched."""

    number: int


@dataclass(frozen=True, slots=True)
class Tag:
    """$TAG, or one of its parts between dots."""

    part: int | None = None


Part = str | Key | GroupOf | Tag
TOKEN = re.compile(r"(0|[1-9][0-9]*)|'((?:[^']|'')*)'|([_A-Za-z][A-Za-z0-9_.\-/]*)|([$\[\].,;])|(.)", re.S)
KINDS = ("", "number", "text", "word")
NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")


def accessor(text: str) -> Get:
    """A function that looks up the first accessor of the text. Text without a $ is the name of a field.

    Raises: ValueError."""
    key = first_key(text)
    return getter(key) if key else lambda record: MISSING


def pair_accessor(text: str) -> Get:
    """The same for those who want a key with its value: an element of a list has none, so it is MISSING.

    Raises: ValueError."""
    key = first_key(text)
    if key is None or not key.path or isinstance(key.path[-1], str):
        return accessor(text)
    name = key.name

    def get(record: Record) -> Any:
        value = record.get(name, MISSING)
        return MISSING if isinstance(value, dict | list) else value

    return get


def first_key(text: str) -> Key | None:
    first = next(iter(read_parts(text)), None)
    return Key(first) if isinstance(first, str) else first if isinstance(first, Key) else None


def field_name(text: str) -> str | None:
    """The field, when the accessor is nothing but one. Raises: ValueError."""
    key = first_key(text)
    return key.name if key and not key.path else None


def getter(key: Key) -> Get:
    name, path = key.name, key.path
    if not path:
        return lambda record: record.get(name, MISSING)
    if len(path) == 1 and isinstance(path[0], str):
        inner = path[0]

        def get_inner(record: Record) -> Any:
            value = record.get(name, MISSING)
            if type(value) is dict:
                return value.get(inner, MISSING)
            # a path into plain text or a number gives the text or the number
            return MISSING if type(value) is list else value

        return get_inner

    def get(record: Record) -> Any:
        value = record.get(name, MISSING)
        if type(value) is not dict and type(value) is not list:
            return value
        for step in path:
            if type(step) is str:
                if type(value) is not dict or (value := value.get(step, MISSING)) is MISSING:
                    return MISSING
            elif type(value) is list and type(step) is int and step < len(value):
                value = value[step]
            else:
                return MISSING
        return value

    return get


def read_parts(text: str) -> list[Part]:
    """Text with accessors in it, taken apart. Raises: ValueError."""
    parts: list[Part] = []
    # done: up to where the text has been taken; end: where the last accessor ended
    at = done = end = 0
    while at < len(text):
        if text[at] != "$":
            at += 1
            continue
        if at > done:
            parts.append(text[done:at])
        done = at
        if at + 1 >= len(text):
            break
        if text[at + 1] in "0123456789":
            # $10 is group 10, and the 0 stays behind as text
            parts.append(GroupOf(leading_number(text[at + 1 :])))
            at += 2
            done = at
        elif text.startswith("TAG", at + 1):
            if at + 5 < len(text):
                end = -1
            if at + 5 < len(text) and text[at + 4] == "[":
                close = text.find("]", at + 4)
                parts.append(Tag(leading_number(text[at + 5 :])))
                done = at + 4 if close < 0 else close + 1
                end = -1 if close < 0 else close - at - 4
            else:
                parts.append(Tag())
                done = at + 4
            # the character after it is not looked at: a $ there is text
            at = done + 1
        else:
            end = accessor_end(text, at)
            parts.append(read_key(text[at:end]))
            done = end
            at = end + 1
    if (at - 1 > end and done < at) or at == 1:
        parts.append(text[done:])
    return [p for p in parts if p != ""]


def leading_number(text: str) -> int:
    found = NUMBER.match(text)
    return int(found[1]) if found else 0


def accessor_end(text: str, start: int) -> int:
    quotes = 0
    for n in range(start + 1, len(text)):
        c = text[n]
        if c == "'":
            quotes += 1
        elif c in ' ,"' or (c == "." and quotes % 2 == 0):
            return n
    return len(text)


def read_key(text: str) -> Key:
    """`$name['x'][0]`. Raises: ValueError."""
    tokens = [
        (found[0] if found.lastindex == 4 else KINDS[found.lastindex or 0], found[0])
        for found in TOKEN.finditer(text)
        if found.lastindex != 5
    ]
    kinds = [kind for kind, _ in tokens]
    steps = tokens[2:]
    ok = kinds[:2] == ["$", "word"] and len(steps) % 3 == 0
    path: list[str | int] = []
    for n in range(0, len(steps), 3):
        (first, _), (kind, value), (last, _) = steps[n : n + 3] if ok else (("", ""),) * 3
        if (first, last) != ("[", "]") or kind not in ("text", "number"):
            raise wrong(text)
        path.append(int(value) if kind == "number" else value[1:-1].replace("''", "'"))
    if not ok:
        raise wrong(text)
    return Key(tokens[1][1], tuple(path))


def wrong(text: str) -> ValueError:
    return ValueError(f"'{text}' is no accessor: expected $key, $key['sub'] or $key[0]")
