"""The config is loaded again while the router runs: a new router is made of it, and takes over from the old one.

Nothing of the old router changes before the new one is made and everything that can fail has been opened. Then, in one
turn of the loop, the inputs hand over what they listen on and read, and the filters let go what they remember. Outputs
whose options are the same go on as they are; the deliveries of others finish beside the new ones.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from pyrolens.config import Config
from pyrolens.delivery.delivery import Delivery
from pyrolens.delivery.outcome import Holder
from pyrolens.plugin import Heir, Source
from pyrolens.problems import ConfigError, Problem
from pyrolens.service.intake import InputRuntime
from pyrolens.service.reloaded import DONE, IN_PROGRESS, NOT_ENABLED, Reloaded, failed
from pyrolens.service.router import Router

AGAIN = 5.0
"""Seconds between two tries to start an output whose place another one has just left."""


class Reloader:
    """Has the router that runs. `load`: reads the config again. Raises: ConfigError. `fetch`: gets ready what it needs
    from other machines, so that it does not keep everything waiting."""

    def __init__(
        self, router: Router, load: Callable[[], Config] | None, fetch: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self.router = router
        self.load = load
        self.fetch = fetch
        self._task: asyncio.Task[Reloaded] | None = None
        self._lend(router)

    def _lend(self, router: Router) -> None:
        if router.api and self.load and router.config.service.hot_reload:
            router.api.reload = self.reload

    def at_signal(self) -> None:
        self._begin()

    async def reload(self) -> Reloaded:
        """Load the config again, if that is switched on and not under way."""
        return await asyncio.shield(self._begin())

    def _begin(self) -> "asyncio.Future[Reloaded]":
        loop = asyncio.get_running_loop()
        if self._task is None and self.load and self.router.config.service.hot_reload:
            self._task = loop.create_task(self._reload(self.load))
            self._task.add_done_callback(self._ended)
            return self._task
        answer = loop.create_future()
        if self._task is None:
            self.router.log.warning("the config is not loaded again: hot_reload is off")
            answer.set_result(NOT_ENABLED)
        else:
            answer.set_result(IN_PROGRESS)
        return answer

    def _ended(self, _: object) -> None:
        self._task = None

    async def settled(self) -> None:
        """Returns when no reload is under way."""
        if self._task:
            await asyncio.wait([self._task])

    async def _reload(self, load: Callable[[], Config]) -> Reloaded:
        old = self.router
        old.log.info("loading the config again")
        try:
            if self.fetch:
                await self.fetch()
            config = load()
            new = Router(config, old)
            for problem in config.warnings:
                old.logs.problem(problem)
            new.leave = old.leave
            async with asyncio.timeout(old.config.service.hot_reload_timeout or None):
                await Takeover(new, old).run(partial(self._switch, new))
        except ConfigError as error:
            problems = error.problems
        except TimeoutError:
            problems = [Problem("reload-timeout", "the new config could not be opened within hot_reload.timeout")]
        except Exception as error:
            old.log.error("unexpected", what="reload", error=repr(error))
            problems = [Problem("unexpected", f"{type(error).__name__}: {error}")]
        else:
            del old
            tidy()
            new.log.info("the config is loaded again", inputs=len(new.inputs), outputs=len(new.deliveries))
            return DONE
        for problem in problems:
            old.logs.problem(problem)
        old.log.error("the config is not loaded, everything stays as it was", problems=len(problems))
        return failed([old.logs.masked(str(problem)) for problem in problems])

    def _switch(self, new: Router) -> None:
        self.router = new
        self._lend(new)


def tidy() -> None:
    """Free what the old router was made of, and let the collector leave the new one alone."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Takeover:
    """From the old router to the new one."""

    def __init__(self, new: Router, old: Router) -> None:
        self.new, self.old = new, old
        self.own = [d for d in new.deliveries.values() if d not in old.deliveries.values()]
        """Deliveries that are new."""
        self.left = [d for d in old.deliveries.values() if d not in new.deliveries.values()]
        """Deliveries that nothing leads to any more."""
        self.after: list[tuple[Delivery, Delivery]] = []
        """A delivery that is new, and the one left that must be closed before it is opened."""
        self.heirs: list[InputRuntime] = []
        """Inputs that go on where old ones stand."""
        self.kept: dict[InputRuntime, InputRuntime] = {}
        """Inputs of which the old one goes on, and that one."""
        self.late: list[InputRuntime] = []
        """Inputs that cannot be opened before an old one is closed."""

    async def run(self, switch: Callable[[], None]) -> None:
        """`switch`: called when the new router is the one that counts. Raises: ConfigError; then all is as before."""
        try:
            await self._open()
        except BaseException:
            await self._undo()
            raise
        sources = [env.source for env in self.old.inputs if env not in self.kept.values()]
        self._hand_over()
        switch()
        # nothing of this can fail, and nothing may cut it short
        await asyncio.shield(asyncio.ensure_future(self._close(sources)))

    # -- what can fail --------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        new, old = self.new, self.old
        new.give_dead_letters(self.own)
        new.open_storage(self.own)
        for delivery in self.own:
            before = self._holder(delivery)
            if before is None:
                await delivery.sink.start()
            else:
                delivery.wait()
                self.after.append((delivery, before))
        if new.api and not (old.api and new.api.same_place(old.api)):
            await new.api.start()
        fresh = []
        for env in new.inputs:
            if kept := self._unchanged(env):
                self.kept[env] = kept
            elif self._inherits(env):
                self.heirs.append(env)
            else:
                fresh.append(env)
        await new.pipeline.tasks.start()
        for env in fresh:
            try:
                await env.start()
            except ConfigError:
                if not any(type(e.source) is type(env.source) and e not in self.kept.values() for e in old.inputs):
                    raise
                # an old one that is about to close may be in its way
                self.late.append(env)

    def _holder(self, delivery: Delivery) -> Delivery | None:
        if not isinstance(delivery.sink, Holder):
            return None
        wanted = delivery.sink.holds
        return next((d for d in self.left if isinstance(d.sink, Holder) and d.sink.holds == wanted), None)

    def _unchanged(self, env: InputRuntime) -> InputRuntime | None:
        """The old input, where nothing is to be changed in one that cannot hand over."""
        new, old = self.new.config, self.old.config
        if isinstance(env.source, Heir) or (new.parsers, new.multiline_parsers) != (old.parsers, old.multiline_parsers):
            return None
        taken = self.kept.values()
        return next((e for e in self.old.inputs if (e.plan, e.name) == (env.plan, env.name) and e not in taken), None)

    def _inherits(self, env: InputRuntime) -> bool:
        source = env.source
        if not isinstance(source, Heir):
            return False
        namesake = self._namesake(env)
        same = [e for e in self.old.inputs if type(e.source) is type(source)]
        same.sort(key=lambda e: e is not namesake)
        sure = [source.inherit(e.source) for e in same]  # of each of them
        return any(sure)

    def _namesake(self, env: InputRuntime) -> InputRuntime | None:
        return next((e for e in self.old.inputs if e.name == env.name), None)

    async def _undo(self) -> None:
        new, old = self.new, self.old
        await asyncio.gather(*(env.source.stop() for env in new.inputs), return_exceptions=True)
        await new.pipeline.tasks.stop()
        new.pipeline.end()
        if new.api and not (old.api and new.api.same_place(old.api)):
            await new.api.stop()
        # what new inputs may have brought by then
        old.retire([d for d in self.own if d not in [after for after, _ in self.after]])

    # -- the moment ------------------------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        """Nothing is awaited here."""
        new, old = self.new, self.old
        for env in self.heirs:
            at_once(env.start())
        for env, kept in self.kept.items():
            kept.go_on_as(env)
        for env in old.inputs:
            heir = next((e for e in self.heirs if self._namesake(e) is env), None)
            if heir is not None:
                env.succeed(heir)
            elif env not in self.kept.values():
                env.succeed(None)
        new.inputs = [self.kept.get(env, env) for env in new.inputs]
        new.succeed(old)
        old.pipeline.end()
        new.give_dead_letters([d for d in new.deliveries.values() if d not in self.own])
        if new.api and old.api and new.api.same_place(old.api):
            new.api.succeed(old.api)
        old.stop_ticking()
        new.tick()
        new.metrics.reloads += 1
        new.before = None
        new.logs.reopen(new.config.service.log_level, new.config.service.log_file)

    async def _close(self, sources: list[Source]) -> None:
        """The old router lets go what is not needed any more."""
        new, old = self.new, self.old
        await asyncio.gather(*(source.stop() for source in sources), return_exceptions=True)
        await old.pipeline.tasks.stop()
        old.pipeline.end()
        new.pipeline.unrouted += old.pipeline.unrouted
        new.pipeline.unsent += old.pipeline.unsent
        new.pipeline.loops += old.pipeline.loops
        for env in self.late:
            await self._open_late(env)
        if old.api and not (new.api and new.api.server is old.api.server):
            old.api.stop_soon()
        replaced = [before for _, before in self.after]
        new.retire([d for d in self.left if d not in replaced])
        for delivery, before in self.after:
            new.retire([before], partial(self._open_after, delivery))

    async def _open_late(self, env: InputRuntime) -> None:
        try:
            await env.start()
        except ConfigError as error:
            for problem in error.problems:
                self.new.logs.problem(problem)
            env.log.error("the input is not open: what was in its way has not gone with the old config")

    async def _open_after(self, delivery: Delivery) -> None:
        while True:
            try:
                await delivery.sink.start()
                delivery.go()
                return
            except ConfigError as error:
                for problem in error.problems:
                    self.new.logs.problem(problem)
                await asyncio.sleep(AGAIN)


def at_once(steps: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing."""
    try:
        steps.send(None)
    except StopIteration:
        return
    steps.close()
    raise RuntimeError("this waits, where nothing may")
