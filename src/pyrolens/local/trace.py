"""Which way a line goes: a rehearsal of the same config, line by line, whose time is ours.

It says what the config asks for. What has really arrived is read back from the destinations, and must be the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pyrolens.config import Config
from pyrolens.records.event import SECOND, Record
from pyrolens.rehearsal.journey import Journey
from pyrolens.rehearsal.rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record at the door of an output."""

    output: str
    """Its label."""
    tag: str
    record: Record


@dataclass(slots=True)
class Fate:
    """What becomes of one line."""

    arrivals: list[Arrival] = field(default_factory=list)
    dropped_by: list[str] = field(default_factory=list)
    """Labels of the filters that took it out."""
    unrouted: int = 0
    """Records that came through the filters, and no output wanted them."""

    def add(self, journey: Journey) -> None:
        self.arrivals += [Arrival(output, tag, record) for output, tag, (_, record) in journey.arrivals]
        self.dropped_by += [drop.by for drop in journey.dropped]
        self.unrouted += sum(not found.intended for found in journey.unrouted)


class Trace:
    """Raises: ConfigError when the filters do not compile."""

    def __init__(self, config: Config, now: Callable[[], int] = time.time_ns) -> None:
        # what a task counts over several records says nothing of one of them
        followed = [t for t in config.streams if t.statement.kind == "stream" and not t.statement.aggregates]
        self.apart = {task.label for task in config.streams if task not in followed}
        """Labels of the stream tasks that are not followed."""
        self._now = now
        self._rehearsal = Rehearsal(replace(config, streams=followed), now_ns=now())
        self._socket = next((i.label for i in config.inputs if getattr(i.plugin, "unix_path", None)), None)
        """The input that the log drivers write to."""
        self.late = Fate()
        """What filters with memory let go by themselves, later."""

    def follow(self, tag: str, ns: int, record: Record) -> Fate:
        self._wait_until(self._now())
        fate = Fate()
        fate.add(self._rehearsal.feed(tag, [(ns, record)], self._socket))
        return fate

    def finish(self, within: float) -> bool:
        """Let filters with memory finish. False: some would still hold records after so many seconds."""
        self._wait_until(self._now())
        self.late.add(self._rehearsal.finish())
        self._wait_until(self._rehearsal.now_ns + int(within * SECOND))
        return not self._rehearsal.holding

    def _wait_until(self, ns: int) -> None:
        self.late.add(self._rehearsal.advance((ns - self._rehearsal.now_ns) / SECOND))
