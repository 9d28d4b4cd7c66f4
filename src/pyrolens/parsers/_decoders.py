"""Decode_Field and Decode_Field_As: fields of a parsed record that hold encoded text.

Source: src/flb_parser_decoder.c (Fluent Bit 5.1.1).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pyrolens.api import Env, Line, Record, lines
from pyrolens.records.escapes import unescape, unescape_utf8, unquote_mysql
from pyrolens.records.lenient_json import read_object


def decoder_lines() -> Any:
    """The options of every parser that say which fields to decode."""
    return lines(
        decode_field="DECODER FIELD [try_next|do_next]: add the fields of a decoded field to the record.",
        decode_field_as="DECODER FIELD [try_next|do_next]: decode a field in its place.",
    )


Decode = Callable[[Record], Record]
"""May return the record that it was given, but never edits it."""


def decode_json(text: str) -> Record | None:
    text = text.lstrip(" ")
    return read_object(text) if text.startswith("{") else None


BACKENDS: dict[str, Callable[[str], Record | str | None]] = {
    "json": decode_json,
    "escaped": unescape,
    "escaped_utf8": unescape_utf8,
    "mysql_quoted": unquote_mysql,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: decode, put the result in the field's place or beside the fields, and what comes next."""

    decode: Callable[[str], Record | str | None]
    replaces: bool
    """Decode_Field_As."""
    action: Literal["", "try_next", "do_next"]


def read_rules(lines: Iterable[Line]) -> dict[str, list[Rule]]:
    """The rules by field.

    Raises: ValueError("expected ...") at the first line that Fluent Bit does not understand; it then decodes nothing
    at all."""
    rules: dict[str, list[Rule]] = {}
    for line in lines:
        words = [word for word in line.value.split(" ") if word]
        if len(words) < 2:
            raise ValueError("expected DECODER FIELD, such as json log")
        backend = BACKENDS.get(words[0].lower())
        if backend is None:
            raise ValueError("expected the decoder json, escaped, escaped_utf8 or mysql_quoted")
        action = words[2].lower() if len(words) > 2 else ""
        rules.setdefault(words[1], []).append(
            Rule(
                backend,
                line.key == "decode_field_as",
                "try_next" if action == "try_next" else "do_next" if action == "do_next" else "",
            )
        )
    return rules


def decoder(options: list[Line], env: Env) -> Decode | None:
    """A function that decodes the fields of a record; None when there is nothing to decode."""
    try:
        rules = read_rules(options)
    except ValueError as why:
        env.log.error("no field is decoded", reason=f"decode_field: {why}")
        return None
    if not rules:
        return None
    adding = {field for field, steps in rules.items() if not all(step.replaces for step in steps)}

    def decode(record: Record) -> Record:
        if rules.keys().isdisjoint(record):
            return record
        decoded: Record = {}
        beside: Record = {}
        for key, value in record.items():
            steps = rules.get(key)
            if steps is None or type(value) is not str:
                decoded[key] = value
                continue
            decoded[key], more = _apply(steps, value)
            if key in adding:  # what an earlier field had to add is forgotten
                beside = more
        decoded.update(beside)
        return decoded

    return decode


def _apply(steps: list[Rule], text: str) -> tuple[Record | str, Record]:
    """(what stands in the field, what is added to the record)."""
    value: Record | str = text
    beside: Record = {}
    added = False
    for step in steps:
        if not step.replaces and step.action == "do_next" and added:
            continue
        if not isinstance(value, str):
            continue
        result = step.decode(value)
        if result is None:
            if step.action:
                continue
            break
        if step.replaces:
            value = result
        else:
            added = True
            beside = result if isinstance(result, dict) else {}
        if step.action != "do_next":
            break
    return value, beside
