"""A destination that fails at random, and remembers what it took and when."""

import asyncio
import contextlib
import json
import random
import time
from dataclasses import dataclass, field

from tests.running import HttpSink

SLOWEST = 0.3
"""Seconds of an answer that is late."""


@dataclass
class Arrivals:
    times: list[float] = field(default_factory=list)
    """Monotonic."""
    unsaid: bool = False
    """The answer to one of them never left."""


class TorturedSink(HttpSink):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.failing = 0.0
        """The chance that a call fails: refused, broken off before or after it is taken, or late."""
        self.refuses: frozenset[int] = frozenset()
        """Records that are answered 400."""
        self.got: dict[int, Arrivals] = {}

    def _take(self, body: bytes, *, unsaid: bool) -> None:
        now = time.monotonic()
        for line in body.splitlines():
            arrivals = self.got.setdefault(json.loads(line)["n"], Arrivals())
            arrivals.times.append(now)
            arrivals.unsaid |= unsaid

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                self.requests += 1
                luck = self.random.random() / self.failing if self.failing else 2.0
                if luck < 0.1:
                    break  # before it is taken
                if luck < 0.2:
                    self._take(body, unsaid=True)
                    break  # after it
                if luck < 0.3:
                    await asyncio.sleep(self.random.random() * SLOWEST)
                status = 503 if 0.3 <= luck < 1 else 200
                if self.refuses and any(json.loads(line)["n"] in self.refuses for line in body.splitlines()):
                    status = 400
                if status == 200:
                    self._take(body, unsaid=False)
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            with contextlib.suppress(OSError):
                writer.close()
