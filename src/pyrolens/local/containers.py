"""The containers of a task: each starts when what it waits for is so, and stops when nothing needs it any more.

Source: ECS developer guide, container dependency; amazon-ecs-agent 1.105, agent/engine/dependencygraph/graph.go.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pyrolens.ecs.firelens import Setup, Started
from pyrolens.local.runtime import Running


class TaskStopsError(Exception):
    """ECS would stop the task for this reason."""


@dataclass
class Unit:
    """One container."""

    started: Started
    running: Running | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """It was stopped, or never started."""

    @property
    def name(self) -> str:
        return self.started.container.name


Start = Callable[[Started], Awaitable[Running]]
Stop = Callable[[Started, Running], Awaitable[object]]


class Containers:
    def __init__(self, setup: Setup, start: Start, stop: Stop) -> None:
        self._start, self._stop = start, stop
        self.units = {s.container.name: Unit(s) for s in setup.start_order}

    async def start(self) -> None:
        """Start all of them. Raises: TaskStopsError; what `start` raises."""
        tasks = [asyncio.create_task(self._begin(unit)) for unit in self.units.values()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                # once: what is asked again does not wait for what is starting
                if not task.cancelling():
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin(self, unit: Unit) -> None:
        for name, condition in unit.started.depends_on:
            if name in self.units and name != unit.name:
                await self._until(unit, self.units[name], condition)
        starting = asyncio.ensure_future(self._start(unit.started))
        try:
            unit.running = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # what has begun to start can be stopped in its turn only when it has started
            unit.running = await starting
            raise
        unit.begun.set()

    async def _until(self, unit: Unit, other: Unit, condition: str) -> None:
        within = other.started.container.start_timeout if condition != "START" else 0
        try:
            await asyncio.wait_for(self._is(unit, other, condition), within or None)
        except TimeoutError:
            raise TaskStopsError(
                f"'{unit.name}' waits for '{other.name}' to be {condition}, which took longer than its startTimeout "
                f"of {within} seconds"
            ) from None

    async def _is(self, unit: Unit, other: Unit, condition: str) -> None:
        await other.begun.wait()
        running = other.running
        if running is None or condition == "START":
            return
        if condition == "HEALTHY":
            if not await running.healthy():
                raise TaskStopsError(f"'{unit.name}' waits for '{other.name}' to be HEALTHY, and it is not")
            return
        status = await running.wait()
        if condition == "SUCCESS" and status != 0:
            raise TaskStopsError(
                f"'{unit.name}' waits for '{other.name}' to be a SUCCESS, and it ended with status {status}"
            )

    async def end(self) -> tuple[Unit, int | None]:
        """The first essential container that ends, and its status; None when it has become unhealthy."""
        tasks = [asyncio.create_task(self._end(u)) for u in self.units.values() if u.started.container.essential]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(task.result() for task in tasks if task in done)
        finally:
            for task in tasks:
                task.cancel()

    async def _end(self, unit: Unit) -> tuple[Unit, int | None]:
        await unit.begun.wait()
        assert unit.running
        ended = asyncio.create_task(unit.running.wait())
        sick = asyncio.create_task(unit.running.unhealthy())
        try:
            await asyncio.wait([ended, sick], return_when=asyncio.FIRST_COMPLETED)
            return unit, ended.result() if ended.done() else None
        finally:
            ended.cancel()
            sick.cancel()

    async def stop(self) -> None:
        """Each when all that depend on it have stopped, as many at once as can be."""
        await asyncio.gather(*[self._end_one(unit) for unit in self.units.values()])

    async def _end_one(self, unit: Unit) -> None:
        for other in self.units.values():
            if other is not unit and any(name == unit.name for name, _ in other.started.depends_on):
                await other.gone.wait()
        try:
            if unit.running:
                await self._stop(unit.started, unit.running)
        finally:
            unit.gone.set()

    def kill(self) -> None:
        for unit in self.units.values():
            if unit.running:
                unit.running.kill()
