"""A field of a record by its accessor ($key, $key['sub'][0]), and text with accessors in it.

Source: Fluent Bit 5.1.1 src/flb_record_accessor.c, its oddities included: see compile_template."""

import re
from collections.abc import Callable
from typing import Any

from pyrolens.records.codecs import json_text
from pyrolens.records.event import Record

SHAPE = re.compile(r"""\$?([^\s\[\]'"$]+)((?:\[(?:'[^']*'|"[^"]*"|\d+)\])*)""")
STEP = re.compile(r"""\[(?:'([^']*)'|"([^"]*)"|(\d+))\]""")


def compile_accessor(text: str) -> Callable[[Record], Any]:
    """A function from a record to the value, None where there is none. Raises: ValueError("expected ...")."""
    found = SHAPE.fullmatch(text.strip())
    if not found:
        raise ValueError("expected an accessor such as $key or $key['sub']")
    first = found[1]
    steps: list[str | int] = [int(n) if n else a or b for a, b, n in STEP.findall(found[2])]
    if not steps:
        return lambda record: record.get(first)

    def get(record: Record) -> Any:
        value = record.get(first)
        for step in steps:
            if isinstance(step, int) and isinstance(value, list):
                value = value[step] if step < len(value) else None
            elif isinstance(step, str) and isinstance(value, dict):
                value = value.get(step)
            else:
                return None
        return value

    return get


Template = Callable[[str, Record], str | None]
"""(tag, record) -> the text, or None when the record lacks a field that the template names."""

IDENTIFIER = re.compile(r"""\$[_A-Za-z][A-Za-z0-9_./-]*(\[(?:'[^']*'|\d+)\])*""")
Part = Callable[[str, Record], str | None]


def compile_template(text: str) -> Template:
    """Text with $key['sub'], $TAG and $TAG[n] in it. Raises: ValueError("expected ...").

    An accessor ends at the end, at a dot, a comma, a blank or a double quote. As in Fluent Bit a single character
    after the last accessor is lost, and so is the meaning of a $ right after $TAG or $TAG[n]."""
    parts: list[Part] = []
    at = done = end = 0
    while at < len(text):
        if text[at] != "$":
            at += 1
            continue
        if at > done:
            parts.append(_literal(text[done:at]))
        done = at
        if at + 1 >= len(text):
            break
        if text[at + 1].isdigit():
            parts.append(_literal(""))  # groups of a regex, of which there is none here
            at += 2
            done = at
            continue
        if text.startswith("TAG", at + 1) and at + 4 <= len(text):
            close = text.find("]", at)
            if text[at + 4 : at + 5] == "[" and close > 0:
                parts.append(_tag_part(text[at + 5 : close]))
                at = done = close + 1
            else:
                parts.append(lambda tag, record: tag)
                at = done = at + 4
            at += 1
            continue
        end = _end(text, at)
        if not IDENTIFIER.fullmatch(text[at:end]):
            raise ValueError("expected accessors such as $key or $key['sub'], with a dot or a comma between them")
        parts.append(_field(text[at:end]))
        done = end
        at = end + 1
    if done < len(text) and (len(text) - 1 > end or not parts):
        parts.append(_literal(text[done:]))

    def render(tag: str, record: Record) -> str | None:
        found = [part(tag, record) for part in parts]
        return None if None in found else "".join(found)  # type: ignore[arg-type]

    return render


def _end(text: str, start: int) -> int:
    quoted = False
    for n in range(start + 1, len(text)):
        if text[n] == "'":
            quoted = not quoted
        elif text[n] in ', "' or (text[n] == "." and not quoted):
            return n
    return len(text)


def _literal(text: str) -> Part:
    return lambda tag, record: text


def _tag_part(number: str) -> Part:
    index = int(number) if number.isdigit() else 0

    def part(tag: str, record: Record) -> str:
        words = tag.split(".")
        return words[index] if index < len(words) else ""

    return part


MISSING = object()


def _field(text: str) -> Part:
    first, *rest = [a or b for a, b in re.findall(r"""^\$([^\[]+)|\[('[^']*'|\d+)\]""", text)]
    steps: list[str | int] = [int(step) if step.isdigit() else step[1:-1] for step in rest]

    def field(tag: str, record: Record) -> str | None:
        value: Any = record.get(first, MISSING)
        for step in steps:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step, MISSING)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            elif isinstance(value, str):
                break  # steps into text give the text
            else:
                return None
        return None if value is MISSING else value_text(value)

    return field


def value_text(value: Any) -> str:
    """A value inside of other text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:f}"
    if isinstance(value, dict):
        return json_text(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value) if isinstance(value, int) else ""
