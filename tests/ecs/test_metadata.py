"""The endpoint is a real HTTP server."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from pyrolens.ecs import metadata
from pyrolens.ecs.metadata import MetadataError
from tests.net.servers import Request, answer, serving

ARN = "arn:aws:ecs:eu-west-1:123456789012:task/shop/158d1c8083dd49d6b527399fd6414f5c"
TASK: dict[str, Any] = {
    "Cluster": "arn:aws:ecs:eu-west-1:123456789012:cluster/shop",
    "TaskARN": ARN,
    "Family": "web",
    "Revision": "7",
    "AvailabilityZone": "eu-west-1a",
    "LaunchType": "FARGATE",
    "Limits": {"CPU": 1},
}


def asked(respond: Callable[[Request], bytes | None]) -> dict[str, str]:
    async def test() -> dict[str, str]:
        async with serving(respond) as server:
            found = await asyncio.to_thread(metadata.ask, {metadata.ENDPOINT: f"{server.url}/v4/abc"})
            assert {r.target for r in server.requests} == {"/v4/abc/task"}
            return found

    return asyncio.run(test())


def test_the_variables_of_a_task() -> None:
    assert asked(lambda request: answer(200, json.dumps(TASK).encode())) == {
        "AWS_REGION": "eu-west-1",
        "AWS_AVAILABILITY_ZONE": "eu-west-1a",
        "ECS_CLUSTER": "shop",
        "ECS_TASK_ARN": ARN,
        "ECS_TASK_ID": "158d1c8083dd49d6b527399fd6414f5c",
        "ECS_FAMILY": "web",
        "ECS_LAUNCH_TYPE": "FARGATE",
        "ECS_REVISION": "7",
        "ECS_TASK_DEFINITION": "web:7",
    }


def test_what_an_old_agent_does_not_say_is_not_set() -> None:
    old = {k: v for k, v in TASK.items() if k not in ("LaunchType", "AvailabilityZone")} | {"Cluster": "default"}
    found = metadata.variables(old)
    assert ("ECS_LAUNCH_TYPE" in found, "AWS_AVAILABILITY_ZONE" in found, found["ECS_CLUSTER"]) == (
        False,
        False,
        "default",
    )


def test_outside_of_ecs_there_is_none() -> None:
    assert metadata.ask({}) == {}


def test_an_endpoint_that_is_not_ready_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "WAITS", (0.0, 0.0))
    answers = iter([answer(500), None, answer(200, json.dumps(TASK).encode())])
    assert asked(lambda request: next(answers))["ECS_FAMILY"] == "web"


@pytest.mark.parametrize(
    ("respond", "message"),
    [
        (lambda r: answer(404), "does not answer: HTTP 404"),
        (lambda r: answer(200, b"<html>"), "no JSON"),
        (lambda r: answer(200, b"[]"), "no JSON object"),
        (lambda r: answer(200, b'{"TaskARN": "x"}'), "'x' for the ARN"),
    ],
)
def test_an_endpoint_that_says_nothing_good(
    respond: Callable[[Request], bytes], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "WAITS", (0.0, 0.0))
    with pytest.raises(MetadataError, match=message):
        asked(respond)
