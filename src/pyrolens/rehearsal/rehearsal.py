"""A config at work on records that are handed to it, without anything around it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout

from pyrolens.config import Config
from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import ANYWHERE
from pyrolens.records.event import SECOND, Event
from pyrolens.rehearsal.journey import FilterUse, Hold, Journey, Note, Used
from pyrolens.rehearsal.nowhere import nowhere
from pyrolens.rehearsal.rehearsed import Rehearsed, entry_of, lent
from pyrolens.rehearsal.sent import Encoder, Sent, output_of
from pyrolens.rehearsal.virtual_time import VirtualClock
from pyrolens.rehearsal.watched import Watch

START = 1_767_225_600_000_000_000
"""Where virtual time begins if nobody says: 2026-01-01T00:00:00Z in ns."""


class Rehearsal:
    """The pipeline of a config: its inputs' processors, filters, stream tasks, routes, outputs' processors.

    It needs no event loop. Use it with `with`, or call close()."""

    def __init__(self, config: Config, *, now_ns: int = START, environ: Mapping[str, str] | None = None) -> None:
        """`now_ns`: the time that it begins at. `environ`: of the router, such as Subject.environ; None: this process's
        own. Raises: ConfigError with all that does not compile."""
        self.config = config
        self._clock = VirtualClock(now_ns)
        with lent(environ):
            self._printed = nowhere()
        """What filters print is for whoever runs the router."""
        with redirect_stdout(self._printed):
            self._router = Rehearsed(config, self._clock)
        self._pipeline = self._router.pipeline
        self._encoders: dict[str, Encoder] = {}

    @property
    def now_ns(self) -> int:
        """What time it is there. Only advance() moves it."""
        return self._clock.ns

    def feed(self, tag: str, events: Sequence[Event], input: str | None = None) -> Journey:  # noqa: A002
        """Let events of one tag come in as one batch. `input`: label or name of the input, or its plugin's name if it
        is the only one, whose processors and routes they meet; None: the one whose tag it is, else the one that the log
        drivers write to, else none. The events are not edited.

        Which of several records a filter has dropped is known for sure only of filters that change nothing, or where
        each record has its own time; whoever has to know feeds them one by one.

        Raises: LookupError when there is no such input."""
        entry = entry_of(self._router.entries, tag, input)
        before, way = (entry.before, entry.way) if entry else ((), ANYWHERE)
        with redirect_stdout(self._printed):
            self._pipeline.feed(tag, list(events), Receipt(0, settled), before, way)
        return self._pipeline.journey()

    def advance(self, seconds: float) -> Journey:
        """Let time pass: what filters with memory let go meanwhile, each at its own time."""
        with redirect_stdout(self._printed):
            self._clock.until(self._clock.ns + round(seconds * SECOND), self._run)
        return self._pipeline.journey()

    def finish(self) -> Journey:
        """The inputs' end: what filters with memory still hold goes on."""
        with redirect_stdout(self._printed):
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
            text = f"a timer failed: {type(error).__name__}: {error}"
            self._pipeline.notes.kept.append(Note("error", "engine", text))


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
    )
