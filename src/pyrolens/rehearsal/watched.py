"""The pipeline of a rehearsal: it does what the router's does, and notes what each step does to what comes to it."""

from collections.abc import Callable, Sequence
from typing import Any

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import ANYWHERE, Batch, Door, Memory, Pipeline, Plan, Way
from pyrolens.pipeline.step import MetricsStep, Step
from pyrolens.pipeline.tasks import Tasks, Work
from pyrolens.plugin import Held
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet
from pyrolens.records.routes import Part
from pyrolens.rehearsal.differences import changed, missing
from pyrolens.rehearsal.journey import Arrival, Drop, Hold, Journey, Leg, Result, Station, Unrouted
from pyrolens.rehearsal.notes import Notes
from pyrolens.rehearsal.way import NOBODY, Miles, Walk, Watch, stations_of, together


class Remembered(Memory):
    """What a filter with memory holds, and which filter it is."""

    __slots__ = ("holding", "records", "watch")

    def __init__(self, batch: Batch, pipeline: "Watched", watch: Watch, records: int) -> None:
        super().__init__(batch, pipeline)
        self.watch, self.records = watch, records
        self.holding = pipeline.holding
        self.holding[self] = None

    def release(self) -> None:
        self.holding.pop(self, None)
        super().release()


class NoTasks(Tasks):
    """Nobody is asked for anything. It is only counted who would be."""

    asked = 0

    def add(self, work: Work) -> None:
        self.asked += 1


