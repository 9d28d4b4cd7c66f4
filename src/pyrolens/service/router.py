"""The running router: made from a config, started, and stopped without losing what it holds."""

import asyncio
import os
import stat
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from pyrolens.config import Built, Config, Service
from pyrolens.delivery.delivery import Delivery
from pyrolens.delivery.memory import Memory
from pyrolens.delivery.outcome import Keeper
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retry import RetryPolicy, read_retry_limit
from pyrolens.multiline import read_limit
from pyrolens.pipeline.observe import Gate
from pyrolens.pipeline.pipeline import Door, Flows, MetricsDoor, Pipeline, Route, Stage, Way
from pyrolens.pipeline.step import MetricsStep, Step, TaskStep
from pyrolens.plugin import Filter, Host, Input, Output, Plugin
from pyrolens.problems import ConfigError, Problem, Problems
from pyrolens.records.event import Event
from pyrolens.records.routes import splitter
from pyrolens.records.tags import glob
from pyrolens.service.books import books, write_if_asked
from pyrolens.service.burial import burials
from pyrolens.service.clock import SYSTEM, Clock
from pyrolens.service.envs import FilterRuntime, InputStepRuntime, Lent, OutputRuntime, Parsers, PluginEnv, TaskRuntime
from pyrolens.service.intake import InputRuntime
from pyrolens.service.log import Logger, Logs
from pyrolens.service.metrics import FilterMetrics, Metrics
from pyrolens.service.points import Points
from pyrolens.service.pressure import Pressure, limit_of_container, memory_limit, resident
from pyrolens.service.secrets import plugins_of, secrets_of
from pyrolens.service.storage import Storage

T = TypeVar("T")
BACKLOG = "storage_backlog"
"""What Fluent Bit calls the input that brings back the records of earlier runs; it comes behind all others."""
KEPT_FOR_DELIVERY = 0.2
"""Of Grace, but at least a second: then no more is read from peers that have not closed."""
LOOK = 0.02
"""Seconds between two looks whether they have."""
ACCEPTING = 3
"""Turns of the loop for those that wait to be accepted."""
SAVING = 0.5
"""Seconds that inputs have in a hurry, to save where they are."""


class Tally(NamedTuple):
    """Records."""

    received: int
    delivered: int
    parked: int
    dead_letters: int
    lost: int
    """Given up or refused, and kept nowhere."""
    unacknowledged: int
    """Left to who sent them."""

    def since(self, before: "Tally") -> "Tally":
        return Tally(*(now - then for now, then in zip(self, before, strict=True)))


