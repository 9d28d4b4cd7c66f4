"""What tests lend to a parser or a filter in place of the router."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from pyrolens.api import Event, Held, Log, MetricSet, Parse
from pyrolens.multiline import MultilineParser
from pyrolens.multiline.builtin import BUILTIN
from tests.said import Said


class Keeping:
    """What hold() gives: whether the batch is still held."""

    def __init__(self, records: int) -> None:
        self.records = records
        self.released = False

    def release(self) -> None:
        assert not self.released
        self.released = True


class Lent:
    """A FilterEnv which remembers what it was asked."""

    def __init__(self, parsers: Mapping[str, Parse] | None = None) -> None:
        self.name = "x.0"
        self.said = Said()
        self.log: Log = self.said
        self.time = 1_780_000_000_000_000_000
        """ns"""
        self.counts: dict[str, int] = {}
        self.emitted: list[tuple[str, list[Event], int]] = []
        self.labels: list[str | None] = []
        """Of Fluentd's, that emit() was given."""
        self.published: list[tuple[str, MetricSet, Callable[[], None]]] = []
        self.exits: list[int] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.multiline_limit = 0
        self.multiline_parsers: dict[str, MultilineParser] = dict(BUILTIN)
        self.held: list[Keeping] = []
        """What hold() gave."""
        self.used: list[Held] = []
        """What emit() was given of it."""
        self.endings: list[Callable[[], None]] = []
        self.tasks: list[Callable[[], Awaitable[None]]] = []
        """What task() was given. Who tests runs it."""
        self.gone_on: list[tuple[str, list[Event]]] = []
        self.failures = 0
        """Records."""
        self._parsers = parsers or {}

    def now(self) -> int:
        return self.time

    def count(self, counter: str, n: int = 1) -> None:
        self.counts[counter] = self.counts.get(counter, 0) + n

    def parser(self, name: str) -> Parse | None:
        return self._parsers.get(name)

    def multiline_parser(self, name: str) -> MultilineParser | None:
        return self.multiline_parsers.get(name.lower())

    def exit(self, status: int = 0) -> None:
        self.exits.append(status)

    def emit(
        self,
        tag: str,
        events: list[Event],
        *,
        moved: int = 0,
        held: Sequence[Held] = (),
        label: str | None = None,
    ) -> None:
        self.emitted.append((tag, events, moved))
        self.labels.append(label)
        self.used += held

    def publish(self, tag: str, metrics: MetricSet, settled: Callable[[], None]) -> None:
        self.published.append((tag, metrics, settled))

    def failed(self, records: int) -> None:
        self.failures += records

    def hold(self, records: int = 0) -> Held:
        keeping = Keeping(records)
        self.held.append(keeping)
        return keeping

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        timer = (seconds, call)
        self.timers.append(timer)
        return lambda: self.timers.remove(timer)

    def at_end(self, call: Callable[[], None]) -> None:
        self.endings.append(call)

    def task(self, work: Callable[[], Awaitable[None]]) -> None:
        self.tasks.append(work)

    def go_on(self, tag: str, events: list[Event], held: Sequence[Held]) -> None:
        self.gone_on.append((tag, events))
        self.used += held
