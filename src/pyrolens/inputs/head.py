"""input head: the beginning of a file, again and again.

Source: Fluent Bit 5.1.1 plugins/in_head/in_head.c.
"""

import io
import os
from collections.abc import Iterable, Iterator

from pyrolens.api import Input, InputEnv, Record, Size, Source, group, opt, plugin
from pyrolens.inputs._host import Every, Looking
from pyrolens.inputs._text import text_of

MOST = 1024 * 1024
"""Bytes that are read for `lines`."""


@plugin("head")
class Head(Input):
    """Read the first bytes or lines of a file at each interval, such as those of a file of /proc."""

    differs = (
        "a file that cannot be read makes no record; Fluent Bit makes one with an empty text",
        "split_line: a line has no zero byte at its end, and the last one keeps its last letter",
        "lines are lines, however long; Fluent Bit counts each 510 bytes of a line as one",
    )

    file: str = opt("The file.")
    key: str = opt("Field for the text.", default="head")
    buf_size: Size = opt(
        "Bytes to read. With split_line: one more than the longest line; longer ones are cut in pieces.", default=256
    )
    lines: int = opt("Read that many lines, not bytes; 0 with split_line: 10.", default=0)
    split_line: bool = opt("A field for each line: line0, line1 and so on.", default=False)
    add_path: bool = opt("With the path of the file as path.", default=False)
    every: Every = group(Every)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.buf_size < 2:
            yield "buf_size", "buf_size leaves no room for a text"

    def open(self, env: InputEnv) -> Source:
        def look(since: float) -> Iterable[Record]:
            yield self.record()

        return Looking(env, self.every.seconds, look)

    def record(self) -> Record:
        """Raises: OSError."""
        path: Record = {"path": self.file} if self.add_path else {}
        if self.split_line:
            wanted = self.lines if self.lines > 0 else 10
            pieces = cut(beginning(self.file, MOST), self.buf_size - 1)
            return path | {f"line{number}": text_of(next(pieces, b"")) for number in range(wanted)}
        if self.lines > 0:
            data = b"".join(io.BytesIO(beginning(self.file, MOST)).readlines()[: self.lines])
        else:
            data = beginning(self.file, self.buf_size)
        return {self.key: text_of(data), **path}


def beginning(path: str, most: int) -> bytes:
    """Raises: OSError."""
    # a pipe that nobody writes to must not hold up everything
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        return file.read(most) or b""


def cut(data: bytes, most: int) -> Iterator[bytes]:
    """Lines, and the pieces of those that are longer."""
    for line in data.split(b"\n")[: -1 if data.endswith(b"\n") else None]:
        for at in range(0, max(len(line), 1), most):
            yield line[at : at + most]
