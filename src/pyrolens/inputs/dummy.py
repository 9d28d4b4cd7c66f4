"""input dummy: records made up at a steady rate.

Source: Fluent Bit 5.1.1 plugins/in_dummy/in_dummy.c.
"""

import asyncio
from typing import Any

from pyrolens.api import Event, Input, InputEnv, Record, Source, Stamp, opt, plugin
from pyrolens.inputs._json import values
from pyrolens.records.event import SECOND

MESSAGE = '{"message":"dummy"}'


@plugin("dummy")
class Dummy(Input):
    """Make up records: for trying a config, and for tests."""

    differs = (
        "when the router is held up, the ticks that are due come at once afterwards, so the number of records is right",
    )

    dummy: str = opt("The record as a JSON object; several objects make several records.", default=MESSAGE)
    metadata: str = opt("The metadata of the record as a JSON object.", default="{}")
    samples: int = opt("Stop after so many ticks; 0: never.", default=0)
    rate: int = opt("Ticks a second.", default=1)
    interval_sec: int = opt("Seconds between ticks; overrides rate.", default=0)
    interval_nsec: int = opt("Nanoseconds between ticks, added to interval_sec.", default=0)
    copies: int = opt("Copies of the record at each tick.", default=1)
    start_time_sec: int = opt("Time of the first record, in seconds since the epoch; -1: now.", default=-1)
    start_time_nsec: int = opt("Nanoseconds added to start_time_sec.", default=-1)
    fixed_timestamp: bool = opt("Every record has the time of the first.", default=False)
    flush_on_startup: bool = opt("Make the first record at once.", default=False)
    test_hang_on_exit: bool = opt("Hang when told to stop, to test what watches over a stop.", default=False)

    def open(self, env: InputEnv) -> Source:
        return DummySource(self, env)

    @property
    def interval(self) -> float:
        """Seconds between ticks."""
        if self.interval_sec < 0 or self.interval_nsec < 0:
            given = 0.0
        else:
            given = self.interval_sec + self.interval_nsec / SECOND
        if given > 0:
            return given
        return 1 / self.rate if self.rate > 1 else 1.0

    @property
    def start_time(self) -> int | None:
        """ns of the first record, if the config names it."""
        if self.start_time_sec < 0 and self.start_time_nsec < 0:
            return None
        return max(self.start_time_sec, 0) * SECOND + max(self.start_time_nsec, 0)


class DummySource:
    def __init__(self, plan: Dummy, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.bodies = self._objects(plan.dummy, MESSAGE)
        self.metadata = (self._objects(plan.metadata, "{}") or [{}])[0]
        self.size = len(plan.dummy) + len(plan.metadata) + 12
        self.opened = env.now()
        self.fixed: list[Event] | None = None
        self.ticks = 0
        self.due = 0.0
        """Time of the loop at which the next tick is due."""
        self.timer: asyncio.TimerHandle | None = None

    def _objects(self, text: str, otherwise: str) -> list[Record]:
        found: list[Any] = []
        try:
            for value in values(text):
                found.append(value)
        except ValueError as why:
            if not found:
                self.env.log.warning("not JSON; the default is used instead", value=text, default=otherwise, reason=why)
        if not found:
            found = list(values(otherwise))
        objects = [v for v in found if isinstance(v, dict)]
        if not objects:
            self.env.log.error("there is no JSON object to make records of", value=text)
        return objects

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.opened = self.env.now()
        if self.plan.flush_on_startup:
            loop.call_soon(self._make, 1)
        self._schedule()

    def pause(self) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def resume(self) -> None:
        if self.timer is None and not self._finished:
            self._schedule()

    async def stop(self) -> None:
        self.pause()
        if self.plan.test_hang_on_exit:
            await asyncio.sleep(1000)

    @property
    def _finished(self) -> bool:
        return 0 < self.plan.samples <= self.ticks

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self.due = loop.time() + self.plan.interval
        self.timer = loop.call_at(self.due, self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        interval = self.plan.interval
        # all that is due, at most a second's worth, so that a rate of 100000 needs no 100000 timers
        late = min(max(loop.time() - self.due, 0.0), 1.0)
        ticks = 1 + int(late / interval)
        self.due = max(self.due + ticks * interval, loop.time() + 0.001)
        self.timer = loop.call_at(self.due, self._tick)
        self._make(ticks)
        if self._finished:
            self.pause()

    def _make(self, ticks: int) -> None:
        if self.plan.samples > 0:
            ticks = min(ticks, self.plan.samples - self.ticks)
        if ticks <= 0:
            return
        self.ticks += ticks
        events: list[Event] = []
        for _ in range(ticks):
            events += self._events()
        if events:
            self.env.ingest(self.env.tag, events, self.size * len(events))

    def _events(self) -> list[Event]:
        if self.fixed is not None:
            return self.fixed
        ns = self._now()
        if self.metadata:
            ns = Stamp(ns, self.metadata)
        # the records are shared, which is safe because nobody edits a record
        events = [(ns, body) for _ in range(self.plan.copies) for body in self.bodies]
        if self.plan.fixed_timestamp:
            self.fixed = events
        return events

    def _now(self) -> int:
        start = self.plan.start_time
        if self.plan.fixed_timestamp:
            return self.opened if start is None else start
        now = self.env.now()
        return now if start is None else start + now - self.opened
