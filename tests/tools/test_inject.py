"""As people call it: file in, file out."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pyrolens.ecs.inject import advise, read_rate
from pyrolens.tools import inject

APP: dict[str, Any] = {"name": "app", "image": "app:1"}
OLD = {"name": "old", "image": "o", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}}
TASK: dict[str, Any] = {
    "family": "web",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [APP, OLD],
}
ROUTER = {
    "name": "log_router",
    "image": "pyrolens:1",
    "essential": True,
    "memoryReservation": 100,
    "firelensConfiguration": {
        "type": "fluentbit",
        "options": {
            "enable-ecs-log-metadata": "true",
            "config-file-type": "file",
            "config-file-value": "/extra.conf",
        },
    },
}
LOGGED = {**APP, "logConfiguration": {"logDriver": "awsfirelens"}}
BASIC = ("--image", "pyrolens:1", "--config", "/extra.conf")


class Run:
    def __init__(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = tmp_path, capsys
        self.err = ""

    def text(self, given: str, *arguments: str) -> str:
        file = self.folder / "task"
        file.write_text(given)
        status = inject.main([str(file), *arguments])
        out, self.err = self.capsys.readouterr()
        assert status == 0, self.err
        return out

    def __call__(self, given: Any, *arguments: str) -> Any:
        return json.loads(self.text(json.dumps(given), *arguments))

    def refused(self, given: Any, *arguments: str) -> str:
        file = self.folder / "task"
        file.write_text(json.dumps(given))
        assert inject.main([str(file), *arguments]) == 1
        out, err = self.capsys.readouterr()
        assert out == ""
        return err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(tmp_path, capsys)


def test_a_developer_describes_a_container_and_the_router_is_added(run: Run) -> None:
    assert run(TASK, *BASIC) == {**TASK, "containerDefinitions": [LOGGED, OLD, ROUTER]}
    assert run.err.splitlines() == [
        "container 'log_router' is added: the router, image pyrolens:1",
        "container 'app' logs through the router",
        "container 'old' keeps its log driver awslogs",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        BASIC,
        (
            *BASIC,
            "--config",
            "s3://b/x.conf",
            "--rate",
            "500KB/s",
            "--health",
            "--router-log-group",
            "/r",
            "--region",
            "r",
        ),
        ("--image", "i", "--log", "Name=datadog", "--log", "tls=on", "--secret", "apikey=arn:aws:ssm:r:1:parameter/k"),
    ],
)
def test_done_twice_it_is_as_done_once(run: Run, arguments: tuple[str, ...]) -> None:
    once = run(TASK, *arguments)
    assert run(once, *arguments) == once
    # without another word nothing changes
    assert run(once) == once


def test_what_is_described_can_be_registered(run: Run) -> None:
    described = {**TASK, "taskDefinitionArn": "a", "revision": 3, "status": "ACTIVE", "requiresAttributes": []}
    tags = [{"key": "team", "value": "shop"}]
    made = run({"taskDefinition": described, "tags": tags}, *BASIC)
    assert made == {**TASK, "containerDefinitions": [LOGGED, OLD, ROUTER], "tags": tags}


def test_a_password_in_an_option_is_told_of(run: Run) -> None:
    run(TASK, *BASIC, "--log", "Name=http", "--log", "http_Passwd=pw")
    assert "option http_Passwd can be read" in run.err
    assert "pw\n" not in run.err


def test_a_list_of_containers_stays_one(run: Run) -> None:
    assert run([APP, OLD], *BASIC) == [LOGGED, OLD, ROUTER]


TEMPLATE = """\
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: app
          Image: !Sub "${AWS::AccountId}.dkr/app:1"
