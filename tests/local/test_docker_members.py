"""What the engine is asked for. That it does it is tested where there is an engine."""

import json
from typing import Any

import pytest

from pyrolens.ecs.firelens import Task
from pyrolens.ecs.task_definition import TaskDefinition, read
from pyrolens.local.docker_members import Place, config, labels, no_effect
from pyrolens.problems import Problems
from tests.ecs.test_settings import EVERYTHING

OWN = Place("pyrolens-ecs", {80: 8080, 53: 5353}, {"data": "pyrolens-1-data"}, {"other": "ecs-t-1-other"})
SHARED = Place("container:abc", {}, {"data": "pyrolens-1-data"}, {})
LOGS = {"tag": "app-firelens-1"}


def definition(*containers: dict[str, Any], mode: str = "bridge") -> TaskDefinition:
    problems = Problems()
    task = {"family": "t", "networkMode": mode, "containerDefinitions": containers}
    made = read(json.dumps(task), "t.json", problems)
    problems.raise_if_any()
    return made


def body(place: Place, **members: Any) -> dict[str, Any]:
    (container,) = definition({"name": "app", **members}).containers
    return config(container, "image", {"A": "b"}, {"l": "m"}, place, LOGS, ("/a:/b",))


def test_as_little_as_possible() -> None:
    assert body(SHARED) == {
        "Image": "image",
        "Env": ["A=b"],
        "Labels": {"l": "m"},
        "Tty": False,
        "OpenStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {
            "NetworkMode": "container:abc",
            "LogConfig": {"Type": "fluentd", "Config": LOGS},
            "Binds": ["/a:/b"],
        },
    }


def test_everything() -> None:
    members = {
        **EVERYTHING,
        "command": ["run"],
        "entryPoint": ["/app"],
        "workingDirectory": "/srv",
        "user": "1000",
        "memory": 64,
        "memoryReservation": 32,
        "mountPoints": [{"sourceVolume": "data", "containerPath": "/data", "readOnly": True}],
        "healthCheck": {"command": ["CMD", "true"], "interval": 7, "startPeriod": 3},
    }
    made = body(OWN, **members)
    host = made.pop("HostConfig")
    assert made["NetworkingConfig"] == {"EndpointsConfig": {"pyrolens-ecs": {"Links": ["ecs-t-1-other:alias"]}}}
    assert made["Healthcheck"] == {
        "Test": ["CMD", "true"], "Interval": 7 * 10**9, "Timeout": 5 * 10**9, "Retries": 3, "StartPeriod": 3 * 10**9,
    }  # fmt: skip
    assert made["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    known = ("Cmd", "Entrypoint", "WorkingDir", "User", "Hostname", "Tty", "OpenStdin")
    assert [made[key] for key in known] == [["run"], ["/app"], "/srv", "1000", "own", True, True]
    assert host == {
        "NetworkMode": "pyrolens-ecs",
        "LogConfig": {"Type": "fluentd", "Config": LOGS},
        "Binds": ["/a:/b", "pyrolens-1-data:/data:ro"],
        "VolumesFrom": ["ecs-t-1-other:ro"],
        "Memory": 64 * 1024 * 1024,
        "MemoryReservation": 32 * 1024 * 1024,
        "CpuShares": 512,
        "Privileged": True,
        "ReadonlyRootfs": True,
        "Init": True,
        "CapAdd": ["SYS_PTRACE"],
        "CapDrop": ["NET_RAW"],
        "ShmSize": 64 * 1024 * 1024,
        "SecurityOpt": ["no-new-privileges"],
        "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
        "Tmpfs": {"/run": "size=10m,noexec"},
        "Sysctls": {"net.core.somaxconn": "1000"},
        "ExtraHosts": ["db:192.0.2.1"],
        "Dns": ["192.0.2.53"],
        "DnsSearch": ["example.com"],
        "PortBindings": {
            "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
        },
    }


def test_a_network_that_is_shared_leaves_out_what_is_its_own() -> None:
    made = body(SHARED, **EVERYTHING)
    assert not {"Hostname", "ExposedPorts", "NetworkingConfig"} & set(made)
    assert not {"ExtraHosts", "Dns", "DnsSearch", "PortBindings"} & set(made["HostConfig"])


@pytest.mark.parametrize(("mode", "expected"), [
    ("bridge", ["restartPolicy", "swappiness"]),
    ("awsvpc", ["restartPolicy", "swappiness", "hostname", "dnsServers", "dnsSearchDomains", "extraHosts", "links"]),
])  # fmt: skip
def test_what_has_no_effect(mode: str, expected: list[str]) -> None:
    task = definition(EVERYTHING, mode=mode)
    assert [member for member, _, _ in no_effect(task, task.containers[0])] == expected


def test_labels_are_those_of_the_agent_and_ours() -> None:
    task = definition({"name": "app", "dockerLabels": {"team": "shop"}})
    assert labels(Task(task, id="1"), task.containers[0]) == {
        "team": "shop",
        "com.amazonaws.ecs.cluster": "default",
        "com.amazonaws.ecs.container-name": "app",
        "com.amazonaws.ecs.task-arn": "arn:aws:ecs:us-east-1:123456789012:task/default/1",
        "com.amazonaws.ecs.task-definition-family": "t",
        "com.amazonaws.ecs.task-definition-version": "1",
        "pyrolens.task": "1",
    }
