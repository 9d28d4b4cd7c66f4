"""A config at work on records that are handed to it, without anything around it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from pyrolens.config import Config
from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import ANYWHERE
from pyrolens.records.event import SECOND, Event
from pyrolens.rehearsal.journey import FilterUse, Hold, Journey, Used
from pyrolens.rehearsal.rehearsed import Rehearsed, entry_of
from pyrolens.rehearsal.rules import Decision
from pyrolens.rehearsal.sent import Encoder, Sent, output_of
from pyrolens.rehearsal.surroundings import Surroundings
from pyrolens.rehearsal.virtual_time import VirtualClock
from pyrolens.rehearsal.way import Watch

START = 1_767_225_600_000_000_000
"""Where virtual time begins if nobody says: 2026-01-01T00:00:00Z in ns."""


class Rehearsal:
    """The pipeline of a config: its inputs' processors, filters, stream tasks, routes, outputs' processors.

    It needs no event loop. Use it with `with`, or call close()."""

    def __init__(self, config: Config, *, now_ns: int = START, environ: Mapping[str, str] | None = None) -> None:
        """`now_ns`: the time that it begins at. `environ`: of the router, such as Subject.environ, for plugins and
        scripts that look at it, with the time zone (UTC, if it names none); None: this process's own.

        Raises: ConfigError with all that does not compile."""
        self.config = config
        self._clock = VirtualClock(now_ns)
        surroundings = Surroundings(config, environ, self._clock.now)
        printed: list[str] = []
        with surroundings.around(printed.append):
            self._router = Rehearsed(config, self._clock)
        self._pipeline = self._router.pipeline
        for line in printed:
            self._printed(line)
        self._encoders: dict[str, Encoder] = {}
        self._around: Callable[[], AbstractContextManager[None]] = nullcontext
        if surroundings.needed:
            self._around = partial(surroundings.around, self._printed)

    @property
    def now_ns(self) -> int:
        """What time it is there. Only advance() moves it."""
        return self._clock.ns

    def feed(
        self,
        tag: str,
        events: Sequence[Event],
        input: str | None = None,  # noqa: A002
        *,
        processed: bool = False,
    ) -> Journey:
        """Let events of one tag come in as one batch. `input`: label or name of the input, or its plugin's name if it
        is the only one, whose processors and routes they meet; None: the one whose tag it is (* stands for the path of
        a file), else the one that the log drivers write to, else none. `processed`: they were recorded behind the
        input's processors, and meet its routes only. The events are not edited.

        Which of several records a filter has dropped is known for sure only of filters that change nothing, or where
        each record has its own time; whoever has to know feeds them one by one.

        Raises: LookupError when there is no such input."""
        entry = entry_of(self._router.entries, tag, input)
        before, way = (entry.before, entry.way) if entry else ((), ANYWHERE)
        pipeline = self._pipeline
        with self._around():
            pipeline.feed(tag, list(events), Receipt(0, settled), () if processed else before, way)
            self._wait_for_nobody()
        return pipeline.journey()

    def advance(self, seconds: float) -> Journey:
        """Let time pass: what filters with memory let go meanwhile, each at its own time."""
        with self._around():
            self._clock.until(self._clock.ns + round(seconds * SECOND), self._run)
            self._wait_for_nobody()
        return self._pipeline.journey()

    def finish(self) -> Journey:
        """The inputs' end: what filters with memory still hold goes on."""
        with self._around():
            for ending in self._pipeline.endings:
                self._run(ending)
        return self._pipeline.journey()

    def sent(self, label: str, tag: str, events: Sequence[Event]) -> Sent:
        """What the output of that label (or name) puts on the wire for these events; see sent.sent.

        Raises: LookupError when there is no such output, NotShownError, ConfigError when it cannot be opened."""
        encoder = self._encoders.get(label)
        if encoder is None:
            encoder = self._encoders[label] = Encoder(self._router, output_of(self.config, label))
        return encoder.sent(tag, events)

    def decisions(self, label: str, tag: str, event: Event) -> list[Decision]:
        """The rules of the filter of that label which decide on an event that comes to it; [] where there are none."""
        found = (watch.rules for watch in self._pipeline.watches.values() if watch.label == label and watch.rules)
        rules = next(found, None)
        return rules.on(tag, event) if rules else []

    @property
    def holding(self) -> tuple[Hold, ...]:
        """What filters with memory hold now, the oldest first."""
        return tuple(Hold(memory.watch.label, memory.records) for memory in self._pipeline.holding)

    @property
    def used(self) -> Used:
        """What has been exercised since the beginning."""
        filters = tuple(use(watch) for watch in self._pipeline.watches.values())
        return Used(filters, tuple((watch.label, watch.records) for watch in self._pipeline.outputs))

    def close(self) -> None:
        """Let go of what filters have opened."""
        self._router.logs.close()

    def __enter__(self) -> "Rehearsal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, call: Callable[[], None]) -> None:
        """As an event loop does it: a timer that fails ends nothing."""
        try:
            call()
        except Exception as error:
            self._pipeline.notes.add("error", "engine", f"a timer failed: {type(error).__name__}: {error}")

    def _printed(self, line: str) -> None:
        self._pipeline.notes.add("print", "", self._router.logs.masked(line))

    def _wait_for_nobody(self) -> None:
        """Filters that wait for others get no answer. What one lets go may come to the next."""
        pipeline = self._pipeline
        for _ in pipeline.impatient:
            if not pipeline.holding:
                return
            for go_on in pipeline.impatient:
                go_on()


def settled(receipt: Receipt) -> None:
    """Nobody waits for it."""


def use(watch: Watch) -> FilterUse:
    return FilterUse(
        watch.label,
        watch.kind,
        watch.plugin,
        watch.place,
        watch.records,
        watch.changed,
        watch.dropped,
        watch.moved,
        watch.failed,
        watch.rules.used if watch.rules else (),
    )
