"""What only a container engine needs, read from a task definition."""

import json
from typing import Any

from pyrolens.ecs.settings import Limit, Settings, Tmpfs
from pyrolens.ecs.task_definition import TaskDefinition, Volume, read
from pyrolens.problems import Problems

EVERYTHING = {
    "name": "app",
    "portMappings": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 53, "protocol": "udp"}],
    "volumesFrom": [{"sourceContainer": "other", "readOnly": True}],
    "links": ["other:alias"],
    "cpu": 512,
    "hostname": "own",
    "dnsServers": ["192.0.2.53"],
    "dnsSearchDomains": ["example.com"],
    "extraHosts": [{"hostname": "db", "ipAddress": "192.0.2.1"}],
    "dockerLabels": {"team": "shop"},
    "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
    "systemControls": [{"namespace": "net.core.somaxconn", "value": "1000"}],
    "dockerSecurityOptions": ["no-new-privileges"],
    "privileged": True,
    "readonlyRootFilesystem": True,
    "interactive": True,
    "pseudoTerminal": True,
    "linuxParameters": {
        "initProcessEnabled": True,
        "capabilities": {"add": ["SYS_PTRACE"], "drop": ["NET_RAW"]},
        "sharedMemorySize": 64,
        "tmpfs": [{"containerPath": "/run", "size": 10, "mountOptions": ["noexec"]}],
        "swappiness": 10,
    },
    "restartPolicy": {"enabled": True},
}


def definition(**members: Any) -> TaskDefinition:
    problems = Problems()
    task = {"family": "t", "containerDefinitions": [EVERYTHING, {"name": "other"}], **members}
    made = read(json.dumps(task), "t.json", problems)
    problems.raise_if_any()
    return made


def test_everything() -> None:
    settings = definition().containers[0].settings
    assert [(member, reason) for member, reason, _ in settings.not_here] == [
        ("restartPolicy", "a container that ends stays ended"),
        ("swappiness", "swap is not tuned"),
    ]
    assert settings == Settings(
        volumes_from=[("other", True)],
        host_ports={80: 8080, 53: 0},
        udp=frozenset({53}),
        links=["other:alias"],
        cpu=512,
        hostname="own",
        dns=["192.0.2.53"],
        dns_search=["example.com"],
        hosts={"db": "192.0.2.1"},
        labels={"team": "shop"},
        limits=[Limit("nofile", 10, 20)],
        sysctls={"net.core.somaxconn": "1000"},
        security_options=["no-new-privileges"],
        privileged=True,
        read_only_root=True,
        interactive=True,
        terminal=True,
        init=True,
        capabilities=["SYS_PTRACE"],
        dropped=["NET_RAW"],
        shared_memory=64,
        tmpfs=[Tmpfs("/run", 10, ["noexec"])],
        not_here=settings.not_here,
    )


def test_nothing() -> None:
    assert definition().containers[1].settings == Settings()


def test_volumes() -> None:
    given = [
        {"name": "own"},
        {"name": "host", "host": {"sourcePath": "/srv"}},
        {"name": "nfs", "dockerVolumeConfiguration": {"driver": "local", "driverOpts": {"type": "nfs"}}},
        {"name": "efs", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
    ]
    found = definition(volumes=given).volumes
    place = found[0].place
    assert [
        Volume(v.name, v.host_path, place, v.elsewhere, v.driver, v.driver_options) for v in found
    ] == [
        Volume("own", "", place),
        Volume("host", "/srv", place),
        Volume("nfs", "", place, "", "local", {"type": "nfs"}),
        Volume("efs", "", place, "EFS"),
    ]  # fmt: skip


def test_what_the_task_says_and_has_no_effect() -> None:
    assert [member for member, _, _ in definition(pidMode="task", proxyConfiguration={}).not_here] == [
        "pidMode",
        "proxyConfiguration",
    ]
