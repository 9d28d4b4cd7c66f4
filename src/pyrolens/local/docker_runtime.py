"""Containers as containers of a Docker engine on this machine."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyrolens.ecs.copier import random_id
from pyrolens.ecs.firelens import Task, docker_name
from pyrolens.ecs.task_definition import Container
from pyrolens.local.docker_container import DockerContainer
from pyrolens.local.docker_engine import Docker, DockerError
from pyrolens.local.docker_members import STATIC_NAMES, Place, config, labels, published
from pyrolens.local.endpoints import Endpoints, Known, now
from pyrolens.local.ports import free_port
from pyrolens.local.runtime import Launch

PAUSE = "~internal~ecs~pause"
"""What ECS calls the container that holds the network."""


@dataclass
class DockerRuntime:
    engine: Docker
    task: Task
    images: Mapping[str, str]
    """By container name, instead of what the task definition says."""
    ports: Mapping[str, list[int]]
    """To be reached from this machine, by name of the containers that run here and not as processes."""
    endpoints: Endpoints
    say: Callable[[str, str], None]
    """Told what is done, for people."""
    reached: dict[str, dict[int, int]] = field(default_factory=dict)
    """Port of this machine's loopback by port of the container, by its name."""
    addresses: dict[str, list[str]] = field(default_factory=dict)
    """By name of the container."""
    _volumes: dict[str, str] | None = None
    _network: str = ""
    """Id of the container that holds the network of mode awsvpc."""
    _running: dict[str, str] = field(default_factory=dict)
    _one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        if self.task.definition.network_mode in STATIC_NAMES:
            return
        for name, wanted in self.ports.items():
            self.reached[name] = {}
            for port in wanted:
                self.reached[name][port] = free_port("127.0.0.1", [port, 0])

    def image(self, container: Container) -> str:
        return self.images.get(container.name, container.image)

    def check(self, container: Container) -> str:
        if not self.image(container):
            return f"container '{container.name}' has no image: say which with --image {container.name}=…"
        return ""

    async def start(self, launch: Launch) -> DockerContainer:
        try:
            return await self._start(launch)
        except DockerError as why:
            raise RuntimeError(f"container '{launch.container.name}': {why}") from None

    async def _start(self, launch: Launch) -> DockerContainer:
        """Raises: DockerError."""
        container, engine = launch.container, self.engine
        image = self.image(container)
        image_id = await asyncio.to_thread(engine.image, image, lambda name: self.say("Pulling", name))
        async with self._one_by_one:
            place = await self._place(container)
        own = labels(self.task, container)
        body = config(container, image, launch.environment, own, place, launch.log_options, launch.binds)
        id_ = await asyncio.to_thread(engine.create, launch.name, body)
        launch.made(id_)
        mode = self.task.definition.network_mode
        known = Known(
            container, id_, launch.name, mode, image_id, ports=self.reached.get(container.name, {}), labels=own
        )
        self.endpoints.known[launch.id] = known
        running = DockerContainer(engine, id_, known, launch.output)
        await running.start()
        known.started = now()
        known.addresses = await asyncio.to_thread(engine.addresses, self._network or id_)
        self._running[container.name] = launch.name
        self.addresses[container.name] = known.addresses
        return running

    async def _place(self, container: Container) -> Place:
        """Raises: DockerError."""
        if self._volumes is None:
            self._volumes = await asyncio.to_thread(self.engine.volumes, self.task.definition)
        mode = self.task.definition.network_mode
        if mode in STATIC_NAMES:
            return Place(mode, {}, self._volumes, self._running)
        if mode == "awsvpc":
            self._network = self._network or await asyncio.to_thread(self._hold_network)
            return Place(f"container:{self._network}", {}, self._volumes, self._running)
        return Place(self.engine.network, self.reached[container.name], self._volumes, self._running)

    def _hold_network(self) -> str:
        """Raises: DockerError."""
        containers = [c for c in self.task.definition.containers if c.name in self.reached]
        body: dict[str, dict[str, object]] = {"ExposedPorts": {}, "PortBindings": {}}
        for container in containers:
            exposed, bindings = published(container, self.reached[container.name])
            body["ExposedPorts"] |= exposed
            body["PortBindings"] |= bindings
        name = docker_name(self.task, Container(PAUSE, self.task.definition.place), random_id()[:20]).replace("~", "")
        return self.engine.hold_network(name, body["ExposedPorts"], body["PortBindings"])
