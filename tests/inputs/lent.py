"""What tests lend to an input in place of the router."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from pyrolens.api import Log, LogLine, MetricSet, Parse
from pyrolens.multiline import MultilineParser
from pyrolens.multiline.builtin import BUILTIN
from pyrolens.records.event import Event
from tests.said import Said

PATIENCE = 30.0
"""Seconds that something may take before the test fails."""


class Lent:
    """An InputEnv which remembers. Batches settle when the test says so."""

    def __init__(self, name: str = "input.0", tag: str = "input.0", parsers: dict[str, Parse] | None = None) -> None:
        self.name, self.tag, self.flush = name, tag, 1.0
        self.said = Said()
        self.log: Log = self.said
        self.counts: dict[str, int] = {}
        self.batches: list[tuple[str, list[Event], int]] = []
        self.published: list[tuple[str, MetricSet]] = []
        self.own = MetricSet(())
        """What own_metrics() gives."""
        self.settle: list[Callable[[], None]] = []
        self.store: list[Callable[[], None]] = []
        """Those that are called once a batch is stored."""
        self.stores = False
        self.exits: list[int] = []
        self.time: int | None = None
        """ns; None: the real time."""
        self.on_ingest: Callable[[], None] = lambda: None
        self.listeners: list[Callable[[LogLine], None]] = []
        self.outputs: set[str] = set()
        """What leads_to() says yes to."""
        self.multiline_limit = 0
        self._parsers = parsers or {}
        self._news = asyncio.Event()

    def multiline_parser(self, name: str) -> MultilineParser | None:
        return BUILTIN.get(name.lower())

    def now(self) -> int:
        return time.time_ns() if self.time is None else self.time

    def count(self, counter: str, n: int = 1) -> None:
        self.counts[counter] = self.counts.get(counter, 0) + n
        self._news.set()

    def parser(self, name: str) -> Parse | None:
        return self._parsers.get(name)

    def exit(self, status: int = 0) -> None:
        self.exits.append(status)
        self._news.set()

    def ingest(
        self,
        tag: str,
        events: list[Event],
        size: int,
        settled: Callable[[], None] | None = None,
        *,
        stored: Callable[[], None] | None = None,
        delivered: Callable[[], None] | None = None,
    ) -> None:
        self.batches.append((tag, events, size))
        self.settle += [call for call in (settled, delivered) if call]
        self.store += [call for call in (stored,) if call]
        self._news.set()
        self.on_ingest()

    def publish(self, tag: str, metrics: MetricSet) -> None:
        self.published.append((tag, metrics))
        self._news.set()

    def own_metrics(self) -> MetricSet:
        return self.own

    def listen(self, take: Callable[[LogLine], None]) -> Callable[[], None]:
        self.listeners.append(take)
        return lambda: self.listeners.remove(take)

    def leads_to(self, output: str) -> bool:
        return output in self.outputs

    @property
    def events(self) -> list[tuple[str, int, Any]]:
        """(tag, ns, record) of all that was handed over."""
        return [(tag, int(ns), record) for tag, events, _ in self.batches for ns, record in events]

    @property
    def records(self) -> list[Any]:
        return [record for _, _, record in self.events]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something to happen. It fails after PATIENCE."""
        async with asyncio.timeout(PATIENCE):
            while not true():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.02)

    async def until_events(self, number: int) -> None:
        await self.until(lambda: len(self.events) >= number)


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test on a loop of its own."""
    asyncio.run(test)


async def soon(call: Callable[[], Awaitable[Any]]) -> Any:
    """What the call gives, unless it takes longer than PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        return await call()
