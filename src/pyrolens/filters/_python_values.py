"""What goes into a script and what comes back: copies, so that nothing that it edits or keeps is part of a record that
is on its way, and only values that every output can write.

Measured per record of 8 fields: 0.3 us for the copy, 0.5 us for the copy of what comes back and the look at it.
"""

from datetime import date, time, timedelta
from decimal import Decimal
from gc import is_tracked
from itertools import chain
from typing import Any
from uuid import UUID

from msgpack import Packer
from msgspec import to_builtins
from msgspec.msgpack import Encoder, Ext

from pyrolens.records.event import SECOND, Record, Stamp

DEEPEST = 200
LEAST, MOST = -(2**63), 2**64 - 1
LATEST = 2**63 - 1
"""ns since the epoch, in the year 2262."""
SIMPLE = frozenset({str, int, float, bool, type(None), bytes})
INSTEAD: dict[type[Any], str] = {
    date: ".isoformat() makes text of it",
    time: ".isoformat() makes text of it",
    timedelta: ".total_seconds() makes a number of it",
    Decimal: "float(…) or str(…) makes something of it",
    UUID: "str(…) makes text of it",
    set: "sorted(…) makes a list of it",
    frozenset: "sorted(…) makes a list of it",
    bytearray: "bytes(…) makes bytes of it",
}
EXPECTED = "a record holds text, numbers, True and False, None, bytes, lists and dicts"

encode_into = Encoder().encode_into
scratch = bytearray()
pack = Packer(strict_types=True, unicode_errors="surrogateescape").pack


class BadValueError(ValueError):
    """What a function gave back that cannot go on."""


def given(record: Record) -> Record:
    """A copy, to be edited."""
    # a dict that the garbage collector need not look into holds no list and no dict
    if not is_tracked(record):
        return record.copy()
    try:
        copy: Record = to_builtins(record, builtin_types=(bytes,))
    except TypeError:
        return {key: copied(value) for key, value in record.items()}
    return copy


def copied(value: Any) -> Any:
    """The same for values with Ext among them, which msgspec does not copy."""
    match value:
        case dict():
            return {k: copied(v) for k, v in value.items()}
        case list():
            return [copied(v) for v in value]
        case _:
            return value


def taken(made: dict[Any, Any]) -> Record:
    """A copy of what came back, if a record can hold it. Raises: BadValueError."""
    try:
        if not is_tracked(made) and SIMPLE.issuperset(map(type, made.values())):
            "".join(made)  # fails where a name is no text
            encode_into(made, scratch)  # where a number or a text cannot be written
            return made.copy()
        pack(made)  # where anything in it is of no plain type
        copy: Record = to_builtins(made, builtin_types=(bytes,))
        if copy == made:  # no bytearray
            return copy
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    return {key_of(key): plain(value, f"[{key!r}]", 1) for key, value in made.items()}


def taken_together(made: list[dict[Any, Any]]) -> list[Record]:
    """The same for many, at a third less. Raises: BadValueError."""
    try:
        if not any(map(is_tracked, made)) and SIMPLE.issuperset(map(type, chain.from_iterable(map(dict.values, made)))):
            "".join(chain.from_iterable(made))
            encode_into(made, scratch)
            return [record.copy() for record in made]
    except (TypeError, ValueError, OverflowError):
        pass
    return [taken(record) for record in made]


def plain(value: Any, path: str, depth: int) -> Any:
    """The value as records hold it, such as a list for a tuple. Raises: BadValueError."""
    match value:
        case str():
            return text_of(value, path)
        case bool() | None | Ext():
            return value
        case bytes():
            return bytes(value)
        case int():
            if LEAST <= value <= MOST:
                return int(value)
            raise BadValueError(f"record{path} is {shortened(value)}: expected a whole number of 64 bits")
        case float():
            return float(value)
        case dict() | list() | tuple() if depth >= DEEPEST:
            raise BadValueError(f"record{shortened(path)} is nested more than {DEEPEST} deep")
        case dict():
            return {key_of(k): plain(v, f"{path}[{k!r}]", depth + 1) for k, v in value.items()}
        case list() | tuple():
            return [plain(v, f"{path}[{n}]", depth + 1) for n, v in enumerate(value)]
    instead = next((hint for kind, hint in INSTEAD.items() if isinstance(value, kind)), EXPECTED)
    raise BadValueError(f"record{shortened(path)} is a {type(value).__name__}: {instead}")


def text_of(value: str, path: str) -> str:
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        half = ascii(value[error.start])
        raise BadValueError(f"record{shortened(path)} holds {half}, the half of a character") from None
    return str.__str__(value)


def key_of(key: Any) -> Any:
    """Raises: BadValueError."""
    if isinstance(key, str | int | float | bytes | None):
        return plain(key, f"[{shortened(repr(key))}]" if isinstance(key, str) else "'s key", 0)
    raise BadValueError(f"a {type(key).__name__} is the name of a field: expected text")


def shortened(value: object) -> str:
    text = str(value) if not isinstance(value, int) or abs(value) < 10**40 else "a number of more than 40 digits"
    return text if len(text) <= 80 else text[:79] + "…"


def time_of(ns: int, seconds: object) -> int:
    """The time of a record, in ns, that came as `ns` and is to have another one. Raises: BadValueError."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        hint = "; .timestamp() makes a number of it" if isinstance(seconds, date) else ""
        raise BadValueError(f"the time is a {type(seconds).__name__}: expected seconds since 1970{hint}")
    if seconds == ns / SECOND:
        return ns
    if not 0 <= seconds <= LATEST / SECOND:
        hint = "; divide milliseconds by 1000" if 1e11 < seconds < 1e14 else ""
        raise BadValueError(f"the time is {seconds:g}: expected seconds since 1970{hint}")
    return moved(ns, seconds * SECOND if isinstance(seconds, int) else round(seconds * SECOND))


def moved(ns: int, new: int) -> int:
    """With the metadata that the time carries."""
    return ns.at(new) if isinstance(ns, Stamp) else new
