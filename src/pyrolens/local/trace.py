"""Which way a line goes: the router's own pipeline over the same config, run here a second time, line by line.

It says what the config asks for. What has really arrived is read back from the destinations, and must be the same.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pyrolens.config import Built, Config
from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import ANYWHERE, Door, Route
from pyrolens.plugin import Output
from pyrolens.records.event import Event, Record
from pyrolens.service.router import Router


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


class Trace:
    """Raises: ConfigError when the filters do not compile."""

    def __init__(self, config: Config) -> None:
        service = replace(config.service, log_level="off", log_file=None, http_server=False)
        # what a task counts over several records says nothing of one of them
        followed = [t for t in config.streams if t.statement.kind == "stream" and not t.statement.aggregates]
        self.apart = {task.label for task in config.streams if task not in followed}
        """Labels of the stream tasks that are not followed."""
        # without its inputs and outputs: nothing is opened, and each output is a door that remembers
        self._router = Router(replace(config, service=service, inputs=[], outputs=[], streams=followed, flows=None))
        self._router.pipeline.routes += [Route(o.matches, self._remember(o)) for o in config.outputs]
        if config.flows is not None:
            remembering = {o.name: self._remember(o) for o in config.outputs}
            self._router.pipeline.flows = self._router.flows(config, remembering)
        socket = next((i for i in config.inputs if getattr(i.plugin, "unix_path", None)), None)
        self._first = self._router.input_steps(socket) if socket else []
        """What the input does that the log drivers write to: it joins the parts of long lines."""
        self._way = self._router.way(socket)._replace(split=None) if socket else ANYWHERE
        self._now: Fate | None = None
        self.late = Fate()
        """What filters with memory let go by themselves, later."""
        self._dropped: Counter[str] = Counter()
        """Records that filters took out while a line was followed."""
        self._unrouted = 0
        self._open = 0
        self._settled = asyncio.Event()

    def _remember(self, output: Built[Output]) -> Callable[[str], Door]:
        def door(tag: str) -> Door:
            def accept(events: list[Event], receipt: Receipt) -> None:
                fate = self._now or self.late
                fate.arrivals += [Arrival(output.label, tag, record) for _, record in events]

            return accept

        return door

    def follow(self, tag: str, ns: int, record: Record) -> Fate:
        pipeline, filters = self._router.pipeline, self._router.metrics.filters
        before = {label: counters.dropped for label, counters in filters.items()}
        unrouted = pipeline.unrouted
        fate = self._now = Fate()
        self._open += 1
        pipeline.feed(tag, [(ns, record)], Receipt(0, self._settle), self._first, self._way)
        self._now = None
        fate.dropped_by = [label for label, counters in filters.items() if counters.dropped > before.get(label, 0)]
        self._dropped.update(fate.dropped_by)
        fate.unrouted = pipeline.unrouted - unrouted
        self._unrouted += fate.unrouted
        return fate

    def _settle(self, receipt: Receipt) -> None:
        self._open -= 1
        if not self._open:
            self._settled.set()

    async def finish(self, within: float) -> bool:
        """Let filters with memory finish. False: some still hold records after so many seconds."""
        self._router.pipeline.end()
        self._settled.clear()
        if self._open:
            try:
                await asyncio.wait_for(self._settled.wait(), within)
            except TimeoutError:
                return False
        for label, counters in self._router.metrics.filters.items():
            self.late.dropped_by += [label] * (counters.dropped - self._dropped[label])
        self.late.unrouted = self._router.pipeline.unrouted - self._unrouted
        return True
