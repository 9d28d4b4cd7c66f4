"""A task definition gets the router: developers describe their container, the platform adds the rest.

What is there already stays as it is, unless it is said otherwise; done twice it is as done once.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyrolens.ecs.cloudformation import FUNCTION
from pyrolens.ecs.forms import CONTAINERS, Form
from pyrolens.ecs.init_sources import SOURCE
from pyrolens.language.includes import is_elsewhere
from pyrolens.language.json import Node
from pyrolens.options import size_of
from pyrolens.problems import ConfigError, Problem

READ_ONLY = (
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy",
    "deregisteredAt",
)  # fmt: skip
"""What describe-task-definition adds, and register-task-definition refuses."""
HEALTH = {"command": ["CMD", "pyrolens", "health"], "interval": 10, "timeout": 5, "retries": 3, "startPeriod": 15}
HTTP = {"name": "PYROLENS_HTTP_SERVER", "value": "on"}
"""Has the router answer the health check, whatever its config says."""
USUAL = 100
"""MiB of memoryReservation where no rate is stated."""
BASE = 64
"""MiB that the router's process takes besides what it holds."""
SMALLEST = 25
"""MiB of a buffer, as where FireLens knows of no memory."""
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB."""

    reservation: int
    limit: int = 0
    """0: none is set."""
    told: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the router is to be, as the command line says it."""

    name: str = "log_router"
    image: str = ""
    configs: Sequence[str] = ()
    """Paths in the router's image, and addresses."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Log options of the containers."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret log options, by ARN or name."""
    containers: Sequence[str] = ()
    """Those that are to log through the router; none: those that have no log configuration."""
    memory: Memory | None = None
    health: bool = False
    log_group: str = ""
    """Of the router's own log."""
    region: str = ""


def read_rate(text: str) -> float:
    """Bytes a second, of `500k`, `2MB/s`. Raises: ValueError("expected ...")."""
    size = size_of(re.sub(r"(?i)(?:bytes|b)?(?:/s|ps)?$", "", text.strip()))
    if size <= 0:
        raise ValueError("expected bytes a second, such as 500KB/s or 2M")
    return float(size)


def advise(rate: float, outage: float) -> Memory:
    """Memory of a router that gets so many bytes a second and holds them while its destination is away, for so many
    seconds. FireLens sets Mem_Buf_Limit to half of memoryReservation."""
    held = rate * outage / MIB
    buffer = max(SMALLEST, math.ceil(held))
    shown = f"{rate / MIB:.2g} MiB/s for {outage:g} s without a destination are {held:.0f} MiB"
    limits = f"memoryReservation {2 * buffer} (Mem_Buf_Limit {buffer}MB), memory {2 * buffer + BASE}"
    return Memory(2 * buffer, 2 * buffer + BASE, f"{shown}: {limits}")


def inject(root: Node, form: Form, wanted: Wanted) -> tuple[Any, list[str]]:
    """The file's content with the router in it, and what was done, for people. Raises: ConfigError."""
    if form.kind == "terraform":
        message = "what terraform show prints cannot be changed"
        hint = "give the list that container_definitions holds, as JSON, and put the result there"
        raise ConfigError([Problem("task-definition", message, root.place, hint)])
    if form.kind == "copilot":
        message, hint = "Copilot adds the router itself", "say `logging:` with a destination in the manifest"
        raise ConfigError([Problem("task-definition", message, root.place, hint)])
    plain = root.plain
    if form.kind == "list":
        return plain, _Injector(wanted, plain, False).done()
    target = plain
    for key in form.path:
        target = target[key]
    if form.kind == "cloudformation":
        return plain, _Injector(wanted, target["ContainerDefinitions"], True).done()
    done = _Injector(wanted, target[CONTAINERS], False).done()
    if form.path:
        tags = {"tags": plain["tags"]} if plain.get("tags") else {}
        target = {**target, **tags}
    return {key: value for key, value in target.items() if key not in READ_ONLY}, done


def pascal(value: Any, *, keep: bool = False) -> Any:
    """As CloudFormation spells names; those of options are the user's."""
    if isinstance(value, list):
        return [pascal(item) for item in value]
    if isinstance(value, dict):
        return {k if keep else k[:1].upper() + k[1:]: pascal(v, keep=k == "options") for k, v in value.items()}
    return value


