"""What the ECS agent makes of a task definition with FireLens when a task starts.

Source: amazon-ecs-agent 1.105, agent/taskresource/firelens, agent/api/task and agent/engine/docker_task_engine.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pyrolens.ecs.router_config import Block, Where, Writer, secret_variable, text
from pyrolens.ecs.rules import BUFFER_LIMIT, FORWARD_PORT, PARSE_BOOL, S3_ARN
from pyrolens.ecs.task_definition import Container, TaskDefinition

DATA_DIR = "/var/lib/ecs"
"""The ECS agent's data on the host."""
SOCKET = "/var/run/fluent.sock"
"""In the router container. All of its /var/run is replaced."""
CONFIG_PATH = {"fluentbit": "/fluent-bit/etc/fluent-bit.conf", "fluentd": "/fluentd/etc/fluent.conf"}
S3_PATH = {"fluentbit": "/fluent-bit/etc/external.conf", "fluentd": "/fluentd/etc/external.conf"}
HEALTH_PORT = 8877


@dataclass(frozen=True, slots=True)
class Task:
    """A run of a task definition."""

    definition: TaskDefinition
    id: str = "0123456789abcdef0123456789abcdef"
    cluster: str = "default"
    region: str = "us-east-1"
    account: str = "123456789012"
    instance: str = ""
    """The EC2 instance; "" on Fargate."""
    data_dir: str = DATA_DIR
    router_address: str = "172.17.0.2"
    """Of the router in a bridge network."""
    asynchronous: bool = True
    """The agent's ECS_ENABLE_FIRELENS_ASYNC."""

    @property
    def partition(self) -> str:
        return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(self.region.rpartition("-")[0].rpartition("-")[0], "aws")

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:ecs:{self.region}:{self.account}:task/{self.cluster}/{self.id}"

    @property
    def folder(self) -> str:
        """On the host: holds config/ and socket/."""
        return f"{self.data_dir}/data/firelens/{self.id}"

    @property
    def socket(self) -> str:
        """On the host: where Docker's log driver connects."""
        return f"{self.folder}/socket/fluent.sock"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the router finds and offers things. The defaults are those in a container; a local process has others."""

    socket: str = SOCKET
    listen: str = ""
    """Of the TCP input; "": as the network mode says."""
    forward_port: int = FORWARD_PORT
    health_port: int = HEALTH_PORT
    include: str = ""
    """The extra config file; "": as the task definition says."""


@dataclass(frozen=True, slots=True)
class Include:
    """The extra config file: its path in the router container, and for config-file-type s3 the object's ARN."""

    path: str
    s3: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """What one container gets because of FireLens."""

    container: Container
    environment: Mapping[str, str]
    """Added to its own. The value of a secret is shown as where it comes from."""
    log_options: Mapping[str, str] | None = None
    """Of Docker's log driver fluentd; None when it does not use awsfirelens."""
    binds: tuple[str, ...] = ()
    depends_on: tuple[tuple[str, str], ...] = ()
    """(container, condition), the agent's own included."""


@dataclass(frozen=True, slots=True)
class Setup:
    """All that the agent makes for one task."""

    task: Task
    router: Container
    blocks: list[Block]
    """The router's generated config, with the reason of each line."""
    include: Include | None
    containers: list[Started]

    @property
    def config(self) -> str:
        """Text of the router's generated config."""
        return text(self.blocks)

    @property
    def start_order(self) -> list[Started]:
        """Each container after those it depends on; a stop goes the other way round."""
        by_name = {s.container.name: s for s in self.containers}
        order: list[Started] = []
        on_the_way: set[str] = set()

        def visit(started: Started) -> None:
            if started in order or started.container.name in on_the_way:
                return
            on_the_way.add(started.container.name)
            for name, _ in started.depends_on:
                if name in by_name:
                    visit(by_name[name])
            order.append(started)

        for started in self.containers:
            visit(started)
        return order


def set_up(task: Task, at: Addresses | None = None) -> Setup:
    """What the agent makes for this task. The task definition has passed `rules.check`.

    Raises: ValueError when it has no router."""
    router = task.definition.router
    if router is None or router.firelens is None:
        raise ValueError("the task definition has no container with firelensConfiguration")
    at = at or Addresses()
    include = _include(router)
    containers = [_started(task, router, c, at) for c in task.definition.containers]
    return Setup(task, router, _writer(task, router, include, at).blocks(), include, containers)


