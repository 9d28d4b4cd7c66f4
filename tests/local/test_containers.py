"""The order of start and stop, with containers that do as they are told."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from pyrolens.ecs.firelens import Started, Task, set_up
from pyrolens.ecs.task_definition import read
from pyrolens.local.containers import Containers, TaskStopsError
from pyrolens.local.runtime import Running
from pyrolens.problems import Problems


class Fake:
    """`status`: it ends at once with that; None: it runs until it is stopped."""

    def __init__(self, status: int | None, well: bool) -> None:
        self.well = well
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if status is not None:
            self.ended.set_result(status)

    @property
    def ports(self) -> Mapping[int, int]:
        return {}

    @property
    def why(self) -> str:
        return ""

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    async def healthy(self) -> bool:
        await asyncio.sleep(0)
        return self.well

    async def unhealthy(self) -> None:
        if self.well:
            await asyncio.Event().wait()

    async def stop(self, within: float) -> int:
        if not self.ended.done():
            self.ended.set_result(0)
        return await self.wait()

    def kill(self) -> None: ...


class World:
    def __init__(self, *containers: dict[str, Any], **ends: int | None) -> None:
        """`ends`: status of those that end at once; `sick` in their definition: they are unhealthy."""
        self.ends, self.told = ends, list[str]()
        self.sick = {c["name"] for c in containers if c.pop("sick", False)}
        log = {"logConfiguration": {"logDriver": "awsfirelens"}}
        router = {"name": "router", "firelensConfiguration": {"type": "fluentbit"}}
        task = {"family": "t", "containerDefinitions": [*({**log, **c} for c in containers), router]}
        self.setup = set_up(Task(read(json.dumps(task), "t.json", Problems())))
        self.slowly = asyncio.Event()
        self.slowly.set()

    async def start(self, started: Started) -> Running:
        name = started.container.name
        self.told.append(name)
        await self.slowly.wait()
        return Fake(self.ends.get(name), name not in self.sick)

    async def stop(self, started: Started, running: Running) -> None:
        await running.stop(1)
        self.told.append(f"stop {started.container.name}")

    @property
    def containers(self) -> Containers:
        return Containers(self.setup, self.start, self.stop)


def on(**conditions: str) -> dict[str, Any]:
    return {"dependsOn": [{"containerName": n, "condition": c} for n, c in conditions.items()]}


def test_the_stop_goes_the_other_way_round() -> None:
    async def scenario() -> list[str]:
        world = World(
            {"name": "web", **on(api="HEALTHY")}, {"name": "api", **on(job="SUCCESS")}, {"name": "job"}, job=0
        )
        containers = world.containers
        await containers.start()
        await containers.stop()
        return world.told

    starts = ["router", "job", "api", "web"]
    assert asyncio.run(scenario()) == [*starts, *(f"stop {name}" for name in ("web", "api", "job", "router"))]


@pytest.mark.parametrize(
    ("condition", "other", "why"),
    [
        ("SUCCESS", {}, "'web' waits for 'other' to be a SUCCESS, and it ended with status 1"),
        ("HEALTHY", {"sick": True}, "'web' waits for 'other' to be HEALTHY, and it is not"),
    ],
)
def test_what_can_never_be_stops_the_task(condition: str, other: dict[str, Any], why: str) -> None:
    async def scenario() -> None:
        world = World({"name": "web", **on(other=condition)}, {"name": "other", **other}, other=1)
        with pytest.raises(TaskStopsError, match=why):
            await world.containers.start()
        assert "web" not in world.told

    asyncio.run(scenario())


def test_a_wait_ends_with_the_start_timeout() -> None:
    async def scenario() -> None:
        world = World({"name": "web", **on(other="COMPLETE")}, {"name": "other", "startTimeout": 1})
        with pytest.raises(TaskStopsError, match="longer than its startTimeout of 1 seconds"):
            await world.containers.start()

    asyncio.run(scenario())


def test_complete_does_not_ask_how() -> None:
    async def scenario() -> list[str]:
        world = World({"name": "web", **on(other="COMPLETE")}, {"name": "other"}, other=1)
        await world.containers.start()
        return world.told

    assert asyncio.run(scenario()) == ["router", "other", "web"]


def test_the_first_essential_container_that_ends_or_is_unhealthy() -> None:
    async def end(*containers: dict[str, Any], **ends: int) -> tuple[str, int | None]:
        made = World(*containers, **ends).containers
        waiting = asyncio.create_task(made.end())
        await made.start()
        unit, status = await waiting
        await made.stop()
        return unit.name, status

    job = {"name": "job", "essential": False}
    assert asyncio.run(end({"name": "web"}, job, web=3, job=0)) == ("web", 3)
    assert asyncio.run(end({"name": "web", "sick": True}, job, job=0)) == ("web", None)


def test_what_is_starting_when_the_task_stops_is_stopped_in_its_turn() -> None:
    async def scenario() -> list[str]:
        world = World({"name": "web"}, {"name": "api", **on(web="START")})
        containers = world.containers
        starting = asyncio.create_task(containers.start())
        while world.told != ["router"]:
            await asyncio.sleep(0)
        world.slowly.clear()
        while world.told != ["router", "web"]:
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.sleep(0)
        world.slowly.set()
        await asyncio.gather(starting, return_exceptions=True)
        await containers.stop()
        return world.told

    assert asyncio.run(scenario()) == ["router", "web", "stop web", "stop router"]