class _Injector:
    def __init__(self, wanted: Wanted, containers: list[Any], template: bool) -> None:
        self.wanted, self.containers, self.template = wanted, containers, template
        self.told: list[str] = []

    def key(self, name: str) -> str:
        return name[:1].upper() + name[1:] if self.template else name

    def spelled(self, value: Any) -> Any:
        return pascal(value) if self.template else value

    def get(self, container: Any, name: str) -> Any:
        return container.get(self.key(name)) if isinstance(container, dict) else None

    def done(self) -> list[str]:
        """Raises: ConfigError."""
        router = next((c for c in self.containers if self.get(c, "firelensConfiguration")), None)
        if router is None:
            router = self._new()
        else:
            self.told.append(f"container '{self.get(router, 'name')}' is the router already")
        self._router(router)
        names = [self.get(c, "name") for c in self.containers]
        for name in self.wanted.containers:
            if name not in names:
                raise ConfigError([Problem("no-container", f"--container {name}: there is no such container")])
        logged = [c for c in self.containers if c is not router and self._log(c)]
        if not logged:
            hint = "name it with --container, and its log configuration is replaced"
            raise ConfigError([Problem("no-container", "no container logs through the router", None, hint)])
        if not self._leads_somewhere(router, logged):
            message = "the logs would go nowhere: no config file, and no container has options of an output"
            raise ConfigError(
                [Problem("no-output", message, None, "say --config FILE, or --log Name=cloudwatch_logs …")]
            )
        return self.told

    def _new(self) -> Any:
        wanted = self.wanted
        if not wanted.image:
            raise ConfigError([Problem("no-image", "the task has no router: say --image IMAGE")])
        if any(self.get(c, "name") == wanted.name for c in self.containers):
            message = f"a container is named '{wanted.name}' and is no router"
            raise ConfigError([Problem("container-name", message, None, "say --name NAME for the router")])
        made: dict[str, Any] = {
            "name": wanted.name,
            "image": wanted.image,
            "essential": True,
            "memoryReservation": USUAL,
            "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
        }
        container = self.spelled(made)
        self.containers.append(container)
        self.told.append(f"container '{wanted.name}' is added: the router, image {wanted.image}")
        return container

    def _router(self, router: dict[str, Any]) -> None:
        wanted = self.wanted
        if wanted.image:
            router[self.key("image")] = wanted.image
        if wanted.memory:
            router[self.key("memoryReservation")] = wanted.memory.reservation
            if wanted.memory.limit:
                router[self.key("memory")] = wanted.memory.limit
            if wanted.memory.told:
                self.told.append(f"memory of the router: {wanted.memory.told}")
        if wanted.configs:
            self._configs(router)
        if wanted.health:
            router[self.key("healthCheck")] = self.spelled(HEALTH)
            self._variables(router, lambda name: name == HTTP["name"], [HTTP])
        if wanted.log_group:
            region: Any = wanted.region or ({"Ref": "AWS::Region"} if self.template else "")
            if not region:
                raise ConfigError([Problem("bad-option", "--router-log-group needs --region")])
            options = {"awslogs-group": wanted.log_group, "awslogs-region": region}
            options |= {"awslogs-stream-prefix": "firelens", "mode": "non-blocking"}
            router[self.key("logConfiguration")] = self.spelled({"logDriver": "awslogs", "options": options})

    def _configs(self, router: dict[str, Any]) -> None:
        """The first path is FireLens' own config file; all others are for the init process."""
        firelens = self.get(router, "firelensConfiguration")
        given = self.get(firelens, "options") or {}
        if not isinstance(firelens, dict) or not isinstance(given, dict) or any(FUNCTION.fullmatch(k) for k in given):
            message = "--config: what the router's firelensConfiguration is, only the stack knows"
            raise ConfigError([Problem("bad-option", message, None, "say it in the template itself")])
        options: dict[str, str] = dict(given)
        options.pop("config-file-type", None)
        options.pop("config-file-value", None)
        variables: list[dict[str, str]] = []
        for config in self.wanted.configs:
            if not is_elsewhere(config) and "config-file-value" not in options:
                options |= {"config-file-type": "file", "config-file-value": config}
            else:
                number = len(variables) + 1
                variables.append({"name": f"aws_fluent_bit_init_{_kind(config)}_{number}", "value": config})
        firelens[self.key("options")] = options
        self._variables(router, lambda name: SOURCE.search(name) is not None, variables)
        for variable in variables:
            self.told.append(f"{variable['name']} is {variable['value']}: the router has to start with pyrolens init")

    def _variables(self, router: dict[str, Any], old: Any, new: list[dict[str, str]]) -> None:
        """Replace variables of the router."""
        name = self.key("name")
        kept = [v for v in self.get(router, "environment") or [] if not old(str(v.get(name, "")))]
        if kept or new:
            router[self.key("environment")] = kept + [self.spelled(v) for v in new]

    def _log(self, container: Any) -> bool:
        """Whether it logs through the router, once it has the log configuration that it needs."""
        wanted, name = self.wanted, self.get(container, "name")
        if not isinstance(container, dict) or name is None:
            return False
        log = self.get(container, "logConfiguration")
        driver = self.get(log, "logDriver") if log else None
        meant = name in wanted.containers if wanted.containers else not driver
        if driver == "awsfirelens" and not (meant and (wanted.options or wanted.secrets)):
            return True
        if not meant:
            self.told.append(f"container '{name}' keeps its log driver {driver or 'of Docker'}")
            return False
        made: dict[str, Any] = {"logDriver": "awsfirelens"}
        if wanted.options:
            made["options"] = dict(wanted.options)
        if wanted.secrets:
            made["secretOptions"] = [{"name": n, "valueFrom": v} for n, v in wanted.secrets.items()]
        container[self.key("logConfiguration")] = self.spelled(made)
        self.told.append(f"container '{name}' logs through the router")
        return True

    def _leads_somewhere(self, router: Any, logged: list[Any]) -> bool:
        options = self.get(self.get(router, "firelensConfiguration"), "options") or {}
        variables = [str(v.get(self.key("name"), "")) for v in self.get(router, "environment") or []]
        outputs = [self.get(self.get(c, "logConfiguration"), "options") or {} for c in logged]
        return (
            "config-file-value" in options
            or any(SOURCE.search(name) for name in variables)
            or any("Name" in o or "@type" in o for o in outputs)
        )


def _kind(config: str) -> str:
    if not is_elsewhere(config):
        return "file"
    if config.startswith("env:"):
        return "env"
    return "s3" if config.startswith("s3:") or ":s3:" in config else "ssm" if "ssm:" in config[:20] else "https"
