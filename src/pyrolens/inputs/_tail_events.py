"""Lines of a file as events, with the fields that tail adds."""

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import NamedTuple, Protocol

from pyrolens.api import Event, Parse, Record, lines_parser
from pyrolens.inputs._tail_file import Block, TailFile
from pyrolens.inputs._text import text_of

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
    encoding: str
    """"": UTF-8."""
    parse: Parse | None
    now: Callable[[], int]

    def events(self, file: TailFile, blocks: Iterable[Block]) -> list[Event]:
        """Each line alone."""
        now, key, parse, plain = self.now(), self.key, self.parse, not (self.path_key or self.offset_key)
        events: list[Event] = []
        many = lines_parser(parse) if parse and plain and not self.encoding else None
        for block in blocks:
            if many and not block.cut and b"\r" not in block.text:
                made = many(block.text + b"\n", now, lambda line: {key: line})
                if made is not None:
                    events += made
                    continue
            texts, whole = self.texts(block)
            starts = repeat(0) if plain else block.starts()
            if parse is None or block.cut:
                for at, text in zip(starts, whole if parse else texts, strict=False):
                    events.append((now, {key: text} if plain else self.raw(file, at, text)))
                continue
            for at, text, line in zip(starts, texts, whole, strict=False):
                found = parse(text)
                if found is None:
                    events.append((now, {key: line} if plain else self.raw(file, at, line)))
                    continue
                record, ns = found
                events.append((now if ns is None else ns, record if plain else {**record, **self.added(file, at)}))
        return events

    def texts(self, block: Block) -> tuple[list[str], list[str]]:
        """(its lines, the same with the carriage returns that a line keeps which the parser refuses)"""
        if self.encoding or b"\r" in block.text:
            lines = block.text.split(b"\n")
            return [self.text_of(chomped(line)) for line in lines], [self.text_of(line) for line in lines]
        texts = text_of(block.text).split("\n")
        return texts, texts

    def text_of(self, line: bytes) -> str:
        return line.decode(self.encoding, "replace") if self.encoding else text_of(line)

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

    def take(self, file: TailFile, blocks: Iterable[Block]) -> list[Event]:
        """What is complete once these lines are there."""

    def flush(self, file: TailFile) -> list[Event]:
        """All that is held of the file, complete or not."""

    def forget(self, file: TailFile) -> None:
        """The file is read no more. Nothing of it is held."""
