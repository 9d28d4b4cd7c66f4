"""The same task in each form in which people have it."""

import json
from typing import Any

import pytest
import yaml

from pyrolens.ecs.forms import Asked
from pyrolens.ecs.task_definition import TaskDefinition, read
from pyrolens.problems import ConfigError, Problems

APP: dict[str, Any] = {
    "name": "app",
    "image": "app:1",
    "environment": [{"name": "PORT", "value": "8080"}],
    "logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "http", "Port": "443"}},
}
ROUTER: dict[str, Any] = {
    "name": "router",
    "image": "router:1",
    "memoryReservation": 100,
    "essential": True,
    "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
}
TASK: dict[str, Any] = {
    "family": "web",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [APP, ROUTER],
}


def pascal(value: Any) -> Any:
    """As CloudFormation spells it."""
    if isinstance(value, list):
        return [pascal(v) for v in value]
    if isinstance(value, dict):
        return {k[0].upper() + k[1:]: v if k == "options" else pascal(v) for k, v in value.items()}
    return value


def stack(**resources: Any) -> dict[str, Any]:
    made = {n: {"Type": "AWS::ECS::TaskDefinition", "Properties": pascal(p)} for n, p in resources.items()}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": made}


def terraform(**more: Any) -> dict[str, Any]:
    return {
        "family": "web",
        "network_mode": "awsvpc",
        "requires_compatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "container_definitions": json.dumps([APP, ROUTER]),
        "runtime_platform": [{"operating_system_family": "LINUX"}],
        **more,
    }


def resource(name: str, **more: Any) -> dict[str, Any]:
    return {"address": f"m.{name}", "type": "aws_ecs_task_definition", "name": name, "values": terraform(**more)}


STATE = {
    "version": 4,
    "resources": [
        {"type": "aws_iam_role", "name": "x", "instances": []},
        {"type": "aws_ecs_task_definition", "name": "web", "instances": [{"attributes": terraform()}]},
    ],
}
PLAN = {"planned_values": {"root_module": {"child_modules": [{"resources": [resource("web")]}]}}}


def plain(task: TaskDefinition) -> Any:
    """What of it must be the same in every form."""
    containers = [
        (
            c.name,
            c.image,
            dict(c.environment),
            c.memory_reservation,
            c.log and (c.log.driver, {k: t.text for k, t in c.log.options.items()}),
            c.firelens and (c.firelens.type, {k: t.text for k, t in c.firelens.options.items()}),
        )
        for c in task.containers
    ]
    return task.family, task.network_mode, task.fargate, task.cpu, task.memory, containers


def read_all(text: str, file: str = "web.json", **asked: Any) -> tuple[TaskDefinition, list[str]]:
    problems = Problems()
    task = read(text, file, problems, Asked(**asked))
    return task, [str(p) for p in problems]


EXPECTED = plain(read(json.dumps(TASK), "t.json", Problems()))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"taskDefinition": {**TASK, "revision": 1, "status": "ACTIVE"}, "tags": []}),
        yaml.safe_dump(TASK),
        yaml.safe_dump({"taskDefinition": TASK}),
        json.dumps(stack(Task=TASK)),
        yaml.safe_dump(stack(Task=TASK)),
        yaml.safe_dump(pascal(TASK)),
        json.dumps(STATE),
        json.dumps(PLAN),
        json.dumps({"values": PLAN["planned_values"]}),
    ],
)
def test_each_form_is_the_same_task(text: str) -> None:
    task, problems = read_all(text)
    assert (plain(task), problems) == (EXPECTED, [])


@pytest.mark.parametrize("text", [json.dumps([APP, ROUTER]), yaml.safe_dump([APP, ROUTER])])
def test_a_list_of_containers_is_a_task_of_its_file(text: str) -> None:
    task, problems = read_all(text, "some/my app.json")
    assert (task.family, task.network_mode, [c.name for c in task.containers]) == (
        "my-app",
        "bridge",
        ["app", "router"],
    )
    assert problems == []


