"""The running router: made from a config, started, and stopped without losing what it holds."""

import asyncio
import gc
import signal
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pyrolens.config import Built, Config
from pyrolens.delivery.delivery import Delivery
from pyrolens.delivery.retry import RetryPolicy, read_retry_limit
from pyrolens.multiline import read_limit
from pyrolens.pipeline.pipeline import Door, Pipeline, Route
from pyrolens.pipeline.step import Step
from pyrolens.plugin import Filter, Input, Output, Plugin
from pyrolens.problems import ConfigError, Problems
from pyrolens.records.routes import splitter
from pyrolens.service.books import books, write_if_asked
from pyrolens.service.burial import bury
from pyrolens.service.envs import FilterRuntime, InputRuntime, InputStepRuntime, OutputRuntime, Parsers, PluginEnv
from pyrolens.service.log import Logs
from pyrolens.service.metrics import FilterMetrics, Metrics
from pyrolens.service.secrets import secrets_of

T = TypeVar("T")


class Router:
    """Everything that `config` names, compiled and wired. Nothing is opened before start().

    Raises: ConfigError with all that does not compile."""

    def __init__(self, config: Config) -> None:
        self.config = config
        service = config.service
        self.metrics = Metrics()
        self.logs = Logs(service.log_level, service.log_file, self.metrics)
        built: list[Built[Any]] = [*config.inputs, *config.filters, *config.outputs]
        self.logs.mask(secrets_of(b.plugin for b in built))
        self.log = self.logs.of("engine")
        self._problems = Problems()
        limit = read_limit(service.multiline_buffer_limit)
        self._parsers = Parsers(config.parsers, self._parser_env, config.multiline_parsers, limit)
        self.leave: Callable[[int], None] = lambda status: None
        """Called when a plugin wants the router to stop; gets the exit status."""
        self.deliveries: dict[str, Delivery] = {}
        """By the name of the output."""
        self.pipeline = Pipeline([], [], self.logs.of("router"))
        self.pipeline.routes += [r for o in config.outputs if (r := self._compiled(o, self._route)) is not None]
        bury(config, self.deliveries, self._problems)
        self.pipeline.steps += [s for f in config.filters if (s := self._compiled(f, self._step)) is not None]
        self.inputs = [i for b in config.inputs if (i := self._compiled(b, self._input)) is not None]
        self._problems.raise_if_any()
        self.api = self._api() if service.http_server else None
        self._ticker: asyncio.TimerHandle | None = None

    def _leave(self, status: int) -> None:
        self.leave(status)

    def _api(self) -> Any:
        from pyrolens.service.http_api import HttpApi  # most routers run without it

        return HttpApi(self.config.service, self.metrics)

    def _compiled(self, built: Built[Any], make: Callable[[Built[Any]], T]) -> T | None:
        try:
            return make(built)
        except ConfigError as error:
            for problem in error.problems:
                self._problems.add(problem)
        except ValueError as error:
            self._problems.add(built.problem(error))
        return None

    def _log_of(self, built: Built[Any]) -> Any:
        plugin: Plugin = built.plugin
        return self.logs.of(plugin.kind, plugin.name, built.label, plugin.log_level)

    def _parser_env(self, name: str) -> PluginEnv:
        counted = self.metrics.filter(f"parser:{name}")
        return PluginEnv(name, self.logs.of("parser", name), counted, self._parsers, self._leave)

    def _step(self, built: Built[Filter]) -> Step:
        metrics = self.metrics.filter(built.label, built.plugin.name)
        log = self._log_of(built)
        step = Step(built.label, built.matches, built.place, metrics, log, built.plugin.stateful)
        env = FilterRuntime(step, self.pipeline, built.label, log, metrics, self._parsers, self._leave)
        step.transform = built.plugin.compile(env)
        return step

    def input_steps(self, built: Built[Input]) -> list[Step]:
        """What the batches of an input meet first: what it does itself, and its processors.

        Raises: ConfigError, ValueError when one of them does not compile."""
        log, metrics = self._log_of(built), self.metrics.input(built.label, built.plugin.name)
        step = Step(built.label, None, built.place, FilterMetrics(built.label), log, stateful=True)
        env = InputStepRuntime(step, self.pipeline, built.label, log, metrics, self._parsers, self._leave)
        own = built.plugin.compile(env)
        steps = [self._step(p) for p in built.processors]
        if own is None:
            return steps
        step.transform = own
        env.behind, env.split = steps, splitter(built.routes) if built.routes else None
        return [step, *steps]

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
            self._parsers,
            self._leave,
        )
        env.split = splitter(built.routes) if built.routes else None
        env.source = built.plugin.open(env)
        return env

    def _route(self, built: Built[Output]) -> Route:
        plugin, service = built.plugin, self.config.service
        metrics = self.metrics.output(built.label, plugin.name)
        log = self._log_of(built)
        env = OutputRuntime(service.flush, plugin.workers or 0, built.label, log, metrics, self._parsers, self._leave)
        env.escape_unicode = service.json_escape_unicode
        sink = plugin.open(env)
        policy = RetryPolicy(read_retry_limit(plugin.retry_limit), service.scheduler_base, service.scheduler_cap)
        delivery = Delivery(sink, policy, metrics, log, plugin.workers, preserve_order=plugin.preserve_order)
        env.refuse = delivery.reject
        self.deliveries[built.name] = delivery
        door: Callable[[str], Door] = delivery.door
        if built.processors:
            door = self._processed(door, built)
        return Route(built.matches, door)

    def _processed(self, door: Callable[[str], Door], built: Built[Output]) -> Callable[[str], Door]:
        """The door behind the processors of an output."""
        steps = [self._step(p) for p in built.processors]

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
        try:
            for delivery in self.deliveries.values():
                await delivery.sink.start()
            if self.api:
                await self.api.start()
            for env in self.inputs:
                started.append(env)
                await env.source.start()
        except ConfigError:
            await asyncio.gather(*(env.source.stop() for env in started), return_exceptions=True)
            await self._close()
            raise
        self._tick()

    def _tick(self) -> None:
        for delivery in self.deliveries.values():
            delivery.flush()
        self._ticker = asyncio.get_running_loop().call_later(self.config.service.flush, self._tick)

    async def stop(self) -> bool:
        """Read no more, deliver what is there within Grace, and say what could not be. True: nothing was left."""
        grace = self.config.service.grace
        self.log.info("stopping", grace=f"{grace:g}s")
        ends = asyncio.get_running_loop().time() + grace
        await asyncio.gather(*(env.source.stop() for env in self.inputs))
        self.pipeline.end()
        deliveries = list(self.deliveries.values())
        await within(ends, [d.drain() for d in deliveries])
        complete = True
        for delivery, (records, size) in [(d, d.left()) for d in deliveries]:
            if records:
                complete = False
                delivery.counters.dropped_records += records
                what = "lost" if delivery.dead is None else "kept as dead letters"
                delivery.log.error(f"not delivered within Grace, and {what}", records=records, bytes=size)
                delivery.abandon("not delivered before the router stopped")
        if not complete:
            # the dead letters of some may have come to others
            await within(asyncio.get_running_loop().time() + 1, [d.drain() for d in deliveries if d.left()[0]])
        await self._close()
        self.log.info("stopped")
        write_if_asked(books(self.metrics, self.pipeline.unrouted, self.pipeline.loops))
        self.logs.close()
        return complete

    async def _close(self) -> None:
        if self._ticker:
            self._ticker.cancel()
        if self.api:
            await self.api.stop()
        for delivery in self.deliveries.values():
            await delivery.close()


