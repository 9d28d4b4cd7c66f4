"""One who listens: what passes is looked at, and what is to be shown waits here until it is taken.

Nothing waits for the listener. It has so much room and so much of the router's time; what is beyond that is not shown,
and counted.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import monotonic, perf_counter

from pyrolens.records.event import Event
from pyrolens.records.recorded import recorded_line
from pyrolens.service.wanted import Wanted

ROOM = 512 * 1024
"""Bytes that may wait."""
SHARE = 0.1
"""Of the router's time, for all that listen together."""
AT_ONCE = 256
"""Records between two looks at the clock."""
TELL = 1.0
"""Seconds between two lines that say what is not shown."""
ALIVE = 10.0
"""Seconds after which something is said even if nothing has happened: so it is noticed that nobody is there."""


@dataclass
class Counts:
    """Records."""

    seen: int = 0
    """With such a tag, at these points."""
    shown: int = 0
    every: int = 0
    """Not shown: between those that are sampled."""
    rate: int = 0
    """Not shown: more than the rate."""
    room: int = 0
    """Not shown: the reader is too slow, or the record too large."""
    time: int = 0
    """Not looked at, which would have taken too much of the router's time."""


class Listener:
    """`leave`: called once, when it is over for whatever reason."""

    content_type = "application/x-ndjson"

    def __init__(self, wanted: Wanted, leave: Callable[["Listener"], None]) -> None:
        """Raises: NotUnderstoodError."""
        self.wanted = wanted
        self.counts = Counts()
        self.why = ""
        """Why it is over; it is not yet."""
        self._leave = leave
        self._left = False
        self._takes_tag = wanted.takes_tag()
        self._takes_record = wanted.takes_record()
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._matched = 0
        self._tokens, self._at = wanted.rate, monotonic()
        self.share = SHARE
        """Of the router's time, for this one."""
        self._spare = SHARE
        self._ready = asyncio.Event()
        self._told, self._told_at = Counts(), monotonic()
        self._said_end = False
        self._timer = asyncio.get_running_loop().call_later(wanted.seconds, self.end, "the time is over")

    # -- in: called on the way of records -------------------------------------------------------------------------

    def see(self, point: str, tag: str, events: Sequence[Event]) -> None:
        if self.why or not self._takes_tag(tag):
            return
        self.counts.seen += len(events)
        self._refill()
        for start in range(0, len(events), AT_ONCE):
            if self._spare <= 0:
                self.counts.time += len(events) - start
                return
            began = perf_counter()
            self._look(point, tag, events[start : start + AT_ONCE])
            self._spare -= perf_counter() - began

    def _refill(self) -> None:
        now = monotonic()
        passed, self._at = now - self._at, now
        self._spare = min(self._spare + passed * self.share, self.share)
        rate = self.wanted.rate
        self._tokens = min(self._tokens + passed * rate, max(rate, 1.0))

    def _look(self, point: str, tag: str, events: Sequence[Event]) -> None:
        takes, counts, every = self._takes_record, self.counts, self.wanted.every
        matching = events if takes is None else [event for event in events if takes(event[1])]
        chosen = matching[-self._matched % every :: every]
        self._matched += len(matching)
        counts.every += len(matching) - len(chosen)
        if self.wanted.rate:
            allowed = int(self._tokens)
            counts.rate += max(len(chosen) - allowed, 0)
            chosen = chosen[:allowed]
            self._tokens -= len(chosen)
        for event in chosen:
            self._show(recorded_line(point, tag, event))

    def _show(self, line: bytes) -> None:
        if self.why:
            return
        if self._size + len(line) > ROOM:
            self.counts.room += 1
            return
        self.counts.shown += 1
        self._lines.append(line)
        self._size += len(line)
        self._ready.set()
        if self.counts.shown == self.wanted.count:
            self.end("so many were asked for")

    # -- out: a stream of lines -----------------------------------------------------------------------------------

    def say(self, event: str, **more: object) -> None:
        """A line about the listening itself."""
        line = json.dumps({"tap": {"event": event, **more}}, ensure_ascii=False).encode() + b"\n"
        self._lines.append(line)
        self._size += len(line)
        self._ready.set()

    def end(self, why: str) -> None:
        """What waits is still given."""
        if not self.why:
            self.why = why
            self._timer.cancel()
            self._ready.set()
            self._go()

    async def next(self) -> bytes:
        """What comes next; nothing: that was all."""
        while True:
            now = monotonic()
            if self._lines:
                part = b"".join(self._lines)
                self._lines.clear()
                self._size = 0
                self._ready.clear()
                due = now - self._told_at >= TELL and not self._said_end
                return part + (self._counted(now) if due else b"")
            if self.why:
                if self._said_end:
                    return b""
                self._said_end = True
                self.say("end", why=self.why, **asdict(self.counts))
                continue
            self._ready.clear()
            try:
                async with asyncio.timeout(TELL):
                    await self._ready.wait()
            except TimeoutError:
                now = monotonic()
                if self._told != self.counts or now - self._told_at >= ALIVE:
                    return self._counted(now)

    def _counted(self, now: float) -> bytes:
        self._told, self._told_at = Counts(**asdict(self.counts)), now
        return json.dumps({"tap": {"event": "counts", **asdict(self.counts)}}).encode() + b"\n"

    def moved(self, leave: Callable[["Listener"], None]) -> None:
        """Another one is told when it is over."""
        self._leave = leave

    def close(self) -> None:
        """The reader has gone, or has all of it."""
        self.end("the reader has gone")
        self._lines.clear()

    def _go(self) -> None:
        if not self._left:
            self._left = True
            self._leave(self)
