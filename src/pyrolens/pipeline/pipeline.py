"""The pipeline: which filters and outputs a tag meets, worked out once per tag.

Source: Fluent Bit 5.1.1, src/flb_filter.c, src/flb_router.c, plugins/filter_rewrite_tag and in_emitter: what a filter
emits enters again at the first filter, but for the filter that emitted it.
Differs: records that go round for ever in Fluent Bit leave the loop here: they go to the outputs of their newest tag.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.step import Step
from pyrolens.plugin import Held, Log
from pyrolens.records.event import Event
from pyrolens.records.routes import Split

Door = Callable[[list[Event], Receipt], None]
"""Where an output takes in the records of one tag."""

Path = tuple[tuple[Step, str], ...]
"""The filters that have emitted a record, each with the tag that the record had before; the latest last."""

MOST_HOPS = 100
"""A tag that grows with every turn never comes back, so the length of a path is bounded, too."""
MOST_PLANS = 10_000
"""rewrite_tag can make a tag per container, and containers come and go."""


class Route(NamedTuple):
    """An output as the pipeline sees it."""

    matches: Callable[[str], bool] | None
    door: Callable[[str], Door]


class Plan(NamedTuple):
    steps: list[Step]
    doors: list[Door]


class Batch(NamedTuple):
    tag: str
    events: list[Event]
    receipt: Receipt
    path: Path
    filtered: bool
    """It has met its filters, or must not meet any."""
    outputs: tuple[int, ...] | None = None
    """The numbers of the outputs that get it, whatever they match; None: those that match its tag."""


class Memory:
    """What a filter with memory holds of a batch: see plugin.Held."""

    __slots__ = ("path", "receipt", "tag")

    def __init__(self, batch: Batch) -> None:
        batch.receipt.hold()
        self.receipt = batch.receipt
        self.path = batch.path
        self.tag = batch.tag

    def release(self) -> None:
        self.receipt.release()


class Pipeline:
    def __init__(self, steps: list[Step], routes: list[Route], log: Log) -> None:
        self.steps = steps
        self.routes = routes
        self.log = log
        self.unrouted = 0
        """Records that no output wanted."""
        self.loops = 0
        """Records that were taken out of a loop."""
        self._plans: dict[tuple[str, Step | None, tuple[int, ...] | None], Plan] = {}
        self._waiting: deque[Batch] = deque()
        self._now: Batch | None = None
        """The batch that is being filtered."""

    def feed(
        self,
        tag: str,
        events: list[Event],
        receipt: Receipt,
        before: Sequence[Step] = (),
        split: Split | None = None,
    ) -> None:
        """Take a batch from its input through the filters to the doors of its outputs, and all that it makes
        filters emit after it. `before`: the processors of the input. `split`: its routes, which come after them."""
        batch = Batch(tag, events, receipt, (), False)
        if before:
            self._now = batch
            for step in before:
                events = step.run(tag, events)
            batch = batch._replace(events=events)
        if split is None:
            self._run(batch)
        else:
            for part in split(tag, events):
                self._run(batch._replace(tag=part.tag, events=part.events, outputs=part.outputs))
        self._drain()
        receipt.release()

    def _run(self, batch: Batch) -> None:
        self._now = batch
        tag, events, receipt = batch.tag, batch.events, batch.receipt
        last = batch.path[-1][0] if batch.path else None
        outputs = batch.outputs
        plan = self._plans.get((tag, last, outputs)) or self._plan(tag, last, outputs)
        if not batch.filtered:
            for step in plan.steps:
                if not events:
                    return
                events = step.run(tag, events)
        if not events:
            return
        if not plan.doors:
            self.unrouted += len(events)
            self.log.warning("no output matches the tag; its records are dropped", tag=tag)
        for door in plan.doors:
            door(events, receipt)

    def _plan(self, tag: str, last: Step | None, outputs: tuple[int, ...] | None) -> Plan:
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
        steps = [s for s in self.steps if s is not last and s.matches is not None and s.matches(tag)]
        if outputs is None:
            routes = [r for r in self.routes if r.matches is not None and r.matches(tag)]
        else:
            routes = [self.routes[n] for n in outputs]
        plan = self._plans[tag, last, outputs] = Plan(steps, [r.door(tag) for r in routes])
        return plan

    def emit(self, step: Step, tag: str, events: list[Event], moved: int, held: Held | None) -> None:
        """What FilterEnv.emit does for a filter."""
        now = self._now
        step.moved += moved
        if isinstance(held, Memory):
            receipt, path, came_as = held.receipt, held.path, held.tag
        elif now is not None:
            receipt, path, came_as = now.receipt, now.path, now.tag
        else:
            raise RuntimeError("emit outside of a call of the transform needs what hold() gave")
        step.counters.emitted += len(events)
        looped = (step, came_as) in path or len(path) >= MOST_HOPS
        if looped:
            self.loops += len(events)
            step.log.error(
                "records go round in a loop; they leave it for the outputs of their newest tag",
                tag=tag,
                records=len(events),
                place=step.place,
                hint="narrow this filter's Match so that it does not take the tags it leads to",
            )
        receipt.hold()
        self._waiting.append(Batch(tag, events, receipt, (*path, (step, came_as)), looped))
        if self._now is None:
            self._drain()

    def _drain(self) -> None:
        """Run what filters emitted: behind the batch that made them, or by themselves, from a timer."""
        while self._waiting:
            batch = self._waiting.popleft()
            self._run(batch)
            batch.receipt.release()
        self._now = None

    def hold(self, step: Step, records: int) -> Memory:
        """What FilterEnv.hold does."""
        if self._now is None:
            raise RuntimeError("hold outside of a call of the transform")
        step.moved += records
        return Memory(self._now)
