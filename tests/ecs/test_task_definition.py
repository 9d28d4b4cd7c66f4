import json
from typing import Any

import pytest

from pyrolens.ecs.task_definition import read
from pyrolens.problems import ConfigError, Problems

SMALL: dict[str, Any] = {
    "family": "web",
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {
            "name": "app",
            "image": "app:1",
            "command": ["python", "app.py"],
            "environment": [{"name": "COLOR", "value": "blue"}],
            "logConfiguration": {
                "logDriver": "awsfirelens",
                "options": {"Name": "datadog"},
                "secretOptions": [{"name": "apikey", "valueFrom": "arn:aws:ssm:eu-west-1:1:parameter/key"}],
            },
            "dependsOn": [{"containerName": "router", "condition": "START"}],
        },
        {
            "name": "router",
            "essential": False,
            "user": "0",
            "memoryReservation": 50,
            "portMappings": [{"containerPort": 2020}],
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:eu-west-1:1:parameter/key"}],
            "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
        },
    ],
}


@pytest.mark.parametrize("wrapped", [False, True])
def test_reads_all_that_firelens_touches(wrapped: bool) -> None:
    problems = Problems()
    text = json.dumps({"taskDefinition": {**SMALL, "revision": 7}, "tags": []} if wrapped else SMALL, indent=2)
    task = read(text, "t.json", problems)
    app, router = task.containers
    assert list(problems) == []
    assert (task.label, task.network_mode, task.fargate, task.windows) == (
        "web:7" if wrapped else "web:1",
        "awsvpc",
        False,
        False,
    )
    assert (app.name, app.image, app.command, app.environment) == (
        "app",
        "app:1",
        ["python", "app.py"],
        {"COLOR": "blue"},
    )
    assert app.uses_firelens
    assert app.log
    assert {k: t.text for k, t in app.log.options.items()} == {"Name": "datadog"}
    assert [(s.name, s.source) for s in app.log.secrets] == [("apikey", "arn:aws:ssm:eu-west-1:1:parameter/key")]
    assert [(d.container, d.condition) for d in app.depends_on] == [("router", "START")]
    assert task.router is router
    assert (router.essential, router.memory, router.memory_reservation) == (False, 0, 50)
    assert (router.user and router.user.text, [port for port, _ in router.ports]) == ("0", [2020])
    assert [(s.name, s.source) for s in router.secrets] == [("KEY", "arn:aws:ssm:eu-west-1:1:parameter/key")]
    assert router.firelens
    assert (router.firelens.type, {k: t.text for k, t in router.firelens.options.items()}) == (
        "fluentbit",
        {"enable-ecs-log-metadata": "true"},
    )


@pytest.mark.parametrize(
    ("extra", "mode"),
    [({}, "bridge"), ({"requiresCompatibilities": ["FARGATE"]}, "awsvpc"), ({"networkMode": "host"}, "host")],
)
def test_the_network_mode_that_ecs_assumes(extra: dict[str, Any], mode: str) -> None:
    task = read(json.dumps({"family": "f", "containerDefinitions": [], **extra}), "t.json", Problems())
    assert task.network_mode == mode


def test_all_wrong_shapes_are_listed_at_once_with_their_places() -> None:
    problems = Problems()
    text = """{
  "family": 3,
  "containerDefinitions": [
    {"image": "no-name"},
    {"name": "app", "memory": "50", "command": "python app.py",
     "logConfiguration": {"logDriver": "awsfirelens", "options": {"Port": 443, "tls": true}}},
    {"name": "b", "logConfiguration": {}, "environment": ["A=b"]},
    "text"
  ]
}"""
    read(text, "t.json", problems)
    assert [f"{p.place}: {p.message}" + (f" ({p.hint})" if p.hint else "") for p in problems] == [
        "t.json:2:13: family is 3: expected text",
        "t.json:4:5: a container needs name",
        "t.json:5:31: memory is '50': expected a whole number",
        "t.json:5:48: command is 'python app.py': expected a list",
        't.json:6:75: option Port of logConfiguration is no text (write "443")',
        't.json:6:87: option tls of logConfiguration is no text (write "true")',
        "t.json:7:39: logConfiguration needs logDriver",
        "t.json:7:59: an item of environment is no object",
        "t.json:8:5: an item of containerDefinitions is no object",
    ]


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("[]", "t.json:1:1", ""),
        ('{"containerDefinition": []}', "t.json:1:1", "did you mean 'containerDefinition'?"),
        ('{"containerDefinitions": {}}', "t.json:1:26", ""),
    ],
)
def test_what_is_no_task_definition_is_refused(text: str, place: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, "t.json", Problems())
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.place)) == ("task-definition", place)
    assert problem.hint.startswith(hint)
