"""What a task definition says of its containers that only a container engine needs: all but FireLens."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyrolens.ecs.reading import Reader
from pyrolens.language.json import Node
from pyrolens.problems import Place

NOT_HERE = {
    "resourceRequirements": "there are no GPUs or accelerators",
    "restartPolicy": "a container that ends stays ended",
    "credentialSpecs": "there is no domain to join",
    "repositoryCredentials": "images are pulled with the logins of the engine's user",
    "disableNetworking": "the network mode of the task holds",
}
"""Members of a container that no runtime of `up` honours, and why."""
NOT_HERE_TASK = {
    "pidMode": "each container sees its own processes",
    "ipcMode": "each container has its own memory",
    "proxyConfiguration": "there is no proxy",
}
"""The same, of the task."""
NOT_HERE_LINUX = {
    "devices": "devices of the host are not handed in",
    "maxSwap": "swap is not limited",
    "swappiness": "swap is not tuned",
}
"""The same, of its linuxParameters."""


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Tmpfs:
    path: str
    size: int
    """MiB."""
    options: list[str]


@dataclass(frozen=True, slots=True)
class Settings:
    volumes_from: list[tuple[str, bool]] = field(default_factory=list)
    """(container, read-only)"""
    host_ports: Mapping[int, int] = field(default_factory=dict)
    """By container port; 0: any."""
    udp: frozenset[int] = frozenset()
    """Container ports that are of UDP."""
    links: list[str] = field(default_factory=list)
    cpu: int = 0
    """CPU units, 1024 for one; 0: none said."""
    hostname: str = ""
    dns: list[str] = field(default_factory=list)
    dns_search: list[str] = field(default_factory=list)
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Address by name, for /etc/hosts."""
    labels: Mapping[str, str] = field(default_factory=dict)
    limits: list[Limit] = field(default_factory=list)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    security_options: list[str] = field(default_factory=list)
    privileged: bool = False
    read_only_root: bool = False
    interactive: bool = False
    terminal: bool = False
    init: bool = False
    capabilities: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    """Capabilities that it has not."""
    shared_memory: int = 0
    """MiB; 0: as the engine has it."""
    tmpfs: list[Tmpfs] = field(default_factory=list)
    not_here: list[tuple[str, str, Place]] = field(default_factory=list)
    """(member, reason, place) of what has no effect under `up`."""


class SettingsReader(Reader):
    def settings(self, node: Node) -> Settings:
        empty = Node({}, node.place)
        linux = self.member(node, "linuxParameters", dict) or empty
        capabilities = self.member(linux, "capabilities", dict) or empty
        ports = self.each(node, "portMappings", self._port)
        return Settings(
            volumes_from=self.each(node, "volumesFrom", self._from),
            host_ports={port: at for port, at, _ in ports if port},
            udp=frozenset(port for port, _, udp in ports if udp),
            links=self.texts(node, "links"),
            cpu=self.value(node, "cpu", 0),
            hostname=self.value(node, "hostname", ""),
            dns=self.texts(node, "dnsServers"),
            dns_search=self.texts(node, "dnsSearchDomains"),
            hosts=dict(self.each(node, "extraHosts", self._host)),
            labels=self.texts_by_name(node, "dockerLabels"),
            limits=self.each(node, "ulimits", self._limit),
            sysctls=dict(self.each(node, "systemControls", self._sysctl)),
            security_options=self.texts(node, "dockerSecurityOptions"),
            privileged=self.value(node, "privileged", False),
            read_only_root=self.value(node, "readonlyRootFilesystem", False),
            interactive=self.value(node, "interactive", False),
            terminal=self.value(node, "pseudoTerminal", False),
            init=self.value(linux, "initProcessEnabled", False),
            capabilities=self.texts(capabilities, "add"),
            dropped=self.texts(capabilities, "drop"),
            shared_memory=self.value(linux, "sharedMemorySize", 0),
            tmpfs=self.each(linux, "tmpfs", self._tmpfs),
            not_here=[*self.not_here(node, NOT_HERE), *self.not_here(linux, NOT_HERE_LINUX)],
        )

    def _port(self, node: Node) -> tuple[int, int, bool]:
        udp = self.value(node, "protocol", "tcp").lower() == "udp"
        return self.value(node, "containerPort", 0), self.value(node, "hostPort", 0), udp

    def _from(self, node: Node) -> tuple[str, bool] | None:
        source = self.required(node, "sourceContainer", "an item of volumesFrom")
        return (source.value, self.value(node, "readOnly", False)) if source else None

    def _host(self, node: Node) -> tuple[str, str]:
        return self.value(node, "hostname", ""), self.value(node, "ipAddress", "")

    def _limit(self, node: Node) -> Limit:
        return Limit(self.value(node, "name", ""), self.value(node, "softLimit", 0), self.value(node, "hardLimit", 0))

    def _sysctl(self, node: Node) -> tuple[str, str]:
        return self.value(node, "namespace", ""), self.value(node, "value", "")

    def _tmpfs(self, node: Node) -> Tmpfs:
        path, size = self.value(node, "containerPath", ""), self.value(node, "size", 0)
        return Tmpfs(path, size, self.texts(node, "mountOptions"))

    def not_here(self, node: Node, members: Mapping[str, str]) -> list[tuple[str, str, Place]]:
        found = [(key, reason, node.get(key)) for key, reason in members.items()]
        return [(key, reason, member.key_place or member.place) for key, reason, member in found if member]
