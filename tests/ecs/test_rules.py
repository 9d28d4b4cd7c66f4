"""Each rule by the smallest change to a good task definition that breaks it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from pyrolens.ecs import rules
from pyrolens.ecs.task_definition import read
from pyrolens.problems import Problems

GOOD: dict[str, Any] = {
    "family": "web",
    "networkMode": "bridge",
    "containerDefinitions": [
        {"name": "app", "logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "stdout"}}},
        {
            "name": "router",
            "firelensConfiguration": {
                "type": "fluentbit",
                "options": {"config-file-type": "file", "config-file-value": "/extra.conf"},
            },
        },
    ],
}
APP, ROUTER = 0, 1


def found(change: Callable[[Any], None]) -> list[tuple[str, str, str]]:
    """(severity, code, the text that is pointed at) of each problem."""
    broken = copy.deepcopy(GOOD)
    change(broken)
    problems = Problems()
    rules.check(read(json.dumps(broken, indent=1), "t.json", problems), problems)
    out: list[tuple[str, str, str]] = []
    for p in problems:
        assert p.place
        out.append((p.severity, p.code, p.place.text[p.place.column - 1 :][: p.place.length]))
    return out


def app(**members: Any) -> Callable[[Any], None]:
    return lambda task: task["containerDefinitions"][APP].update(members)


def app_options(**options: str) -> Callable[[Any], None]:
    options = {k.replace("_", "-"): v for k, v in options.items()}
    return app(logConfiguration={"logDriver": "awsfirelens", "options": options})


def beside(driver: str, **options: str) -> Callable[[Any], None]:
    """Another container."""
    log = {"logDriver": driver, "options": {k.replace("_", "-"): v for k, v in options.items()}}
    return lambda task: task["containerDefinitions"].append({"name": "side", "logConfiguration": log})


def router(**members: Any) -> Callable[[Any], None]:
    return lambda task: task["containerDefinitions"][ROUTER].update(members)


def firelens(**options: str) -> Callable[[Any], None]:
    options = {k.replace("_", "-"): v for k, v in options.items()}
    return router(firelensConfiguration={"type": "fluentbit", "options": options})


def in_s3(**roles: Any) -> Callable[[Any], None]:
    """A file for the init process."""

    def change(task: Any) -> None:
        task.update(roles)
        router(environment=[{"name": "aws_fluent_bit_init_s3_1", "value": "arn:aws:s3:::b/x.conf"}])(task)

    return change


def of_agent(**roles: str) -> Callable[[Any], None]:
    """A file that the agent fetches."""

    def change(task: Any) -> None:
        task.update(roles)
        firelens(config_file_type="s3", config_file_value="arn:aws:s3:::b/extra.conf")(task)

    return change


def on_fargate(task: Any) -> None:
    firelens(config_file_type="s3", config_file_value="arn:aws:s3:::b/extra.conf")(task)
    task["requiresCompatibilities"] = ["FARGATE"]


def test_a_good_task_definition_has_no_problems() -> None:
    assert found(lambda task: None) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda task: task["containerDefinitions"].pop(ROUTER), ("error", "no-router", '"awsfirelens"')),
        (lambda task: task["containerDefinitions"].pop(APP), ("error", "router-unused", '"firelensConfiguration"')),
        (app(firelensConfiguration={"type": "fluentbit"}), ("error", "two-routers", '"firelensConfiguration"')),
        (app(name="router"), ("error", "container-name", '"router"')),
        (app(name="my app"), ("error", "container-name", '"my app"')),
        (
            lambda task: task.update(runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}),
            ("error", "windows", '"firelensConfiguration"'),
        ),
        (router(firelensConfiguration={}), ("error", "firelens-type", '"firelensConfiguration"')),
        (router(firelensConfiguration={"type": "fluent-bit"}), ("error", "firelens-type", '"fluent-bit"')),
        (firelens(config_file_typ="file"), ("warning", "firelens-option", '"config-file-typ"')),
        (firelens(enable_ecs_log_metadata="yes"), ("warning", "firelens-metadata", '"yes"')),
        (firelens(config_file_type="http", config_file_value="x"), ("error", "config-file", '"http"')),
        (firelens(config_file_type="file"), ("error", "config-file", '"config-file-type"')),
        (firelens(config_file_value="/x.conf"), ("warning", "config-file", '"config-file-value"')),
        (firelens(config_file_type="s3", config_file_value="s3://b/k"), ("error", "config-file", '"s3://b/k"')),
        (
            firelens(config_file_type="file", config_file_value="/fluent-bit/etc/fluent-bit.conf"),
            ("error", "config-file", '"/fluent-bit/etc/fluent-bit.conf"'),
        ),
        (on_fargate, ("error", "config-file", '"s3"')),
        (
            in_s3(executionRoleArn="r", requiresCompatibilities=["FARGATE"]),
            ("warning", "no-task-role", '"aws_fluent_bit_init_s3_1"'),
        ),
        (of_agent(taskRoleArn="r"), ("error", "no-execution-role", '"s3"')),
        (router(user="fluent"), ("error", "router-user", '"fluent"')),
        (router(portMappings=[{"containerPort": 24224}]), ("warning", "forward-port", "24224")),
        (
            app(dependsOn=[{"containerName": "router", "condition": "COMPLETE"}]),
            ("error", "depends-on", '"COMPLETE"'),
        ),
        (app(dependsOn=[{"containerName": "rooter", "condition": "START"}]), ("error", "depends-on", '"START"')),
        (app(dependsOn=[{"containerName": "router", "condition": "start"}]), ("error", "depends-on", '"start"')),
        (app(dependsOn=[{"containerName": "app", "condition": "START"}]), ("error", "depends-on", '"START"')),
        (router(dependsOn=[{"containerName": "app", "condition": "START"}]), ("warning", "router-order", '"START"')),
        (beside("awslogs", log_driver_buffer_limit="10"), ("error", "buffer-limit", '"log-driver-buffer-limit"')),
        (app_options(log_driver_buffer_limit="10m"), ("error", "buffer-limit", '"10m"')),
        (app_options(log_driver_buffer_limit="536870912"), ("error", "buffer-limit", '"536870912"')),
        (app_options(region="eu-west-1"), ("error", "no-output-name", '"region"')),
        (app_options(name="s3", region="eu-west-1"), ("error", "no-output-name", '"name"')),
        (app_options(Name="s3", Match="*"), ("warning", "own-match", '"Match"')),
        (app_options(Name="s3", x="a\nb"), ("warning", "line-break", '"a\\nb"')),
        (app_options(Name="s3", x=""), ("warning", "empty-option", '""')),
    ],
)
def test_a_broken_rule_is_found_at_its_place(change: Callable[[Any], None], problem: tuple[str, str, str]) -> None:
    assert found(change) == [problem]


@pytest.mark.parametrize(
    "change",
    [
        app_options(),
        app_options(exclude_pattern="DEBUG", log_driver_buffer_limit="0"),
        router(user="1000:1000"),
        router(user="0"),
        firelens(config_file_type="s3", config_file_value="arn:aws-cn:s3:::bucket/a/extra.conf"),
        app(dependsOn=[{"containerName": "router", "condition": "HEALTHY"}]),
        in_s3(executionRoleArn="r", taskRoleArn="t"),
        in_s3(executionRoleArn="r"),
        in_s3(),
        of_agent(executionRoleArn="r"),
    ],
)
def test_what_ecs_takes_is_no_problem(change: Callable[[Any], None]) -> None:
    assert found(change) == []


def test_secrets_of_another_driver_are_taken_for_options_of_an_output() -> None:
    secret = [{"name": "splunk-token", "valueFrom": "arn:aws:ssm:eu-west-1:1:parameter/token"}]

    def change(task: Any) -> None:
        sidecar = {"name": "side", "logConfiguration": {"logDriver": "splunk", "secretOptions": secret}}
        task["containerDefinitions"].append(sidecar)

    assert found(change) == [("warning", "foreign-secret", '"splunk-token"')]


def test_the_wrong_case_of_name_is_pointed_out() -> None:
    problems = Problems()
    broken = copy.deepcopy(GOOD)
    app_options(name="s3", region="eu-west-1")(broken)
    rules.check(read(json.dumps(broken), "t.json", problems), problems)
    assert [p.hint for p in problems] == ["write Name instead of name"]
