"""One run of `up`: everything is made, started, watched, stopped in the right order, and accounted for."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from pyrolens.config import Config, load
from pyrolens.ecs import effective
from pyrolens.ecs.firelens import HEALTH_PORT, Addresses, Setup, Started, Task, docker_name
from pyrolens.ecs.image import Image
from pyrolens.ecs.init import USER_AGENT, InitError
from pyrolens.ecs.rules import FORWARD_PORT
from pyrolens.ecs.task_definition import Container, TaskDefinition
from pyrolens.local import demo
from pyrolens.local.account import Sent, settle
from pyrolens.local.copier import Copier, Message, random_id
from pyrolens.local.destinations import Destination, destinations
from pyrolens.local.embedded_aws import EmbeddedAws
from pyrolens.local.fluentd_driver import DriverOptions, FluentdDriver, record_of
from pyrolens.local.process_runtime import KEPT, ProcessRuntime, free_port
from pyrolens.local.runtime import Launch, Running
from pyrolens.local.secrets import Secrets, read_environment
from pyrolens.local.story import Story
from pyrolens.local.trace import Fate, Trace
from pyrolens.problems import ConfigError, Problem, Problems
from pyrolens.service.books import FILE as BOOKS
from pyrolens.tools.init import DONE
from pyrolens.tools.run_arguments import read_arguments

JOIN = "PYROLENS_JOIN_PARTIAL_MESSAGES"
"""Environment variable of the router: lines that the log driver has cut are made whole. The config that the agent
writes cannot say it, so `up` does here, unless the task does."""
REGION = "AWS_REGION"
SECRET = "<secret "
"""How the value of a variable begins that ECS fetches."""
LONGEST_SOCKET = 100
"""Bytes of the path of a Unix socket; the system's own limit is 104 on macOS and 108 on Linux."""
STOP_WITHIN = 30.0
"""Seconds that a container has to end, as in ECS."""
SEND_WITHIN = 10.0
"""Seconds that a log driver has for what still waits."""
READY_WITHIN = 20.0
"""Seconds that the router has to listen, and the app of a demo."""


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    definition: TaskDefinition
    folder: Path
    """Of the task definition."""
    task: Mapping[str, str]
    """Arguments of firelens.Task."""
    commands: Mapping[str, str]
    files: Mapping[str, str]
    demo: bool
    keep: bool
    secrets: Mapping[str, str] = field(default_factory=dict)
    """By variable, or by ARN or name."""
    from_aws: bool = False
    """Fetch secrets and config files from the real AWS."""


def run(asked: Asked) -> int:
    """Raises: ConfigError when it cannot start."""
    try:
        return asyncio.run(Session(asked).run())
    except asyncio.CancelledError:
        return 130


@dataclass
class Logged:
    """A container that logs through the router: what it prints goes to its driver."""

    name: str
    tag: str
    driver: FluentdDriver
    copiers: dict[str, Copier] = field(default_factory=lambda: {s: Copier(s) for s in ("stdout", "stderr")})

    def messages(self, source: str, data: bytes) -> list[Message]:
        return self.copiers[source].feed(data) if data else self.copiers[source].end()


