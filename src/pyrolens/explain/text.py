"""Text with styles, and values of records as text of one line in which nothing steers the terminal."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pyrolens.records.codecs.json import json_text

LONGEST = 72
"""Characters of a value that are shown."""
AROUND = 16
"""Characters that are shown on both sides of a difference."""


class Span(NamedTuple):
    text: str
    style: str = ""
    """As rich names styles."""


Line = list[Span]


def line(*parts: str | Span | tuple[str, str]) -> Line:
    return [Span(part) if isinstance(part, str) else Span(*part) for part in parts]


def printable(text: str) -> str:
    """What could steer a terminal, or turn the direction of writing, becomes a sign that something was there. The
    length stays."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "�" for c in text)


def value_text(value: Any) -> str:
    """A value as JSON of one line."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return json_text(value, escape_unicode=False)


def shortened(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def between(before: str, after: str, longest: int = LONGEST) -> tuple[str, str]:
    """Two texts, shortened around what is different."""
    if max(len(before), len(after)) <= longest:
        return before, after
    least = min(len(before), len(after))
    head = next((n for n in range(least) if before[n] != after[n]), least)
    tail = next((n for n in range(least - head) if before[-1 - n] != after[-1 - n]), least - head)
    start = max(head - AROUND, 0)
    return _part(before, start, tail, longest), _part(after, start, tail, longest)


def _part(text: str, start: int, tail: int, longest: int) -> str:
    """`tail`: characters at the end that are not different."""
    end = min(max(len(text) - tail + AROUND, start + AROUND), start + longest, len(text))
    return "…" * (start > 0) + text[start:end] + "…" * (end < len(text))


def show(lines: Iterable[Line], hide: Callable[[str], str] = str) -> None:
    """On standard output: in colour in a terminal, plain otherwise; without secrets, and so that no terminal obeys."""
    lines = ([span._replace(text=printable(hide(span.text))) for span in each] for each in lines)
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        try:
            from rich.console import Console
            from rich.text import Text
        except ImportError:
            pass  # it belongs to an extra, and colours are all that it is for
        else:
            console = Console(highlight=False)
            for each in lines:
                console.print(Text.assemble(*each), soft_wrap=True)
            return
    for each in lines:
        print(plain(each))


def plain(spans: Line) -> str:
    return "".join(span.text for span in spans).rstrip()