def _include(router: Container) -> Include | None:
    options = router.firelens.options if router.firelens else {}
    kind, value = options.get("config-file-type"), options.get("config-file-value")
    if kind is None or value is None or router.firelens is None:
        return None
    return Include(S3_PATH[router.firelens.type], value.text) if kind.text == "s3" else Include(value.text)


def metadata(task: Task, router: Container) -> dict[str, str]:
    """The fields that the router adds to every record, or none."""
    option = router.firelens.options.get("enable-ecs-log-metadata") if router.firelens else None
    if option and not PARSE_BOOL.get(option.text, False):
        return {}
    fields = {
        "ecs_cluster": task.cluster,
        "ecs_task_arn": task.arn,
        "ecs_task_definition": task.definition.label,
    }
    return {"ec2_instance_id": task.instance, **fields} if task.instance else fields


def _writer(task: Task, router: Container, include: Include | None, at: Addresses) -> Writer:
    listen = at.listen or ("0.0.0.0" if task.definition.network_mode == "bridge" else "127.0.0.1")
    included = (at.include or include.path) if include else ""
    where = Where(at.socket, listen, at.forward_port, at.health_port, included)
    return Writer(task.definition, router, where, metadata(task, router))


def docker_name(task: Task, container: Container, suffix: str) -> str:
    """As the agent names the container in Docker; the suffix is random there, 20 hex digits."""
    definition = task.definition
    return f"ecs-{definition.family}-{definition.revision or 1}-{container.name}-{suffix}"


def tag(task: Task, container: Container) -> str:
    """Of what a container prints."""
    return f"{container.name}-firelens-{task.id}"


def log_options(task: Task, container: Container) -> dict[str, str]:
    """Options of Docker's log driver fluentd (Docker 20.10 or newer)."""
    options = {
        "fluentd-address": f"unix://{task.socket}",
        "fluentd-async": str(task.asynchronous).lower(),
        "fluentd-sub-second-precision": "true",
        "tag": tag(task, container),
    }
    limit = container.log.options.get(BUFFER_LIMIT) if container.log else None
    if limit:
        options["fluentd-buffer-limit"] = limit.text
    return dict(sorted(options.items()))


def _started(task: Task, router: Container, container: Container, at: Addresses) -> Started:
    environment: dict[str, str] = {}
    kind = router.firelens.type if router.firelens else ""
    if container.uses_firelens and task.definition.network_mode in ("awsvpc", "bridge"):
        host = at.listen or ("127.0.0.1" if task.definition.network_mode == "awsvpc" else task.router_address)
        environment |= {"FLUENT_HOST": host, "FLUENT_PORT": str(at.forward_port)}
    binds: tuple[str, ...] = ()
    if container is router:
        if kind == "fluentd":
            environment["FLUENT_UID"] = "0"
        for other in task.definition.containers:
            for secret in other.log.secrets if other.log and other.uses_firelens else ():
                environment[secret_variable(task.definition, other, secret.name)] = f"<secret {secret.source}>"
        binds = _binds(task, router)
    depends_on = [(d.container, d.condition) for d in container.depends_on]
    follows = container.uses_firelens and container is not router and not router.depends_on
    if follows and router.name not in {name for name, _ in depends_on}:
        depends_on.append((router.name, "START"))
    options = log_options(task, container) if container.uses_firelens else None
    return Started(container, environment, options, binds, tuple(depends_on))


def _binds(task: Task, router: Container) -> tuple[str, ...]:
    kind = router.firelens.type if router.firelens else ""
    binds = [f"{task.folder}/config/fluent.conf:{CONFIG_PATH[kind]}", f"{task.folder}/socket/:/var/run/"]
    include = _include(router)
    if include and include.s3:
        binds.append(f"{task.folder}/config/external.conf:{S3_PATH[kind]}")
    return tuple(binds)


def bucket_and_key(arn: str) -> tuple[str, str]:
    """Of an S3 object's ARN. Raises: ValueError."""
    found = S3_ARN.fullmatch(arn)
    if not found:
        raise ValueError(f"'{arn}' is no ARN of an S3 object")
    return found[2], found[3]