async def within(ends: float, waits: list[Coroutine[Any, Any, None]]) -> None:
    """Wait for all of them, until that time of the loop's clock."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    if tasks:
        await asyncio.wait(tasks, timeout=max(ends - asyncio.get_running_loop().time(), 0.0))
    for task in tasks:
        task.cancel()


def run(config: Config) -> int:
    """Run until SIGTERM or SIGINT. Gives the exit status."""
    router = Router(config)
    import uvloop  # the router's own loop: imported where it is used

    # Records are freed by their reference counts; the collector would only search them for nothing.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    return uvloop.run(_until_signal(router))


async def _until_signal(router: Router) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unexpected(router, context))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    status = 0

    def leave(wanted: int) -> None:
        nonlocal status
        status = wanted
        stop.set()

    router.leave = leave
    await router.start()
    router.log.info("started", inputs=len(router.inputs), outputs=len(router.deliveries))
    await stop.wait()
    await router.stop()
    return status


def unexpected(router: Router, context: dict[str, Any]) -> None:
    """A defect of ours: said once with its traceback, and the router goes on."""
    error = context.get("exception")
    router.log.error("unexpected", what=context.get("message", ""), error=repr(error))
    if error is not None:
        router.log.debug("traceback", of="".join(traceback.format_exception(error)))
