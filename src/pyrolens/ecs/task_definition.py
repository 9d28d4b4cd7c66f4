"""A task definition, typed and with places: all of it that FireLens touches.

In which forms it may be is in `ecs.forms`, what FireLens refuses in `ecs.rules`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pyrolens.ecs.forms import CONTAINERS, Asked, find, parse
from pyrolens.ecs.reading import Reader, Text, is_open
from pyrolens.ecs.settings import NOT_HERE_TASK, Settings, SettingsReader
from pyrolens.language.json import Node
from pyrolens.problems import Place, Problems

FIRELENS = "awsfirelens"
FireLensType = Literal["fluentbit", "fluentd"]
ELSEWHERE = {
    "efsVolumeConfiguration": "EFS",
    "fsxWindowsFileServerConfiguration": "FSx",
    "s3filesVolumeConfiguration": "S3",
    "configuredAtLaunch": "EBS",
}
"""By member of a volume: what holds it on ECS."""


@dataclass(frozen=True, slots=True)
class SecretOption:
    """A log option or a variable whose value ECS fetches: `source` is the ARN or name it is kept under, never the
    secret."""

    name: str
    source: str
    place: Place


@dataclass(frozen=True, slots=True)
class LogConfiguration:
    driver: str
    options: Mapping[str, Text]
    secrets: list[SecretOption]
    place: Place

    @property
    def firelens(self) -> bool:
        return self.driver == FIRELENS


@dataclass(frozen=True, slots=True)
class FireLens:
    """`firelensConfiguration`. The type is as written, which may be neither fluentbit nor fluentd."""

    type: str
    type_place: Place
    options: Mapping[str, Text]
    place: Place


@dataclass(frozen=True, slots=True)
class Dependency:
    container: str
    condition: str
    place: Place


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Seconds; those that ECS assumes where nothing is written."""

    command: list[str]
    """Begins with CMD or CMD-SHELL."""
    interval: int
    timeout: int
    retries: int
    start_period: int
    place: Place


@dataclass(frozen=True, slots=True)
class Mount:
    volume: str
    path: str
    """In the container."""
    read_only: bool
    place: Place
    """Of the volume's name."""


@dataclass(frozen=True, slots=True)
class Volume:
    name: str
    host_path: str
    """"": none is said."""
    place: Place
    elsewhere: str = ""
    """Where it really is, such as EFS; "": on the host."""
    driver: str = ""
    driver_options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Container:
    name: str
    place: Place
    """Of its name."""
    image: str = ""
    image_place: Place | None = None
    command: list[str] = field(default_factory=list)
    entry_point: list[str] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)
    variable_places: Mapping[str, Place] = field(default_factory=dict)
    """Where each name of `environment` stands."""
    secrets: list[SecretOption] = field(default_factory=list)
    """Variables whose values ECS fetches."""
    working_directory: str = ""
    essential: bool = True
    memory: int = 0
    """MiB; 0: none given."""
    memory_reservation: int = 0
    """MiB; 0: none given."""
    user: Text | None = None
    ports: list[tuple[int, Place]] = field(default_factory=list)
    """Container ports."""
    depends_on: list[Dependency] = field(default_factory=list)
    log: LogConfiguration | None = None
    firelens: FireLens | None = None
    environment_files: list[Text] = field(default_factory=list)
    """ARNs of objects in S3."""
    health: HealthCheck | None = None
    start_timeout: int = 0
    """Seconds; 0: ECS's own."""
    stop_timeout: int = 0
    """Seconds; 0: ECS's own."""
    stop_place: Place | None = None
    """Of stopTimeout."""
    mounts: list[Mount] = field(default_factory=list)
    memory_place: Place | None = None
    """Of memoryReservation, else of memory."""
    settings: Settings = field(default_factory=Settings)
    """What only a container engine needs."""
    open: frozenset[str] = frozenset()
    """Members of which only a deployment knows the value."""

    @property
    def checks_health(self) -> bool:
        return self.health is not None and self.health.command not in ([], ["NONE"])

    @property
    def uses_firelens(self) -> bool:
        return self.log is not None and self.log.firelens


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    family: str
    revision: int
    """0: not registered yet."""
    network_mode: str
    """bridge, awsvpc, host or none; what ECS assumes when nothing is written."""
    fargate: bool
    windows: bool
    containers: list[Container]
    place: Place
    cpu: str = ""
    memory: int = 0
    """MiB of the task; 0: none given."""
    task_role: str = ""
    execution_role: str = ""
    volumes: list[Volume] = field(default_factory=list)
    network_place: Place | None = None
    """Of networkMode; None: it is assumed."""
    not_here: list[tuple[str, str, Place]] = field(default_factory=list)
    """(member, reason, place) of what has no effect under `up`."""
    open: frozenset[str] = frozenset()
    """Members of which only a deployment knows the value, or all of it."""

    @property
    def router(self) -> Container | None:
        """The container with a firelensConfiguration: the first, as the ECS agent takes it."""
        return next((c for c in self.containers if c.firelens), None)

    @property
    def label(self) -> str:
        """family:revision, as the ECS agent writes it into the records."""
        return f"{self.family}:{self.revision or 1}"


