"""The router's own log, on stderr or in Log_File, in Fluent Bit's look:

    [2026/11/20 19:17:34.123] [ warn] [output:http:http.0] retry chunk=7f attempt=2 wait=4.1s reason="HTTP 503"

The same line again within ten seconds is not printed but counted, and of lines that differ only in their numbers at
most five are printed; a last line then says how often. A reader of stderr that does not read never stops the router:
lines are dropped, and their number is told later.
"""

import asyncio
import os
import re
import select
import sys
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from pyrolens.plugin import LogLine
from pyrolens.problems import Problem
from pyrolens.service.secrets import Mask

LEVELS = {"off": 0, "error": 1, "warn": 2, "info": 3, "debug": 4, "trace": 5}
TITLES = {1: "error", 2: " warn", 3: " info", 4: "debug", 5: "trace"}
NAMES = {1: "error", 2: "warn", 3: "info", 4: "debug", 5: "trace"}
COLORS = {1: "\x1b[91m", 2: "\x1b[93m", 3: "\x1b[92m", 4: "\x1b[93m", 5: "\x1b[94m"}
LONGEST = 4000
"""Bytes of a line: less than a pipe takes at once (PIPE_BUF), so that a write never waits."""
WINDOW = 10.0
"""Seconds in which the same event counts as repeated."""
BURST = 5
"""Lines of one event that differ in their fields and are printed within a window."""

BARE = re.compile(r"[^\s\"=\\\x00-\x1f\x7f]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]")


class LineCounts(Protocol):
    log_lines: dict[str, int]


class _Repeats:
    """What was said of one event within a window."""

    __slots__ = ("count", "ends", "last", "lines", "log")

    def __init__(self, log: "Logger", ends: float) -> None:
        self.log = log
        self.ends = ends
        self.lines: set[str] = set()
        self.count = 0
        self.last = ""


