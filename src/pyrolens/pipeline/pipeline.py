"""The pipeline: which filters and outputs a tag meets, worked out once per tag.

Source: Fluent Bit 5.1.1, src/flb_filter.c, src/flb_router.c, plugins/filter_rewrite_tag and in_emitter: what a filter
emits enters again at the first filter, but for the filter that emitted it. With flows it is Fluentd 1.19,
lib/fluent/event_router.rb: the first match of a label takes a tag, and filters behind it do not count.
Differs: records that go round for ever in Fluent Bit leave the loop here: they go to the outputs of their newest tag.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pyrolens.delivery.receipt import Receipt, united
from pyrolens.pipeline.step import MetricsStep, Step, TaskStep, tell_overruns
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


class Stage(NamedTuple):
    """A <filter> or a <match> of Fluentd's: what takes part in the way of a tag that it takes."""

    takes: Callable[[str], bool]
    step: Step | None = None
    """The filter; None: it is a match, where the way ends."""
    doors: tuple[Callable[[str], Door], ...] = ()
    exits: tuple[Step, ...] = ()
    """Steps that let records enter again, elsewhere or under another tag."""


Flows = Mapping[str, Sequence[Stage]]
"""The stages of each label in the order of the config; "": those outside of labels."""


class Plan(NamedTuple):
    steps: list[Step]
    doors: list[Door]
    exits: tuple[Step, ...] = ()


class Batch(NamedTuple):
    tag: str
    events: list[Event]
    receipt: Receipt
    path: Path
    filtered: bool
    """It has met its filters, or must not meet any."""
    outputs: tuple[int, ...] | None = None
    """The numbers of the outputs that get it, whatever they match; None: those that match its tag."""
    source: str = ""
    """The input, filter or stream that it comes from, if a stream task asks for that."""
    label: str = ""
    """Whose stages it meets, where there are flows."""


class Way(NamedTuple):
    """How the batches of an input go on behind its processors."""

    split: Split | None = None
    """Its routes."""
    outputs: tuple[int, ...] | None = None
    """See Batch."""
    source: str = ""
    """See Batch."""
    label: str = ""
    """See Batch."""
    input: str = ""
    """The label of the input, for those who look at what comes from it."""


ANYWHERE = Way()


class Memory:
    """What a filter with memory holds of a batch: see plugin.Held."""

    __slots__ = ("label", "outputs", "path", "pipeline", "receipt", "source", "tag")

    def __init__(self, batch: Batch, pipeline: "Pipeline") -> None:
        batch.receipt.hold()
        self.receipt = batch.receipt
        self.path = batch.path
        self.outputs, self.source, self.label = batch.outputs, batch.source, batch.label
        self.tag = batch.tag
        self.pipeline = pipeline

    def release(self) -> None:
        now = self.pipeline.now
        if now is None or now.receipt is self.receipt:
            self.receipt.release()
        else:
            # what was remembered goes on with the batch being filtered, so it settles with that
            now.receipt.carry(self.receipt)