def read(text: str, file: str, problems: Problems, asked: Asked | None = None) -> TaskDefinition:
    """The task definition, in any of the forms of `ecs.forms`. What has the wrong shape is left out, and is an error
    in `problems`.

    Raises: ConfigError when the text is no JSON or YAML, or no task definition at all."""
    found = Problems()
    form = find(parse(text, file, found, asked), file, asked or Asked(), found)
    containers = form.node.get(CONTAINERS) or form.node
    task = _Reader(found).task(form.node, containers)
    for problem in sorted(found, key=lambda p: (p.place.line, p.place.column) if p.place else (0, 0)):
        problems.add(problem)
    return task


class _Reader(Reader):
    def task(self, node: Node, containers: Node) -> TaskDefinition:
        compatible = {c.upper() for c in self.texts(node, "requiresCompatibilities")}
        platform = self.member(node, "runtimePlatform", dict) or Node({}, node.place)
        family = self.required(node, "family", "a task definition")
        fargate = "FARGATE" in compatible
        return TaskDefinition(
            family=family.value if family else "",
            revision=self.value(node, "revision", 0),
            network_mode=self.value(node, "networkMode", "awsvpc" if fargate else "bridge"),
            fargate=fargate,
            windows=self.value(platform, "operatingSystemFamily", "").upper().startswith("WINDOWS"),
            containers=self.each(node, "containerDefinitions", self.container),
            place=containers.key_place or containers.place,
            cpu=self.size(node, "cpu"),
            memory=_mib(self.size(node, "memory")),
            task_role=self.value(node, "taskRoleArn", ""),
            execution_role=self.value(node, "executionRoleArn", ""),
            volumes=self.each(node, "volumes", self.volume),
            network_place=mode.place if (mode := node.get("networkMode")) else None,
            not_here=SettingsReader(self.problems).not_here(node, NOT_HERE_TASK),
            open=frozenset(key for key, member in node.items() if is_open(member)),
        )

    def size(self, node: Node, key: str) -> str:
        """Of a task: a text in ECS, a number as many write it."""
        found = node.get(key)
        return str(found.value) if found and isinstance(found.value, (str, int)) else ""

    def container(self, node: Node) -> Container | None:
        name = self.required(node, "name", "a container")
        user = self.member(node, "user", str)
        environment = self.each(node, "environment", self.variable)
        made = Container(
            name=name.value if name else "",
            place=name.place if name else node.place,
            image=self.value(node, "image", ""),
            image_place=image.place if (image := node.get("image")) else None,
            command=self.texts(node, "command"),
            entry_point=self.texts(node, "entryPoint"),
            environment={name: value for name, value, _ in environment},
            variable_places={name: place for name, _, place in environment},
            secrets=self.each(node, "secrets", self.secret_variable),
            working_directory=self.value(node, "workingDirectory", ""),
            essential=self.value(node, "essential", True),
            memory=self.value(node, "memory", 0),
            memory_reservation=self.value(node, "memoryReservation", 0),
            user=Text(user.value, user.place, user.key_place or user.place) if user else None,
            ports=self.each(node, "portMappings", self.port),
            depends_on=self.each(node, "dependsOn", self.dependency),
            log=self.log(node),
            firelens=self.firelens(node),
            environment_files=[t for t in self.each(node, "environmentFiles", self.environment_file) if t.text],
            health=self.health(node),
            start_timeout=self.value(node, "startTimeout", 0),
            stop_timeout=self.value(node, "stopTimeout", 0),
            stop_place=stop.place if (stop := node.get("stopTimeout")) else None,
            mounts=self.each(node, "mountPoints", self.mount),
            memory_place=memory.place if (memory := node.get("memoryReservation") or node.get("memory")) else None,
            settings=SettingsReader(self.problems).settings(node),
            open=frozenset(key for key, member in node.items() if is_open(member)),
        )
        return made if name else None

    def variable(self, node: Node) -> tuple[str, str, Place] | None:
        name = self.required(node, "name", "a variable of environment")
        return (name.value, self.value(node, "value", ""), name.place) if name else None

    def port(self, node: Node) -> tuple[int, Place] | None:
        port = self.member(node, "containerPort", int)
        return (port.value, port.place) if port else None

    def dependency(self, node: Node) -> Dependency | None:
        name = self.required(node, "containerName", "an item of dependsOn")
        condition = self.required(node, "condition", "an item of dependsOn")
        return Dependency(name.value, condition.value, condition.place) if name and condition else None

    def environment_file(self, node: Node) -> Text | None:
        value = self.required(node, "value", "an item of environmentFiles")
        return Text(value.value, value.place, value.key_place or value.place) if value else None

    def health(self, node: Node) -> HealthCheck | None:
        found = self.member(node, "healthCheck", dict)
        if found is None:
            return None
        numbers = (("interval", 30), ("timeout", 5), ("retries", 3), ("startPeriod", 0))
        interval, timeout, retries, start = (self.value(found, key, assumed) for key, assumed in numbers)
        place = found.key_place or found.place
        return HealthCheck(self.texts(found, "command"), interval, timeout, retries, start, place)

    def mount(self, node: Node) -> Mount | None:
        volume, path = self.value(node, "sourceVolume", ""), self.value(node, "containerPath", "")
        named = node.get("sourceVolume") or node
        return Mount(volume, path, self.value(node, "readOnly", False), named.place)

    def volume(self, node: Node) -> Volume | None:
        name = self.required(node, "name", "a volume")
        host = self.member(node, "host", dict) or Node({}, node.place)
        docker = self.member(node, "dockerVolumeConfiguration", dict) or Node({}, node.place)
        elsewhere = next((where for key, where in ELSEWHERE.items() if node.get(key)), "")
        driver, options = self.value(docker, "driver", ""), self.texts_by_name(docker, "driverOpts")
        path = self.value(host, "sourcePath", "")
        return Volume(name.value, path, name.place, elsewhere, driver, options) if name else None

    def log(self, node: Node) -> LogConfiguration | None:
        found = self.member(node, "logConfiguration", dict)
        if found is None:
            return None
        driver = self.required(found, "logDriver", "logConfiguration")
        if driver is None:
            return None
        options = self.options(found, "logConfiguration")
        return LogConfiguration(driver.value, options, self.each(found, "secretOptions", self.secret), driver.place)

    def secret_variable(self, node: Node) -> SecretOption | None:
        return self.secret(node, "secrets")

    def secret(self, node: Node, where: str = "secretOptions") -> SecretOption | None:
        name = self.required(node, "name", f"an item of {where}")
        source = self.required(node, "valueFrom", f"an item of {where}")
        return SecretOption(name.value, source.value, name.place) if name and source else None

    def firelens(self, node: Node) -> FireLens | None:
        found = self.member(node, "firelensConfiguration", dict)
        if found is None:
            return None
        kind = self.member(found, "type", str)
        options = self.options(found, "firelensConfiguration")
        place = found.key_place or found.place
        return FireLens(kind.value if kind else "", kind.place if kind else place, options, place)


def _mib(text: str) -> int:
    """Of `512`, `0.5 GB` or `1GB`; 0 for what is neither."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*(GB)?\s*", text, re.IGNORECASE)
    try:
        return int(float(found[1]) * (1024 if found[2] else 1)) if found else 0
    except ValueError:
        return 0


def valid_name(name: str) -> bool:
    """What ECS takes as the name of a container or family."""
    return re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name) is not None
