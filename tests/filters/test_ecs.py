"""What ECS says of the task and the container that a record comes from."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pyrolens.api import Event
from pyrolens.filters.ecs import Added, Ecs
from tests.lent import Lent
from tests.net.servers import Answer, Request, answer, serving

ID = "79c796ed2a7f"
INSTANCE = "arn:aws:ecs:eu-west-1:123:container-instance/shop/ci42"
TASK = "arn:aws:ecs:eu-west-1:123:task/shop/t-1"
METADATA = {"Cluster": "shop", "ContainerInstanceArn": INSTANCE, "Version": "Amazon ECS Agent - v1.80.0 (abc)"}
TASKS = {
    "Arn": TASK, "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Family": "web", "Version": "7",
    "Containers": [
        {"DockerId": f"{ID}864f485c", "DockerName": "ecs-web-7-nginx-9ac", "Name": "nginx"},
        {"DockerId": "aaaaaaaaaaaa864f485c", "DockerName": "ecs-web-7-app-9ac", "Name": "app"},
    ],
}  # fmt: skip
OWN = {
    "Cluster": "arn:aws:ecs:eu-west-1:123:cluster/shop", "TaskARN": TASK, "Family": "web", "Revision": "7",
    "LaunchType": "FARGATE",
    "Containers": [
        {"DockerId": f"{ID}-527074092", "Name": "nginx", "DockerName": "nginx", "Type": "NORMAL"},
        {"DockerId": f"{ID}-061768402", "Name": "log_router", "DockerName": "log_router", "Type": "NORMAL"},
    ],
}  # fmt: skip
NAMES = ["cluster $ClusterName", "task $TaskID", "all x.$ECSContainerName.$TaskDefinitionFamily.$TaskDefinitionVersion",
         "ci $ContainerInstanceID"]  # fmt: skip
FULL = {"cluster": "shop", "task": "t-1", "all": "x.nginx.web.7", "ci": "ci42"}
ONLY_CLUSTER = {"cluster": "shop", "task": "", "all": "x...", "ci": "ci42"}


class Agent:
    """The introspection endpoint of an ECS agent."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.metadata: Any = METADATA
        self.status = 200

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request.target)
        url = urlsplit(request.target)
        if url.path == "/v1/metadata":
            return answer(self.status, json.dumps(self.metadata).encode())
        if url.path == "/v1/tasks" and parse_qs(url.query)["dockerid"] == [ID]:
            return answer(self.status, json.dumps(TASKS).encode())
        return answer(404, b"")


class Bench:
    """The filter at work: its tasks are run as the router would run them."""

    def __init__(self, plan: Ecs) -> None:
        self.env = Lent()
        self.transform = plan.compile(self.env)
        self.out: list[tuple[str, list[Event]]] = self.env.gone_on

    async def work(self) -> None:
        while self.env.tasks:
            await self.env.tasks.pop(0)()

    async def records(self, tag: str, *given: dict[str, Any]) -> list[Any]:
        """What becomes of them, now or once it is known."""
        before = len(self.out)
        events = self.transform(tag, list(enumerate(given or ({"log": "x"},))))
        await self.work()
        for _, more in self.out[before:]:
            events = events + more
        return [record for _, record in events]


@pytest.fixture(autouse=True)
def no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECS_CONTAINER_METADATA_URI_V4", raising=False)


def plan(port: int, *add: str, **options: Any) -> Ecs:
    return Ecs(add=[Added.read(text) for text in add or NAMES], ecs_meta_port=port, **options)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_a_container_is_asked_for_once() -> None:
    async def check() -> None:
        agent = Agent()
        async with serving(agent) as server:
            bench = Bench(plan(server.port))
            await bench.work()
            assert await bench.records(ID) == [{"log": "x"} | FULL]
            assert bench.transform(ID, [(1, {"log": "y"})]) == [(1, {"log": "y"} | FULL)], "now it is known"
            assert await bench.records("aaaaaaaaaaaa.more") == [{"log": "x"} | FULL | {"all": "x.app.web.7"}]
        assert agent.asked == ["/v1/metadata", f"/v1/tasks?dockerid={ID}"]

    run(check())


def test_what_waits_keeps_its_order() -> None:
    async def check() -> None:
        async with serving(Agent()) as server:
            bench = Bench(plan(server.port, "t $TaskID"))
            await bench.work()
            assert bench.transform(ID, [(1, {})]) == []
            assert bench.transform("bbbbbbbbbbbb", [(2, {}), (3, {})]) == []
            assert bench.transform(ID, [(4, {})]) == [], "behind the others, though it will be known"
            assert [held.records for held in bench.env.held] == [1, 2, 1]
            assert bench.out == []
            await bench.work()
            assert bench.out == [
                (ID, [(1, {"t": "t-1"})]),
                ("bbbbbbbbbbbb", [(2, {"t": ""}), (3, {"t": ""})]),
                (ID, [(4, {"t": "t-1"})]),
            ]
            assert bench.env.used == bench.env.held
            assert all(held.released for held in bench.env.held)
            assert bench.transform(ID, [(5, {})]) == [(5, {"t": "t-1"})]
            assert bench.transform("cccccccccccc", [(6, {})]) == []
            assert bench.transform(ID, [(7, {})]) == [], "it is known, but there is one before it"
            await bench.work()
            assert [int(ns) for _, events in bench.out for ns, _ in events] == [1, 2, 3, 4, 6, 7]

    run(check())


def test_the_prefix_of_the_tag() -> None:
    async def check() -> None:
        async with serving(Agent()) as server:
            bench = Bench(plan(server.port, ecs_tag_prefix="ecs."))
            await bench.work()
            assert await bench.records(f"ecs.{ID}-x") == [{"log": "x"} | FULL]
            assert await bench.records(ID) == [{"log": "x"} | ONLY_CLUSTER]

    run(check())