class Pipeline:
    def __init__(
        self, steps: list[Step], routes: list[Route], log: Log, counters: dict[str, int] | None = None
    ) -> None:
        self.steps = steps
        self.routes = routes
        self.flows: Flows | None = None
        """What says which filters and outputs a tag meets, in place of what they match."""
        self.log = log
        self.unrouted = 0
        """Records that no output wanted."""
        self.unsent = 0
        """Those for which the config means just that: stream tasks alone take them, or they are not routable."""
        self.loops = 0
        """Records that were taken out of a loop."""
        self.counters = {} if counters is None else counters
        """Of Match_Regex and of the conditions of routes."""
        self.endings: list[Callable[[], None]] = []
        """What lets filters emit all that they remember."""
        self.tasks = Tasks()
        """What filters wait for."""
        self._plans: dict[tuple[str, Step | None, tuple[int, ...] | None, str, str], Plan] = {}
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
        way: Way = ANYWHERE,
    ) -> None:
        """Take a batch from its input through the filters to the doors of its outputs, and all that it makes
        filters emit after it. `before`: the processors of the input. `way`: what comes after them."""
        if WATCH.left < STORE:
            WATCH.refill()
        batch = Batch(tag, events, receipt, (), False, way.outputs, way.source, way.label)
        if before:
            self.now = batch
            for step in before:
                events = step.run(tag, events)
            batch = batch._replace(events=events)
        if way.split is None or way.outputs is not None:
            self._run(batch)
        else:
            parts = way.split(tag, events)
            if OVERRUNS:
                tell_overruns(self.counters, self.log, tag=tag)
            for part in parts:
                self._run(batch._replace(tag=part.tag, events=part.events, outputs=part.outputs))
        self._drain()
        receipt.release()

    def resume(self, tag: str, events: list[Event], held: Sequence[Held], behind: Sequence[Step], way: Way) -> None:
        """Records that an input had held back go on behind the step that held them."""
        memories = [memory for memory in held if isinstance(memory, Memory)]
        if not memories or self.now is not None:
            raise RuntimeError("an input emits outside of a call of its transform, with what hold() gave")
        self.feed(tag, events, united([memory.receipt for memory in memories]), behind, way)

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
        self._run(Batch(tag, events, receipt, last.path, False, last.outputs, last.source, last.label), step)
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

    def order_endings(self, of_outputs: int, of_filters: int) -> None:
        """In the order that records go: what an input lets go may be remembered by a filter. The first ones so far are
        those of the outputs' processors, and up to `of_filters` there are the filters'."""
        endings = self.endings
        self.endings = endings[of_filters:] + endings[of_outputs:of_filters] + endings[:of_outputs]

    def end(self) -> None:
        """The inputs have stopped: what is remembered goes on."""
        for ending in self.endings:
            ending()

    def _run(self, batch: Batch, behind: Step | None = None) -> None:
        """`behind`: the filter behind which it goes on; None: it meets all of them."""
        self.now = batch
        tag, events, receipt = batch.tag, batch.events, batch.receipt
        last = batch.path[-1][0] if batch.path else None
        key = tag, last, batch.outputs, batch.source, batch.label
        plan = self._plans.get(key) or self._plan(*key)
        if not batch.filtered:
            for step in plan.steps if behind is None else plan.steps[plan.steps.index(behind) + 1 :]:
                if not events:
                    return
                events = step.run(tag, events)
        if not events:
            return
        exits = () if batch.filtered else plan.exits
        if not plan.doors and not exits:
            self._without_door(plan, batch.outputs, tag, len(events))
        for door in plan.doors:
            door(events, receipt)
        for step in exits:
            step.run(tag, events)

    def _without_door(self, plan: Plan, outputs: tuple[int, ...] | None, tag: str, records: int) -> None:
        if outputs is not None or any(isinstance(step, TaskStep) for step in plan.steps):
            self.unsent += records
            return
        self.unrouted += records
        self.log.warning("no output matches the tag; its records are dropped", tag=tag)

    def _plan(self, tag: str, last: Step | None, outputs: tuple[int, ...] | None, source: str, label: str) -> Plan:
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
        if self.flows is not None:
            plan = self._plans[tag, last, outputs, source, label] = first_match(self.flows.get(label, ()), tag)
            return plan
        steps = [s for s in self.steps if s is not last and s.takes(tag, source)]
        if outputs is None:
            routes = [r for r in self.routes if r.matches is not None and r.matches(tag)]
        else:
            routes = [self.routes[n] for n in outputs]
        if OVERRUNS:
            tell_overruns(self.counters, self.log, tag=tag)
        plan = self._plans[tag, last, outputs, source, label] = Plan(steps, [r.door(tag) for r in routes if r.door])
        return plan

    def publish(self, tag: str, metrics: MetricSet, receipt: Receipt, before: Sequence[MetricsStep] = ()) -> None:
        """Take metrics from whoever read them to the outputs that take metrics. No filter sees them.
        `before`: the processors of the input."""
        if WATCH.left < STORE:
            WATCH.refill()
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
        if OVERRUNS:
            tell_overruns(self.counters, self.log, tag=tag)
        if not doors:
            self.log.warning("no output takes the metrics of the tag; they are dropped", tag=tag)
        return doors

    def emit(
        self, step: Step, tag: str, events: list[Event], moved: int, held: Sequence[Held], label: str | None = None
    ) -> None:
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
                hint="narrow what it matches, so that it does not take the tags it leads to",
            )
        label = batches[-1].label if label is None else label
        self._emitted(step, Batch(tag, events, receipt, (*path, (step, came_as)), looped, label=label))

    def make(self, step: Step, tag: str, events: list[Event]) -> None:
        """Records that are a step's own, made at a time of its own: nothing of any batch waits for them."""
        step.counters.emitted += len(events)
        self._emitted(step, Batch(tag, events, Receipt(0, lambda receipt: None), ((step, tag),), False))

    def _emitted(self, step: Step, batch: Batch) -> None:
        outputs = () if isinstance(step, TaskStep) and not step.routable else None
        self._waiting.append(batch._replace(outputs=outputs, source=step.stream))
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


def first_match(stages: Sequence[Stage], tag: str) -> Plan:
    """The filters of a tag up to the first match that takes it, and what that match leads to."""
    steps: list[Step] = []
    for stage in stages:
        if not stage.takes(tag):
            continue
        if stage.step is None:
            return Plan(steps, [door(tag) for door in stage.doors], stage.exits)
        steps.append(stage.step)
    return Plan(steps, [])
