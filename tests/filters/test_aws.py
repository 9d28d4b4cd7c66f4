"""What an EC2 instance says of itself, in records."""

import asyncio
import json
from typing import Any

import pytest

from pyrolens.filters.aws import Aws
from tests.aws.test_imds import Instance
from tests.lent import Lent
from tests.net.servers import Request, serving

MAC = "0e:49:61:0f:c3:11"
TEXTS = {
    "meta-data/instance-id": "i-0abc",
    "meta-data/placement/availability-zone": "eu-west-1b",
    "meta-data/instance-type": "t3.micro",
    "meta-data/local-ipv4": "10.0.0.7",
    "meta-data/mac": MAC,
    f"meta-data/network/interfaces/macs/{MAC}/vpc-id": "vpc-123",
    "meta-data/ami-id": "ami-9",
    "meta-data/hostname": "ip-10-0-0-7.eu-west-1.compute.internal",
    "dynamic/instance-identity/document": json.dumps({"accountId": "123456789012", "region": "eu-west-1"}),
    "meta-data/tags/instance": "Name\nteam\nmy%20env",
    "meta-data/tags/instance/Name": "web 1",
    "meta-data/tags/instance/team": "shop",
    "meta-data/tags/instance/my%2520env": "prod",
}
ALL = {
    "ec2_instance_type": True, "private_ip": True, "vpc_id": True, "ami_id": True, "account_id": True,
    "hostname": True, "tags_enabled": True, "enable_entity": True,
}  # fmt: skip


def added(monkeypatch: pytest.MonkeyPatch, instance: Any, env: Any = None, **options: Any) -> Any:
    """What a record gets that was {"log": "x", "az": "own"}, and the requests."""
    requests: list[Request] = []

    async def check() -> Any:
        async with serving(instance) as server:
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
            lent = env or Lent()
            transform = Aws(**options).compile(lent)
            for task in lent.tasks:
                await task()
            requests.extend(server.requests)
            ((_, record),) = transform("app", [(1, {"log": "x", "az": "own"})])
            return record

    return asyncio.run(check()), [r.target for r in requests if r.method == "GET"]


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_EXECUTION_ENV", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name, raising=False)


def test_zone_and_id(monkeypatch: pytest.MonkeyPatch) -> None:
    record, targets = added(monkeypatch, Instance(TEXTS))
    assert record == {"log": "x", "az": "eu-west-1b", "ec2_instance_id": "i-0abc"}
    assert targets == ["/latest/meta-data/instance-id/", "/latest/meta-data/placement/availability-zone/"]


def test_all_of_it_in_the_order_of_fluent_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record and requests as recorded from it."""
    record, targets = added(monkeypatch, Instance(TEXTS, tokens=False), imds_version="v1", **ALL)
    assert list(record.items()) == [
        ("log", "x"), ("az", "eu-west-1b"), ("ec2_instance_id", "i-0abc"), ("ec2_instance_type", "t3.micro"),
        ("private_ip", "10.0.0.7"), ("vpc_id", "vpc-123"), ("ami_id", "ami-9"), ("account_id", "123456789012"),
        ("hostname", "ip-10-0-0-7.eu-west-1.compute.internal"), ("Name", "web 1"), ("team", "shop"),
        ("my%20env", "prod"), ("aws_entity_ec2_instance_id", "i-0abc"), ("aws_entity_account_id", "123456789012"),
    ]  # fmt: skip
    assert [target.removeprefix("/latest/") for target in targets] == [
        "meta-data/instance-id/", "dynamic/instance-identity/document/", "meta-data/instance-type/",
        "meta-data/local-ipv4/", "meta-data/mac/", f"meta-data/network/interfaces/macs/{MAC}/vpc-id/",
        "meta-data/ami-id/", "meta-data/hostname/", "meta-data/placement/availability-zone/",
        "meta-data/tags/instance", "meta-data/tags/instance/Name", "meta-data/tags/instance/team",
        "meta-data/tags/instance/my%2520env",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ({"tags_include": ["team", "Name", "none"]}, ["Name", "team"]),
        ({"tags_exclude": ["team"]}, ["Name", "my%20env"]),
        ({}, ["Name", "team", "my%20env"]),
    ],
)
def test_some_tags(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], tags: list[str]) -> None:
    record, _ = added(monkeypatch, Instance(TEXTS), az=False, ec2_instance_id=False, tags_enabled=True, **options)
    assert list(record) == ["log", "az", *tags]
    assert record["az"] == "own"


def test_no_tags_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    env = Lent()
    texts = {path: text for path, text in TEXTS.items() if "tags" not in path}
    record, _ = added(monkeypatch, Instance(texts), env, tags_enabled=True)
    assert record == {"log": "x", "az": "eu-west-1b", "ec2_instance_id": "i-0abc"}
    assert [level for level, _, _ in env.said.lines] == ["warning"]
    assert env.timers == []


def test_a_field_that_the_instance_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    env = Lent()
    texts = {**TEXTS, "dynamic/instance-identity/document": "{}"}
    record, _ = added(monkeypatch, Instance(texts), env, account_id=True, enable_entity=True)
    assert list(record) == ["log", "az", "ec2_instance_id"]
    assert [fields["field"] for _, _, fields in env.said.lines] == ["account_id"]


def test_entities_without_their_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    record, _ = added(monkeypatch, Instance(TEXTS), az=False, ec2_instance_id=False, enable_entity=True)
    assert list(record) == ["log", "az", "aws_entity_ec2_instance_id", "aws_entity_account_id"]


def test_what_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        instance, env = Instance(TEXTS), Lent()
        async with serving(instance) as server:
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
            transform = Aws(retry_interval_s=7).compile(env)
            batch: Any = [(1, {"log": "x"})]
            instance.failing = True
            await env.tasks.pop()()
            assert transform("app", batch) is batch, "records go on without it"
            for _ in range(2):
                ((seconds, call),) = env.timers
                assert seconds == 7
                env.timers.clear()
                call()
                await env.tasks.pop()()
            assert [level for level, _, _ in env.said.lines] == ["error", "debug", "debug"]
            instance.failing = False
            env.timers.pop()[1]()
            await env.tasks.pop()()
            assert transform("app", batch) == [(1, {"log": "x", "az": "eu-west-1b", "ec2_instance_id": "i-0abc"})]
            assert [level for level, _, _ in env.said.lines][3:] == ["info"]
            assert env.timers == []

    asyncio.run(check())


def test_on_fargate_it_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    env = Lent()
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE")
    record, _ = added(monkeypatch, lambda request: None, env)
    assert record == {"log": "x", "az": "own"}
    ((level, what, fields),) = env.said.lines
    assert (level, what) == ("warning", "there is no instance metadata on Fargate; records go on without it")
    assert fields["hint"] == "remove the filter, or use the filter ecs for what is known of the task"
    assert env.timers == []


def test_a_token_that_does_not_come_through_the_containers_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is thrown away at the first hop: with a limit of 1 it does not reach a container."""

    env = Lent()

    async def check() -> None:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{port}")
        Aws().compile(env)
        await env.tasks.pop()()
        server.close()

    asyncio.run(check())
    ((level, _, fields),) = env.said.lines
    assert level == "error"
    assert "--http-put-response-hop-limit 2" in str(fields["hint"])


def test_wrong_combinations() -> None:
    both: dict[str, Any] = {"tags_include": ["a"], "tags_exclude": ["b"]}
    assert [option for option, _ in Aws(tags_enabled=True, **both).check()] == ["tags_exclude"]
    assert list(Aws(**both).check()) == []
