"""The config that the ECS agent writes for a router, line by line, each with the reason why it is there.

Source: amazon-ecs-agent 1.105, agent/taskresource/firelens/firelensconfig_unix.go, and the layout of its config
generator.
Differs: the agent writes the sections of several containers in random order; here they keep the order of the task
definition.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyrolens.ecs.rules import BUFFER_LIMIT, OUTPUT_KEY, PATTERNS
from pyrolens.ecs.task_definition import Container, TaskDefinition
from pyrolens.problems import Place

HEALTH_TAG = "firelens-healthcheck"
DEFAULT_BUFFER = 25
"""MB of Mem_Buf_Limit for a router without a memory of its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the config. Why it is there, and the place in the task definition that says so."""

    text: str
    why: str = ""
    place: Place | None = None


Block = list[Line]


@dataclass(frozen=True, slots=True)
class Where:
    """Where the router finds and offers things."""

    socket: str
    listen: str
    forward_port: int
    health_port: int
    include: str


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    why: str = ""
    place: Place | None = None


Options = Mapping[str, Option]


def text(blocks: Iterable[Block]) -> str:
    """As it stands in the file."""
    return "".join("\n" + "\n".join(line.text for line in block) + "\n" for block in blocks)


def mem_buf_limit(router: Container) -> str:
    """Half of the memory, where the soft limit counts before the hard one."""
    half = (router.memory_reservation if router.memory_reservation > 0 else router.memory) // 2
    return f"{half if half > 0 else DEFAULT_BUFFER}MB"


def _why_limit(router: Container) -> str:
    if router.memory_reservation > 1:
        besides = f"; memory {router.memory} does not count beside it" if router.memory else ""
        return f"half of the router's memoryReservation {router.memory_reservation}{besides}"
    if router.memory > 1:
        return f"half of the router's memory {router.memory}"
    return "the router has no memory of its own"


def secret_variable(definition: TaskDefinition, container: Container, option: str) -> str:
    """The router's environment variable for a secret log option."""
    return f"{option}_{definition.containers.index(container)}"


def output_options(definition: TaskDefinition, container: Container, kind: str) -> dict[str, Option]:
    """Options of the log configuration as the router's config will have them, secrets as variables."""
    if container.log is None:
        return {}
    who = f"of container '{container.name}'"
    given = container.log.options if container.uses_firelens else {}
    options = {k: Option(t.text, f"log option {who}", t.key_place) for k, t in given.items() if k != BUFFER_LIMIT}
    for secret in container.log.secrets:
        variable = secret_variable(definition, container, secret.name)
        value = f"${{{variable}}}" if kind == "fluentbit" else f"\"#{{ENV['{variable}']}}\""
        options[secret.name] = Option(value, f"secret log option {who}, which ECS puts into {variable}", secret.place)
    return options