TEMPLATE = """\
Parameters:
  Image: {Type: String, Default: "app:2"}
  Debug: {Type: String, Default: "no"}
  Stream: {Type: String}
Mappings:
  Regions:
    us-east-1: {Memory: 300}
Conditions:
  IsDebug: !Equals [!Ref Debug, "yes"]
  Quiet: !And [!Not [!Condition IsDebug], !Or [!Condition IsDebug, !Equals [a, a]]]
Resources:
  Group:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub "/ecs/${AWS::StackName}"}
  TaskDefinition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Join ["-", [!Ref AWS::StackName, web]]
      NetworkMode: awsvpc
      ExecutionRoleArn: !GetAtt Role.Arn
      ContainerDefinitions:
        - Name: app
          Image: !Ref Image
          LogConfiguration:
            LogDriver: awsfirelens
            Options:
              Name: cloudwatch_logs
              log_group_name: !Ref Group
              region: !Ref AWS::Region
              Retry_Limit: 5
              auto_create_group: true
              delivery_stream: !Sub ["${a}/${!kept}/${Stream}", {a: !Select [1, !Split [",", "x,y"]]}]
              extra: !If [IsDebug, "1", !Ref AWS::NoValue]
        - !If [Quiet, !Ref AWS::NoValue, {Name: debugger}]
        - Name: router
          MemoryReservation: !FindInMap [Regions, !Ref AWS::Region, Memory]
          Essential: "true"
          StopTimeout: "30"
          FirelensConfiguration: {Type: fluentbit}
"""


def test_what_is_known_of_a_template_is_put_in() -> None:
    task, problems = read_all(TEMPLATE, "t.yaml", parameters={"AWS::StackName": "shop"})
    app, router = task.containers
    assert (task.family, app.image, router.memory_reservation, router.stop_timeout) == ("shop-web", "app:2", 300, 30)
    assert app.log
    assert {k: t.text for k, t in app.log.options.items()} == {
        "Name": "cloudwatch_logs",
        "log_group_name": "/ecs/shop",
        "region": "us-east-1",
        "Retry_Limit": "5",
        "auto_create_group": "true",
        "delivery_stream": "y/${kept}/<Stream>",
    }
    assert task.execution_role == "<Role.Arn>"
    assert [line.partition(" warning")[0] + line.partition("]")[2].partition(" is")[0] for line in problems] == [
        "t.yaml:20:25:: Role.Arn",
        "t.yaml:32:32:: Stream",
    ]


def test_places_are_those_of_the_template() -> None:
    task, _ = read_all(TEMPLATE, "t.yaml", parameters={"Stream": "s"})
    log = task.containers[0].log
    assert log
    place = log.options["Retry_Limit"].key_place
    assert (place.line, place.text[place.column - 1 :]) == (30, "Retry_Limit: 5")


def test_a_parameter_of_the_command_line_counts_before_its_default() -> None:
    task, _ = read_all(TEMPLATE, "t.yaml", parameters={"Debug": "yes", "Image": "app:3", "Stream": "s"})
    assert ([c.name for c in task.containers], task.containers[0].image) == (["app", "debugger", "router"], "app:3")


MANIFEST = """\
name: frontend
type: Load Balanced Web Service
image: {location: "app:1", port: 8080}
cpu: 256
memory: 512
command: run -v
variables: {LOG_LEVEL: info, PORT: 8080}
secrets: {KEY: /copilot/key}
logging:
  retention: 1
  destination:
    Name: datadog
    tls: on
    Retry_Limit: 3
  secretOptions:
    apikey: /datadog/key
    other: {secretsmanager: "app/other"}
  configFilePath: /extra.conf
  variables: {REGION: eu-west-1}
sidecars:
  nginx: {port: 80, image: "nginx:1"}
environments:
  prod:
    logging:
      enableMetadata: false
      destination: {Retry_Limit: 9}
"""


def test_a_manifest_of_copilot() -> None:
    task, problems = read_all(MANIFEST, "manifest.yml")
    app, router, nginx = task.containers
    assert (problems, task.family, task.memory, task.fargate) == ([], "frontend", 512, True)
    assert (app.image, app.command, app.environment["PORT"], app.ports[0][0]) == ("app:1", ["run", "-v"], "8080", 8080)
    assert app.log
    assert {k: t.text for k, t in app.log.options.items()} == {"Name": "datadog", "tls": "on", "Retry_Limit": "3"}
    assert [(s.name, s.source) for s in app.log.secrets] == [("apikey", "/datadog/key"), ("other", "app/other")]
    assert (router.name, router.environment) == ("firelens_log_router", {"REGION": "eu-west-1"})
    assert [c.log.driver if c.log else "" for c in (router, nginx)] == ["awslogs", "awslogs"]
    assert "environment" in router.open
    assert router.firelens
    assert {k: t.text for k, t in router.firelens.options.items()} == {
        "enable-ecs-log-metadata": "true",
        "config-file-type": "file",
        "config-file-value": "/extra.conf",
    }
    place = app.log.options["Retry_Limit"].key_place
    assert (place.line, place.column) == (14, 5)


