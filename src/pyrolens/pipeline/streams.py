"""Stream tasks at work: what a query of SQL makes of the records that have come through the filters.

Source: Fluent Bit 5.1.1, src/stream_processor/flb_sp.c (flb_sp_do), flb_sp_snapshot.c, flb_sp_stream.c. What a task
finds goes on as records of its own, which enter at the first filter under the tag of its stream; the records that it
looked at go their own way.
Differs: what a window has counted when the router stops goes on; Fluent Bit drops it. A task does not see what it has
made itself; in Fluent Bit that goes round for ever.
"""

import sys
from collections import deque
from collections.abc import Callable

from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.codecs.text import stdout_text
from pyrolens.records.event import SECOND, Event
from pyrolens.sql.condition import picker
from pyrolens.sql.groups import Groups, Query
from pyrolens.sql.nodes import Window
from pyrolens.sql.select import shaper
from pyrolens.sql.task import StreamTask
from pyrolens.sql.windows import Panes

Deliver = Callable[[list[Event]], None]
Steady = Callable[[], int]
"""ns of a clock that does not jump."""


class Snapshot:
    """The newest records of a source, until they are asked for."""

    def __init__(self, most: int, seconds: int) -> None:
        self.most, self.seconds = most, seconds
        self.events: deque[Event] = deque()

    def add(self, events: list[Event]) -> None:
        kept = self.events
        for event in events:
            kept.append(event)
            if self.most and len(kept) > self.most:
                kept.popleft()
            # in order of arrival, so an old record keeps those behind it
            while self.seconds and event[0] // SECOND - kept[0][0] // SECOND > self.seconds:
                kept.popleft()

    def take(self) -> list[Event]:
        out = list(self.events)
        self.events.clear()
        return out


Snapshots = dict[str, Snapshot]
"""By name. Whoever flushes one finds it here when it is time."""


def compile_task(task: StreamTask, env: FilterEnv, snapshots: Snapshots, steady: Steady) -> Transform:
    statement = task.statement
    pick = picker(statement.where)
    if statement.kind == "snapshot":
        kept = Snapshot(statement.limit, statement.seconds)
        snapshots[statement.name] = kept
        return looking(kept.add)
    deliver = printing if statement.kind == "select" else lambda events: env.emit(task.tag, events)
    if statement.kind == "flush":

        def flush(events: list[Event]) -> None:
            snapshot = snapshots.get(statement.name)
            if snapshot and pick(events) and (found := snapshot.take()):
                deliver(found)

        return looking(flush)
    if statement.aggregates:
        query = Query(statement.columns, statement.group, task.from_text)
        if statement.window:
            return looking(Counting(query, statement.window, task, env, deliver, steady).add, pick)

        def count(tag: str, events: list[Event]) -> list[Event]:
            groups = Groups(query)
            groups.add(pick(events))
            if groups.all:
                deliver(query.results(groups, tag, env.now()))
            return events

        return count
    shape = shaper(statement.columns, env.now)

    def select(tag: str, events: list[Event]) -> list[Event]:
        if found := shape(tag, pick(events)):
            deliver(found)
        return events

    return select


def looking(look: Callable[[list[Event]], None], pick: Callable[[list[Event]], list[Event]] | None = None) -> Transform:
    """Show the events, and let them pass."""

    def transform(tag: str, events: list[Event]) -> list[Event]:
        if found := pick(events) if pick else events:
            look(found)
        return events

    return transform


class Counting:
    """Functions over the records of a window, whose results go on when it ends."""

    def __init__(
        self, query: Query, window: Window, task: StreamTask, env: FilterEnv, deliver: Deliver, steady: Steady
    ) -> None:
        self.query, self.task, self.env, self.deliver = query, task, env, deliver
        self.clock = steady
        self.panes = Panes(query, window, self.clock())
        self.cancel: Callable[[], None] | None = None
        env.at_end(self._end)

    def add(self, events: list[Event]) -> None:
        now = self.clock()
        self._close(now)
        self.panes.open(now).add(events)
        if self.cancel is None:
            self._sleep(now)

    def _sleep(self, now: int) -> None:
        self.cancel = None
        if not self.panes.empty:
            self.cancel = self.env.later(max(self.panes.next - now, 0) / SECOND, self._wake)

    def _wake(self) -> None:
        now = self.clock()
        self._close(now)
        self._sleep(now)

    def _close(self, now: int) -> None:
        for window in self.panes.close(now):
            self._tell(window)

    def _tell(self, window: Groups) -> None:
        self.deliver(self.query.results(window, self.task.source_tag, self.env.now()))

    def _end(self) -> None:
        """Nothing more comes."""
        now = self.clock()
        self._close(now)
        if (rest := self.panes.rest(now)).all:
            self._tell(rest)
        if self.cancel:
            self.cancel()


def printing(events: list[Event]) -> None:
    """What a SELECT finds that makes no stream."""
    text = "".join([f"[0] {stdout_text(ns, record)}\n" for ns, record in events])
    sys.stdout.buffer.write(text.encode(errors="surrogateescape"))
    sys.stdout.buffer.flush()
