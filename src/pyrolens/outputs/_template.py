"""Text with variables: $TAG, $TAG[n], $field and $field['sub'].

Source: Fluent Bit 5.1.1 src/flb_record_accessor.c#ra_parse_buffer, oddities included: a variable straight after $TAG
stays as text, and a single character after a field at the end is lost.
"""

import re
from collections.abc import Callable
from typing import Any

from pyrolens.records.accessor import MISSING, accessor
from pyrolens.records.codecs import json_text
from pyrolens.records.event import Record

Piece = str | int | None | Callable[[Record], Any]
"""Text, a part of the tag by its number, the whole tag (None), or a field."""


class Template:
    """Raises: ValueError("expected ...") when the text is no template."""

    def __init__(self, text: str) -> None:
        self.pieces = list(_pieces(text))
        self.constant = all(isinstance(p, str) for p in self.pieces)
        self.of_tag = not any(callable(p) for p in self.pieces)
        """Depends on nothing but the tag."""

    def text(self, tag: str, record: Record | None = None) -> str:
        """Fields that are not there are left out."""
        out = self._filled(tag, record or {}, strict=False)
        return "" if out is None else out

    def complete(self, tag: str, record: Record) -> str | None:
        """None when a field is not there."""
        return self._filled(tag, record, strict=True)

    def _filled(self, tag: str, record: Record, *, strict: bool) -> str | None:
        out = []
        for piece in self.pieces:
            if isinstance(piece, str):
                out.append(piece)
            elif piece is None:
                out.append(tag)
            elif isinstance(piece, int):
                parts = tag.split(".")
                out.append(parts[piece] if piece < len(parts) else "")
            else:
                value = piece(record)
                if value is None and strict:
                    return None
                out.append(_shown(value))
        return "".join(out)


def _pieces(text: str) -> "list[Piece]":
    out: list[Piece] = []
    i = pre = end = 0
    while i < len(text):
        if text[i] != "$":
            i += 1
            continue
        if i > pre:
            out.append(text[pre:i])
        pre = i
        after = i + 1
        if after >= len(text):
            break
        if text[after].isdecimal():
            # a group of a regex, of which there is none here
            pre = i = i + 2
            continue
        if text.startswith("TAG", after):
            part = re.match(r"\[\s*(\d*)[^\]]*\]", text[after + 3 :])
            out.append(int(part[1] or 0) if part else None)
            pre = after + 3 + (part.end() if part else 0)
            i = pre + 1
            continue
        end = _end_of_field(text, i)
        out.append(_field(text[i:end]))
        pre = end
        i = end + 1
    if (i - 1 > end and pre < i and pre < len(text)) or i == 1:
        out.append(text[pre:])
    return out


def _field(text: str) -> Callable[[Record], Any]:
    get = accessor(text)

    def field(record: Record) -> Any:
        value = get(record)
        return None if value is MISSING else value

    return field


def _end_of_field(text: str, start: int) -> int:
    quoted = False
    for i in range(start + 1, len(text)):
        if text[i] == "'":
            quoted = not quoted
        elif (text[i] == "." and not quoted) or text[i] in ' ,"':
            return i
    return len(text)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:f}"
    if isinstance(value, dict):
        return json_text(value)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return ""
