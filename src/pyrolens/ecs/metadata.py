"""What a task knows of itself: the task metadata endpoint, version 4, as variables for a config.

Source: ECS developer guide, task metadata endpoint version 4; aws-for-fluent-bit 2.32, init process, for the names.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pyrolens.net import Client, NetError
from pyrolens.net.connect import Place
from pyrolens.plugin import Net

ENDPOINT = "ECS_CONTAINER_METADATA_URI_V4"
SECONDS = 3.0
"""For an answer."""
WAITS = (0.2, 1.0)
"""Seconds before another try."""


class MetadataError(Exception):
    """There is an endpoint, but it does not say what is needed."""


def ask(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables; none outside of ECS. It blocks. Raises: MetadataError."""
    endpoint = environ.get(ENDPOINT, "")
    if not endpoint:
        return {}
    url = urlsplit(f"{endpoint}/task")
    if url.scheme != "http" or not url.hostname:
        raise MetadataError(f"{ENDPOINT} is no http URL")
    return variables(asyncio.run(_fetch(url.hostname, url.port or 80, url.path)))


async def _fetch(host: str, port: int, path: str) -> Any:
    place = Place(host, port, Net(connect_timeout=SECONDS, keepalive=False))
    for wait in (*WAITS, None):
        client = Client(place)
        try:
            answer = await client.request("GET", path, timeout=SECONDS)
            if answer.status == 200:
                return json.loads(answer.text)
            why = f"HTTP {answer.status}"
        except NetError as error:
            why = str(error)
        except ValueError:
            raise MetadataError("the answer of the task metadata endpoint is no JSON") from None
        finally:
            await client.close()
        if wait is not None:
            await asyncio.sleep(wait)
    raise MetadataError(f"the task metadata endpoint does not answer: {why}")


def variables(task: Any) -> dict[str, str]:
    """Those that the endpoint has something for. Raises: MetadataError."""
    if not isinstance(task, dict):
        raise MetadataError("the answer of the task metadata endpoint is no JSON object")
    said = {key: str(value) for key, value in task.items() if isinstance(value, (str, int))}
    arn = said.get("TaskARN", "")
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        raise MetadataError(f"the task metadata endpoint gives '{arn}' for the ARN of the task")
    family, revision = said.get("Family", ""), said.get("Revision", "")
    found = {
        "AWS_REGION": parts[3],
        "AWS_AVAILABILITY_ZONE": said.get("AvailabilityZone", ""),
        "ECS_CLUSTER": said.get("Cluster", "").rpartition("/")[2],
        "ECS_TASK_ARN": arn,
        "ECS_TASK_ID": parts[5].rpartition("/")[2],
        "ECS_FAMILY": family,
        "ECS_LAUNCH_TYPE": said.get("LaunchType", ""),
        "ECS_REVISION": revision,
        "ECS_TASK_DEFINITION": f"{family}:{revision}",
    }
    return {name: value for name, value in found.items() if value}