def test_a_container_of_no_task_is_asked_for_twice() -> None:
    """As Fluent Bit does."""

    async def check() -> None:
        agent = Agent()
        async with serving(agent) as server:
            bench = Bench(plan(server.port))
            await bench.work()
            for _ in range(4):
                assert await bench.records("bbbbbbbbbbbb") == [{"log": "x"} | ONLY_CLUSTER]
            assert agent.asked == ["/v1/metadata", *["/v1/tasks?dockerid=bbbbbbbbbbbb"] * 2]
            assert [level for level, _, _ in bench.env.said.lines] == ["info", "warning"]
            bench.env.time += 3601 * 10**9
            await bench.records("bbbbbbbbbbbb")
            assert len(agent.asked) == 4, "what failed is forgotten in time"

    run(check())


def test_what_is_known_is_forgotten_in_time() -> None:
    async def check() -> None:
        agent = Agent()
        async with serving(agent) as server:
            bench = Bench(plan(server.port, ecs_meta_cache_ttl=10.0))
            await bench.work()
            await bench.records(ID)
            bench.env.time += 9 * 10**9
            await bench.records(ID)
            assert len(agent.asked) == 2
            bench.env.time += 2 * 10**9
            assert await bench.records(ID) == [{"log": "x"} | FULL]
            assert len(agent.asked) == 3

    run(check())


def test_only_the_cluster() -> None:
    async def check() -> None:
        agent = Agent()
        async with serving(agent) as server:
            bench = Bench(plan(server.port, cluster_metadata_only=True))
            await bench.work()
            assert bench.transform("docker", [(1, {})]) == [(1, ONLY_CLUSTER)]
        assert agent.asked == ["/v1/metadata"]

    run(check())


def test_an_agent_that_comes_later() -> None:
    async def check() -> None:
        agent = Agent()
        agent.status = 500
        async with serving(agent) as server:
            bench = Bench(plan(server.port))
            await bench.work()
            batch: list[Event] = [(1, {"log": "x"})]
            assert bench.transform(ID, batch) is batch, "records go on as they are"
            for _ in range(2):
                ((seconds, call),) = bench.env.timers
                assert seconds == 1.0
                bench.env.timers.clear()
                call()
                await bench.work()
            agent.status = 200
            bench.env.timers.pop()[1]()
            await bench.work()
            assert await bench.records(ID) == [{"log": "x"} | FULL]
            assert bench.env.timers == []
            assert [level for level, _, _ in bench.env.said.lines] == ["warning", "info"]

    run(check())


@pytest.mark.parametrize("metadata", [{}, [], {**METADATA, "Cluster": 7}, {"Cluster": "c", "Version": "v"}])
def test_answers_that_are_none(metadata: Any) -> None:
    async def check() -> None:
        agent = Agent()
        agent.metadata = metadata
        async with serving(agent) as server:
            bench = Bench(plan(server.port))
            await bench.work()
            assert await bench.records(ID) == [{"log": "x"}]

    run(check())


def test_at_the_end_nothing_waits() -> None:
    async def check() -> None:
        async with serving(Agent()) as server:
            bench = Bench(plan(server.port))
            await bench.work()
            assert bench.transform(ID, [(1, {})]) == []
            bench.env.endings[0]()
            assert bench.out == [(ID, [(1, ONLY_CLUSTER)])]
            assert all(held.released for held in bench.env.held)

    run(check())


@pytest.mark.parametrize(
    ("tag", "container"),
    [
        (f"nginx-firelens-{'0' * 32}", "x.nginx.web.7"),
        (f"log_router-firelens-{'0' * 32}", "x.log_router.web.7"),
        (f"{ID}-other", "x..web.7"),
        ("app", "x..web.7"),
    ],
)
def test_where_there_is_no_agent_the_task_says_what_it_is(
    monkeypatch: pytest.MonkeyPatch, tag: str, container: str
) -> None:
    asked: list[str] = []

    def endpoint(request: Request) -> Answer:
        asked.append(request.target)
        return answer(200, json.dumps(OWN).encode()) if request.target == "/v4/abc-1/task" else answer(404, b"")

    async def check() -> None:
        async with serving(endpoint) as server:
            monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"{server.url}/v4/abc-1")
            bench = Bench(plan(1))
            await bench.work()
            for _ in range(3):
                expected = {"cluster": "shop", "task": "t-1", "all": container, "ci": ""}
                assert await bench.records(tag) == [{"log": "x"} | expected]
            assert [level for level, _, _ in bench.env.said.lines if level != "debug"] == ["info"]
        assert len(asked) == (3 if ".." in container else 1), "a container may start later, so it is asked for again"

    run(check())


def test_neither_agent_nor_task(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", "http://127.0.0.1:1/v4/x")
        bench = Bench(plan(1))
        await bench.work()
        assert await bench.records(ID) == [{"log": "x"}]
        ((level, _, fields),) = bench.env.said.lines
        assert level == "warning"
        assert str(fields["reason"]).count("connection refused") == 2

    run(check())


def test_templates() -> None:
    async def check() -> None:
        async with serving(Agent()) as server:
            bench = Bench(plan(server.port, "log $TaskARN", "one", "n x$nope", "tag a.$TAG.b", "z $0"))
            await bench.work()
            tag = f"{ID}.w"
            expected = {"log": TASK, "one": "one", "n": "x", "tag": f"a.{tag}.b", "z": ""}
            assert await bench.records(tag) == [expected]

    run(check())


@pytest.mark.parametrize("text", ["", "a b c", "a $x['y"])
def test_what_add_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected KEY TEMPLATE|is no accessor"):
        Added.read(text)
