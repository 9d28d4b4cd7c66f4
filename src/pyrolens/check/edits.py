"""Edits of files: stretches of a line that are replaced, lines that are put in or taken out; all else stays."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pyrolens.check.context import Context
from pyrolens.problems import Place, Problem


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of one line, and what takes its place. It is made only where `old` still stands."""

    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    old: str
    new: str
    below: str = ""
    """A line that is put in below, without its end."""
    removed: bool = False
    """The whole line goes."""


@dataclass(frozen=True)
class Source:
    """A file as it stands, and what is known of the config that it belongs to."""

    text: str
    context: Context = field(default_factory=Context)
    place: Callable[[Place | None], Place | None] = lambda place: place
    """Of a section or an entry of the context: as people know it."""

    def line(self, number: int) -> str:
        """Without its end; "" where there is none."""
        lines = self.text.split("\n")
        return lines[number - 1].removesuffix("\r") if 0 < number <= len(lines) else ""

    def at(self, place: Place) -> str:
        """What stands at a place."""
        start = max(place.column - 1, 0)
        return self.line(place.line)[start : start + place.length]


Mend = Callable[[Problem, Source], Edit | None]
"""What mends a finding, or None where it is not certain what was meant."""


def edited(text: str, edits: Iterable[Edit]) -> tuple[str, int]:
    """The text with the edits made, and how many: one for each line, for the next ones may have moved."""
    lines = re.split(r"(?<=\n)", text)
    done: set[int] = set()
    for edit in edits:
        number = edit.line - 1
        if number in done or not 0 <= number < len(lines):
            continue
        whole = lines[number]
        start = edit.column - 1
        if whole[start : start + len(edit.old)] != edit.old:
            continue
        body = whole.rstrip("\r\n")
        end = whole[len(body) :]
        if edit.removed:
            lines[number] = ""
        else:
            lines[number] = body[:start] + edit.new + body[start + len(edit.old) :] + end
            if edit.below:
                newline = end or ("\r\n" if "\r\n" in text else "\n")
                lines[number] = lines[number].rstrip("\r\n") + newline + edit.below + end
        done.add(number)
    return "".join(lines), len(done)
