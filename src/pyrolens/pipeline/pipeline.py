"""The pipeline: which filters and outputs a tag meets, worked out once per tag.

Source: Fluent Bit 5.1.1, src/flb_filter.c, src/flb_router.c, plugins/filter_rewrite_tag and in_emitter: what a filter
emits enters again at the first filter, but for the filter that emitted it.
Differs: records that go round for ever in Fluent Bit leave the loop here: they go to the outputs of their newest tag.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyrolens.delivery.receipt import Receipt, united
from pyrolens.pipeline.step import MetricsStep, Step, tell_overruns
from pyrolens.pipeline.tasks import Tasks
from pyrolens.plugin import Held, Log
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet
from pyrolens.records.regex.budget import OVERRUNS, STORE, WATCH
from pyrolens.records.routes import Split

Door = Callable[[list[Event], Receipt], None]
"""Where an output takes in the records of one tag."""
MetricsDoor = Callable[[MetricSet, Receipt], None]
"""Where it takes in the metrics of one tag."""

Path = tuple[tuple[Step, str], ...]
"""The filters that have emitted a record, each with the tag that the record had before; the latest last."""

MOST_HOPS = 100
"""A tag that grows with every turn never comes back, so the length of a path is bounded, too."""
MOST_PLANS = 10_000
"""rewrite_tag can make a tag per container, and containers come and go."""


class Route(NamedTuple):
    """An output as the pipeline sees it."""

    matches: Callable[[str], bool] | None
    door: Callable[[str], Door] | None
    """None: it takes no logs."""
    metrics: Callable[[str], MetricsDoor] | None = None
    """None: it takes no metrics."""


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

    __slots__ = ("outputs", "path", "pipeline", "receipt", "tag")

    def __init__(self, batch: Batch, pipeline: "Pipeline") -> None:
        batch.receipt.hold()
        self.receipt = batch.receipt
        self.path = batch.path
        self.outputs = batch.outputs
        self.tag = batch.tag
        self.pipeline = pipeline

    def release(self) -> None:
        now = self.pipeline.now
        if now is None or now.receipt is self.receipt:
            self.receipt.release()
        else:
            # what was remembered goes on with the batch being filtered, so it settles with that
            now.receipt.then(self.receipt.release)


class Pipeline:
    def __init__(
        self, steps: list[Step], routes: list[Route], log: Log, counters: dict[str, int] | None = None
    ) -> None:
        self.steps = steps
        self.routes = routes
        self.log = log
        self.unrouted = 0
        """Records that no output wanted."""
        self.loops = 0
        """Records that were taken out of a loop."""
        self.counters = {} if counters is None else counters
        """Of Match_Regex and of the conditions of routes."""
        self.endings: list[Callable[[], None]] = []
        """What lets filters emit all that they remember."""
        self.tasks = Tasks()
        """What filters wait for."""
        self._plans: dict[tuple[str, Step | None, tuple[int, ...] | None], Plan] = {}
        self._metrics_doors: dict[str, list[MetricsDoor]] = {}
        self._waiting: deque[Batch] = deque()
        self.now: Batch | None = None
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
        if WATCH.left < STORE:
            WATCH.refill()
        batch = Batch(tag, events, receipt, (), False)
        if before:
            self.now = batch
            for step in before:
                events = step.run(tag, events)
            batch = batch._replace(events=events)
        if split is None:
            self._run(batch)
        else:
            parts = split(tag, events)
            if OVERRUNS:
                tell_overruns(self.counters, self.log, tag=tag)
            for part in parts:
                self._run(batch._replace(tag=part.tag, events=part.events, outputs=part.outputs))
        self._drain()
        receipt.release()

    def resume(
        self, tag: str, events: list[Event], held: Sequence[Held], behind: Sequence[Step], split: Split | None
    ) -> None:
        """Records that an input had held back go on behind the step that held them."""
        memories = [memory for memory in held if isinstance(memory, Memory)]
        if not memories or self.now is not None:
            raise RuntimeError("an input emits outside of a call of its transform, with what hold() gave")
        self.feed(tag, events, united([memory.receipt for memory in memories]), behind, split)

    def go_on(self, step: Step, tag: str, events: list[Event], held: Sequence[Held]) -> None:
        """What FilterEnv.go_on does for a filter."""
        memories = [memory for memory in held if isinstance(memory, Memory)]
        if not memories or self.now is not None:
            raise RuntimeError("go_on outside of a call of the transform, with what hold() gave")
        receipt = united([memory.receipt for memory in memories])
        if step.onward is not None:
            step.onward(tag, events, receipt)
            return
        if WATCH.left < STORE:
            WATCH.refill()
        last = memories[-1]
        self._run(Batch(tag, events, receipt, last.path, False, last.outputs), step)
        self._drain()
        receipt.release()

    def pass_on(self, tag: str, events: list[Event], receipt: Receipt, steps: Sequence[Step], door: Door) -> None:
        """Records that a processor of an output had held back go on through those behind it."""
        if WATCH.left < STORE:
            WATCH.refill()
        self.now = Batch(tag, events, receipt, (), True)
        for step in steps:
            events = step.run(tag, events)
        if events:
            door(events, receipt)
        self._drain()
        receipt.release()

    def end(self) -> None:
        """The inputs have stopped: what is remembered goes on."""
        for ending in self.endings:
            ending()

    def _run(self, batch: Batch, behind: Step | None = None) -> None:
        """`behind`: the filter behind which it goes on; None: it meets all of them."""
        self.now = batch
        tag, events, receipt = batch.tag, batch.events, batch.receipt
        last = batch.path[-1][0] if batch.path else None
        outputs = batch.outputs
        plan = self._plans.get((tag, last, outputs)) or self._plan(tag, last, outputs)
        if not batch.filtered:
            for step in plan.steps if behind is None else plan.steps[plan.steps.index(behind) + 1 :]:
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
        if OVERRUNS:
            tell_overruns(self.counters, self.log, tag=tag)
        plan = self._plans[tag, last, outputs] = Plan(steps, [r.door(tag) for r in routes if r.door])
        return plan

    def publish(self, tag: str, metrics: MetricSet, receipt: Receipt, before: Sequence[MetricsStep] = ()) -> None:
        """Take metrics from whoever read them to the outputs that take metrics. No filter sees them.
        `before`: the processors of the input."""
        for step in before:
            metrics = step.run(tag, metrics)
        doors = self._metrics_doors.get(tag)
        if doors is None:
            doors = self._metrics_doors[tag] = self._doors_of(tag)
        if not doors:
            self.unrouted += len(metrics)
        if metrics.families:
            for door in doors:
                door(metrics, receipt)
        receipt.release()

    def _doors_of(self, tag: str) -> list[MetricsDoor]:
        if len(self._metrics_doors) >= MOST_PLANS:
            self._metrics_doors.clear()
        doors = [r.metrics(tag) for r in self.routes if r.metrics and r.matches is not None and r.matches(tag)]
        if not doors:
            self.log.warning("no output takes the metrics of the tag; they are dropped", tag=tag)
        return doors

    def emit(self, step: Step, tag: str, events: list[Event], moved: int, held: Sequence[Held]) -> None:
        """What FilterEnv.emit does for a filter."""
        step.moved += moved
        batches: list[Memory | Batch] = [memory for memory in held if isinstance(memory, Memory)]
        if self.now is not None:
            batches.append(self.now)
        if not batches:
            raise RuntimeError("emit outside of a call of the transform needs what hold() gave")
        path, came_as = batches[-1].path, batches[-1].tag
        receipt = united([b.receipt for b in batches])
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
        self._waiting.append(Batch(tag, events, receipt, (*path, (step, came_as)), looped))
        if self.now is None:
            self._drain()

    def _drain(self) -> None:
        """Run what filters emitted: behind the batch that made them, or by themselves, from a timer."""
        while self._waiting:
            batch = self._waiting.popleft()
            self._run(batch)
            batch.receipt.release()
        self.now = None

    def hold(self, step: Step, records: int) -> Memory:
        """What FilterEnv.hold does."""
        if self.now is None:
            raise RuntimeError("hold outside of a call of the transform")
        step.moved += records
        return Memory(self.now, self)
