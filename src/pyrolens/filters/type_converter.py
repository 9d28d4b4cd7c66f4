"""filter type_converter.

Source: plugins/filter_type_converter/type_converter.c, src/flb_typecast.c (Fluent Bit 5.1.1).
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pyrolens.api import Event, Filter, FilterEnv, Misfit, OptionError, Place, Record, Transform, opt, plugin
from pyrolens.options import split_tokens
from pyrolens.records.accessor import MISSING, Get, pair_accessor

TYPES = ("int", "uint", "float", "hex", "string", "bool")
"""In the order in which a shortened name is looked for."""
ALL_64 = 2**64 - 1
INT = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+)")
HEX = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)")
FLOAT = re.compile(
    r"[ \t\n\v\f\r]*([+-]?(?:inf(?:inity)?|nan|0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?"
    r"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?))",
    re.IGNORECASE,
)


class MisfitError(Exception):
    """The value does not convert."""


class Conversion(NamedTuple):
    """FROM TO TYPE as written. `rest`: what came after."""

    source: str
    target: str
    kind: str
    rest: str = ""
    place: Place | None = None

    @classmethod
    def read(cls, text: str) -> "Conversion":
        words = split_tokens(text, 3)
        if len(words) < 3:
            raise ValueError("expected three words: FROM_KEY TO_KEY TYPE")
        return cls(words[0], words[1], words[2], " ".join(words[3:]))


Convert = Callable[[Any], Any]


class Rule(NamedTuple):
    get: Get
    target: str
    convert: Convert


@plugin("type_converter")
class TypeConverter(Filter):
    """Add fields that hold the values of others as another type."""

    differs = (
        "a key that is no accessor is refused; Fluent Bit crashes",
        "a record of which nothing converts stays as it is; in a chunk with others Fluent Bit copies the value",
    )

    str_key: list[Conversion] = opt("FROM TO TYPE: text as int, uint, hex, float or bool.", default=[])
    int_key: list[Conversion] = opt("FROM TO TYPE: a whole number as uint, float or string.", default=[])
    uint_key: list[Conversion] = opt("FROM TO TYPE: a whole number without sign as int, float or string.", default=[])
    float_key: list[Conversion] = opt("FROM TO TYPE: a number as int, uint or string.", default=[])

    def check(self) -> Iterable[Misfit]:
        try:
            self._rules()
        except OptionError as why:
            yield why

    def _rules(self) -> list[Rule]:
        rules: list[Rule] = []
        for option, source in (("str_key", "string"), ("int_key", "int"), ("uint_key", "uint"), ("float_key", "float")):
            for line in getattr(self, option):
                if line.rest:
                    continue
                kind = next((t for t in TYPES if t.startswith(line.kind.lower())), None)
                if kind is None:
                    message = f"the type is '{line.kind}': expected one of {', '.join(TYPES)}"
                    raise OptionError(option, message, line.place)
                try:
                    rules.append(Rule(pair_accessor(line.source), line.target, CONVERT.get((source, kind), misfit)))
                except ValueError as why:
                    raise OptionError(option, str(why), line.place) from None
        if not rules:
            raise OptionError("str_key", "it needs at least one of Str_key, Int_key, Uint_key and Float_key")
        return rules

    def compile(self, env: FilterEnv) -> Transform:
        rules = self._rules()
        for line in (*self.str_key, *self.int_key, *self.uint_key, *self.float_key):
            if line.rest:
                env.log.error("a line of more than three words is left out", line=" ".join(line[:4]))

        def convert(event: Event) -> Event:
            ns, record = event
            added: Record = {}
            done = False
            for get, target, converted in rules:
                value = get(record)
                if value is MISSING:
                    continue
                try:
                    added[target] = converted(value)
                    done = True
                except MisfitError:
                    env.log.debug("the value does not convert", key=target)
                    added[target] = value
            return (ns, record | added) if done else event

        return lambda tag, events: [convert(event) for event in events]


def misfit(value: Any) -> Any:
    raise MisfitError


def of_text(read: Callable[[str], Any]) -> Convert:
    return lambda value: read(value) if type(value) is str else misfit(value)


def of_int(read: Callable[[int], Any]) -> Convert:
    return lambda value: read(value) if type(value) is int else misfit(value)


def of_float(read: Callable[[float], Any]) -> Convert:
    return lambda value: read(value) if type(value) is float else misfit(value)


def signed(number: int) -> int:
    """The same 64 bits, with a sign."""
    number &= ALL_64
    return number - 2**64 if number >= 2**63 else number


def unsigned(number: int) -> int:
    return number & ALL_64


def text_int(text: str) -> int:
    found = INT.match(text)
    number = int(found[1] + found[2]) if found else 0
    return max(-(2**63), min(2**63 - 1, number)) or misfit(text)


def text_uint(text: str) -> int:
    return _uint(INT, 10, text)


def text_hex(text: str) -> int:
    return _uint(HEX, 16, text)


def _uint(pattern: re.Pattern[str], base: int, text: str) -> int:
    found = pattern.match(text)
    number = int(found[2], base) if found else 0
    if number > ALL_64:
        return ALL_64
    return (unsigned(-number) if found and found[1] == "-" else number) or misfit(text)


def text_float(text: str) -> float:
    found = FLOAT.match(text)
    if not found:
        return 0.0
    return float.fromhex(found[1]) if "x" in found[1].lower() else float(found[1])


def text_bool(text: str) -> bool:
    if text[:4].lower() == "true":
        return True
    return False if text[:5].lower() == "false" else misfit(text)


def float_int(number: float) -> int:
    whole = int(number) if number == number and abs(number) != float("inf") else -(2**63)
    return whole if -(2**63) <= whole < 2**63 else -(2**63)


def float_uint(number: float) -> int:
    if number != number or abs(number) == float("inf"):
        return 2**63 if number != number or number < 0 else 0
    return unsigned(int(number)) if -(2**63) <= number < 2**64 else 0 if number > 0 else 2**63


def float_text(number: float) -> str:
    if number != number:
        return "nan"
    return f"{number:.1f}" if abs(number) < 2**63 and number == int(number) else f"{number:.16g}"


CONVERT: dict[tuple[str, str], Convert] = {
    ("string", "int"): of_text(text_int),
    ("string", "uint"): of_text(text_uint),
    ("string", "hex"): of_text(text_hex),
    ("string", "float"): of_text(text_float),
    ("string", "bool"): of_text(text_bool),
    ("int", "string"): of_int(lambda n: str(signed(n))),
    ("int", "float"): of_int(lambda n: float(signed(n))),
    ("int", "uint"): of_int(unsigned),
    ("uint", "string"): of_int(lambda n: str(unsigned(n))),
    ("uint", "float"): of_int(lambda n: float(unsigned(n))),
    ("uint", "int"): of_int(signed),
    ("float", "string"): of_float(float_text),
    ("float", "int"): of_float(float_int),
    ("float", "uint"): of_float(float_uint),
}