class Session:
    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.story = Story(Console(), [c.name for c in asked.definition.containers])
        self.home = _home()
        extra = {"id": secrets.token_hex(16), "data_dir": str(self.home), **asked.task}
        self.task = Task(asked.definition, **extra)
        router = asked.definition.router
        self.aws = EmbeddedAws(router.environment.get(REGION) or self.task.region if router else self.task.region)
        self.secrets = Secrets(asked.secrets, dict(os.environ), asked.from_aws)
        self.runtime = ProcessRuntime(asked.folder, asked.commands)
        self.running: dict[str, Running] = {}
        self.router: Router | None = None
        self.logged: list[Logged] = []
        self.fates: list[Fate] = []
        self.lines = 0
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
            for running in self.running.values():
                running.kill()
            if self.router:
                self.router.kill()
            self.aws.stop()
            if self.asked.keep:
                self.story.say("Kept", self.task.folder)
            else:
                shutil.rmtree(self.home, ignore_errors=True)

    async def _run(self) -> int:
        self._check()
        self.story.say("Task", f"{self.task.arn} of {self.task.definition.label}")
        await asyncio.to_thread(self.aws.start)
        self.story.say("Embedded AWS", f"at {self.aws.url}; nothing leaves this machine by way of AWS")
        setup = self._write_config()
        config = self._read_config(setup)
        self.trace = Trace(config)
        places = destinations(config, self.aws)
        for place in places:
            for made in await asyncio.to_thread(place.prepare):
                self.story.say("Made", made)
        router = self.router = Router(self)
        try:
            await router.start()
            try:
                await self._start_containers(setup)
                await self._watch(router)
            finally:
                unsent = await self._stop_containers(setup)
        finally:
            await router.stop()
        return await self._account(places, unsent, router)

    def _check(self) -> None:
        definition = self.task.definition
        names = {c.name for c in definition.containers}
        found = [
            Problem("no-container", f"--exec {n}: the task has no such container")
            for n in self.asked.commands
            if n not in names
        ]
        router = definition.router
        if router and router.firelens and router.firelens.type != "fluentbit":
            message = f"up runs routers of type fluentbit; this one is {router.firelens.type}"
            found.append(Problem("router-type", message, router.firelens.type_place))
        for container in definition.containers:
            if container is not router and (why := self.runtime.check(container)):
                found.append(Problem("no-command", why, container.place))
        if self.asked.demo and not self._demo_container():
            found.append(Problem("no-port", "--demo needs a container with a portMapping", definition.place))
        if found:
            raise ConfigError(found)

    def _demo_container(self) -> str:
        router = self.task.definition.router
        return next((c.name for c in self.task.definition.containers if c.ports and c is not router), "")

    # -- the router's config ------------------------------------------------------------------------------------

    def _write_config(self) -> Setup:
        """The files as the agent lays them out, with this machine's addresses in them."""
        config = Path(self.task.folder, "config")
        config.mkdir(parents=True)
        self.image = Image(self.asked.folder, self.asked.files, config, lambda text: self.story.say("Config", text))
        at = Addresses(
            socket=self.task.socket,
            listen="127.0.0.1",
            forward_port=free_port("127.0.0.1", [FORWARD_PORT, 0]),
            health_port=free_port("127.0.0.1", [HEALTH_PORT, 0]),
        )
        remote = self.secrets.fetch if self.asked.from_aws else None
        self.fetch = effective.fetcher(self.asked.folder, self.asked.files, remote)
        router = self.task.definition.router
        environ = {**effective.metadata(self.task), **(self._given(router) if router else {})}
        told = Told(self.story)
        setup, self.plan = effective.write(self.task, at, self.image, config, environ, self.fetch, told)
        Path(self.task.socket).parent.mkdir()
        return setup

    def _read_config(self, setup: Setup) -> Config:
        """As the router will read it."""
        self.router_environment = self._environment(next(s for s in setup.containers if s.container is setup.router))
        if effective.uses_init(self.router_environment):
            self.router_environment |= {**effective.metadata(self.task), **USER_AGENT, DONE: "done"}
        joins = self.router_environment.setdefault(JOIN, "on")
        # plugins ask for these in the environment of the process: here it must be the router's, not the real one
        os.environ.update(self.aws.environment, **{JOIN: joins})
        try:
            arguments = read_arguments(self.plan.arguments, Problems())
            config = load(arguments.config, arguments.sections, environ=self.router_environment)
        except ConfigError as error:
            raise ConfigError(self._of_the_user(p) for p in error.problems) from None
        for problem in config.warnings:
            self.story.warn(str(self._of_the_user(problem)))
        return config

    def _of_the_user(self, problem: Problem) -> Problem:
        """With the user's file, where it is in a copy of it."""
        place = problem.place
        return replace(problem, place=replace(place, file=self.image.original(place.file))) if place else problem

    def _environment(self, started: Started) -> dict[str, str]:
        secret = {s.name: f"{SECRET}{s.source}>" for s in started.container.secrets}
        added = {k: self._secret(k, v) for k, v in {**secret, **started.environment}.items()}
        execution = {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"} if self.task.definition.fargate else {}
        given = self._given(started.container)
        regions = {name: given.get(name) or self.task.region for name in (REGION, "AWS_DEFAULT_REGION")}
        return {**given, **execution, **self.aws.environment, **regions, **added}

    def _given(self, container: Container) -> dict[str, str]:
        """What the task definition says: files of variables count less than variables. Raises: ConfigError."""
        from_files: dict[str, str] = {}
        for text in container.environment_files:
            try:
                data = self.fetch(text.text)
            except InitError as why:
                raise ConfigError([Problem("no-file", str(why), text.place, why.hint)]) from None
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

    async def _start_containers(self, setup: Setup) -> None:
        for started in setup.start_order:
            if started.container is setup.router:
                continue
            if self.stop.is_set():
                return
            await self._start(started)

    async def _start(self, started: Started) -> None:
        container = started.container
        number = random_id()
        if started.log_options is not None:
            name = docker_name(self.task, container, number[:20])
            driver = FluentdDriver(DriverOptions.read(started.log_options), number, name)
            logged = Logged(container.name, started.log_options["tag"], driver)
            self.logged.append(logged)

            def output(source: str, data: bytes) -> None:
                for message in logged.messages(source, data):
                    self._print(logged, message)
        else:

            def output(source: str, data: bytes) -> None:
                """Its log does not go through the router."""

        launch = Launch(container, number, self._environment(started), output)
        try:
            running = self.running[container.name] = await self.runtime.start(launch)
        except RuntimeError as why:
            raise ConfigError([Problem("not-started", str(why), container.place)]) from None
        moved = [f"port {port} is at {at}" for port, at in running.ports.items() if port != at]
        self.story.say("Started", ", ".join([container.name, *moved]))

    def _print(self, logged: Logged, message: Message) -> None:
        self.lines += 1
        driver = logged.driver
        if not driver.log(message):
            return
        record = record_of(message, driver.container_id, driver.container_name)
        fate = self.trace.follow(logged.tag, message.ns, record)
        self.fates.append(fate)
        self.story.line(logged.name, message, fate)

    async def _watch(self, router: "Router") -> None:
        """Until Ctrl-C, the end of the demo, of an essential container, or of the router."""
        essential = {c.name for c in self.task.definition.containers if c.essential}
        ends = {
            asyncio.create_task(running.wait()): f"container '{name}'"
            for name, running in self.running.items()
            if name in essential
        }
        router_end = asyncio.create_task(router.wait())
        ends[router_end] = "the router"
        stopped = asyncio.create_task(self.stop.wait())
        work = [stopped, *([asyncio.create_task(self._demo())] if self.asked.demo else [])]
        waits: list[asyncio.Task[Any]] = [*ends, *work]
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            if task is router_end:
                self.ended_badly = f"the router ended by itself, with status {task.result()}"
            elif task in ends:
                self.story.say("Ended", f"{ends[task]}, with status {task.result()}; the task stops")
                if self.asked.demo:
                    self.ended_badly = f"{ends[task]} ended before the demo did"

    async def _demo(self) -> None:
        name = self._demo_container()
        port = next(iter(self.running[name].ports.values()))
        if not await demo.wait_for(port, READY_WITHIN, lambda: not self.stop.is_set()):
            self.ended_badly = f"nothing listens on port {port}, so the demo has nobody to ask"
            return
        answered = await demo.send_mix(port)
        meant = len(demo.MIX) * demo.ROUNDS
        self.story.say("Demo", f"{answered} of {meant} requests were answered")
        if answered != meant:
            self.ended_badly = f"{meant - answered} requests of the demo got no answer"

    async def _stop_containers(self, setup: Setup) -> int:
        """In the reverse order of the start. Gives the number of lines that did not get to the router."""
        self.story.say("Stopping", "the containers, then the router")
        for started in reversed(setup.start_order):
            running = self.running.get(started.container.name)
            if running:
                await running.stop(STOP_WITHIN)
        within = SEND_WITHIN if self.router and self.router.alive else 0.0
        return sum([await logged.driver.close(within) for logged in self.logged])

    # -- the end --------------------------------------------------------------------------------------------------

    async def _account(self, places: list[Destination], unsent: int, router: "Router") -> int:
        held = not await self.trace.finish(SEND_WITHIN)
        arrived = [(place, await asyncio.to_thread(place.read)) for place in places]
        sent = Sent(self.lines, sum(logged.driver.refused for logged in self.logged), unsent)
        account = settle(sent, self.fates, self.trace.late, arrived, router.books(), self.trace.apart)
        if held:
            account.wrong.append("a filter still held records at the end, so what it should let go is not known")
        if self.ended_badly:
            account.wrong.append(self.ended_badly)
        self.story.account(account)
        return 1 if account.wrong else 0


class Told:
    """The log of the init process, as a part of the story."""

    def __init__(self, story: Story) -> None:
        self.story = story

    def info(self, event: str, **fields: object) -> None:
        self.story.say("Init", " ".join([event, *(f"{key}={value}" for key, value in fields.items())]))

    error = warning = info

    def debug(self, event: str, **fields: object) -> None: ...


class Router:
    """The router's process."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.books_file = Path(session.task.folder, "books.json")
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Gives back when it listens on the task's socket. Raises: ConfigError when it does not."""
        session = self.session
        kept = {k: os.environ[k] for k in (*KEPT, "PATH", "PYTHONPATH") if k in os.environ}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pyrolens", "run", *session.plan.arguments),
            env={**kept, **session.router_environment, BOOKS: str(self.books_file)},
            cwd=session.asked.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read())
        loop = asyncio.get_running_loop()
        ends = loop.time() + READY_WITHIN
        while not await _listens(session.task.socket):
            if self._process.returncode is not None or loop.time() > ends or session.stop.is_set():
                await self.stop()
                raise ConfigError([Problem("router", "the router did not start; its log above says why")])
            await asyncio.sleep(0.02)
        session.story.say("Router", f"process {self._process.pid} listens on {session.task.socket}")

    async def _read(self) -> None:
        reader = self._process.stdout if self._process else None
        copier = Copier("router")
        while reader and (data := await reader.read(65536)):
            for message in copier.feed(data):
                self._show(message)
        for message in copier.end():
            self._show(message)

    def _show(self, message: Message) -> None:
        text = message.line.decode("utf-8", "surrogateescape")
        self.session.story.router(self.session.image.original(text).encode("utf-8", "surrogateescape"))

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def wait(self) -> int:
        return await self._process.wait() if self._process else 0

    async def stop(self) -> None:
        """SIGTERM, and time for what it holds: its own Grace decides. Stopping twice does no harm."""
        if self._process and self.alive:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 2 * STOP_WITHIN)
            except TimeoutError:
                self._process.kill()
        if self._reading:
            await self._reading

    def kill(self) -> None:
        """At once. It may have ended already."""
        if self._process and self.alive:
            self._process.kill()

    def books(self) -> dict[str, Any] | None:
        try:
            books: dict[str, Any] = json.loads(self.books_file.read_bytes())
        except (OSError, ValueError):
            return None
        return books


async def _listens(path: str) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


def _home() -> Path:
    """A new folder in which the path of the task's socket is short enough."""
    made = Path(tempfile.mkdtemp(prefix="pyrolens-"))
    longest = len(os.fsencode(f"{made}/data/firelens/{'0' * 32}/socket/fluent.sock"))
    if longest > LONGEST_SOCKET:
        made.rmdir()
        made = Path(tempfile.mkdtemp(prefix="pyrolens-", dir="/tmp"))
    return made