class Router:
    """Everything that `config` names, compiled and wired. Nothing is opened before start().

    Raises: ConfigError with all that does not compile."""

    def __init__(
        self,
        config: Config,
        before: "Router | None" = None,
        *,
        clock: Clock = SYSTEM,
        logs: Logs | None = None,
        pipeline: Callable[..., Pipeline] = Pipeline,
    ) -> None:
        """`before`: the router that runs, if this one is to take over from it; nothing of that one changes here.
        The others are for a router that is only rehearsed."""
        self.config = config
        service = config.service
        self.metrics: Metrics = before.metrics.draft() if before else Metrics()
        self.logs: Logs = logs or (before.logs if before else Logs(service.log_level, service.log_file, self.metrics))
        self.logs.mask(chain(secrets_of(plugins_of(config)), [service.http_token or ""]))
        self.log = self._log("engine")
        self._problems = Problems()
        limit = read_limit(service.multiline_buffer_limit)
        parsers = Parsers(config.parsers, self._parser_env, config.multiline_parsers, limit)
        self._lent = Lent(parsers, self._leave, clock)
        self.leave: Callable[[int], None] = lambda status: None
        """Called when a plugin wants the router to stop; gets the exit status."""
        self.before = before
        self.prints: dict[str, object] = {}
        """What must be equal for an output to go on as it is; by its name, as `deliveries`."""
        self.deliveries: dict[str, Delivery] = {}
        """By the name of the output."""
        self.retired: list[Delivery] = before.retired if before else []
        """Of configs before this one, with something left to deliver."""
        self._finishing: set[asyncio.Task[None]] = set()
        self._sources = {task.source for task in config.streams}
        """Where records come from that stream tasks ask for."""
        self.steps: list[tuple[str, str, Step]] = []
        """Label, name and step of each filter, processor and stream task."""
        self.gates: dict[str, Gate] = {}
        """Where outputs take records in, by their names."""
        self.pipeline = pipeline([], [], self._log("router"), self.metrics.router)
        self.memory: Memory = before.memory if before else Memory()
        self.pipeline.routes += [r for o in config.outputs if (r := self._compiled(o, self._route)) is not None]
        of_outputs = len(self.pipeline.endings)
        self.burials = burials(config, self.gates, self._problems, self.logs.masked)
        self.pipeline.steps += [s for f in config.filters if (s := self._compiled(f, self.step)) is not None]
        if config.streams:
            self._add_tasks(config.streams)
        of_filters = len(self.pipeline.endings)
        self.inputs = [i for b in config.inputs if (i := self._compiled(b, self._input)) is not None]
        self.pipeline.order_endings(of_outputs, of_filters)
        self._problems.raise_if_any()
        if config.flows is not None:
            doors = zip(config.outputs, self.pipeline.routes, strict=True)
            self.pipeline.flows = self.flows(config, {o.name: route.door for o, route in doors if route.door})
        self.baseline: int = before.baseline if before else resident()
        """Bytes of memory when nothing waits."""
        limit = memory_limit(service.memory_limit, limit_of_container(), self.baseline)
        self.pressure = Pressure(self.memory, limit, self.log)
        self.metrics.storage = service.storage_metrics
        for env, made in zip(self.inputs, config.inputs, strict=True):
            env.press = self.pressure
            env.pauses_over_limit = env.stores and made.pauses_over_limit
            env.ring = self.pressure if made.storage == "memrb" else None
        self.storage = self._storage(before)
        self.api = self._api() if service.http_server else None
        self._ticker: asyncio.TimerHandle | None = None
        self.hurried = asyncio.Event()
        """Once it is set, a stop waits for nothing more."""

    def _storage(self, before: "Router | None") -> Storage | None:
        """Raises: ConfigError."""
        service = self.config.service
        if before is not None:
            if before.config.service.storage_path != service.storage_path:
                raise ConfigError([Problem("no-storage", "storage.path is another one; that needs a restart")])
            return before.storage
        if service.storage_path is None:
            return None
        backlog = self.metrics.input(f"{BACKLOG}.{len(self.inputs)}", BACKLOG)
        return Storage(service, self._log("storage"), backlog)

    def open_storage(self, deliveries: Sequence[Delivery]) -> None:
        """Give each input its store, and these deliveries their spools. Raises: ConfigError."""
        if self.storage:
            inputs = [(built.label, env) for built, env in zip(self.config.inputs, self.inputs, strict=True)]
            outputs = [(built, self.deliveries[built.name]) for built in self.config.outputs]
            self.storage.open(inputs, [one for one in outputs if one[1] in deliveries])

    def succeed(self, old: "Router | None") -> None:
        """All is open; what the old router has, if the config was loaded again, goes on here."""
        for built in self.config.outputs:
            delivery = self.deliveries[built.name]
            self.metrics.output(built.label).oldest = partial(getattr, delivery, "oldest")
        self.pressure.begin(self.inputs, self.deliveries, old.pressure if old else None)
        if self.storage:
            outputs = [(built, self.deliveries[built.name]) for built in self.config.outputs]
            self.storage.share_out(outputs, self.config.service, self.pressure.limit)
            ways = {built.label: env.again for built, env in zip(self.config.inputs, self.inputs, strict=True)}
            self.storage.go_on(self.pressure, ways, self.pipeline.feed)

    def _leave(self, status: int) -> None:
        self.leave(status)

    def _api(self) -> Any:
        from pyrolens.service.http_api import HttpApi  # most routers run without it
        from pyrolens.service.taps import Taps

        service = self.config.service
        return HttpApi(service, self.metrics, taps=Taps(self, self._log("tap"), on=service.http_tap))

    @property
    def points(self) -> Points:
        """Where one can look at records."""
        config = self.config
        return Points(
            self.pipeline,
            [
                (built.label, built.name, env.first_of(len(built.processors)))
                for built, env in zip(config.inputs, self.inputs, strict=True)
            ],
            self.steps,
            [(o.label, o.name, self.gates[o.name]) for o in config.outputs if o.plugin.takes_logs],
        )

    def _compiled(self, built: Built[Any], make: Callable[[Built[Any]], T]) -> T | None:
        try:
            return make(built)
        except ConfigError as error:
            for problem in error.problems:
                self._problems.add(problem)
        except ValueError as error:
            self._problems.add(built.problem(error))
        return None

    def _log(self, *names: str, level: str | None = None) -> Logger:
        return self.logs.of(*names, level=level or self.config.service.log_level)

    def _log_of(self, built: Built[Any]) -> Any:
        plugin: Plugin = built.plugin
        return self._log(plugin.kind, plugin.name, built.label, level=plugin.log_level)

    def _parser_env(self, name: str) -> PluginEnv:
        counted = self.metrics.filter(f"parser:{name}")
        return PluginEnv(name, self._log("parser", name), counted, self._lent)

    def step(self, built: Built[Filter]) -> Step:
        metrics = self.metrics.filter(built.label, built.plugin.name)
        log = self._log_of(built)
        step = Step(built.label, built.matches, built.place, metrics, log, built.plugin.stateful)
        step.stream = built.name if built.name in self._sources else ""
        env = FilterRuntime(step, self.pipeline, built.label, log, metrics, self._lent)
        if built.plugin.publishes("") is not None:
            # as in Fluent Bit, where these have an input of their own
            env.made = self.metrics.input(built.plugin.emitter(built.label), "emitter")
        step.transform = built.plugin.compile(env)
        self.steps.append((built.label, built.name, step))
        return step

    def _metrics_step(self, built: Built[Filter]) -> MetricsStep:
        log, counters = self._log_of(built), self.metrics.filter(built.label, built.plugin.name)
        env = PluginEnv(built.label, log, counters, self._lent)
        return MetricsStep(built.plugin.compile_metrics(env), built.place, counters, log)

    def flows(self, config: Config, doors: Mapping[str, Callable[[str], Door]]) -> Flows:
        """The stages of a config in Fluentd's language, at work. `doors`: of its outputs, by their names."""
        steps = dict(zip([f.name for f in config.filters], self.pipeline.steps, strict=True))
        return {
            label: [
                Stage(
                    stage.takes,
                    steps[stage.filter.name] if stage.filter else None,
                    tuple(doors[o.name] for o in stage.outputs),
                    tuple(steps[f.name] for f in stage.exits),
                )
                for stage in stages
            ]
            for label, stages in (config.flows or {}).items()
        }

    def _add_tasks(self, tasks: list[Any]) -> None:
        """Stream tasks come behind the filters."""
        from pyrolens.pipeline.streams import Snapshots, compile_task  # few configs have stream tasks

        snapshots: Snapshots = {}
        for task in tasks:
            metrics, log = self.metrics.filter(task.label, "stream_task"), self._log("stream_task", task.name)
            matches = glob(task.statement.source.name)
            step = TaskStep(task.label, matches, task.place, metrics, log, task.source, task.routable)
            step.stream = task.stream if task.stream in self._sources else ""
            env = TaskRuntime(step, self.pipeline, task.label, log, metrics, self._lent)
            step.transform = compile_task(task, env, snapshots, self._lent.clock.steady)
            self.pipeline.steps.append(step)
            self.steps.append((task.label, task.name, step))

    def input_steps(self, built: Built[Input]) -> list[Step]:
        """What the batches of an input meet first: what it does itself, and its processors.

        Raises: ConfigError, ValueError when one of them does not compile."""
        log, metrics = self._log_of(built), self.metrics.input(built.label, built.plugin.name)
        step = Step(built.label, None, built.place, FilterMetrics(built.label), log, stateful=True)
        env = InputStepRuntime(step, self.pipeline, built.label, log, metrics, self._lent)
        own = built.plugin.compile(env)
        steps = [self.step(p) for p in built.processors]
        way = self.way(built)

        def onward(behind: list[Step], tag: str, events: list[Event], receipt: Receipt) -> None:
            self.pipeline.feed(tag, events, receipt, behind, way)

        for number, processor in enumerate(steps):
            processor.onward = partial(onward, steps[number + 1 :])
        if own is None:
            return steps
        step.transform = own
        env.behind, env.way = steps, way
        return [step, *steps]

    def way(self, built: Built[Input]) -> Way:
        """How the batches of an input go on behind its processors."""
        source = built.name if built.name in self._sources else ""
        split = splitter(built.routes) if built.routes else None
        return Way(split, None if built.routable else (), source, built.enters, built.label)

    def _input(self, built: Built[Input]) -> InputRuntime:
        env = InputRuntime(
            built.tag,
            self.config.service.flush,
            built.plugin.mem_buf_limit,
            self.pipeline,
            self.input_steps(built),
            self.metrics.input(built.label, built.plugin.name),
            built.label,
            self._log_of(built),
            self.metrics.input(built.label, built.plugin.name),
            self._lent,
        )
        env.way = self.way(built)
        env.of_metrics = [self._metrics_step(p) for p in built.metrics_processors]
        env.router = self.metrics
        env.stores = built.storage == "filesystem"
        env.plan = built.plugin
        env.listeners = self.logs.listeners
        env.outputs = self._outputs_of(built)
        env.source = built.plugin.open(env)
        return env

    def _outputs_of(self, built: Built[Input]) -> set[str]:
        """The labels of the outputs that its records may come to: of all, where they may get another tag."""
        source = self.way(built).source
        everywhere = (
            self.config.flows
            or built.routes
            or any(s.stateful and s.takes(built.tag, source) for s in self.pipeline.steps)
        )
        return {o.label for o in self.config.outputs if everywhere or (o.matches and o.matches(built.tag))}

    def _route(self, built: Built[Output]) -> Route:
        print_ = self.prints[built.name] = fingerprint(built, self.config.service)
        delivery = (self.before.goes_on(print_) if self.before else None) or self._delivery(built)
        self.deliveries[built.name] = delivery
        gate = self.gates[built.name] = Gate(delivery.door)
        door: Callable[[str], Door] | None = gate if built.plugin.takes_logs else None
        if built.processors and door:
            door = self.processed(door, built)
        metrics_door: Callable[[str], MetricsDoor] | None = None
        if built.plugin.takes_metrics:
            metrics_door = delivery.metrics_door
            if built.metrics_processors:
                metrics_door = self._metrics_processed(metrics_door, built)
        return Route(built.matches, door, metrics_door)

    def output_env(self, built: Built[Output]) -> OutputRuntime:
        """What an output is lent."""
        plugin, service = built.plugin, self.config.service
        policy = RetryPolicy(read_retry_limit(plugin.retry_limit), service.scheduler_base, service.scheduler_cap)
        lent = built.label, self._log_of(built), self.metrics.output(built.label, plugin.name), self._lent
        env = OutputRuntime(service.flush, plugin.workers or 0, policy, *lent)
        env.escape_unicode = service.json_escape_unicode
        return env

    def _delivery(self, built: Built[Output]) -> Delivery:
        plugin, env = built.plugin, self.output_env(built)
        sink = plugin.open(env)
        metrics = self.metrics.output(built.label, plugin.name)
        delivery = Delivery(sink, env.retry, metrics, env.log, plugin.workers, preserve_order=plugin.preserve_order)
        delivery.memory, delivery.timeout = self.memory, plugin.deliver_timeout
        env.refuse = delivery.reject
        return delivery

    def goes_on(self, wanted: object) -> Delivery | None:
        """The delivery of an output that a new config leaves as it is."""
        return next((self.deliveries[name] for name, print_ in self.prints.items() if print_ == wanted), None)

    def _metrics_processed(
        self, door: Callable[[str], MetricsDoor], built: Built[Output]
    ) -> Callable[[str], MetricsDoor]:
        """The door behind the processors of an output."""
        steps = [self._metrics_step(p) for p in built.metrics_processors]

        def opened(tag: str) -> MetricsDoor:
            inner = door(tag)

            def accept(metrics: Any, receipt: Any) -> None:
                for step in steps:
                    metrics = step.run(tag, metrics)
                if metrics.families:
                    inner(metrics, receipt)

            return accept

        return opened

    def processed(self, door: Callable[[str], Door], built: Built[Output]) -> Callable[[str], Door]:
        """The door behind the processors of an output."""
        steps = [self.step(p) for p in built.processors]

        def onward(behind: list[Step], tag: str, events: list[Event], receipt: Receipt) -> None:
            self.pipeline.pass_on(tag, events, receipt, behind, door(tag))

        for number, processor in enumerate(steps):
            processor.onward = partial(onward, steps[number + 1 :])

        def opened(tag: str) -> Door:
            inner = door(tag)

            def accept(events: Any, receipt: Any) -> None:
                for step in steps:
                    events = step.run(tag, events)
                if events:
                    inner(events, receipt)

            return accept

        return opened

    # -- running ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open outputs, then the HTTP API, then inputs. Raises: ConfigError when something cannot be opened; then
        nothing stays open."""
        started: list[InputRuntime] = []
        self.give_dead_letters(list(self.deliveries.values()))
        try:
            if self.storage:
                self.storage.take()
                self.open_storage(list(self.deliveries.values()))
            self.succeed(None)
            for delivery in self.deliveries.values():
                await delivery.sink.start()
            if self.api:
                await self.api.start()
            await self.pipeline.tasks.start()
            for env in self.inputs:
                started.append(env)
                await env.start()
        except ConfigError:
            await asyncio.gather(*(env.source.stop() for env in started), return_exceptions=True)
            await self._close()
            raise
        for delivery in self.deliveries.values():
            delivery.resume()
        if self.storage:
            self.storage.begin()
        self.tick()

    def give_dead_letters(self, deliveries: Sequence[Delivery]) -> None:
        for name, delivery in self.deliveries.items():
            if delivery in deliveries:
                if delivery.dead is not None:
                    delivery.dead.close()
                delivery.dead = self.burials.get(name)

    def retire(
        self, deliveries: Sequence[Delivery], then: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> None:
        """Nothing leads to them any more: they deliver what they have in their own time, and close."""
        self.retired += deliveries
        task = asyncio.create_task(self._finish(deliveries, then))
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _finish(
        self, deliveries: Sequence[Delivery], then: Callable[[], Coroutine[Any, Any, None]] | None
    ) -> None:
        while any(delivery.unfinished for delivery in deliveries):
            await asyncio.gather(*(delivery.finish() for delivery in deliveries))
        for delivery in deliveries:
            # what is to go on with what it keeps does so; else there is nobody who would
            if then is None and isinstance(delivery.sink, Keeper):
                await delivery.sink.drain()
            self.retired.remove(delivery)
            await delivery.close()
        if then is not None:
            await then()

    def tick(self) -> None:
        """Flush, now and from now on."""
        for delivery in [*self.deliveries.values(), *self.retired]:
            delivery.flush()
        if self.storage:
            self.storage.tend()
        self._ticker = asyncio.get_running_loop().call_later(self.config.service.flush, self.tick)

    async def stop(self) -> bool:
        """Read until the peers have closed, deliver what is there within Grace, and say what could not be. True:
        nothing was left."""
        grace, before = self.config.service.grace, self.tally()
        ends = asyncio.get_running_loop().time() + grace
        await self._finish_reading(ends, grace)
        await self._within(ends, [self.pipeline.tasks.stop()])
        self.pipeline.end()
        deliveries = [*self.deliveries.values(), *self.retired]
        if self.storage:
            if self.config.service.storage_backlog_flush_on_shutdown:
                await self._within(ends, [self.storage.backlog.finish()])
            self.storage.backlog.end()
        await self._within(ends, [d.drain() for d in deliveries])
        complete = True
        for delivery in [d for d in deliveries if d.left()[0]]:
            complete = False
            delivery.leave()
        if not complete:
            # the dead letters of some may have come to others
            soon = asyncio.get_running_loop().time() + 1
            await self._within(soon, [d.drain() for d in deliveries if d.left()[0]])
            for delivery in deliveries:
                if delivery.left()[0]:
                    delivery.leave()
        await self._close()
        since = self.tally().since(before)
        say = self.log.warning if since.lost else self.log.info
        say("stopped; since the signal:", **since._asdict())
        write_if_asked(books(self.metrics, self.pipeline.unrouted, self.pipeline.unsent, self.pipeline.loops))
        self.logs.close()
        return complete

    async def _finish_reading(self, ends: float, grace: float) -> None:
        """Who is connected may still be writing, as the containers of a task are that ends: they are read until they
        have closed, or until the rest of Grace is needed to deliver."""
        for _ in range(ACCEPTING):
            await asyncio.sleep(0)
        self.log.info("stopping", grace=f"{grace:g}s", peers=self.peers)
        last = ends - max(1.0, grace * KEPT_FOR_DELIVERY)
        while self.peers and asyncio.get_running_loop().time() < last and not self.hurried.is_set():
            await asyncio.sleep(LOOK)
        if self.peers:
            self.log.warning("peers are still connected; what they write now is not read", peers=self.peers)
        await self._within(float("inf"), [env.source.stop() for env in self.inputs], SAVING)

    @property
    def peers(self) -> int:
        """Those that are connected to the inputs."""
        return sum(env.source.peers for env in self.inputs if isinstance(env.source, Host))

    def tally(self) -> "Tally":
        outputs = self.metrics.outputs.values()
        dead = sum(o.counters.get("dead_letters", 0) for o in outputs)
        lost = sum(o.dropped_records for o in outputs) - dead
        received = sum(i.records for i in self.metrics.inputs.values())
        parked = sum(o.counters.get("parked_records", 0) for o in outputs)
        left = sum(o.counters.get("unacknowledged_records", 0) for o in outputs)
        return Tally(received, sum(o.records for o in outputs), parked, dead, lost, left)

    async def _within(self, ends: float, waits: Sequence[Coroutine[Any, Any, None]], moments: float = 0.0) -> None:
        """Run all of them until that time of the loop's clock, or until there is a hurry; and `moments` (seconds)
        after that."""
        loop = asyncio.get_running_loop()
        tasks = {asyncio.create_task(wait) for wait in waits}
        hurry = asyncio.create_task(self.hurried.wait())
        left = tasks
        while left and not self.hurried.is_set() and loop.time() < ends:
            timeout = None if ends == float("inf") else ends - loop.time()
            done, _ = await asyncio.wait({*left, hurry}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            left = left - done
        if left and moments:
            await asyncio.wait(left, timeout=moments)
        for task in (hurry, *left):
            task.cancel()

    def stop_ticking(self) -> None:
        if self._ticker:
            self._ticker.cancel()

    async def _close(self) -> None:
        self.stop_ticking()
        await self.pipeline.tasks.stop()
        for task in self._finishing:
            task.cancel()
        if self.api:
            await self.api.stop()
        for delivery in [*self.deliveries.values(), *self.retired]:
            await delivery.close()
        if self.storage:
            self.storage.close()


def fingerprint(built: Built[Output], service: Service) -> object:
    """What an output is made of: equal ones do the same. Files that it names count with what they are now."""
    files = []
    for value in values_of(built.plugin):
        try:
            found = os.stat(value)
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(found.st_mode):
            files.append((value, found.st_ino, found.st_size, found.st_mtime_ns))
    part = (
        service.flush, service.json_escape_unicode, service.scheduler_base, service.scheduler_cap, service.log_level,
    )  # fmt: skip
    return built.label, built.plugin, part, files


def values_of(options: Any) -> Iterator[str]:
    """The texts among the values of a plugin's options."""
    for value in vars(options).values():
        if isinstance(value, str):
            yield value
        elif is_dataclass(value):
            yield from values_of(value)
