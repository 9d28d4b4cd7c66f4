import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from pyrolens.api import DELIVERED
from pyrolens.aws import Aws
from pyrolens.outputs.cloudwatch import Cloudwatch, read_tags, task_metadata
from tests.net.servers import Request, Server, answer, serving
from tests.outputs.logs_service import LogsService
from tests.outputs.sending import Env, events, sent

TASK = {"Cluster": "prod", "TaskARN": "arn:aws:ecs:eu-west-1:1:task/prod/0f1e2d"}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    for name in ("ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI"):
        monkeypatch.delenv(name, raising=False)


def cloudwatch(**options: Any) -> Callable[[Server], Cloudwatch]:
    given = {"log_group_name": "grp", "auto_create_group": True, **options}
    if "log_stream_prefix" not in options:
        given.setdefault("log_stream_name", "str")
    return lambda server: Cloudwatch(aws=Aws(region="eu-west-1", endpoint=server.url), **given)


@pytest.mark.parametrize(
    ("options", "record", "names"),
    [
        ({}, {}, ("grp", "str")),
        ({"log_stream_prefix": "p-"}, {}, ("grp", "p-web.app:1")),
        ({"log_stream_name": "$(tag)/$(tag[0])/$(tag[1])"}, {}, ("grp", "web.app.1/web/app.1")),
        ({"log_group_name": "/a/$(name)", "log_stream_name": "$(name)"}, {"name": "é b:*"}, ("/a/...b..", "é b..")),
        ({"log_group_name": "$(k['a']['b'])"}, {"k": {"a": {"b": "deep"}}}, ("deep", "str")),
        ({"log_group_name": "x-$(gone)"}, {"k": {}}, ("fluentbit-default", "str")),
        ({"log_stream_name": "$(k['b'])"}, {"k": {}}, ("grp", "/fluentbit-default")),
        ({"log_group_name": "$(gone)", "default_log_group_name": "mine"}, {}, ("mine", "str")),
        ({"log_stream_name": "$(tag[7])", "default_log_stream_name": "mine"}, {}, ("grp", "mine")),
        ({"log_stream_name": "$(name)"}, {"name": "x" * 600}, ("grp", "x" * 512)),
        ({"log_stream_name": "$(ecs_task_id)"}, {}, ("grp", "/fluentbit-default")),
    ],
)  # fmt: skip
def test_names(options: dict[str, Any], record: dict[str, Any], names: tuple[str, str]) -> None:
    service = LogsService()
    sent(cloudwatch(**options), service, events({"log": "x", **record}), tag="web.app:1")
    assert list(service.streams) == [names]


def test_the_task_in_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    service = LogsService()

    def respond(request: Request) -> Any:
        if request.method == "GET":
            assert request.target == "/v4/x/task"
            return answer(200, json.dumps(TASK).encode())
        return service(request)

    def make(server: Server) -> Cloudwatch:
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"{server.url}/v4/x")
        return cloudwatch(log_group_name="/$(ecs_cluster)", log_stream_name="$(ecs_task_id):$(ecs_task_arn)")(server)

    sent(make, respond, events({"a": 1}))
    assert list(service.streams) == [("/prod", "0f1e2d.arn.aws.ecs.eu-west-1.1.task/prod/0f1e2d")]


def test_without_a_task_the_defaults_hold_and_the_log_says_why() -> None:
    env = Env()
    service = LogsService()
    sent(cloudwatch(log_stream_name="$(ecs_task_id)"), service, events({"a": 1}), env=env)
    assert env.said.lines[0] == (
        "warning",
        "no ECS metadata, the default names are used",
        {"reason": "ECS_CONTAINER_METADATA_URI_V4 is not set: this is no ECS task"},
    )


@pytest.mark.parametrize(("status", "body"), [(404, b"{}"), (200, b"{}"), (200, b"<x>")])
def test_metadata_that_is_none(status: int, body: bytes) -> None:
    async def ask() -> None:
        async with serving(lambda r: answer(status, body)) as server:
            with pytest.raises(ValueError, match=r".+"):
                await task_metadata({"ECS_CONTAINER_METADATA_URI": server.url})

    asyncio.run(ask())


def test_one_unique_name_for_each_output() -> None:
    service = LogsService()
    sent(cloudwatch(log_stream_name="$(uuid)"), service, events({"a": 1}), events({"a": 2}))
    ((_, stream),) = service.streams
    assert len(stream) == 40
    assert int(stream, 16)


def test_groups_are_created_with_tags() -> None:
    service = LogsService()
    options = {"new_log_group_tags": "a=1, b = x y,=no,c", "log_retention_days": 3}
    assert sent(cloudwatch(**options), service, events({"a": 1}))[0] == [DELIVERED]
    assert service.groups == {"grp": {"tags": {"a": "1", "b": "x y", "c": ""}, "days": 3}}
    assert read_tags("") == {}


def test_streams_that_are_not_to_be_created() -> None:
    service = LogsService(groups={"grp": {}}, streams={("grp", "str"): []})
    assert sent(cloudwatch(auto_create_stream=False), service, events({"a": 1}))[0] == [DELIVERED]
    assert service.calls == ["PutLogEvents"]


def test_text_without_the_blanks_around() -> None:
    env = Env()
    service = LogsService()
    sent(cloudwatch(log_key="log"), service, events({"log": " x \n"}, {"log": "  "}), env=env)
    assert [m for _, m in service.streams["grp", "str"]] == ["x"]
    assert len(env.rejected) == 1


def test_credentials_from_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    service = LogsService()

    def respond(request: Request) -> Any:
        if request.method == "GET":
            return answer(200, b'{"AccessKeyId":"FROMURL","SecretAccessKey":"s"}')
        assert "Credential=FROMURL/" in request.headers["authorization"]
        return service(request)

    def make(server: Server) -> Cloudwatch:
        return cloudwatch(credentials_endpoint=f"{server.url}/keys")(server)

    outcomes, requests = sent(make, respond, events({"a": 1}))
    assert outcomes == [DELIVERED]
    assert requests[0].target == "/keys"


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({"log_stream_name": "s"}, []),
        ({}, ["cloudwatch needs log_stream_name or log_stream_prefix"]),
        (
            {"log_stream_name": "s", "log_stream_prefix": "p"},
            ["log_stream_prefix cannot be combined with log_stream_name"],
        ),
        ({"log_stream_name": "s", "credentials_endpoint": "x"}, ["credentials_endpoint is 'x': expected a URL"]),
    ],
)  # fmt: skip
def test_wrong_options(options: dict[str, Any], problems: list[str]) -> None:
    plugin = Cloudwatch(log_group_name="g", aws=Aws(region="r"), **options)
    assert [message for _, message in plugin.check()] == problems
