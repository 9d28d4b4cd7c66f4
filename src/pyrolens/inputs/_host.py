"""Inputs that look at something at a steady interval: when they look, and what they hand over."""

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pyrolens.api import ConfigError, InputEnv, Problem, Record, opt
from pyrolens.records.event import SECOND

OVERHEAD = 12
"""Bytes of a record beside its fields, for Mem_Buf_Limit."""


@dataclass(frozen=True, kw_only=True)
class Every:
    """Options of how often to look."""

    interval_sec: int = opt("Seconds between two looks.", default=1)
    interval_nsec: int = opt("Nanoseconds between two looks, added to interval_sec.", default=0)

    @property
    def seconds(self) -> float:
        """What is not above 0 counts as one second."""
        if self.interval_sec <= 0 and self.interval_nsec <= 0:
            return 1.0
        return max(self.interval_sec, 0) + max(self.interval_nsec, 0) / SECOND


class Ticks:
    """Calls at a steady interval, the first after one. All that is due while the loop is held up is one call."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds = seconds
        self.call = call
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + self.seconds
            self._timer = loop.call_at(self._due, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = max(self._due + self.seconds, loop.time())
        self._timer = loop.call_at(self._due, self._tick)
        self.call()


Look = Callable[[float], Iterable[Record]]
"""Seconds since the last look -> the records of this one. May raise OSError: then there are none, and it is said."""


class Looking:
    """The source of such an input. `first` is called an interval before the first look, and again after a pause.

    It may raise OSError, too, which refuses the start."""

    def __init__(self, env: InputEnv, seconds: float, look: Look, first: Callable[[], object] = lambda: None) -> None:
        self.env = env
        self.look = look
        self.first = first
        self.ticks = Ticks(seconds, self._tick)
        self._looked = 0.0

    async def start(self) -> None:
        try:
            self.first()
        except OSError as why:
            message = f"{self.env.name}: cannot read {why.filename}: {why.strerror}"
            raise ConfigError([Problem("cannot-open", message)]) from None
        self._begin()

    def pause(self) -> None:
        self.ticks.stop()

    def resume(self) -> None:
        try:
            self.first()
        except OSError as why:
            self._failed(why)
        self._begin()

    async def stop(self) -> None:
        self.ticks.stop()

    def _begin(self) -> None:
        self._looked = asyncio.get_running_loop().time()
        self.ticks.start()

    def _tick(self) -> None:
        now = asyncio.get_running_loop().time()
        since, self._looked = now - self._looked, now
        try:
            hand_over(self.env, self.look(since))
        except OSError as why:
            self._failed(why)

    def _failed(self, why: OSError) -> None:
        self.env.log.error("cannot look", file=why.filename or "", reason=why.strerror or str(why))


def hand_over(env: InputEnv, records: Iterable[Record]) -> None:
    """Records of now, as one batch."""
    now = env.now()
    events = [(now, record) for record in records]
    if events:
        env.ingest(env.tag, events, sum([size_of(record) for _, record in events]))


def size_of(record: Record) -> int:
    """About the bytes that it takes."""
    return OVERHEAD + sum([len(key) + (len(value) if isinstance(value, str) else 9) for key, value in record.items()])


def needs_linux(path: str) -> None:
    """Raises: ValueError where the file is not there."""
    if not os.path.exists(path):
        raise ValueError(f"it reads {path}, which this system has not: the plugin is for Linux")


def read(path: str) -> str:
    """A file of /proc or /sys. Raises: OSError, with the name of the file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError as why:
        # a process that ends while its file is read leaves no name in the error
        raise OSError(why.errno, why.strerror, path) from None