"""


def test_a_template_keeps_its_functions_and_its_spelling(run: Run) -> None:
    arguments = ("--log", "Name=http", "--log", "port=1", "--health", "--router-log-group", "/r")
    made = json.loads(run.text(TEMPLATE, *BASIC, *arguments))
    app, router = made["Resources"]["Task"]["Properties"]["ContainerDefinitions"]
    assert made["Resources"]["Bucket"] == {"Type": "AWS::S3::Bucket"}
    assert app == {
        "Name": "app",
        "Image": {"Fn::Sub": "${AWS::AccountId}.dkr/app:1"},
        "LogConfiguration": {"LogDriver": "awsfirelens", "Options": {"Name": "http", "port": "1"}},
    }
    assert router["FirelensConfiguration"]["Options"]["config-file-value"] == "/extra.conf"
    assert router["LogConfiguration"]["Options"]["awslogs-region"] == {"Ref": "AWS::Region"}
    assert router["HealthCheck"]["Command"] == ["CMD", "pyrolens", "health"]
    assert router["Environment"] == [{"Name": "PYROLENS_HTTP_SERVER", "Value": "on"}]


def test_what_only_the_stack_knows_is_not_changed(run: Run) -> None:
    router = {"Name": "r", "FirelensConfiguration": {"Type": "fluentbit", "Options": {"Ref": "Options"}}}
    containers = [
        {"Name": "app", "LogConfiguration": {"LogDriver": "awsfirelens", "Options": {"Name": "null"}}},
        router,
    ]
    template = {
        "Resources": {"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": containers}}}
    }
    assert run(template) == template
    assert "only the stack knows" in run.refused(template, "--config", "/x")


def test_what_is_no_number_stays_as_it_is_written(run: Run) -> None:
    text = TEMPLATE + "      Family: 007\n      Tags: [{Key: version, Value: 1.10}]\n      Memory: 512\n"
    made = json.loads(run.text(text, *BASIC))["Resources"]["Task"]["Properties"]
    assert (made["Family"], made["Tags"][0]["Value"], made["Memory"]) == ("007", "1.10", 512)


def test_yaml_comes_out_as_json(run: Run) -> None:
    assert json.loads(run.text(yaml.safe_dump(TASK), *BASIC))["containerDefinitions"] == [LOGGED, OLD, ROUTER]


def test_several_configs_are_for_the_init_process(run: Run) -> None:
    configs = ["arn:aws:s3:::b/x.conf", "/a.conf", "ssm:/p", "/b.conf", "https://h/x"]
    made = run(TASK, "--image", "i", *(w for c in configs for w in ("--config", c)))
    router = made["containerDefinitions"][-1]
    assert router["firelensConfiguration"]["options"]["config-file-value"] == "/a.conf"
    assert [(v["name"], v["value"]) for v in router["environment"]] == [
        ("aws_fluent_bit_init_s3_1", "arn:aws:s3:::b/x.conf"),
        ("aws_fluent_bit_init_ssm_2", "ssm:/p"),
        ("aws_fluent_bit_init_file_3", "/b.conf"),
        ("aws_fluent_bit_init_https_4", "https://h/x"),
    ]
    assert "pyrolens init" in run.err
    # others take their place
    again = run(made, "--config", "s3://b/y.conf")["containerDefinitions"][-1]
    assert [v["value"] for v in again["environment"]] == ["s3://b/y.conf"]
    assert "config-file-value" not in again["firelensConfiguration"]["options"]


def test_a_container_that_is_named_changes_its_log_driver(run: Run) -> None:
    made = run(TASK, *BASIC, "--container", "old", "--log", "Name=stdout")
    app, old, _ = made["containerDefinitions"]
    assert "logConfiguration" not in app
    assert old["logConfiguration"] == {"logDriver": "awsfirelens", "options": {"Name": "stdout"}}


def test_a_router_that_is_there_is_only_changed_as_said(run: Run) -> None:
    own = {"name": "fl", "image": "x", "user": "0", "firelensConfiguration": {"type": "fluentd"}}
    log = {"logConfiguration": {"logDriver": "awsfirelens", "options": {"@type": "stdout"}}}
    given = {**TASK, "containerDefinitions": [{**APP, **log}, own]}
    assert run(given) == given
    assert run(given, "--image", "y", "--memory", "64")["containerDefinitions"][1] == {
        **own,
        "image": "y",
        "memoryReservation": 64,
    }


@pytest.mark.parametrize(
    ("containers", "arguments", "told"),
    [
        ([APP], ("--config", "/x"), "say --image"),
        ([APP], ("--image", "i"), "would go nowhere"),
        ([OLD], BASIC, "no container logs through the router"),
        ([APP], (*BASIC, "--container", "ap"), "no such container"),
        ([{**APP, "name": "log_router"}], BASIC, "is no router"),
        ([APP], (*BASIC, "--log", "tls=on"), "no Name"),
        ([APP], (*BASIC, "--rate", "much"), "bytes a second"),
        ([APP], (*BASIC, "--log", "Name"), "expected NAME=VALUE"),
        ([APP], (*BASIC, "--router-log-group", "/r"), "needs --region"),
    ],
)
def test_what_cannot_be_is_told(run: Run, containers: list[Any], arguments: tuple[str, ...], told: str) -> None:
    assert told in run.refused({**TASK, "containerDefinitions": containers}, *arguments)


def test_what_terraform_prints_is_not_changed(run: Run) -> None:
    values = {"container_definitions": json.dumps([APP]), "family": "f"}
    resource = {"type": "aws_ecs_task_definition", "address": "x", "values": values}
    plan = {"planned_values": {"root_module": {"resources": [resource]}}}
    assert "container_definitions holds" in run.refused(plan, *BASIC)


@pytest.mark.parametrize(
    ("rate", "outage", "memory"),
    [("500KB/s", 30, (50, 114)), ("2MB/s", 30, (116, 180)), ("10M", 60, (1146, 1210)), ("1000", 1, (50, 114))],
)
def test_memory_for_a_rate(rate: str, outage: float, memory: tuple[int, int]) -> None:
    advice = advise(read_rate(rate), outage)
    assert (advice.reservation, advice.limit) == memory


def test_the_advice_is_told_and_so_is_a_task_that_is_too_small(run: Run) -> None:
    made = run(TASK, *BASIC, "--rate", "10MB/s", "--outage", "60")
    assert (made["containerDefinitions"][-1]["memoryReservation"], made["containerDefinitions"][-1]["memory"]) == (
        1146,
        1210,
    )
    assert (
        "9.5 MiB/s for 60 s without a destination are 572 MiB: memoryReservation 1146 (Mem_Buf_Limit 573MB)" in run.err
    )
    assert "the containers reserve 1146 MiB, and the task has 512" in run.err


def test_it_writes_a_file(run: Run, tmp_path: Path) -> None:
    assert run.text(json.dumps(TASK), *BASIC, "-o", str(tmp_path / "out.json")) == ""
    assert json.loads((tmp_path / "out.json").read_text())["containerDefinitions"][2] == ROUTER
