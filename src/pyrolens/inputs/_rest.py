"""Reading little and often costs more than reading much and seldom: a wake-up, a system call and a batch each time.

So whoever sends a few lines at a time is read at once and then left alone for a moment, in which more gathers in the
socket. The moment doubles while little comes and is halved when much does; peers that send a great deal are read all
the time. Moments end together for all connections, on a common grid. Measured in docs/decisions.md.
"""

import asyncio
import math
from typing import Any

LITTLE, MUCH = 16 * 1024, 48 * 1024
"""Bytes of a read. A Unix socket holds some 200 short messages, about 50 KiB, before its sender has to wait."""
SHORTEST, LONGEST = 0.004, 0.064
"""Seconds."""
OF_FLUSH = 0.1
"""Of the time after which records are sent on, at most."""


class Rest:
    """Of one connection."""

    __slots__ = ("_timer", "longest", "moment")

    def __init__(self, flush: float) -> None:
        """`flush`: seconds."""
        self.longest = min(LONGEST, flush * OF_FLUSH)
        self.moment = 0.0
        """Seconds of the last one."""
        self._timer: asyncio.TimerHandle | None = None

    def after(self, size: int, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Leave the connection alone, if so many bytes say so."""
        if size >= MUCH:
            self.moment = 0.0
        elif size >= LITTLE:
            self.moment /= 2
        else:
            self.moment = min(max(self.moment * 2, SHORTEST), self.longest)
        if self.moment < SHORTEST:
            self.moment = 0.0
            return
        transport.pause_reading()
        now = loop.time()
        until = (math.floor(now / self.moment) + 1) * self.moment
        self._timer = loop.call_at(until, _wake, transport)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _wake(transport: asyncio.Transport) -> None:
    # the connection may be another one's by now, and its server may have been told to wait
    connection: Any = transport.get_protocol()
    if not transport.is_closing() and not connection.server.paused:
        transport.resume_reading()