class Logs:
    """One log, from which every part of the router gets its own with its own level."""

    def __init__(
        self,
        level: str = "info",
        file: str | None = None,
        counts: LineCounts | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.level = level
        self.clock = clock
        self.listeners: list[Callable[[LogLine], None]] = []
        """Each gets all lines."""
        self._counts = counts
        self.masked = Mask()
        """Text without the secrets."""
        self._seen: dict[tuple[str, int, str, str], _Repeats] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._lost = 0
        self._second, self._stamp = -1, ""
        self._poll = select.poll()
        self._open(file)

    def _open(self, file: str | None) -> None:
        failed: OSError | None = None
        self._fd = 2
        if file:
            try:
                self._fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as why:
                failed = why
        self._color = not file and sys.stderr is not None and os.isatty(2)
        self._poll.register(self._fd, select.POLLOUT)
        if failed:
            self.of("log").error("the log file cannot be opened", file=file, reason=failed.strerror)

    def reopen(self, level: str, file: str | None) -> None:
        """Go on with another level, in another file or in a new one of that name."""
        self.level = level
        self._leave()
        self._open(file)

    def of(self, *names: str | None, level: str | None = None) -> "Logger":
        """The log of one part: of("engine"), or of(kind, plugin, label, level or None). `level`: else that of all."""
        level = level or self.level
        shown = names
        if len(names) == 4:
            shown, level = names[:3], names[3] or level
        return Logger(self, ":".join(n for n in shown if n), LEVELS[level])

    def mask(self, secrets: Iterable[str]) -> None:
        """From now on these texts are *** in every line."""
        self.masked.add(secrets)

    def problem(self, problem: Problem) -> None:
        """A problem of the config, on as many lines as it has."""
        log = self.of("config")
        for line in str(problem).splitlines():
            if log.level >= LEVELS["error" if problem.severity == "error" else "warn"]:
                self.write(LEVELS["error" if problem.severity == "error" else "warn"], log.name, line)

    def write(self, level: int, name: str, text: str, repeats: bool = False) -> None:
        """One line, at once. `repeats`: it only says how often another one was repeated."""
        if self._counts is not None:
            self._counts.log_lines[NAMES[level]] += 1
        text = self.masked(text)
        now = self.clock()
        second = int(now)
        if second != self._second:
            self._second, self._stamp = second, time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(second))
        if self._color:
            head = f"\x1b[1m[\x1b[0m{self._stamp}.{int(now * 1000) % 1000:03d}\x1b[1m]\x1b[0m "
            head += f"[{COLORS[level]}{TITLES[level]}\x1b[0m] "
        else:
            head = f"[{self._stamp}.{int(now * 1000) % 1000:03d}] [{TITLES[level]}] "
        if name:
            head += f"[{name}] "
        self._put(f"{head}{text}".encode(errors="backslashreplace"))
        for listener in self.listeners:
            listener(LogLine(int(now * 1e9), NAMES[level], name, text, repeats))

    def _put(self, line: bytes) -> None:
        if len(line) > LONGEST:
            line = line[:LONGEST] + b" ..."
        if not self._poll.poll(0):
            self._lost += 1
            return
        if self._lost:
            line += f" (before it {self._lost} lines were lost, nobody read them)".encode()
            self._lost = 0
        try:
            os.write(self._fd, line + b"\n")
        except OSError:
            self._lost += 1

    # -- repeated events --------------------------------------------------------------------------------------

    def say(self, log: "Logger", level: int, event: str, fields: dict[str, object]) -> None:
        """One line, unless it says again what was just said."""
        text = line_text(event, fields)
        key = (log.name, level, event, str(fields.get("reason", "")))
        now = self.clock()
        repeats = self._seen.get(key)
        if repeats is None or now >= repeats.ends or now < repeats.ends - WINDOW:
            if repeats is not None:
                self._summary(key, repeats)
            if len(self._seen) >= 1000:
                self.flush()
            repeats = self._seen[key] = _Repeats(log, now + WINDOW)
        elif text in repeats.lines or len(repeats.lines) >= BURST:
            repeats.count += 1
            repeats.last = text
            self._later()
            return
        repeats.lines.add(text)
        self.write(level, log.name, text)

    def _later(self) -> None:
        if self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(WINDOW, self._on_timer)
            except RuntimeError:
                pass  # no loop: flush() and the next line of the kind will tell

    def _on_timer(self) -> None:
        self._timer = None
        self.flush()

    def _summary(self, key: tuple[str, int, str, str], repeats: _Repeats) -> None:
        if repeats.count:
            times = "once more" if repeats.count == 1 else f"{repeats.count} times more"
            self.write(key[1], repeats.log.name, f"{repeats.last} (repeated {times})", repeats=True)

    def flush(self) -> None:
        """Tell what was repeated so far."""
        seen, self._seen = self._seen, {}
        for key, repeats in seen.items():
            self._summary(key, repeats)

    def close(self) -> None:
        """Tell what was repeated, and close the file. Lines after it go to stderr."""
        self.flush()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._leave()
        self._open(None)

    def _leave(self) -> None:
        self._poll.unregister(self._fd)
        if self._fd != 2:
            os.close(self._fd)


class Logger:
    """plugin.Log of one part of the router."""

    __slots__ = ("level", "logs", "name")

    def __init__(self, logs: Logs, name: str, level: int) -> None:
        self.logs = logs
        self.name = name
        self.level = level

    def error(self, event: str, **fields: object) -> None:
        if self.level >= 1:
            self.logs.say(self, 1, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        if self.level >= 2:
            self.logs.say(self, 2, event, fields)

    def info(self, event: str, **fields: object) -> None:
        if self.level >= 3:
            self.logs.say(self, 3, event, fields)

    def debug(self, event: str, **fields: object) -> None:
        if self.level >= 4:
            self.logs.say(self, 4, event, fields)

    def trace(self, event: str, **fields: object) -> None:
        if self.level >= 5:
            self.logs.say(self, 5, event, fields)


def line_text(event: str, fields: dict[str, object]) -> str:
    """event key=value key="a value with blanks" """
    event = CONTROL.sub(_shown, event)
    return " ".join([event, *(f"{k}={_value(v)}" for k, v in fields.items())])


def _value(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if BARE.fullmatch(text):
        return text
    return '"' + CONTROL.sub(_shown, text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _shown(found: re.Match[str]) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(found[0], f"\\x{ord(found[0]):02x}")
