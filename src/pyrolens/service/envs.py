"""What the router lends to plugins: the implementations of plugin.Env and its kinds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from types import MappingProxyType
from typing import Any, Protocol

from pyrolens.delivery.receipt import Receipt
from pyrolens.multiline import MultilineParser
from pyrolens.pipeline.pipeline import ANYWHERE, Pipeline
from pyrolens.pipeline.step import MetricsStep, Step, tell_overruns
from pyrolens.plugin import Env, Held, Input, Log, LogLine, Parse, Parser, Source, builtin_parser
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet
from pyrolens.records.regex.budget import OVERRUNS
from pyrolens.service.metrics import InputMetrics, Metrics


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


class PluginEnv:
    """Of parsers and outputs, and the base of the others."""

    def __init__(
        self,
        name: str,
        log: Log,
        counted: Counted,
        parsers: Parsers,
        leave: Callable[[int], None],
    ) -> None:
        self.name = name
        self.log = log
        self._counters = counted.counters
        self._parsers = parsers
        self.multiline_limit = parsers.multiline_limit
        self._leave = leave

    def exit(self, status: int = 0) -> None:
        self._leave(status)

    def now(self) -> int:
        return time.time_ns()

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

    def emit(self, tag: str, events: list[Event], *, moved: int = 0, held: Sequence[Held] = ()) -> None:
        self._pipeline.emit(self._step, tag, events, moved, held)

    def hold(self, records: int = 0) -> Held:
        return self._pipeline.hold(self._step, records)

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later(seconds, call).cancel

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

    def emit(self, tag: str, events: list[Event], *, moved: int = 0, held: Sequence[Held] = ()) -> None:
        if self._pipeline.now is None:
            self._pipeline.make(self._step, tag, events)
        else:
            super().emit(tag, events, moved=moved, held=held)


class InputStepRuntime(FilterRuntime):
    """Of what an input itself does with its batches. `behind`, `way`: how they go on."""

    behind: Sequence[Step] = ()
    way = ANYWHERE

    def emit(self, tag: str, events: list[Event], *, moved: int = 0, held: Sequence[Held] = ()) -> None:
        self._pipeline.resume(tag, events, held, self.behind, self.way)


class OutputRuntime(PluginEnv):
    """Of an output. `reject` is put in by whoever makes the delivery."""

    escape_unicode = True

    def __init__(self, flush: float, workers: int, *args: Any) -> None:
        super().__init__(*args)
        self.flush = flush
        self.workers = workers
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


class InputRuntime(PluginEnv):
    """Of an input: takes its batches, and stops it from reading while too much of them is unsettled (Mem_Buf_Limit)."""

    source: Source
    plan: Input

    def __init__(
        self,
        tag: str,
        flush: float,
        limit: int,
        pipeline: Pipeline,
        processors: list[Step],
        metrics: InputMetrics,
        *args: Any,
    ) -> None:
        super().__init__(*args)
        self.tag = tag
        self.flush = flush
        self.metrics = metrics
        self.limit = limit
        self._pipeline = pipeline
        self._processors = processors
        self.way = ANYWHERE
        self.of_metrics: list[MetricsStep] = []
        """Its processors of metrics."""
        self.router: Metrics = Metrics()
        """The counters of the whole router."""
        self.listeners: list[Callable[[LogLine], None]] = []
        """Those of the log. `outputs`: the names of those that its records may come to."""
        self.outputs: Container[str] = ()

    async def start(self) -> None:
        """Raises: ConfigError."""
        self.metrics.limit = self.limit
        await self.source.start()
        if self.metrics.paused:
            # the config was loaded again, and what came in before is not settled yet
            self.source.pause()
            self._settle(Receipt(0, lambda _: None))

    def succeed(self, new: "InputRuntime | None") -> None:
        """Its time is over. What is still to settle may end the pause of the one that has its name now."""
        self.source = new.source if new else NOBODY
        if new is None and self.metrics.paused:
            self.metrics.resume()

    def go_on_as(self, new: "InputRuntime") -> None:
        """The source stays, and its batches go the ways of `new`."""
        self.tag, self.flush, self.log, self.way = new.tag, new.flush, new.log, new.way
        self.outputs = new.outputs
        self._pipeline, self._processors, self._parsers = new._pipeline, new._processors, new._parsers
        self.of_metrics, self.router = new.of_metrics, new.router

    def ingest(self, tag: str, events: list[Event], size: int, settled: Callable[[], None] | None = None) -> None:
        metrics = self.metrics
        if OVERRUNS:
            # of its parser, or of the lines that it joined
            tell_overruns(metrics.counters, self.log, tag=tag)
        metrics.records += len(events)
        metrics.bytes += size
        metrics.unsettled += size
        if settled is None:
            receipt = Receipt(size, self._settle)
        else:
            told = settled

            def settle(receipt: Receipt) -> None:
                told()
                self._settle(receipt)

            receipt = Receipt(size, settle)
        metrics.open[receipt] = time.monotonic()
        self._pipeline.feed(tag, events, receipt, self._processors, self.way)
        if 0 < metrics.limit <= metrics.unsettled and not metrics.paused:
            self._pause()

    def publish(self, tag: str, metrics: MetricSet) -> None:
        size = metrics.size
        count_in(self.metrics, metrics)
        self.metrics.unsettled += size
        receipt = Receipt(size, self._settle)
        self.metrics.open[receipt] = time.monotonic()
        self._pipeline.publish(tag, replace(metrics, source=self.name), receipt, self.of_metrics)
        if 0 < self.metrics.limit <= self.metrics.unsettled and not self.metrics.paused:
            self._pause()

    def own_metrics(self) -> MetricSet:
        from pyrolens.service.exposition import all_metrics  # most routers do not send their own metrics

        return all_metrics(self.router)

    def _pause(self) -> None:
        metrics = self.metrics
        metrics.pause()
        self.log.warning("paused: Mem_Buf_Limit is reached", unsettled=metrics.unsettled, limit=metrics.limit)
        self.source.pause()

    def listen(self, take: Callable[[LogLine], None]) -> Callable[[], None]:
        self.listeners.append(take)
        return partial(self.listeners.remove, take)

    def leads_to(self, output: str) -> bool:
        return output in self.outputs

    def _settle(self, receipt: Receipt) -> None:
        metrics = self.metrics
        metrics.open.pop(receipt, None)
        metrics.unsettled -= receipt.size
        if metrics.paused and (metrics.unsettled < metrics.limit or not metrics.limit):
            metrics.resume()
            self.log.info("resumed", unsettled=metrics.unsettled)
            self.source.resume()