@dataclass(frozen=True, slots=True)
class Writer:
    """`fields`: the metadata of the task."""

    definition: TaskDefinition
    router: Container
    where: Where
    fields: Mapping[str, str]

    @property
    def kind(self) -> str:
        return self.router.firelens.type if self.router.firelens else ""

    @property
    def fluentbit(self) -> bool:
        return self.kind == "fluentbit"

    def blocks(self) -> list[Block]:
        """In the order of the file."""
        made = self._inputs()
        made += [b for c in self.definition.containers for b in self._patterns(c, "include-pattern")]
        made += [b for c in self.definition.containers for b in self._patterns(c, "exclude-pattern")]
        made += [self._metadata()] if self.fields else []
        made += [self._include()] if self.where.include else []
        return made + self._outputs()

    def _inputs(self) -> list[Block]:
        where, mode = self.where, self.definition.network_mode
        socket = Option(where.socket, "where Docker's log driver connects")
        if self.fluentbit:
            limit = Option(mem_buf_limit(self.router), _why_limit(self.router), self.router.memory_place)
            made = [self._input("forward", "", {"Mem_Buf_Limit": limit, "unix_path": socket}, "what containers print")]
        else:
            made = [self._input("unix", "", {"path": socket}, "what containers print")]
        if mode not in ("bridge", "awsvpc"):
            return made
        reach = "each container has an address" if mode == "bridge" else "all containers share the loopback"
        address = Option(where.listen, f"network mode {mode}: {reach}", self.definition.network_place)
        listen, port = ("Listen", "Port") if self.fluentbit else ("bind", "port")
        options = {listen: address, port: Option(str(where.forward_port), "FLUENT_PORT of the containers")}
        made.append(self._input("forward", "", options, f"loggers in the application; network mode {mode}"))
        if self.fluentbit:
            health = {"Listen": Option("127.0.0.1"), "Port": Option(str(where.health_port))}
            made.append(self._input("tcp", HEALTH_TAG, health, "health checks of the router by TCP"))
        return made

    def _input(self, name: str, tag: str, options: Options, why: str) -> Block:
        if self.fluentbit:
            head = [Line("[INPUT]", why), Line(f"    Name {name}"), *([Line(f"    Tag {tag}")] if tag else [])]
            return [*head, *lines(options)]
        return [Line("<source>", why), Line(f"    @type {name}"), *lines(options), Line("</source>")]

    def _match(self, container: Container) -> str:
        return f"{container.name}-firelens{'*' if self.fluentbit else '**'}"

    def _patterns(self, container: Container, option: str) -> list[Block]:
        found = output_options(self.definition, container, self.kind).get(option)
        if found is None:
            return []
        why, place, pattern = f"{option} of container '{container.name}'", found.place, found.value
        match = self._match(container)
        if self.fluentbit:
            test = f"    Regex  log {pattern}" if option == "include-pattern" else f"    Exclude log {pattern}"
            return [
                [
                    Line("[FILTER]", why, place),
                    Line("    Name   grep"),
                    Line(f"    Match {match}"),
                    Line(test, why, place),
                ]
            ]
        element = "regexp" if option == "include-pattern" else "exclude"
        inner = [f"    <{element}>", "        key log", f"        pattern {pattern}", f"    </{element}>"]
        return [
            [
                Line(f"<filter {match}>", why, place),
                Line("    @type  grep"),
                *(Line(one, why if "pattern" in one else "", place if "pattern" in one else None) for one in inner),
                Line("</filter>"),
            ]
        ]

    def _metadata(self) -> Block:
        why = "metadata of the task, on every record; enable-ecs-log-metadata false leaves it out"
        place = self.router.firelens.place if self.router.firelens else None
        if self.fluentbit:
            fields = [Line(f"    Record {key} {self.fields[key]}") for key in sorted(self.fields)]
            head = [
                Line("[FILTER]", why, place),
                Line("    Name record_modifier"),
                Line("    Match *", "also other inputs"),
            ]
            return [*head, *fields]
        fields = [Line(f"        {key} {self.fields[key]}") for key in sorted(self.fields)]
        record = [Line("    <record>"), *fields, Line("    </record>")]
        return [Line("<filter **>", why, place), Line("    @type record_transformer"), *record, Line("</filter>")]

    def _include(self) -> Block:
        options = self.router.firelens.options if self.router.firelens else {}
        value = options.get("config-file-value")
        word = "@INCLUDE" if self.fluentbit else "@include"
        s3 = options["config-file-type"].text == "s3" if "config-file-type" in options else False
        why = f"config-file-value; downloaded from {value.text}" if s3 and value else "config-file-value"
        return [Line(f"{word} {self.where.include}", why, value.place if value else None)]

    def _outputs(self) -> list[Block]:
        made = []
        if self.fluentbit and self.definition.network_mode in ("bridge", "awsvpc"):
            made.append(self._output("null", HEALTH_TAG, {}, Line("", "swallows the health checks")))
        key = OUTPUT_KEY[self.kind]
        for container in self.definition.containers:
            options = output_options(self.definition, container, self.kind)
            if key in options:
                rest = {k: v for k, v in options.items() if k not in {key, *PATTERNS}}
                why = Line("", f"log options of container '{container.name}'", options[key].place)
                made.append(self._output(options[key].value, self._match(container), rest, why))
        return made

    def _output(self, name: str, match: str, options: Options, why: Line) -> Block:
        if self.fluentbit:
            head = [Line("[OUTPUT]", why.why, why.place), Line(f"    Name {name}"), Line(f"    Match {match}")]
            return [*head, *lines(options)]
        head = [Line(f"<match {match}>", why.why, why.place), Line(f"    @type {name}")]
        return [*head, *lines(options), Line("</match>")]


def lines(options: Options) -> Block:
    """Sorted by bytes: upper case comes first."""
    return [Line(f"    {key} {options[key].value}", options[key].why, options[key].place) for key in sorted(options)]
