"""One run of `up`: everything is made, started, watched, stopped in the right order, and accounted for."""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from pyrolens.config import Config, load
from pyrolens.ecs import effective
from pyrolens.ecs.copier import Copier, Message, random_id, record_of
from pyrolens.ecs.firelens import HEALTH_PORT, Addresses, Setup, Started, Task, docker_name, set_up
from pyrolens.ecs.image import Image
from pyrolens.ecs.init import USER_AGENT, InitError
from pyrolens.ecs.rules import FORWARD_PORT
from pyrolens.ecs.task_definition import Container, TaskDefinition
from pyrolens.local import demo
from pyrolens.local.account import Sent, settle
from pyrolens.local.containers import Containers, TaskStopsError, Unit
from pyrolens.local.destinations import destinations
from pyrolens.local.embedded_aws import KEYS, EmbeddedAws
from pyrolens.local.endpoints import Endpoints, Known, now
from pyrolens.local.fluentd_driver import DriverOptions, FluentdDriver
from pyrolens.local.in_docker import InDocker
from pyrolens.local.places import Destination
from pyrolens.local.ports import free_port
from pyrolens.local.process_runtime import ProcessContainer, ProcessRuntime
from pyrolens.local.router import READY_WITHIN, Router, start_process
from pyrolens.local.runtime import Launch, Output, Running, Runtime
from pyrolens.local.secrets import Secrets, read_environment
from pyrolens.local.story import Story
from pyrolens.local.trace import Fate, Trace
from pyrolens.problems import ConfigError, Problem, Problems
from pyrolens.service.books import FILE as BOOKS
from pyrolens.tools.init import DONE
from pyrolens.tools.run import HTTP, is_on
from pyrolens.tools.run_arguments import read_arguments

JOIN = "PYROLENS_JOIN_PARTIAL_MESSAGES"
"""Environment variable of the router: lines that the log driver has cut are made whole. The config that the agent
writes cannot say it, so `up` does here, unless the task does."""
REGION = "AWS_REGION"
SECRET = "<secret "
"""How the value of a variable begins that ECS fetches."""
LOOPBACK = "127.0.0.1"
BOOKS_NAME = "books.json"
KILLED = 128 + signal.SIGKILL
CREDENTIALS = {"AccessKeyId": KEYS["AWS_ACCESS_KEY_ID"], "SecretAccessKey": KEYS["AWS_SECRET_ACCESS_KEY"]}
LONGEST_SOCKET = 100
"""Bytes of the path of a Unix socket; the system's own limit is 104 on macOS and 108 on Linux."""
STOP_WITHIN = 30.0
"""Seconds that a container has to end, as in ECS."""
SEND_WITHIN = 10.0
"""Seconds that a log driver has for what still waits."""


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    definition: TaskDefinition
    folder: Path
    """Of the task definition."""
    task: Mapping[str, Any]
    """Arguments of firelens.Task."""
    commands: Mapping[str, str]
    files: Mapping[str, str]
    demo: bool
    keep: bool
    secrets: Mapping[str, str] = field(default_factory=dict)
    """By variable, or by ARN or name."""
    from_aws: bool = False
    """Fetch secrets and config files from the real AWS."""
    docker: bool = False
    """Containers without a command of their own run in Docker."""
    images: Mapping[str, str] = field(default_factory=dict)
    """By container: what runs in Docker instead of its image; that of the router, too, which is a process without."""


def run(asked: Asked) -> int:
    """Raises: ConfigError when it cannot start."""
    try:
        return asyncio.run(Session(asked).run())
    except asyncio.CancelledError:
        return 130


@dataclass
class Logged:
    """A container that logs through the router."""

    name: str
    tag: str
    docker_id: str
    docker_name: str
    driver: FluentdDriver | None
    """Gets what it prints; None: the engine has one."""
    copiers: dict[str, Copier] = field(default_factory=lambda: {s: Copier(s) for s in ("stdout", "stderr")})

    def messages(self, source: str, data: bytes) -> list[Message]:
        return self.copiers[source].feed(data) if data else self.copiers[source].end()


