"""What the containers of a task are told of themselves, and their credentials."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolens.ecs import metadata
from pyrolens.ecs.firelens import Task
from pyrolens.ecs.task_definition import read
from pyrolens.local.endpoints import Endpoints, Known
from pyrolens.problems import Problems

APP = {"name": "app", "image": "app:1", "memory": 64, "logConfiguration": {"logDriver": "awsfirelens"}}
TASK = {
    "family": "shop", "revision": 7, "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
    "taskRoleArn": "arn:aws:iam::123456789012:role/shop", "containerDefinitions": [APP],
}  # fmt: skip
KEYS = {"AccessKeyId": "a", "SecretAccessKey": "b", "Token": "c"}


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    definition = read(json.dumps(TASK), "t.json", Problems())
    made = Endpoints(Task(definition, id="1"), KEYS, lambda id_: {"of": id_})
    made.start("127.0.0.1")
    known = Known(definition.containers[0], "docker-id", "ecs-shop-7-app-x", "awsvpc", ports={80: 8080})
    known.addresses = ["169.254.170.1"]
    made.known["own-id"] = known
    yield made
    made.stop()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def test_a_container(endpoints: Endpoints) -> None:
    url = endpoints.metadata("own-id")["ECS_CONTAINER_METADATA_URI_V4"]
    known = endpoints.known["own-id"]
    assert (get(url)["KnownStatus"], get(url).get("ExitCode")) == ("CREATED", None)
    known.started, known.health = "2025-01-01T00:00:00Z", "healthy"
    answer = get(url)
    assert {key: answer[key] for key in ("DockerId", "Name", "DockerName", "Image", "KnownStatus", "Limits")} == {
        "DockerId": "docker-id", "Name": "app", "DockerName": "ecs-shop-7-app-x", "Image": "app:1",
        "KnownStatus": "RUNNING", "Limits": {"CPU": 2, "Memory": 64},
    }  # fmt: skip
    assert answer["Networks"] == [{"NetworkMode": "awsvpc", "IPv4Addresses": ["169.254.170.1"]}]
    assert answer["Ports"] == [{"ContainerPort": 80, "Protocol": "tcp", "HostPort": 8080}]
    assert (answer["Health"], answer["LogDriver"]) == ({"status": "HEALTHY"}, "awsfirelens")
    assert get(f"{url}/stats") == {"of": "docker-id"}
    known.ended(3)
    assert (get(url)["KnownStatus"], get(url)["ExitCode"]) == ("STOPPED", 3)


def test_the_task(endpoints: Endpoints) -> None:
    url = endpoints.metadata("own-id")["ECS_CONTAINER_METADATA_URI_V4"]
    answer = get(f"{url}/task")
    assert [c["Name"] for c in answer["Containers"]] == ["app"]
    assert answer["Limits"] == {"CPU": 0.25, "Memory": 512}
    assert get(f"{url}/taskWithTags")["TaskARN"] == answer["TaskARN"]
    assert get(f"{url}/task/stats") == {"docker-id": {"of": "docker-id"}}
    # the init process reads it, too
    assert metadata.ask({"ECS_CONTAINER_METADATA_URI_V4": url}) == {
        "AWS_REGION": "us-east-1",
        "AWS_AVAILABILITY_ZONE": "us-east-1a",
        "ECS_CLUSTER": "default",
        "ECS_TASK_ARN": "arn:aws:ecs:us-east-1:123456789012:task/default/1",
        "ECS_TASK_ID": "1",
        "ECS_FAMILY": "shop",
        "ECS_LAUNCH_TYPE": "FARGATE",
        "ECS_REVISION": "7",
        "ECS_TASK_DEFINITION": "shop:7",
    }


def test_credentials_are_for_those_who_know_the_address(endpoints: Endpoints) -> None:
    url = endpoints.credentials["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    answer = get(url)
    assert {key: answer[key] for key in ("RoleArn", *KEYS)} == {"RoleArn": TASK["taskRoleArn"], **KEYS}
    assert answer["Expiration"].endswith("Z")
    base = endpoints.url
    for path in ("/v2/credentials/wrong", "/v2/credentials", "/v4/wrong", "/v4/own-id/wrong", "/"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{base}{path}")
