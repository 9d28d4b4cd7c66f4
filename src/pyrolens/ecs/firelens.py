"""What the ECS agent makes of a task definition with FireLens when a task starts.

Source: amazon-ecs-agent 1.105, agent/taskresource/firelens, agent/api/task and agent/engine/docker_task_engine.go.
Differs: the agent writes the sections of several containers in random order; here they keep the order of the task
definition.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pyrolens.ecs.rules import BUFFER_LIMIT, FORWARD_PORT, OUTPUT_KEY, PARSE_BOOL, PATTERNS, S3_ARN
from pyrolens.ecs.task_definition import Container, TaskDefinition

DATA_DIR = "/var/lib/ecs"
"""The ECS agent's data on the host."""
SOCKET = "/var/run/fluent.sock"
"""In the router container. All of its /var/run is replaced."""
CONFIG_PATH = {"fluentbit": "/fluent-bit/etc/fluent-bit.conf", "fluentd": "/fluentd/etc/fluent.conf"}
S3_PATH = {"fluentbit": "/fluent-bit/etc/external.conf", "fluentd": "/fluentd/etc/external.conf"}
HEALTH_TAG, HEALTH_PORT = "firelens-healthcheck", 8877
DEFAULT_BUFFER = 25
"""MB of Mem_Buf_Limit for a router without a memory of its own."""


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
    config: str
    """Text of the router's generated config."""
    include: Include | None
    containers: list[Started]

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
    return Setup(task, router, _config(task, router, include, at), include, containers)


def _include(router: Container) -> Include | None:
    options = router.firelens.options if router.firelens else {}
    kind, value = options.get("config-file-type"), options.get("config-file-value")
    if kind is None or value is None or router.firelens is None:
        return None
    return Include(S3_PATH[router.firelens.type], value.text) if kind.text == "s3" else Include(value.text)


def mem_buf_limit(router: Container) -> str:
    """Half of the memory, where the soft limit counts before the hard one."""
    half = (router.memory_reservation if router.memory_reservation > 0 else router.memory) // 2
    return f"{half if half > 0 else DEFAULT_BUFFER}MB"


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


def _secret_variable(task: Task, container: Container, option: str) -> str:
    return f"{option}_{task.definition.containers.index(container)}"


def output_options(task: Task, container: Container, kind: str) -> dict[str, str]:
    """Options of the log configuration as the router's config will have them, secrets as variables."""
    if container.log is None:
        return {}
    options = {k: t.text for k, t in container.log.options.items() if container.uses_firelens and k != BUFFER_LIMIT}
    for secret in container.log.secrets:
        variable = _secret_variable(task, container, secret.name)
        options[secret.name] = f"${{{variable}}}" if kind == "fluentbit" else f"\"#{{ENV['{variable}']}}\""
    return options


@dataclass(frozen=True, slots=True)
class _Plan:
    """The parts of a generated config, before it is text."""

    inputs: list[tuple[str, str, dict[str, str]]]
    """(plugin, tag, options)"""
    include_patterns: list[tuple[str, str]]
    """(match, pattern)"""
    exclude_patterns: list[tuple[str, str]]
    fields: dict[str, str]
    include: str
    outputs: list[tuple[str, str, dict[str, str]]]
    """(plugin, match, options)"""


def _config(task: Task, router: Container, include: Include | None, at: Addresses) -> str:
    kind = router.firelens.type if router.firelens else ""
    fluentbit = kind == "fluentbit"
    mode = task.definition.network_mode
    inputs: list[tuple[str, str, dict[str, str]]] = []
    outputs: list[tuple[str, str, dict[str, str]]] = []
    if fluentbit:
        inputs.append(("forward", "", {"Mem_Buf_Limit": mem_buf_limit(router), "unix_path": at.socket}))
    else:
        inputs.append(("unix", "", {"path": at.socket}))
    if mode in ("bridge", "awsvpc"):
        address = at.listen or ("0.0.0.0" if mode == "bridge" else "127.0.0.1")
        listen, port = ("Listen", "Port") if fluentbit else ("bind", "port")
        inputs.append(("forward", "", {listen: address, port: str(at.forward_port)}))
        if fluentbit:
            inputs.append(("tcp", HEALTH_TAG, {"Listen": "127.0.0.1", "Port": str(at.health_port)}))
            outputs.append(("null", HEALTH_TAG, {}))
    included = (at.include or include.path) if include else ""
    plan = _Plan(inputs, [], [], metadata(task, router), included, outputs)
    for container in task.definition.containers:
        options = output_options(task, container, kind)
        match = f"{container.name}-firelens{'*' if fluentbit else '**'}"
        if "include-pattern" in options:
            plan.include_patterns.append((match, options["include-pattern"]))
        if "exclude-pattern" in options:
            plan.exclude_patterns.append((match, options["exclude-pattern"]))
        key = OUTPUT_KEY[kind]
        if key in options:
            rest = {k: v for k, v in options.items() if k not in {key, *PATTERNS}}
            outputs.append((options[key], match, rest))
    return _fluentbit_text(plan) if fluentbit else _fluentd_text(plan)


def _lines(options: Mapping[str, str], indent: int = 4) -> list[str]:
    """Sorted by bytes: upper case comes first."""
    return [f"{' ' * indent}{key} {options[key]}" for key in sorted(options)]


def _fluentbit_text(plan: _Plan) -> str:
    blocks: list[list[str]] = []
    for name, tag, options in plan.inputs:
        blocks.append(["[INPUT]", f"    Name {name}", *([f"    Tag {tag}"] if tag else []), *_lines(options)])
    for match, pattern in plan.include_patterns:
        blocks.append(["[FILTER]", "    Name   grep", f"    Match {match}", f"    Regex  log {pattern}"])
    for match, pattern in plan.exclude_patterns:
        blocks.append(["[FILTER]", "    Name   grep", f"    Match {match}", f"    Exclude log {pattern}"])
    if plan.fields:
        fields = [f"    Record {key} {plan.fields[key]}" for key in sorted(plan.fields)]
        blocks.append(["[FILTER]", "    Name record_modifier", "    Match *", *fields])
    if plan.include:
        blocks.append([f"@INCLUDE {plan.include}"])
    for name, match, options in plan.outputs:
        blocks.append(["[OUTPUT]", f"    Name {name}", f"    Match {match}", *_lines(options)])
    return _text(blocks)


def _fluentd_text(plan: _Plan) -> str:
    blocks: list[list[str]] = []
    for name, _, options in plan.inputs:
        blocks.append(["<source>", f"    @type {name}", *_lines(options), "</source>"])
    for element, patterns in (("regexp", plan.include_patterns), ("exclude", plan.exclude_patterns)):
        for match, pattern in patterns:
            inner = [f"    <{element}>", "        key log", f"        pattern {pattern}", f"    </{element}>"]
            blocks.append([f"<filter {match}>", "    @type  grep", *inner, "</filter>"])
    if plan.fields:
        record = ["    <record>", *_lines(plan.fields, 8), "    </record>"]
        blocks.append(["<filter **>", "    @type record_transformer", *record, "</filter>"])
    if plan.include:
        blocks.append([f"@include {plan.include}"])
    for name, match, options in plan.outputs:
        blocks.append([f"<match {match}>", f"    @type {name}", *_lines(options), "</match>"])
    return _text(blocks)


def _text(blocks: list[list[str]]) -> str:
    return "".join("\n" + "\n".join(block) + "\n" for block in blocks)


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
        "fluentd-async": "true",
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
                environment[_secret_variable(task, other, secret.name)] = f"<secret {secret.source}>"
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
