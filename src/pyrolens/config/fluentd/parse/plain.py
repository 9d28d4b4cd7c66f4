"""Parsers json, regexp, none, ltsv, csv and tsv.

Source: Fluentd 1.19, lib/fluent/plugin/parser_*.rb.
"""

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from pyrolens.config.fluentd.kinds import Array, Regexp, Slashed
from pyrolens.config.fluentd.parse.base import ParseSection, of_pattern
from pyrolens.options import opt
from pyrolens.records.event import Record
from pyrolens.records.regex import Pattern


@dataclass(frozen=True, kw_only=True)
class JsonParse(ParseSection):
    """One object, or an array of them."""

    default_key = "time"
    default_type = "float"

    def fields(self) -> Callable[[str], list[Record]]:
        decode = msgspec.json.decode

        def read(text: str) -> list[Record]:
            try:
                value = decode(text)
            except msgspec.DecodeError:
                value = slowly(text)
            except UnicodeEncodeError:
                value = slowly(text)
            items = value if isinstance(value, list) else [value]
            return [item for item in items if isinstance(item, dict)]

        return read


def slowly(text: str) -> Any:
    """As Python reads JSON, which takes surrogates and NaN."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, kw_only=True)
class RegexpParse(ParseSection):
    """The named groups of a pattern."""

    default_key = "time"
    refused = {
        "ignorecase": "write /pattern/i",
        "multiline": "write /pattern/m",
    }

    expression: Regexp = opt("The pattern, with groups such as (?<level>\\w+).")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from super().check()
        if not self.expression.names:
            yield "expression", "expression has no named group such as (?<level>\\w+)"

    def fields(self) -> Callable[[str], list[Record]]:
        return of_pattern(self.expression)


@dataclass(frozen=True, kw_only=True)
class NoneParse(ParseSection):
    """The text as it is, in one field."""

    message_key: str = opt("Field for the text.", default="message")

    def fields(self) -> Callable[[str], list[Record]]:
        key = self.message_key
        return lambda text: [{key: text}]


@dataclass(frozen=True, kw_only=True)
class LtsvParse(ParseSection):
    """label:value, with tabs between."""

    default_key = "time"

    delimiter: str = opt("Between the fields.", default="\t")
    delimiter_pattern: Slashed | None = opt("The same as a pattern.", default=None)
    label_delimiter: str = opt("Between label and value.", default=":")

    def fields(self) -> Callable[[str], list[Record]]:
        between, label = self.delimiter, self.label_delimiter
        pattern = self.delimiter_pattern

        def read(text: str) -> list[Record]:
            parts = cut(text, pattern) if pattern else text.split(between)
            return [{key: value for key, colon, value in (part.partition(label) for part in parts) if colon}]

        return read


def cut(text: str, pattern: Pattern) -> list[str]:
    """The text between the matches."""
    parts: list[str] = []
    while (found := pattern.match(text)) and found[0]:
        parts.append(text[: found.end() - len(found[0])])
        text = text[found.end() :]
    return [*parts, text]


@dataclass(frozen=True, kw_only=True)
class CsvParse(ParseSection):
    """Values with commas between, perhaps in double quotes."""

    keys: Array = opt("Names of the fields, in order.")
    delimiter: str = opt("Between the values.", default=",")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from super().check()
        if len(self.delimiter) != 1:
            yield "delimiter", "delimiter has to be one character here"

    def fields(self) -> Callable[[str], list[Record]]:
        keys, delimiter = self.keys, self.delimiter

        def read(text: str) -> list[Record]:
            try:
                rows = list(csv.reader([text], delimiter=delimiter, strict=True))
            except csv.Error as why:
                raise ValueError(f"it is no CSV: {why}") from None
            values: list[str | None] = [value or None for value in rows[0]] if rows else []
            if not values:
                return []
            return [dict(zip(keys, [*values, *[None] * len(keys)], strict=False))]

        return read


@dataclass(frozen=True, kw_only=True)
class TsvParse(ParseSection):
    """Values with tabs between."""

    keys: Array = opt("Names of the fields, in order.")
    delimiter: str = opt("Between the values.", default="\t")

    def fields(self) -> Callable[[str], list[Record]]:
        keys, delimiter = self.keys, self.delimiter
        return lambda text: [
            dict(zip(keys, [*text.split(delimiter, len(keys) - 1), *[None] * len(keys)], strict=False))
        ]
