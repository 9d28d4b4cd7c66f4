"""Lines of a file as events, with the fields that tail adds."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from pyrolens.api import Event, Parse, Record
from pyrolens.inputs._tail_file import Line, TailFile

Key = tuple[int, int]
"""Of a file: device and inode."""


class Shape(NamedTuple):
    """How the lines of an input become records."""

    key: str
    """Field of a line that is not parsed."""
    path_key: str | None
    offset_key: str | None
    ignore_older: float
    """Seconds; 0: nothing is too old."""
    text_of: Callable[[bytes], str]
    parse: Parse | None
    now: Callable[[], int]

    def events(self, file: TailFile, lines: list[Line]) -> list[Event]:
        """Each line alone."""
        now, key, text_of, parse = self.now(), self.key, self.text_of, self.parse
        if parse is None and not self.path_key and not self.offset_key:
            return [(now, {key: text_of(chomped(line.text))}) for line in lines]
        events: list[Event] = []
        for line in lines:
            found = parse(text_of(chomped(line.text))) if parse and not line.cut else None
            if found is None:
                # text that the parser refused keeps its carriage return
                text = text_of(line.text if parse else chomped(line.text))
                events.append((now, self.raw(file, line.start, text)))
            else:
                record, ns = found
                events.append((now if ns is None else ns, {**record, **self.added(file, line.start)}))
        return events

    def raw(self, file: TailFile, offset: int, text: str) -> Record:
        return {**self.added(file, offset), self.key: text}

    def added(self, file: TailFile, offset: int) -> Record:
        added: Record = {}
        if self.path_key:
            added[self.path_key] = file.path
        if self.offset_key:
            added[self.offset_key] = offset
        return added

    def is_old(self, ns: int) -> bool:
        return self.ignore_older > 0 and ns < self.now() - int(self.ignore_older * 1_000_000_000)


def chomped(text: bytes) -> bytes:
    return text[:-1] if text[-1:] == b"\r" and len(text) >= 2 else text


class Joining(Protocol):
    """Holds lines back until it is known what belongs to them. It keeps `file.held_at` up to date."""

    wait: float
    """Seconds after the last line of a file after which what is held goes on."""

    def take(self, file: TailFile, lines: list[Line]) -> list[Event]:
        """What is complete once these lines are there."""

    def flush(self, file: TailFile) -> list[Event]:
        """All that is held of the file, complete or not."""

    def forget(self, file: TailFile) -> None:
        """The file is read no more. Nothing of it is held."""
