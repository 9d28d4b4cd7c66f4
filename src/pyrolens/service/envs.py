"""What the router lends to plugins: the implementations of plugin.Env and its kinds."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retry import RetryPolicy
from pyrolens.multiline import MultilineParser
from pyrolens.pipeline.pipeline import ANYWHERE, Pipeline
from pyrolens.pipeline.step import Step
from pyrolens.plugin import Env, Held, Log, Parse, Parser, builtin_parser
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet
from pyrolens.service.clock import Clock
from pyrolens.service.metrics import InputMetrics


class Counted(Protocol):
    counters: dict[str, int]


class Parsers:
    """The registered parsers by name, and those that are always there; each is compiled at its first use."""

    def __init__(
        self,
        parsers: Mapping[str, Parser],
        env: Callable[[str], Env],
        multiline: Mapping[str, MultilineParser] = MappingProxyType({}),
        multiline_limit: int = 0,
    ) -> None:
        self._parsers = parsers
        self._env = env
        self._multiline = {name.lower(): parser for name, parser in reversed(list(multiline.items()))}
        self.multiline_limit = multiline_limit
        self.get = cache(self._get)

    def _get(self, name: str) -> Parse | None:
        parser = self._parsers.get(name) or builtin_parser(name)
        return None if parser is None else parser.compile(self._env(name))

    def multiline(self, name: str) -> MultilineParser | None:
        """Of two of the same name Fluent Bit takes its own, then the first one."""
        from pyrolens.multiline.builtin import BUILTIN  # most routers join no lines

        return BUILTIN.get(name.lower()) or self._multiline.get(name.lower())


class Lent(NamedTuple):
    """What all plugins of a router are lent alike."""

    parsers: Parsers
    leave: Callable[[int], None]
    """Gets the exit status."""
    clock: Clock


class PluginEnv:
    """Of parsers and outputs, and the base of the others."""

    def __init__(self, name: str, log: Log, counted: Counted, lent: Lent) -> None:
        self.name = name
        self.log = log
        self._counters = counted.counters
        self._parsers, self._leave, self._clock = lent
        self._now = self._clock.now
        self.multiline_limit = self._parsers.multiline_limit

    def exit(self, status: int = 0) -> None:
        self._leave(status)

    def now(self) -> int:
        return self._now()

    def count(self, counter: str, n: int = 1) -> None:
        self._counters[counter] = self._counters.get(counter, 0) + n

    def parser(self, name: str) -> Parse | None:
        return self._parsers.get(name)

    def multiline_parser(self, name: str) -> MultilineParser | None:
        return self._parsers.multiline(name)


class FilterRuntime(PluginEnv):
    """Of a filter."""

    def __init__(self, step: Step, pipeline: Pipeline, *args: Any) -> None:
        super().__init__(*args)
        self._step = step
        self._pipeline = pipeline

    def emit(
        self,
        tag: str,
        events: list[Event],
        *,
        moved: int = 0,
        held: Sequence[Held] = (),
        label: str | None = None,
    ) -> None:
        self._pipeline.emit(self._step, tag, events, moved, held, label)

    def failed(self, records: int) -> None:
        self._step.counters.failed += records

    def hold(self, records: int = 0) -> Held:
        return self._pipeline.hold(self._step, records)

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        return self._clock.later(seconds, call)

    def at_end(self, call: Callable[[], None]) -> None:
        self._pipeline.endings.append(call)

    def task(self, work: Callable[[], Awaitable[None]]) -> None:
        self._pipeline.tasks.add(work)

    def go_on(self, tag: str, events: list[Event], held: Sequence[Held]) -> None:
        self._pipeline.go_on(self._step, tag, events, held)

    made: InputMetrics | None = None
    """Of the metrics that it publishes, which come in here."""

    def publish(self, tag: str, metrics: MetricSet, settled: Callable[[], None]) -> None:
        assert self.made is not None
        count_in(self.made, metrics)
        metrics = replace(metrics, source=self.name)
        self._pipeline.publish(tag, metrics, Receipt(metrics.size, lambda _: settled()))


def count_in(counters: InputMetrics, metrics: MetricSet) -> None:
    counters.records += len(metrics)
    counters.bytes += metrics.size


class TaskRuntime(FilterRuntime):
    """Of a stream task: it also makes records at times of its own, when a window ends."""

    def emit(
        self,
        tag: str,
        events: list[Event],
        *,
        moved: int = 0,
        held: Sequence[Held] = (),
        label: str | None = None,
    ) -> None:
        if self._pipeline.now is None:
            self._pipeline.make(self._step, tag, events)
        else:
            super().emit(tag, events, moved=moved, held=held, label=label)


class InputStepRuntime(FilterRuntime):
    """Of what an input itself does with its batches. `behind`, `way`: how they go on."""

    behind: Sequence[Step] = ()
    way = ANYWHERE

    def emit(
        self,
        tag: str,
        events: list[Event],
        *,
        moved: int = 0,
        held: Sequence[Held] = (),
        label: str | None = None,
    ) -> None:
        self._pipeline.resume(tag, events, held, self.behind, self.way)


class OutputRuntime(PluginEnv):
    """Of an output. `reject` is put in by whoever makes the delivery."""

    escape_unicode = True

    def __init__(self, flush: float, workers: int, retry: RetryPolicy, *args: Any) -> None:
        super().__init__(*args)
        self.flush = flush
        self.workers = workers
        self.retry = retry
        self.refuse: Callable[[list[Event], str, str], None] = lambda events, tag, reason: None

    def reject(self, events: list[Event], tag: str, reason: str) -> None:
        self.refuse(events, tag, reason)


class Nobody:
    """A source that is gone."""

    async def start(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    async def stop(self) -> None: ...


NOBODY = Nobody()
