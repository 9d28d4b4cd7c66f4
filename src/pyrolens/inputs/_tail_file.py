"""One file that is read line by line.

Source: plugins/in_tail/tail_file.c (Fluent Bit 5.1.1).
"""

import os
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

READ = 64 * 1024
"""Bytes of one read: what is made of them stays in the processor's cache."""


class Block(NamedTuple):
    """A line, or several behind one another."""

    start: int
    """Where in the text of the file it begins."""
    text: bytes
    """With line feeds only between its lines; carriage returns are still there."""
    cut: bool = False
    """It is the beginning of a line that was too long."""

    def starts(self) -> Iterable[int]:
        """Where each of its lines begins."""
        return accumulate((len(text) + 1 for text in self.text.split(b"\n")), initial=self.start)


class TooLongError(Exception):
    """A line does not fit into the buffer, and such lines are not skipped. `before`: the lines up to it."""

    def __init__(self, before: list[Block]) -> None:
        super().__init__()
        self.before = before


EMPTY = re.compile(rb"^\r?$", re.MULTILINE)


def lines_of(blocks: Iterable[Block]) -> Iterator[Block]:
    """Each line by itself."""
    for block in blocks:
        if block.cut:
            yield block
        else:
            yield from map(Block, block.starts(), block.text.split(b"\n"))


