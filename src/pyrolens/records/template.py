"""Text made of parts of a record, its tag and a match: app.$svc['name'].$TAG[1].$1

Source: Fluent Bit 5.1.1 src/flb_record_accessor.c (flb_ra_translate), its ways of writing numbers, maps and bytes
included. A single character after the last accessor is lost, and a $ right after $TAG or $TAG[n] is text.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pyrolens.records.accessor import MISSING, GroupOf, Key, Tag, getter, read_parts
from pyrolens.records.codecs.json import json_text
from pyrolens.records.event import Record

Groups = Sequence[str | None]
Render = Callable[[Record, Groups], str | None]


class Template:
    """Raises: ValueError for text that Fluent Bit refuses."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = read_parts(text)
        self.needs_record = any(isinstance(p, Key) for p in self.parts)
        self.needs_groups = any(isinstance(p, GroupOf) for p in self.parts)

    def constant(self, tag: str) -> str | None:
        """The text for all records of a tag, or None when each may have its own."""
        if self.needs_record or self.needs_groups:
            return None
        return "".join(p if isinstance(p, str) else tag_part(tag, p) for p in self.parts if isinstance(p, str | Tag))

    def render(self, tag: str, *, strict: bool = False) -> Render:
        """For a tag, a function from (record, groups of the match) to the text. A field or group that is not there
        leaves nothing; with `strict`, a field that is not there makes the whole None."""
        pieces: list[str | Callable[[Record, Groups], str | None]] = []
        for part in self.parts:
            if isinstance(part, Key):
                pieces.append(_field(part, strict))
            elif isinstance(part, GroupOf):
                pieces.append(_group(part.number))
            else:
                fixed = part if isinstance(part, str) else tag_part(tag, part)
                if pieces and isinstance(pieces[-1], str):
                    pieces[-1] += fixed
                else:
                    pieces.append(fixed)

        def render(record: Record, groups: Groups) -> str | None:
            out = ""
            for piece in pieces:
                text = piece if type(piece) is str else piece(record, groups)  # type: ignore[operator]
                if text is None:
                    return None
                out += text
            return out

        return render


def tag_part(tag: str, part: Tag) -> str:
    if part.part is None:
        return tag
    words = tag.split(".")
    return words[part.part] if 0 <= part.part < len(words) else ""


def _field(key: Key, strict: bool) -> Callable[[Record, Groups], str | None]:
    get = getter(key)
    none = None if strict else ""

    def field(record: Record, groups: Groups) -> str | None:
        value = get(record)
        if type(value) is str:
            return value
        return none if value is MISSING or isinstance(value, list | tuple) else value_text(value)

    return field


def _group(number: int) -> Callable[[Record, Groups], str]:
    # a pattern without groups leaves nothing behind, not even $0
    return lambda record, groups: (groups[number] or "") if number < len(groups) and len(groups) > 1 else ""


def value_text(value: Any) -> str:
    """A value that is no text, as text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value if value < 2**63 else value - 2**64)
    if isinstance(value, float):
        # Fluent Bit has room for 30 characters
        return f"{value:f}"[:30] if value == value else "-nan" if str(value).startswith("-") else "nan"
    if isinstance(value, dict):
        return json_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return ""