class Watched(Pipeline):
    def __init__(self, notes: Notes, *args: Any) -> None:
        super().__init__(*args)
        self.notes = notes
        self.tasks = self._none = NoTasks()
        self.impatient: list[Callable[[], None]] = []
        """What makes filters go on that wait for others."""
        self.watches: dict[Step, Watch] = {}
        self.outputs: list[Watch] = []
        """In the order of the routes."""
        self.miles: Callable[[Batch, Step | None], Miles] = lambda batch, behind: NOBODY
        self.holding: dict[Remembered, None] = {}
        """What filters remember now."""
        self._legs: list[Leg] = []
        self._arrivals: list[Arrival] = []
        self._dropped: list[Drop] = []
        self._unrouted: list[Unrouted] = []
        self._held: list[Remembered] = []
        self._walk: Walk | None = None
        self._goes_on = False
        """The batch that runs next belongs to the leg that is being gone."""
        self._origin = ""
        """Who lets go the records that come next."""
        self._parted = ""
        """The tag under which they came that the routes of an input part."""
        self._emissions: list[tuple[str, list[Event]]] = []
        self._holds = False

    @property
    def asked(self) -> int:
        """How often a filter wanted to ask others for something."""
        return self._none.asked

    def journey(self) -> Journey:
        """What was noted since the last time."""
        self._end_leg()
        held = tuple(Hold(m.watch.label, m.records) for m in self._held if m in self.holding)
        out = Journey(
            tuple(self._legs),
            tuple(self._arrivals),
            tuple(self._dropped),
            tuple(self._unrouted),
            held,
            self.notes.take(),
        )
        self._legs, self._arrivals, self._dropped, self._unrouted, self._held = [], [], [], [], []
        return out

    # -- steps and outputs -------------------------------------------------------------------------------------------

    def watch(self, step: Step, watch: Watch) -> None:
        """From now on what this step does is noted."""
        self.watches[step] = watch
        transform, counters = step.transform, step.counters

        def watched(tag: str, events: list[Event]) -> list[Event]:
            if not events:
                return transform(tag, events)  # behind a processor that let none go on
            self._emissions, self._holds = [], False
            failed, said = counters.failed, len(self.notes.kept)
            try:
                after = transform(tag, events)
            except Exception as error:
                if step.stateful or len(events) == 1:
                    self._failed(watch, tag, events, f"{type(error).__name__}: {error}")
                raise
            failed = counters.failed - failed
            why = next((n.text for n in self.notes.kept[said:] if n.level == "error"), "") if failed else ""
            self._ran(watch, tag, events, after, failed, why)
            return after

        step.transform = watched

    def door(self, watch: Watch) -> Callable[[str], Door]:
        """That of an output, where all that comes is noted."""

        def opened(tag: str) -> Door:
            def accept(events: list[Event], receipt: Receipt) -> None:
                came = tuple(events)
                watch.records += len(came)
                self._note(watch, watch.station(tag, "sent", "", came, came))
                self._arrivals += [Arrival(watch.label, tag, event) for event in came]

            return accept

        return opened

    def _failed(self, watch: Watch, tag: str, events: list[Event], why: str) -> None:
        came = tuple(events)
        watch.records += len(came)
        watch.failed += len(came)
        self._note(watch, watch.station(tag, "failed", why, came, came))

    def _ran(self, watch: Watch, tag: str, events: list[Event], after: list[Event], failed: int, why: str) -> None:
        """`failed`: so many records that it could not take, by its own account, and `why`."""
        came = tuple(events)
        goes, differ = came, 0
        left: tuple[int, ...] = ()
        gone: tuple[int, ...] = ()
        if after is not events:
            goes = tuple(after)
            left = missing(came, goes)
            gone = self._dropped_of(watch, came, left)
            differ = changed(came, goes, left)
        watch.records += len(came)
        watch.failed += failed
        watch.changed += differ
        watch.dropped += len(gone)
        watch.moved += len(left) - len(gone)
        if self._walk is not None and watch.belongs is None:
            self._walk.flowing = goes
        decided = watch.rules.decide(tag, came) if watch.rules else [""] * len(came)
        self._dropped += [Drop(watch.label, tag, came[n], why or decided[n], watch.place) for n in gone]
        result: Result = "failed" if failed else "changed" if left or differ else "same"
        if result == "changed" and not goes:
            result = "dropped" if len(gone) == len(came) else "moved" if self._emissions else "held"
        if self._emissions:
            why = "entered again as " + ", ".join(dict.fromkeys(tag for tag, _ in self._emissions))
        elif gone:
            why = why or reason([decided[n] for n in gone])
        elif result == "same":
            why = self._left_alone(watch, came, decided)
        self._note(watch, watch.station(tag, result, why, came, goes, gone))

    def _dropped_of(self, watch: Watch, came: tuple[Event, ...], left: tuple[int, ...]) -> tuple[int, ...]:
        """Which of those that did not go on were not moved or held."""
        if self._holds or not left:
            return ()
        if not self._emissions:
            return left
        elsewhere = {id(event) for _, batch in self._emissions for event in batch}
        # who joins records emits others than came
        return tuple(n for n in left if id(came[n]) not in elsewhere) if elsewhere & set(map(id, came)) else ()

    def _left_alone(self, watch: Watch, came: Sequence[Event], decided: Sequence[str]) -> str:
        """Why, as far as it is known."""
        if watch.holds is not None and not any(watch.holds(*event) for event in came):
            return "its condition does not hold"
        return reason(decided, "does not match")

    def _note(self, watch: Watch, station: Station) -> None:
        walk = self._walk
        if walk is None:
            return
        if walk.ran and walk.ran[-1][0] is watch:
            # a filter that failed gets its records again, one by one
            station = together(walk.ran.pop()[1], station)
        walk.ran.append((watch, station))

    # -- legs --------------------------------------------------------------------------------------------------------

    def _begin_leg(self, tag: str, events: Sequence[Event], origin: str = "", came_as: str = "") -> None:
        self._end_leg()
        self._walk = Walk(tag, tuple(events), origin, came_as, flowing=events)

    def _end_leg(self) -> None:
        walk, self._walk = self._walk, None
        if walk is not None:
            self._legs.append(Leg(walk.tag, walk.events, stations_of(walk), walk.origin, walk.came_as))

    def feed(
        self,
        tag: str,
        events: list[Event],
        receipt: Receipt,
        before: Sequence[Step] = (),
        way: Way = ANYWHERE,
    ) -> None:
        self._begin_leg(tag, events, self._origin)
        self._origin, self._goes_on = "", True
        split = way.split
        if split is not None:

            def fork(tag: str, events: list[Event]) -> list[Part]:
                parts = split(tag, events)
                self._fork(tag, events, parts, bool(before))
                return parts

            way = way._replace(split=fork)
        super().feed(tag, events, receipt, before, way)

    def _fork(self, tag: str, events: list[Event], parts: list[Part], processed: bool) -> None:
        """The input's routes part what came. Its processors are a leg of their own then."""
        taken = {id(event) for part in parts for event in part.events}
        self._unrouted += [Unrouted(tag, event, True) for event in events if id(event) not in taken]
        if len(parts) == 1 and parts[0].tag == tag:
            return
        self._goes_on, self._parted = False, tag
        if parts and not processed:
            self._walk = None

    def _run(self, batch: Batch, behind: Step | None = None) -> None:
        if not self._goes_on:
            if behind is not None:
                self._begin_leg(batch.tag, batch.events, behind.label)
            elif batch.path:
                step, came_as = batch.path[-1]
                self._begin_leg(batch.tag, batch.events, step.label, came_as)
            else:
                self._begin_leg(batch.tag, batch.events, came_as=self._parted)
        self._goes_on = False
        assert self._walk is not None
        self._walk.miles = self.miles(batch, behind)
        self._walk.flowing = batch.events
        super()._run(batch, behind)

    def _without_door(self, plan: Plan, outputs: tuple[int, ...] | None, tag: str, records: int) -> None:
        before = self.unsent
        super()._without_door(plan, outputs, tag, records)
        assert self._walk is not None
        self._unrouted += [Unrouted(tag, event, self.unsent > before) for event in self._walk.flowing]

    # -- what filters ask for ----------------------------------------------------------------------------------------

    def emit(
        self, step: Step, tag: str, events: list[Event], moved: int, held: Sequence[Held], label: str | None = None
    ) -> None:
        self._emissions.append((tag, events))
        super().emit(step, tag, events, moved, held, label)

    def make(self, step: Step, tag: str, events: list[Event]) -> None:
        self._emissions.append((tag, events))
        super().make(step, tag, events)

    def hold(self, step: Step, records: int) -> Memory:
        if self.now is None:
            raise RuntimeError("hold outside of a call of the transform")
        step.moved += records
        self._holds = self._holds or records > 0
        memory = Remembered(self.now, self, self.watches[step], records)
        self._held.append(memory)
        return memory

    def resume(self, tag: str, events: list[Event], held: Sequence[Held], behind: Sequence[Step], way: Way) -> None:
        self._origin = next((m.watch.label for m in held if isinstance(m, Remembered)), "")
        super().resume(tag, events, held, behind, way)

    def go_on(self, step: Step, tag: str, events: list[Event], held: Sequence[Held]) -> None:
        self._origin = step.label
        super().go_on(step, tag, events, held)
        self._origin = ""

    def pass_on(self, tag: str, events: list[Event], receipt: Receipt, steps: Sequence[Step], door: Door) -> None:
        self._begin_leg(tag, events, self._origin)
        super().pass_on(tag, events, receipt, steps, door)

    def publish(self, tag: str, metrics: MetricSet, receipt: Receipt, before: Sequence[MetricsStep] = ()) -> None:
        """Metrics are no records: nobody looks at them here."""
        receipt.release()


def reason(decided: Sequence[str], end: str = "") -> str:
    """What decided on all of them, where that is one thing."""
    said = set(decided)
    return decided[0] if len(said) == 1 and decided[0].endswith(end) else ""
