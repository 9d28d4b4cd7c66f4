"""input stdin: JSON, or lines for a parser, from the standard input. The router stops at its end.

Source: Fluent Bit 5.1.1 plugins/in_stdin/in_stdin.c.
"""

import asyncio
import os
import stat
from typing import Any

from pyrolens.api import ConfigError, Event, Input, InputEnv, ParserName, Problem, Size, Source, opt, plugin
from pyrolens.inputs._json import take_values
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._text import find_parser, parsed, text_of
from pyrolens.records.frames import read_entry

READ = 64 * 1024
LEAST_MOST = 1 << 20


@plugin("stdin")
class Stdin(Input):
    """Read records from the standard input, and stop at its end."""

    differs = (
        "what is not JSON is refused up to the end of its line; Fluent Bit throws away all that came with it",
        "with a parser each line is a record, and a line that does not fit is refused; Fluent Bit waits for more text",
    )

    parser: ParserName | None = opt("Parser of each line; without it the text is JSON.", default=None)
    buffer_size: Size = opt("Bytes of the largest record; a MiB at least.", default=16000, low=16000)

    def open(self, env: InputEnv) -> Source:
        return StdinSource(self, env)


class StdinSource:
    def __init__(self, plan: Stdin, env: InputEnv, fd: int = 0) -> None:
        self.env = env
        self.fd = fd
        self.most = max(plan.buffer_size, LEAST_MOST)
        self.parse = find_parser(env, plan.parser) if plan.parser else None
        self.refuse = Refusals(env)
        self.rest = b""
        self.waits = False
        """Whether there may be nothing to read: a pipe or a terminal, not a file."""
        self.reading = False
        self.ended = False
        self._from: StdinSource | None = None

    def inherit(self, old: "StdinSource") -> bool:
        self._from = old
        return True

    def hear(self, data: bytes | None, at: str) -> None:
        self._take(b"" if data is None else data + b"\n", last=data is None)

    async def start(self) -> None:
        if self._from is not None:
            self.rest, self.ended = self._from.rest, self._from.ended
            self._from.pause()
            self._from.rest, self._from.ended = b"", True
        try:
            mode = os.fstat(self.fd).st_mode
        except OSError as why:
            raise ConfigError([Problem("cannot-open", f"{self.env.name} cannot read stdin: {why.strerror}")]) from None
        self.waits = not stat.S_ISREG(mode) and (not stat.S_ISCHR(mode) or os.isatty(self.fd))
        self.resume()

    def pause(self) -> None:
        if self.reading and self.waits:
            asyncio.get_running_loop().remove_reader(self.fd)
        self.reading = False

    def resume(self) -> None:
        if self.ended or self.reading:
            return
        self.reading = True
        loop = asyncio.get_running_loop()
        if self.waits:
            loop.add_reader(self.fd, self._read)
        else:
            loop.call_soon(self._read_on)

    async def stop(self) -> None:
        self.pause()
        if not self.ended:
            self.ended = True
            self._take(b"", last=True)

    def _read_on(self) -> None:
        """Of a file, which is always ready."""
        if self.reading:
            self._read()
            if self.reading:
                asyncio.get_running_loop().call_soon(self._read_on)

    def _read(self) -> None:
        try:
            data = os.read(self.fd, READ)
        except BlockingIOError:
            return
        except OSError as why:
            self.env.log.error("cannot read stdin", reason=why.strerror)
            data = b""
        if not data:
            self.pause()
            self.ended = True
        self._take(data, last=not data)
        if not data:
            self.env.log.info("the standard input has ended")
            self.env.exit()

    def _take(self, data: bytes, last: bool) -> None:
        data = self.rest + data
        events = self._lines(data, last) if self.parse else self._json(data, last)
        size = len(data) - len(self.rest)
        if len(self.rest) > self.most:
            self.refuse(f"a record is larger than {self.most} bytes")
            self.rest = b""
        if events:
            self.env.ingest(self.env.tag, events, size)

    def _json(self, data: bytes, last: bool) -> list[Event]:
        taken = take_values(data, last)
        self.rest = taken.rest
        if taken.refused:
            self.refuse("not JSON", taken.refused)
        now = self.env.now()
        events: list[Event] = []
        for value in taken.values:
            try:
                events.append(self._event(value, now))
            except ValueError as why:
                self.refuse(str(why))
        return events

    @staticmethod
    def _event(value: Any, now: int) -> Event:
        """Raises: ValueError with the reason."""
        if isinstance(value, dict):
            return now, value
        if isinstance(value, list):
            return read_entry(value)
        raise ValueError("JSON that is neither an object nor [time, object]")

    def _lines(self, data: bytes, last: bool) -> list[Event]:
        *lines, self.rest = data.split(b"\n")
        if last:
            lines, self.rest = [*lines, self.rest], b""
        now, parse = self.env.now(), self.parse
        events: list[Event] = []
        for line in lines:
            event = parsed(parse, text_of(line), now) if parse and line else None
            if event is not None:
                events.append(event)
            elif line:
                self.refuse("the parser does not fit")
        return events
