"""Where ECS says what runs: the agent of a container instance, and the metadata endpoint of a task.

Source: Fluent Bit 5.1.1 plugins/filter_ecs/ecs.c, for the agent's answers and the names of what is made of them; the
ECS developer guide, task metadata endpoint version 4.
"""

import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pyrolens.api import Net, Record
from pyrolens.net import Client, NetError
from pyrolens.net.connect import Place

SECONDS = 2.0
"""For an answer."""
NET = Net(connect_timeout=1.0, keepalive_idle_timeout=5.0)


class MetadataError(Exception):
    """There is none, and why."""


class Found(NamedTuple):
    cluster: Record
    task: Record
    containers: list[Record]
    """All that is known of each: with the fields of its task and of the cluster."""


class Agent:
    """The introspection endpoint of the ECS agent of a container instance."""

    def __init__(self, host: str, port: int) -> None:
        place = Place(host, port, NET)
        self.address = place.address
        self._client = Client(place, again_when_closed=True)

    async def cluster(self) -> Record:
        """Raises: MetadataError."""
        answer = await ask(self._client, "/v1/metadata")
        instance = text_at(answer, "ContainerInstanceArn")
        return {
            "ClusterName": text_at(answer, "Cluster"),
            "ContainerInstanceArn": instance,
            "ContainerInstanceID": last_part(instance),
            "ECSAgentVersion": text_at(answer, "Version"),
        }

    async def task(self, short_id: str, cluster: Record) -> Found:
        """The task of a container, with all of its containers. Raises: MetadataError."""
        answer = await ask(self._client, f"/v1/tasks?dockerid={short_id}")
        arn = text_at(answer, "Arn")
        task: Record = {
            "TaskDefinitionFamily": text_at(answer, "Family"),
            "TaskARN": arn,
            "TaskID": last_part(arn),
            "TaskDefinitionVersion": text_at(answer, "Version"),
        }
        return Found(cluster, task, containers_of(answer, {**task, **cluster}))


class OwnTask:
    """The task metadata endpoint (version 4) of the task that the router is in."""

    def __init__(self, uri: str) -> None:
        url = urlsplit(uri)
        if url.scheme != "http" or not url.hostname:
            raise MetadataError("ECS_CONTAINER_METADATA_URI_V4 is no http URL")
        self._client = Client(Place(url.hostname, url.port or 80, NET), again_when_closed=True)
        self._path = url.path
        self.task: Record = {}
        """The latest."""

    async def fetch(self) -> Found:
        """Raises: MetadataError."""
        answer = await ask(self._client, f"{self._path}/task")
        arn = text_at(answer, "TaskARN")
        cluster: Record = {"ClusterName": last_part(text_at(answer, "Cluster"))}
        task: Record = {
            "TaskDefinitionFamily": text_at(answer, "Family"),
            "TaskARN": arn,
            "TaskID": last_part(arn),
            "TaskDefinitionVersion": text_at(answer, "Revision"),
        }
        self.task = {**task, **cluster}
        return Found(cluster, task, containers_of(answer, self.task))


def containers_of(answer: dict[str, Any], more: Record) -> list[Record]:
    listed = answer.get("Containers")
    if not isinstance(listed, list) or not all(isinstance(container, dict) for container in listed):
        raise MetadataError("the answer has no Containers")
    return [
        {
            "ContainerID": text_at(container, "DockerId"),
            "DockerContainerName": text_at(container, "DockerName"),
            "ECSContainerName": text_at(container, "Name"),
            **more,
        }
        for container in listed
    ]


async def ask(client: Client, target: str) -> dict[str, Any]:
    """Raises: MetadataError."""
    try:
        answer = await client.request("GET", target, [("User-Agent", "Fluent-Bit")], timeout=SECONDS)
    except NetError as why:
        raise MetadataError(str(why)) from None
    if answer.status != 200:
        raise MetadataError(f"{target}: HTTP {answer.status}")
    try:
        found = json.loads(answer.text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MetadataError(f"{target}: the answer is no JSON object")
    return found


def text_at(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise MetadataError(f"the answer has no {key}")
    return value


def last_part(text: str) -> str:
    return text.rpartition("/")[2]
