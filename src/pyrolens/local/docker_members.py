"""What Docker is to make of one container of a task definition, in the words of the engine's API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyrolens.ecs.firelens import Task
from pyrolens.ecs.task_definition import Container, TaskDefinition

SECOND = 10**9
MIB = 1024 * 1024
MOST_SHARES = 262144
LABEL = "pyrolens.task"
"""Of all that belongs to one run: its value is the id of the task."""
STATIC_NAMES = ("host", "none")
"""Network modes in which a container has no address of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container is to be."""

    network: str
    """Of the engine: the name of a network, container:ID, host or none."""
    published: Mapping[int, int]
    """Port of this machine's loopback by port of the container; empty where its network is not its own."""
    volumes: Mapping[str, str]
    """Name or path, by name of the task's volume."""
    running: Mapping[str, str]
    """Name in Docker, by name in the task definition: of the containers that are there."""

    @property
    def own(self) -> bool:
        """Whether name, hosts and DNS are the container's own."""
        return not self.network.startswith("container:")


def labels(task: Task, container: Container) -> dict[str, str]:
    """Those that the agent gives, and ours."""
    definition = task.definition
    return {
        **container.settings.labels,
        "com.amazonaws.ecs.cluster": task.cluster,
        "com.amazonaws.ecs.container-name": container.name,
        "com.amazonaws.ecs.task-arn": task.arn,
        "com.amazonaws.ecs.task-definition-family": definition.family,
        "com.amazonaws.ecs.task-definition-version": str(definition.revision or 1),
        LABEL: task.id,
    }


def log_config(options: Mapping[str, str] | None) -> dict[str, Any]:
    """None: what it prints goes nowhere but to whoever is attached."""
    return {"Type": "none"} if options is None else {"Type": "fluentd", "Config": dict(options)}


def config(
    container: Container,
    image: str,
    environment: Mapping[str, str],
    own_labels: Mapping[str, str],
    place: Place,
    logs: Mapping[str, str] | None,
    binds: Sequence[str] = (),
) -> dict[str, Any]:
    """The body of a request that creates the container."""
    settings = container.settings
    body: dict[str, Any] = {
        "Image": image,
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "Labels": dict(own_labels),
        "Tty": settings.terminal,
        "OpenStdin": settings.interactive,
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": _host_config(container, place, logs, binds),
    }
    if container.command:
        body["Cmd"] = container.command
    if container.entry_point:
        body["Entrypoint"] = container.entry_point
    if container.working_directory:
        body["WorkingDir"] = container.working_directory
    if container.user:
        body["User"] = container.user.text
    if settings.hostname and place.own and place.network not in STATIC_NAMES:
        body["Hostname"] = settings.hostname
    exposed, bindings = published(container, place.published)
    if exposed:
        body["ExposedPorts"] = exposed
        body["HostConfig"]["PortBindings"] = bindings
    if check := container.health:
        body["Healthcheck"] = {
            "Test": check.command,
            "Interval": check.interval * SECOND,
            "Timeout": check.timeout * SECOND,
            "Retries": check.retries,
            "StartPeriod": check.start_period * SECOND,
        }
    if place.own and place.network not in STATIC_NAMES:
        # a link is NAME or NAME:ALIAS, by the name in the task definition
        pairs = [link.partition(":") for link in settings.links]
        links = [f"{place.running[name]}:{alias or name}" for name, _, alias in pairs if name in place.running]
        body["NetworkingConfig"] = {"EndpointsConfig": {place.network: {"Links": links}}}
    return body


def _host_config(
    container: Container, place: Place, logs: Mapping[str, str] | None, binds: Sequence[str]
) -> dict[str, Any]:
    settings = container.settings
    mounts = [
        f"{place.volumes[m.volume]}:{m.path}{':ro' if m.read_only else ''}"
        for m in container.mounts
        if m.volume in place.volumes
    ]
    host: dict[str, Any] = {
        "NetworkMode": place.network,
        "LogConfig": log_config(logs),
        "Binds": [*binds, *mounts],
        "VolumesFrom": [
            f"{place.running[name]}{':ro' if read_only else ''}"
            for name, read_only in settings.volumes_from
            if name in place.running
        ],
        "Memory": container.memory * MIB,
        "MemoryReservation": container.memory_reservation * MIB,
        "CpuShares": min(settings.cpu, MOST_SHARES),
        "Privileged": settings.privileged,
        "ReadonlyRootfs": settings.read_only_root,
        "Init": settings.init,
        "CapAdd": settings.capabilities,
        "CapDrop": settings.dropped,
        "ShmSize": settings.shared_memory * MIB,
        "SecurityOpt": settings.security_options,
        "Ulimits": [{"Name": u.name, "Soft": u.soft, "Hard": u.hard} for u in settings.limits],
        "Tmpfs": {t.path: ",".join([f"size={t.size}m", *t.options]) for t in settings.tmpfs},
        "Sysctls": dict(settings.sysctls),
    }
    if place.own and place.network not in STATIC_NAMES:
        host["ExtraHosts"] = [f"{name}:{address}" for name, address in settings.hosts.items()]
        host["Dns"], host["DnsSearch"] = settings.dns, settings.dns_search
    return {key: value for key, value in host.items() if value not in (0, False, [], {}, None)}


def published(container: Container, ports: Mapping[int, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """ExposedPorts and PortBindings: on this machine's loopback alone."""
    names = {port: f"{port}/{'udp' if port in container.settings.udp else 'tcp'}" for port in ports}
    bindings = {names[port]: [{"HostIp": "127.0.0.1", "HostPort": str(at)}] for port, at in ports.items()}
    return {name: {} for name in names.values()}, bindings


def no_effect(definition: TaskDefinition, container: Container) -> list[tuple[str, str, Any]]:
    """(member, reason, place) of what it says and these containers will not have."""
    settings = container.settings
    found = [*settings.not_here]
    if definition.network_mode in ("awsvpc", *STATIC_NAMES):
        given = {
            "hostname": settings.hostname,
            "dnsServers": settings.dns,
            "dnsSearchDomains": settings.dns_search,
            "extraHosts": settings.hosts,
            "links": settings.links,
        }
        reason = f"network mode {definition.network_mode} has none"
        found += [(member, reason, container.place) for member, value in given.items() if value]
    return found