def without_empty(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        if EMPTY.search(block.text):
            yield from (line for line in lines_of([block]) if line.text not in (b"", b"\r"))
        else:
            yield block


def fits(data: bytes, longest: int) -> bool:
    """Whether no line is longer."""
    at = 0
    while len(data) - at > longest:
        # some lines that end within so many bytes are none of them longer
        at = data.rfind(b"\n", at, at + longest + 1) + 1
        if not at:
            return False
    return True


@dataclass
class Part:
    """A batch on its way, and how far the file is done once it has settled."""

    upto: int
    mark: str
    settled: bool = False


class TailFile:
    """Opened at its beginning. Raises: OSError."""

    def __init__(self, path: str, most: int, skip_long: bool, truncate_long: bool) -> None:
        """`most`: bytes of the buffer, of which a line may take all but two."""
        self.path = path
        """As it was found; it stays when the file is renamed."""
        self.name = path
        """As it is called now."""
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        stat = os.fstat(self.fd)
        self.device, self.inode = stat.st_dev, stat.st_ino
        self.size = stat.st_size
        self.most = most
        self.skip_long, self.truncate_long = skip_long, truncate_long
        self.tag = ""
        self.offset = 0
        """Bytes read from the file."""
        self.text_at = 0
        """Where in the text of the file `rest` begins: the same as in the file, unless it is compressed."""
        self.rest = b""
        self.skipping = False
        """What comes up to the next newline belongs to a line that is too long."""
        self.rotated_at: float | None = None
        self.row = 0
        """Its id in the database."""
        self.long_lines = 0
        self.held_at: int | None = None
        """Where the first line begins that is held back to be joined with others."""
        self.fed_at = 0.0
        """When the last lines came, on the loop's clock."""
        self.held_since = 0.0
        """When the line at `held_at` came."""
        self.unsent = 0
        """Bytes that were read since a batch was handed over."""
        self.parts: deque[Part] = deque()
        self.saved: tuple[int, str] | None = None
        """(offset, mark) that may be saved and has not been."""
        self.done = 0
        """All before this offset has settled, where that is asked for."""
        self.changed: Callable[[TailFile], None] = lambda _: None
        """Called when there is something new to save."""
        self._gzip = zlib.decompressobj(wbits=31) if path.lower().endswith(".gz") else None

    @property
    def key(self) -> tuple[int, int]:
        return self.device, self.inode

    @property
    def compressed(self) -> bool:
        return self._gzip is not None

    @property
    def resume_at(self) -> int:
        """Where to read on after a restart, once all that was handed over is settled."""
        if self._gzip is not None:
            # a compressed file can be read again only from its beginning
            return self.offset if self.offset >= self.size and not self.rest and self.held_at is None else 0
        return self.text_at if self.held_at is None else self.held_at

    def seek(self, offset: int) -> None:
        os.lseek(self.fd, offset, os.SEEK_SET)
        self.offset = self.text_at = self.done = offset
        self.rest = b""
        self.skipping = False
        if self._gzip is not None:
            self._gzip = zlib.decompressobj(wbits=31)

    def look(self) -> bool:
        """See how large it is now. True: it was truncated, and is read again from its beginning. Raises: OSError."""
        size = os.fstat(self.fd).st_size
        truncated = size < self.size or size < self.offset
        self.size = size
        if truncated:
            self.seek(0)
        return truncated

    @property
    def deleted(self) -> bool:
        return os.fstat(self.fd).st_nlink == 0

    @property
    def has_more(self) -> bool:
        return self.offset < self.size

    def read(self) -> list[Block] | None:
        """The lines that are whole after one more read, or None at the end of the file.
        Raises: OSError, TooLongError."""
        data = os.read(self.fd, READ)
        if not data:
            return None
        self.offset += len(data)
        self.size = max(self.size, self.offset)
        return self.blocks(self._inflated(data))

    def _inflated(self, data: bytes) -> bytes:
        if self._gzip is None:
            return data
        out = []
        try:
            while data:
                out.append(self._gzip.decompress(data))
                data = self._gzip.unused_data
                if data:
                    self._gzip = zlib.decompressobj(wbits=31)
        except zlib.error as why:
            raise OSError(f"not valid gzip ({why})") from None
        return b"".join(out)

    def blocks(self, data: bytes) -> list[Block]:
        at = self.text_at
        if not self.rest and data[:1] == b"\0":
            # the hole that a truncation leaves in front of a writer which goes on where it was
            holed = len(data)
            data = data.lstrip(b"\0")
            at += holed - len(data)
        data = self.rest + data
        if self.skipping or not fits(data, self.most - 2):
            return self._with_long(at, data)
        end = data.rfind(b"\n") + 1
        self.text_at, self.rest = at + end, data[end:]
        return [Block(at, data[: end - 1])] if end else []

    def _with_long(self, at: int, data: bytes) -> list[Block]:
        """The same where lines are too long."""
        *whole, rest = data.split(b"\n")
        found: list[Block] = []
        longest = self.most - 2
        for text in whole:
            if self.skipping:
                self.skipping = False
            elif len(text) > longest:
                self._long(found, at, text)
                self.skipping = False
            else:
                found.append(Block(at, text))
            at += len(text) + 1
        if not self.skipping and len(rest) > longest:
            self._long(found, at, rest)
            self.skipping = True
        if self.skipping:
            at += len(rest)
            rest = b""
        self.text_at, self.rest = at, rest
        return found

    def _long(self, found: list[Block], at: int, text: bytes) -> None:
        if not (self.truncate_long or self.skip_long):
            self.text_at, self.rest = at, text
            raise TooLongError(found)
        self.long_lines += 1
        if self.truncate_long:
            end = self.most - 1
            while end > 0 and len(text) > end and text[end] & 0xC0 == 0x80:
                end -= 1
            found.append(Block(at, text[:end], cut=True))

    def before(self, offset: int, size: int) -> bytes:
        """The bytes just before an offset."""
        start = max(offset - size, 0)
        return os.pread(self.fd, offset - start, start)

    # -- what has settled ----------------------------------------------------------------------------------------

    def sent(self, mark: str) -> Callable[[], None]:
        """Note that a batch with all lines so far is on its way. Gives what to call once it has settled."""
        part = Part(self.resume_at, mark)
        self.parts.append(part)

        def settled() -> None:
            part.settled = True
            while self.parts and self.parts[0].settled:
                done = self.parts.popleft()
                self.saved, self.done = (done.upto, done.mark), done.upto
            if self.saved is not None:
                self.changed(self)

        return settled

    def forget_parts(self) -> None:
        """After a truncation, what was on its way says nothing about the new content."""
        self.parts = deque()
        self.saved = None

    def close(self) -> None:
        os.close(self.fd)