def test_the_environment_of_a_manifest() -> None:
    app, router, _ = read_all(MANIFEST, "manifest.yml", parameters={"environment": "prod"})[0].containers
    assert app.log
    assert app.log.options["Retry_Limit"].text == "9"
    assert app.log.options["Name"].text == "datadog"
    assert router.firelens
    assert router.firelens.options["enable-ecs-log-metadata"].text == "false"


def test_a_manifest_without_a_destination_has_no_router() -> None:
    task, _ = read_all("name: a\ntype: Backend Service\nlogging: {retention: 3}\n", "manifest.yml")
    assert [c.name for c in task.containers] == ["a"]


def test_of_several_the_one_with_a_router_or_the_one_that_is_asked_for() -> None:
    other = {**TASK, "family": "cron", "containerDefinitions": [{"name": "cron"}]}
    text = json.dumps(stack(Cron=other, Web=TASK))
    assert read_all(text)[0].family == "web"
    assert [read_all(text, name=n)[0].family for n in ("Cron", "cron", "Web")] == ["cron", "cron", "web"]
    with pytest.raises(ConfigError, match="no task definition 'Wep'") as caught:
        read_all(text, name="Wep")
    assert caught.value.problems[0].hint == "did you mean 'web'?"
    with pytest.raises(ConfigError, match="2 task definitions: A, B"):
        read_all(json.dumps(stack(A=TASK, B=TASK)))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('resource "aws_ecs_task_definition" "app" {\n}\n', "no task definition", ""),
        (
            'resource "aws_ecs_task_definition" "app" {\n  container_definitions = module.x.json\n}\n',
            "container_definitions is module.x.json",
            "terraform show -json",
        ),
        ("just text", "no JSON, and no YAML", ""),
        ("a: [", "no YAML", ""),
        ("containerDefinitions: 3\n", "expected an object with containerDefinitions", ""),
        (json.dumps(PLAN).replace('[{\\"name\\": \\"app\\"', "[{,"), "container_definitions: no name", ""),
    ],
)
def test_what_is_no_task_definition_is_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_all(text)
    assert message in str(caught.value)
    assert hint in str(caught.value)


def test_all_of_a_container_that_firelens_touches() -> None:
    task, problems = read_all(
        json.dumps(
            {
                **TASK,
                "taskRoleArn": "r1",
                "executionRoleArn": "r2",
                "memory": "1 GB",
                "volumes": [{"name": "logs"}, {"name": "host", "host": {"sourcePath": "/var/log"}}],
                "containerDefinitions": [
                    {
                        **ROUTER,
                        "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/x.env"}],
                        "healthCheck": {"command": ["CMD", "pyrolens", "health"], "interval": 10},
                        "startTimeout": 60,
                        "stopTimeout": 120,
                        "mountPoints": [{"sourceVolume": "logs", "containerPath": "/logs", "readOnly": True}],
                    }
                ],
            }
        )
    )
    (router,) = task.containers
    assert problems == []
    assert (task.memory, task.task_role, task.execution_role) == (1024, "r1", "r2")
    assert [(v.name, v.host_path) for v in task.volumes] == [("logs", ""), ("host", "/var/log")]
    assert [t.text for t in router.environment_files] == ["arn:aws:s3:::b/x.env"]
    health = router.health
    assert health
    assert (health.command, health.interval, health.timeout, health.retries, health.start_period) == (
        ["CMD", "pyrolens", "health"], 10, 5, 3, 0,
    )  # fmt: skip
    assert (router.start_timeout, router.stop_timeout) == (60, 120)
    assert [(m.volume, m.path, m.read_only) for m in router.mounts] == [("logs", "/logs", True)]