class Session:
    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.story = Story(Console(), [c.name for c in asked.definition.containers])
        self.home = _home()
        extra: dict[str, Any] = {"id": secrets.token_hex(16), "data_dir": str(self.home), **asked.task}
        self.task = Task(asked.definition, **extra)
        router = asked.definition.router
        self.aws = EmbeddedAws(router.environment.get(REGION) or self.task.region if router else self.task.region)
        self.secrets = Secrets(asked.secrets, dict(os.environ), asked.from_aws)
        self.processes = ProcessRuntime(asked.folder, asked.commands)
        self.docker: InDocker | None = None
        self.endpoints = Endpoints(self.task, {**CREDENTIALS, "Token": KEYS["AWS_SECRET_ACCESS_KEY"]}, self._stats)
        self.containers: Containers | None = None
        self.router: Router | None = None
        self.logged: dict[str, Logged] = {}
        self.fates: list[Fate] = []
        self.lines = 0
        self.unsent = 0
        """Lines that did not get to the router."""
        self.stop = asyncio.Event()
        self.ended_badly = ""
        """Why the run ended, when it was not meant to."""

    async def run(self) -> int:
        loop, this = asyncio.get_running_loop(), asyncio.current_task()

        def asked_to_stop() -> None:
            # whoever asks twice does not want to wait for containers that take their time
            if self.stop.is_set() and this:
                this.cancel()
            self.stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked_to_stop)
        try:
            return await self._run()
        finally:
            if self.containers:
                self.containers.kill()
            if self.docker:
                self.docker.close()
            self.endpoints.stop()
            self.aws.stop()
            if self.asked.keep:
                self.story.say("Kept", self.task.folder)
            else:
                shutil.rmtree(self.home, ignore_errors=True)

    async def _run(self) -> int:
        self._check()
        self.story.say("Task", f"{self.task.arn} of {self.task.definition.label}")
        address = await self._open_docker() if self.asked.docker else LOOPBACK
        await asyncio.to_thread(self.aws.start, address)
        self.endpoints.start(address)
        self.story.say("Embedded AWS", f"at {self.aws.url}; nothing leaves this machine by way of AWS")
        setup = self._write_config(address)
        config = self._read_config(setup)
        self.service = config.service
        self.trace = Trace(config)
        places = destinations(config, self.aws)
        for place in places:
            for made in await asyncio.to_thread(place.prepare):
                self.story.say("Made", made)
        self.setup = setup
        containers = self.containers = Containers(setup, self._start, self._stop)
        try:
            await self._watch(containers)
        finally:
            self.story.say("Stopping", "each container when none needs it any more, the router last")
            await containers.stop()
        return await self._account(places)

    # -- what can be known beforehand -----------------------------------------------------------------------------

    def _in_docker(self, container: Container) -> bool:
        if not self.asked.docker or container.name in self.asked.commands:
            return False
        return container is not self.task.definition.router or container.name in self.asked.images

    def _check(self) -> None:
        definition = self.task.definition
        by_name = {c.name: c for c in definition.containers}
        found = [
            Problem("no-container", f"{option} {name}: the task has no such container")
            for option, names in (("--exec", self.asked.commands), ("--image", self.asked.images))
            for name in names
            if name not in by_name
        ]
        for name in self.asked.images:
            if name in self.asked.commands:
                found.append(Problem("two-ways", f"'{name}' is given both --exec and --image: expected one of them"))
        router = definition.router
        for container in definition.containers:
            if self._in_docker(container):
                if not (self.asked.images.get(container.name) or container.image):
                    message = f"container '{container.name}' has no image"
                    found.append(Problem("no-image", message, container.place, f"--image {container.name}=…"))
            elif container is not router and (why := self.processes.check(container)):
                found.append(Problem("no-command", why, container.place, self._hint(container)))
            for needed in container.depends_on:
                other = by_name[needed.container]
                if needed.condition == "HEALTHY" and self._in_docker(other) and not other.checks_health:
                    message = f"'{other.name}' has no healthCheck, so it is never HEALTHY, and this waits for ever"
                    found.append(Problem("depends-on", message, needed.place))
        if self.asked.demo and not self._demo_container():
            found.append(Problem("no-port", "--demo needs a container with a portMapping", definition.place))
        if found:
            raise ConfigError(found)

    def _hint(self, container: Container) -> str:
        return f"or run '{container.image}' with --docker" if container.image and not self.asked.docker else ""

    def _demo_container(self) -> str:
        router = self.task.definition.router
        return next((c.name for c in self.task.definition.containers if c.ports and c is not router), "")

    # -- Docker -----------------------------------------------------------------------------------------------------

    async def _open_docker(self) -> str:
        """Gives the address of this machine, as containers see it."""
        definition = self.task.definition
        router = definition.router
        inside = [c for c in definition.containers if self._in_docker(c)]
        # loggers in processes reach the router only where its port is published
        mixed = router in inside and len(inside) < len(definition.containers)
        self.docker = InDocker(self.task, self.asked.images, inside, mixed, self.endpoints, self.story)
        await asyncio.to_thread(self.docker.open)
        return self.docker.address

    def _stats(self, id_: str) -> Any:
        return self.docker.stats(id_) if self.docker else {}

    # -- the router's config ----------------------------------------------------------------------------------------

    def _write_config(self, address: str) -> Setup:
        """The files as the agent lays them out. With a router in Docker there are two configs: that of its container,
        and one with this machine's paths, by which its lines are followed."""
        router = self.task.definition.router
        inside = self.docker if router and self._in_docker(router) else None
        config, here = (Path(self.task.folder, name) for name in ("config", "here" if inside else "config"))
        for folder in {config, here, Path(self.task.socket).parent}:
            folder.mkdir(parents=True)
        self.image = Image(self.asked.folder, self.asked.files, here, lambda text: self.story.say("Config", text))
        at = Addresses(
            socket=self.task.socket,
            listen=address,
            forward_port=free_port(address, [FORWARD_PORT, 0]),
            health_port=free_port("127.0.0.1", [HEALTH_PORT, 0]),
        )
        remote = self.secrets.fetch if self.asked.from_aws else None
        self.fetch = effective.fetcher(self.asked.folder, self.asked.files, remote)
        environ = {**effective.metadata(self.task), **(self._given(router) if router else {})}
        told = Told(self.story)
        setup, self.plan = effective.write(self.task, at, self.image, here, environ, self.fetch, told)
        if inside is None:
            self.forward = (at.forward_port, address)
            return setup
        self.forward = (FORWARD_PORT, "")
        inside.give_files(environ, self.fetch, self.aws)
        setup = set_up(self.task, Addresses(listen=inside.forward_listen))
        text = setup.config.encode("utf-8", "surrogateescape")
        (config / "fluent.conf").write_bytes(text)
        if setup.include and setup.include.s3:
            shutil.copy(here / Path(setup.include.path).name, config)
        return setup

    def _read_config(self, setup: Setup) -> Config:
        """As the router will read it."""
        router = next(s for s in setup.containers if s.container is setup.router)
        self.router_id = random_id()
        self.router_environment = self._environment(router, self.router_id)
        read = self.router_environment
        if effective.uses_init(read):
            read = {**read, **effective.metadata(self.task), **USER_AGENT, DONE: "done"}
            if not self._in_docker(router.container):
                self.router_environment = read
        joins = self.router_environment.setdefault(JOIN, "on")
        # plugins ask for these in the environment of the process: here it must be the router's, not the real one
        os.environ.update(self.aws.environment, **{JOIN: joins})
        try:
            arguments = read_arguments(self.plan.arguments, Problems())
            config = load(arguments.config, arguments.sections, environ=read)
        except ConfigError as error:
            raise ConfigError(self._of_the_user(p) for p in error.problems) from None
        for problem in config.warnings:
            self.story.warn(str(self._of_the_user(problem)))
        return config

    def _of_the_user(self, problem: Problem) -> Problem:
        """With the user's file, where it is in a copy of it."""
        place = problem.place
        return replace(problem, place=replace(place, file=self.image.original(place.file))) if place else problem

    def _environment(self, started: Started, id_: str) -> dict[str, str]:
        """`id_`: by which the metadata endpoint knows it."""
        container = started.container
        secret = {s.name: f"{SECRET}{s.source}>" for s in container.secrets}
        added = {k: self._secret(k, v) for k, v in {**secret, **started.environment}.items()}
        execution = {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"} if self.task.definition.fargate else {}
        given = self._given(container)
        regions = {name: given.get(name) or self.task.region for name in (REGION, "AWS_DEFAULT_REGION")}
        inside = self._in_docker(container)
        aws = self.aws.environment
        if inside and self.docker and self.docker.gives_credentials and not set(KEYS) & set(given):
            aws = {**self.aws.place, **self.endpoints.credentials}
        if "FLUENT_HOST" in added:
            port, host = self.forward
            if self.docker and not host:
                host, port = self.docker.forward(inside)
            added |= {"FLUENT_HOST": host, "FLUENT_PORT": str(port)}
        return {**given, **execution, **aws, **regions, **added, **self.endpoints.metadata(id_)}

    def _given(self, container: Container) -> dict[str, str]:
        """What the task definition says: files of variables count less than variables. Raises: ConfigError."""
        from_files: dict[str, str] = {}
        for text in container.environment_files:
            try:
                data = self.fetch(text.text)
            except InitError as why:
                raise why.at("no-file", text.place) from None
            from_files = {**read_environment(data), **from_files}
        return {**from_files, **container.environment}

    def _secret(self, name: str, value: str) -> str:
        """ECS would fetch it; here it comes from where the user says. Raises: ConfigError."""
        if not value.startswith(SECRET):
            return value
        found = self.secrets.find(name, value.removeprefix(SECRET).removesuffix(">"))
        if found is None:
            self.story.warn(f"secret {name}: not in the environment, so 'not-a-secret' stands in for it")
        return found if found is not None else "not-a-secret"

    # -- the containers -------------------------------------------------------------------------------------------

    async def _start(self, started: Started) -> Running:
        if started.container is self.setup.router:
            return await self._start_router(started)
        container = started.container
        inside = self._in_docker(container)
        number = random_id()
        name = docker_name(self.task, container, number[:20])
        environment = self._environment(started, number)
        logs = started.log_options
        output: Output = _unheard
        if logs is not None:
            driver = None if inside else FluentdDriver(DriverOptions.read(logs), number, name)
            logged = self.logged[container.name] = Logged(container.name, logs["tag"], number, name, driver)

            def output(source: str, data: bytes) -> None:
                for message in logged.messages(source, data):
                    self._print(logged, message)

        def made(id_: str) -> None:
            if logs is not None:
                logged.docker_id = id_

        launch = Launch(container, number, environment, output, name, logs, made=made)
        try:
            running = await self._runtime(container).start(launch)
        except RuntimeError as why:
            raise ConfigError([Problem("not-started", str(why), container.place)]) from None
        if not inside:
            self._know(container, number, name, running)
        moved = [f"port {port} is at {at}" for port, at in running.ports.items() if port != at]
        self.story.say("Started", ", ".join([container.name, *moved]))
        return running

    async def _start_router(self, started: Started) -> Router:
        container = started.container
        name = docker_name(self.task, container, self.router_id[:20])
        inside = self._in_docker(container) and self.docker
        books = f"/var/run/{BOOKS_NAME}" if inside else f"{self.task.folder}/{BOOKS_NAME}"

        def read_books() -> bytes:
            # that of a container may belong to another user
            return inside.read_file(self.router_id, books) if inside else Path(books).read_bytes()

        router = self.router = Router(self.task.socket, read_books, self._show)

        async def start(output: Output) -> Running:
            environment = {**self.router_environment, BOOKS: books}
            if not inside:
                return await start_process(self.plan.arguments, self.asked.folder, environment, output)
            binds = inside.router_binds(started.binds, self.image.mounts, self.task.socket)
            return await inside.runtime.start(Launch(container, self.router_id, environment, output, name, None, binds))

        try:
            await router.start(start)
        except RuntimeError as why:
            raise ConfigError([Problem("not-started", str(why), container.place)]) from None
        if not inside:
            self._know(container, self.router_id, name, router)
        process = router.running
        what = f"process {process.pid}" if isinstance(process, ProcessContainer) else f"container {name}"
        self.story.say("Router", f"{what} listens on {self.task.socket}")
        service = self.service
        if not inside and (service.http_server or is_on(self.router_environment.get(HTTP, ""))):
            host = LOOPBACK if service.http_listen in ("0.0.0.0", "::") else service.http_listen
            at = f"--host {host} --port {service.http_port}"
            self.story.say("HTTP API", f"to look into the router: pyrolens top {at}, pyrolens tap {at}")
        return router

    def _runtime(self, container: Container) -> Runtime:
        return self.docker.runtime if self.docker and self._in_docker(container) else self.processes

    def _know(self, container: Container, id_: str, name: str, running: Running) -> None:
        """What the metadata endpoint says of a process."""
        mode = self.task.definition.network_mode
        self.endpoints.known[id_] = Known(
            container, id_, name, mode, addresses=[LOOPBACK], ports=running.ports, started=now()
        )

    def _show(self, line: bytes) -> None:
        text = line.decode("utf-8", "surrogateescape")
        self.story.router(self.image.original(text).encode("utf-8", "surrogateescape"))

    def _print(self, logged: Logged, message: Message) -> None:
        self.lines += 1
        if logged.driver and not logged.driver.log(message):
            return
        record = record_of(message, logged.docker_id, logged.docker_name)
        fate = self.trace.follow(logged.tag, message.ns, record)
        self.fates.append(fate)
        self.story.line(logged.name, message, fate)

    async def _watch(self, containers: Containers) -> None:
        """Until Ctrl-C, the end of the demo, of an essential container, or of the router."""
        end = asyncio.create_task(containers.end())
        stopped = asyncio.create_task(self.stop.wait())
        work = asyncio.create_task(self._work(containers))
        waits: list[asyncio.Task[Any]] = [end, stopped, work]
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if end in done:
            self._tell_end(*end.result())
        if work in done:
            try:
                work.result()
            except TaskStopsError as why:
                self.ended_badly = f"{why}; the task stops"

    def _tell_end(self, unit: Unit, status: int | None) -> None:
        """`status`: None when it did not end, but is unhealthy."""
        why = f" ({unit.running.why})" if unit.running and unit.running.why else ""
        if unit.started.container is self.setup.router:
            how = "is unhealthy" if status is None else f"ended by itself, with status {status}{why}"
            self.ended_badly = f"the router {how}"
        elif status is None:
            self.ended_badly = f"container '{unit.name}' is unhealthy"
            self.story.say("Unhealthy", f"container '{unit.name}'; the task stops")
        else:
            self.story.say("Ended", f"container '{unit.name}', with status {status}{why}; the task stops")
            if self.asked.demo:
                self.ended_badly = f"container '{unit.name}' ended before the demo did"

    async def _work(self, containers: Containers) -> None:
        """Comes back at the end of the demo. Raises: ConfigError, TaskStopsError."""
        await containers.start()
        if self.asked.demo:
            await self._demo()
        else:
            await self.stop.wait()

    async def _demo(self) -> None:
        name = self._demo_container()
        running = self.containers.units[name].running if self.containers else None
        if running is None:
            return
        port = next(iter(running.ports.values()))
        if not await demo.wait_for(port, READY_WITHIN, lambda: not self.stop.is_set()):
            self.ended_badly = f"nothing listens on port {port}, so the demo has nobody to ask"
            return
        answered = await demo.send_mix(port)
        meant = len(demo.MIX) * demo.ROUNDS
        self.story.say("Demo", f"{answered} of {meant} requests were answered")
        if answered != meant:
            self.ended_badly = f"{meant - answered} requests of the demo got no answer"

    async def _stop(self, started: Started, running: Running) -> None:
        within = float(started.container.stop_timeout) or STOP_WITHIN
        if isinstance(running, Router) and not self._in_docker(started.container):
            # its Grace may be as long as what ECS would give it, and this machine slower
            within *= 2
        loop = asyncio.get_running_loop()
        begun = loop.time()
        status = await running.stop(within)
        logged = self.logged.get(started.container.name)
        if logged and logged.driver:
            self.unsent += await logged.driver.close(SEND_WITHIN if self.router and self.router.alive else 0.0)
        if status == KILLED and loop.time() - begun >= within:
            self.story.warn(f"container '{started.container.name}' was killed: it did not end within {within:g} s")

    # -- the end --------------------------------------------------------------------------------------------------

    async def _account(self, places: list[Destination]) -> int:
        held = not self.trace.finish(SEND_WITHIN)
        arrived = [(place, await asyncio.to_thread(place.read)) for place in places]
        refused = sum(logged.driver.refused for logged in self.logged.values() if logged.driver)
        sent = Sent(self.lines, refused, self.unsent, any(not logged.driver for logged in self.logged.values()))
        books = self.router.books() if self.router else None
        account = settle(sent, self.fates, self.trace.late, arrived, books, self.trace.apart)
        if held:
            account.wrong.append("a filter still held records at the end, so what it should let go is not known")
        if self.ended_badly:
            account.wrong.append(self.ended_badly)
        self.story.account(account)
        return 1 if account.wrong else 0


def _unheard(source: str, data: bytes) -> None:
    """Of a container whose log does not go through the router."""


class Told:
    """The log of the init process, as a part of the story."""

    def __init__(self, story: Story) -> None:
        self.story = story

    def info(self, event: str, **fields: object) -> None:
        self.story.say("Init", " ".join([event, *(f"{key}={value}" for key, value in fields.items())]))

    error = warning = info

    def debug(self, event: str, **fields: object) -> None: ...


def _home() -> Path:
    """A new folder in which the path of the task's socket is short enough."""
    made = Path(tempfile.mkdtemp(prefix="pyrolens-"))
    longest = len(os.fsencode(f"{made}/data/firelens/{'0' * 32}/socket/fluent.sock"))
    if longest > LONGEST_SOCKET:
        made.rmdir()
        made = Path(tempfile.mkdtemp(prefix="pyrolens-", dir="/tmp"))
    return made
