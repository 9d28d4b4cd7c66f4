"""The texts are worked out by hand from the rules of the ECS agent."""

import json
from typing import Any

import pytest

from pyrolens.ecs import rules
from pyrolens.ecs.firelens import Addresses, Include, Setup, Task, bucket_and_key, docker_name, set_up
from pyrolens.ecs.task_definition import read
from pyrolens.problems import Problems

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:datadog-AbCdEf"


def app(name: str, options: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
    return {"name": name, "logConfiguration": {"logDriver": "awsfirelens", "options": options or {}}, **members}


def router(kind: str = "fluentbit", options: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
    return {"name": "router", "firelensConfiguration": {"type": kind, "options": options or {}}, **members}


def started(mode: str, *containers: dict[str, Any], revision: int = 3, **task: str) -> Setup:
    problems = Problems()
    definition = {"family": "web", "revision": revision, "networkMode": mode, "containerDefinitions": containers}
    read_back = read(json.dumps(definition), "t.json", problems)
    rules.check(read_back, problems)
    problems.raise_if_any()
    known: dict[str, Any] = {"id": "3de392df6bfa", "cluster": "shop", "region": "eu-west-1", **task}
    return set_up(Task(read_back, **known))


def test_the_config_in_awsvpc_mode_with_a_file_of_the_user() -> None:
    setup = started(
        "awsvpc",
        app("color"),
        router(
            options={"config-file-type": "file", "config-file-value": "/fluent-bit/etc/extra.conf"},
            memoryReservation=50,
            memory=1024,
        ),
    )
    assert (
        setup.config
        == """
[INPUT]
    Name forward
    Mem_Buf_Limit 25MB
    unix_path /var/run/fluent.sock

[INPUT]
    Name forward
    Listen 127.0.0.1
    Port 24224

[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port 8877

[FILTER]
    Name record_modifier
    Match *
    Record ecs_cluster shop
    Record ecs_task_arn arn:aws:ecs:eu-west-1:123456789012:task/shop/3de392df6bfa
    Record ecs_task_definition web:3

@INCLUDE /fluent-bit/etc/extra.conf

[OUTPUT]
    Name null
    Match firelens-healthcheck
"""
    )
    assert setup.include == Include("/fluent-bit/etc/extra.conf")


def test_the_config_in_bridge_mode_with_patterns_secrets_and_an_object_in_s3() -> None:
    api = app(
        "api",
        {
            "Name": "datadog",
            "tls": "on",
            "Host": "http-intake.logs.datadoghq.eu",
            "log-driver-buffer-limit": "2097152",
            "include-pattern": "^order",
            "exclude-pattern": "DEBUG",
        },
    )
    api["logConfiguration"]["secretOptions"] = [{"name": "apikey", "valueFrom": SECRET}]
    setup = started(
        "bridge",
        router(
            options={
                "enable-ecs-log-metadata": "true",
                "config-file-type": "s3",
                "config-file-value": "arn:aws:s3:::shop/router/extra.conf",
            },
            memory=101,
        ),
        api,
        app("worker", {"exclude-pattern": "ping"}),
        app("cron", {"Name": "null"}),
        instance="i-123456789a",
    )
    assert (
        setup.config
        == """
[INPUT]
    Name forward
    Mem_Buf_Limit 50MB
    unix_path /var/run/fluent.sock

[INPUT]
    Name forward
    Listen 0.0.0.0
    Port 24224

[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port 8877

[FILTER]
    Name   grep
    Match api-firelens*
    Regex  log ^order

[FILTER]
    Name   grep
    Match api-firelens*
    Exclude log DEBUG

[FILTER]
    Name   grep
    Match worker-firelens*
    Exclude log ping

[FILTER]
    Name record_modifier
    Match *
    Record ec2_instance_id i-123456789a
    Record ecs_cluster shop
    Record ecs_task_arn arn:aws:ecs:eu-west-1:123456789012:task/shop/3de392df6bfa
    Record ecs_task_definition web:3

@INCLUDE /fluent-bit/etc/external.conf

[OUTPUT]
    Name null
    Match firelens-healthcheck

[OUTPUT]
    Name datadog
    Match api-firelens*
    Host http-intake.logs.datadoghq.eu
    apikey ${apikey_1}
    tls on

[OUTPUT]
    Name null
    Match cron-firelens*
"""
    )
    assert setup.include == Include("/fluent-bit/etc/external.conf", "arn:aws:s3:::shop/router/extra.conf")
    by_name = {s.container.name: s for s in setup.containers}
    folder = "/var/lib/ecs/data/firelens/3de392df6bfa"
    assert by_name["router"].binds == (
        f"{folder}/config/fluent.conf:/fluent-bit/etc/fluent-bit.conf",
        f"{folder}/socket/:/var/run/",
        f"{folder}/config/external.conf:/fluent-bit/etc/external.conf",
    )
    assert by_name["router"].environment == {"apikey_1": f"<secret {SECRET}>"}
    assert by_name["router"].log_options is None
    assert by_name["api"].environment == {"FLUENT_HOST": "172.17.0.2", "FLUENT_PORT": "24224"}
    assert by_name["api"].log_options == {
        "fluentd-address": f"unix://{folder}/socket/fluent.sock",
        "fluentd-async": "true",
        "fluentd-buffer-limit": "2097152",
        "fluentd-sub-second-precision": "true",
        "tag": "api-firelens-3de392df6bfa",
    }


def test_the_config_in_host_mode_has_the_socket_only() -> None:
    setup = started("host", app("api", {"Name": "stdout"}), router(options={"enable-ecs-log-metadata": "0"}))
    assert (
        setup.config
        == """
[INPUT]
    Name forward
    Mem_Buf_Limit 25MB
    unix_path /var/run/fluent.sock

[OUTPUT]
    Name stdout
    Match api-firelens*
"""
    )
    assert setup.containers[0].environment == {}


def test_the_config_of_a_fluentd_router() -> None:
    api = app("api", {"@type": "datadog", "exclude-pattern": "DEBUG", "include-pattern": "^order"})
    api["logConfiguration"]["secretOptions"] = [{"name": "api_key", "valueFrom": SECRET}]
    extra = {"config-file-type": "file", "config-file-value": "/extra.conf"}
    setup = started("awsvpc", api, router("fluentd", extra))
    assert (
        setup.config
        == """
<source>
    @type unix
    path /var/run/fluent.sock
</source>

<source>
    @type forward
    bind 127.0.0.1
    port 24224
</source>

<filter api-firelens**>
    @type  grep
    <regexp>
        key log
        pattern ^order
    </regexp>
</filter>

<filter api-firelens**>
    @type  grep
    <exclude>
        key log
        pattern DEBUG
    </exclude>
</filter>

<filter **>
    @type record_transformer
    <record>
        ecs_cluster shop
        ecs_task_arn arn:aws:ecs:eu-west-1:123456789012:task/shop/3de392df6bfa
        ecs_task_definition web:3
    </record>
</filter>

@include /extra.conf

<match api-firelens**>
    @type datadog
    api_key "#{ENV['api_key_0']}"
</match>
"""
    )
    assert setup.containers[1].environment == {"FLUENT_UID": "0", "api_key_0": f"<secret {SECRET}>"}
    assert setup.containers[1].binds[0].endswith("/config/fluent.conf:/fluentd/etc/fluent.conf")


@pytest.mark.parametrize(
    ("memory", "limit"),
    [
        ({}, "25MB"),
        ({"memory": 512}, "256MB"),
        ({"memory": 512, "memoryReservation": 100}, "50MB"),
        ({"memoryReservation": 1}, "25MB"),
        ({"memory": 51}, "25MB"),
    ],
)
def test_the_soft_limit_of_memory_counts_first(memory: dict[str, Any], limit: str) -> None:
    setup = started("host", app("api"), router(**memory))
    assert f"    Mem_Buf_Limit {limit}\n" in setup.config


@pytest.mark.parametrize(
    ("value", "written"),
    [("1", True), ("T", True), ("True", True), ("false", False), ("F", False), ("0", False), ("yes", False)],
)
def test_metadata_is_switched_as_go_reads_booleans(value: str, written: bool) -> None:
    setup = started("host", app("api"), router(options={"enable-ecs-log-metadata": value}))
    assert ("ecs_cluster" in setup.config) is written


def test_the_name_in_docker() -> None:
    setup = started("host", app("api"), router())
    assert docker_name(setup.task, setup.containers[0].container, "ab12") == "ecs-web-3-api-ab12"


def test_the_router_starts_first_and_so_stops_last() -> None:
    setup = started(
        "awsvpc", app("web", dependsOn=[{"containerName": "db", "condition": "START"}]), app("db"), router()
    )
    assert [s.container.name for s in setup.start_order] == ["router", "db", "web"]
    assert {s.container.name: s.depends_on for s in setup.containers} == {
        "web": (("db", "START"), ("router", "START")),
        "db": (("router", "START"),),
        "router": (),
    }


def test_a_dependency_of_the_user_on_the_router_stays_as_it_is() -> None:
    setup = started("awsvpc", app("web", dependsOn=[{"containerName": "router", "condition": "HEALTHY"}]), router())
    assert setup.containers[0].depends_on == (("router", "HEALTHY"),)


def test_a_router_with_dependencies_gets_no_order_from_ecs() -> None:
    waits = [{"containerName": "web", "condition": "START"}]
    setup = started("awsvpc", app("web"), router(dependsOn=waits))
    assert [s.depends_on for s in setup.containers] == [(), (("web", "START"),)]
    assert [s.container.name for s in setup.start_order] == ["web", "router"]


def test_a_router_that_sends_its_own_log_through_itself_does_not_wait_for_itself() -> None:
    own = {**app("router", {"Name": "stdout"}), **router()}
    setup = started("awsvpc", own)
    assert setup.containers[0].depends_on == ()
    assert setup.containers[0].log_options
    assert "Match router-firelens*" in setup.config


def test_a_router_that_runs_as_a_process_has_other_addresses() -> None:
    setup = started("bridge", app("web"), router(options={"config-file-type": "file", "config-file-value": "/x.conf"}))
    local = set_up(setup.task, Addresses("/tmp/f.sock", "127.0.0.1", 1, 2, "/home/x.conf"))
    assert [line for line in local.config.splitlines() if line not in setup.config.splitlines()] == [
        "    unix_path /tmp/f.sock",
        "    Port 1",
        "    Port 2",
        "@INCLUDE /home/x.conf",
    ]
    assert ("Listen 0.0.0.0" in setup.config, "Listen 0.0.0.0" in local.config) == (True, False)
    assert local.containers[0].environment == {"FLUENT_HOST": "127.0.0.1", "FLUENT_PORT": "1"}
    assert local.include == Include("/x.conf")


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_the_arn_names_the_partition_of_the_region(region: str, partition: str) -> None:
    setup = started("host", app("api"), router(), region=region)
    assert setup.task.arn == f"arn:{partition}:ecs:{region}:123456789012:task/shop/3de392df6bfa"


def test_bucket_and_key_of_an_object() -> None:
    assert bucket_and_key("arn:aws:s3:::shop/router/extra.conf") == ("shop", "router/extra.conf")
    with pytest.raises(ValueError, match="no ARN"):
        bucket_and_key("s3://shop/extra.conf")
