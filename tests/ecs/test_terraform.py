"""Task definitions as people write them in Terraform."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.ecs import hcl, rules
from pyrolens.ecs.firelens import Task, set_up
from pyrolens.ecs.forms import Asked
from pyrolens.ecs.task_definition import TaskDefinition, read
from pyrolens.problems import ConfigError, Problems

MAIN = """\
# the web application
locals {
  name = "${var.project}-web"
  es   = { host = "search.example.com", port = 443 }
}

resource "aws_cloudwatch_log_group" "router" {
  name              = "/ecs/${local.name}/router"
  retention_in_days = 30
}

resource "aws_ecs_task_definition" "web" {
  family                   = local.name
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  execution_role_arn       = aws_iam_role.execution.arn
  cpu                      = "256"
  memory                   = 512
  container_definitions = jsonencode([
    {
      name      = "web"
      image     = "${aws_ecr_repository.web.repository_url}:v1"
      essential = true
      portMappings = [{ containerPort = 8080, hostPort = 8080 }],
      environment = concat([
        {
          "name" : "COLOR", // its colour
          "value" : "blue"
        }
      ], [])
      /* what it prints
         goes through the router */
      logConfiguration : {
        logDriver : "awsfirelens",
        options : merge({
          Name : "es",
          Host : local.es.host,
          Port : tostring(local.es.port),
#          Index : local.name,
          Logstash_Prefix : local.name
          tls : var.secure ? "On" : "Off"
        }, {})
      }
    },
    {
      name                  = "log_router"
      image                 = var.router
      memoryReservation     = 50
      firelensConfiguration = { type = "fluentbit" }
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group = aws_cloudwatch_log_group.router.name
          awslogs-region = var.region,
        }
      }
    }
  ])

  volume {
    name = "storage"
  }
  runtime_platform {
    operating_system_family = "LINUX"
  }
  lifecycle {
    ignore_changes = [container_definitions]
  }
  tags = { for k, v in var.tags : k => v }
}
"""
VARIABLES = """\
variable "project" {
  type    = string
  default = "shop"
}
variable "region" { default = "eu-west-1" }
variable "router" {}
variable "secure" {}
"""


def tasks(folder: Path, main: str = MAIN, **parameters: str) -> tuple[TaskDefinition, Problems]:
    (folder / "main.tf").write_text(main)
    (folder / "variables.tf").write_text(VARIABLES)
    problems = Problems()
    return read(main, str(folder / "main.tf"), problems, Asked("", parameters)), problems


def test_what_is_known_is_put_in(tmp_path: Path) -> None:
    (tmp_path / "terraform.tfvars").write_text('router = "pyrolens:1"\n')
    task, problems = tasks(tmp_path, region="eu-west-2")
    web, router = task.containers
    assert (task.family, task.network_mode, task.fargate, task.memory) == ("shop-web", "awsvpc", True, 512)
    assert ([v.name for v in task.volumes], task.execution_role) == (["storage"], "<aws_iam_role.execution.arn>")
    assert (web.image, web.environment) == ("<aws_ecr_repository.web.repository_url>:v1", {"COLOR": "blue"})
    assert web.log
    assert {k: t.text for k, t in web.log.options.items()} == {
        "Name": "es",
        "Host": "search.example.com",
        "Port": "443",
        "Logstash_Prefix": "shop-web",
        "tls": '<var.secure ? "On" : "Off">',
    }
    assert (router.image, router.memory_reservation) == ("pyrolens:1", 50)
    assert router.log
    assert {k: t.text for k, t in router.log.options.items()} == {
        "awslogs-group": "/ecs/shop-web/router",
        "awslogs-region": "eu-west-2",
    }
    assert [(p.code, p.severity) for p in problems] == [("stack-value", "warning")] * 3
    assert not problems.errors


def test_what_is_not_known_and_no_text_counts_as_not_given(tmp_path: Path) -> None:
    main = MAIN.replace("essential = true", "essential = var.secure").replace("= 50", "= module.x.memory")
    task, problems = tasks(tmp_path, main.replace("= concat([", "= concat(var.none, ["))
    assert not problems.errors
    assert [(c.essential, c.memory_reservation, c.environment) for c in task.containers] == [(True, 0, {})] * 2


def test_a_file_beside_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "other.tf").write_text("resource {\n  = 1\n}\n")
    task, problems = tasks(tmp_path, MAIN.replace("= local.name\n", '= "${local.name}"\n'))
    assert task.family == "shop-web"
    assert [(p.place and p.place.line, p.severity) for p in problems if p.code == "hcl-syntax"] == [(2, "warning")]


def test_any_reference_may_be_said(tmp_path: Path) -> None:
    task, _ = tasks(tmp_path, **{"local.name": "mine", "aws_iam_role.execution.arn": "arn"})
    assert (task.family, task.execution_role) == ("mine", "arn")


def test_places_are_those_of_the_file(tmp_path: Path) -> None:
    task, _ = tasks(tmp_path)
    log = task.containers[0].log
    assert log
    place = log.options["Host"].key_place
    assert (place.line, place.text[place.column - 1 :]) == (37, "Host : local.es.host,")
    problems = Problems()
    broken = read(MAIN.replace("Name : ", "name : "), "main.tf", Problems())
    rules.check(broken, problems)
    assert [(p.code, p.place and p.place.line) for p in problems] == [("no-output-name", 36)]


def test_it_renders(tmp_path: Path) -> None:
    config = set_up(Task(tasks(tmp_path)[0])).config
    assert "[OUTPUT]\n    Name es\n    Match web-firelens*\n    Host search.example.com\n" in config


JSON = '[{"name": "web", "image": "web:${tag}"}, {"name": "r", "firelensConfiguration": {"type": "fluentbit"}}]'


@pytest.mark.parametrize(
    "definitions",
    [
        'file("${path.module}/containers.json")',
        'templatefile("containers.json", { tag = "1" })',
        f"<<EOF\n{JSON.replace('${tag}', '1')}\nEOF",
        f"<<-EOF\n  {JSON.replace('${tag}', '${var.tag}')}\n  EOF",
    ],
)
def test_containers_as_text(definitions: str, tmp_path: Path) -> None:
    (tmp_path / "containers.json").write_text(JSON if "templatefile" in definitions else JSON.replace("${tag}", "1"))
    main = f'resource "aws_ecs_task_definition" "x" {{\n  family = "f"\n  container_definitions = {definitions}\n}}\n'
    task, problems = tasks(tmp_path, main, tag="1")
    assert ([(c.name, c.image) for c in task.containers], list(problems)) == ([("web", "web:1"), ("r", "")], [])


def test_numbers_in_a_text_that_only_terraform_knows(tmp_path: Path) -> None:
    text = '[{"name": "web", "image": "<x>, <y>", "memory": ${var.memory}, "command": [${var.a}, "b"]}]'
    main = f'resource "aws_ecs_task_definition" "x" {{\n  container_definitions = <<EOF\n{text}\nEOF\n'
    task, problems = tasks(tmp_path, main + '  family = "f"\n}\n')
    (web,) = task.containers
    assert (web.image, web.memory, web.command) == ("<x>, <y>", 0, ["<var.a>", "b"])
    assert web.open == {"memory", "image", "command"}
    assert {p.code for p in problems} == {"stack-value"}


@pytest.mark.parametrize(
    "text",
    [
        'jsonencode([\n  { name = "a", essential = true },\n  { name = "b" }\n])\n',
        '  container_definitions = jsonencode([{ name = "a" }, { name = "b" }])\n',
        '[\n  # first\n  {\n    name = "a"\n  },\n  { name : "b" },\n]\n',
    ],
)
def test_a_part_of_a_file(text: str) -> None:
    problems = Problems()
    task = read(text, "part.tf", problems)
    assert (task.family, [c.name for c in task.containers], list(problems)) == ("part", ["a", "b"], [])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"awsvpc"', '"awsvpc', "main.tf:14:30: error[hcl-syntax]: a text without its end"),
        ('"awsvpc"', "", "main.tf:14:30: error[hcl-syntax]: expected a value"),
        ("essential = true", "essential", "main.tf:23:16: error[hcl-syntax]: expected = or : and a value"),
        ("jsonencode([", 'file("none.json"', "none.json cannot be read"),
        ("  ])\n", "  )\n", "expected a comma or ]"),
    ],
)
def test_mistakes_have_places(old: str, new: str, message: str, tmp_path: Path) -> None:
    main = MAIN.replace(old, new, 1)
    if "file(" in new:
        main = 'resource "aws_ecs_task_definition" "x" {\n  container_definitions = file("none.json")\n}\n'
    with pytest.raises(ConfigError) as caught:
        tasks(tmp_path, main)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a\\n$${b}%%{c}\\u"', ["a\n${b}%{c}\\u"]),
        ('"${ var.a }-${x["k"].y}"', ["", "var.a", "-", 'x["k"].y', ""]),
        ("<<-X\n  a ${b}\n  X\n", ["  a ", "b", "\n"]),
    ],
)
def test_texts(text: str, value: list[str]) -> None:
    made = hcl.parse_expression(text, "x")
    assert isinstance(made, hcl.Template)
    assert [p if isinstance(p, str) else getattr(p, "path", p) for p in made.parts] == value


@pytest.mark.parametrize(
    "text",
    [
        "a ?\n  b :\n  c",
        "a\n ? b\n : c",
        "a ? b : c",
        "1 + 2",
        "[for x in y : x]",
        "{ for k, v in m : k => v }",
        "!a",
        "(a)",
        "f(x).y",
        "a && b",
    ],
)
def test_what_only_terraform_knows_is_kept_as_it_is(text: str) -> None:
    made = hcl.parse_expression(text, "x")
    assert made == hcl.Source(" ".join(text.split()), made.place)


@given(st.text(alphabet='ab"${}[]()=,:\n#<>- .!?', max_size=40))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    for reader in (hcl.parse, hcl.parse_expression):
        try:
            reader(text, "x")
        except ConfigError as error:
            refused = error.problems[0]
        else:
            continue
        assert refused.place


def test_a_reference_that_leads_back_to_itself_ends(tmp_path: Path) -> None:
    main = 'locals {\n  a = local.b\n  b = "${local.a}"\n}\nresource "aws_ecs_task_definition" "x" {\n'
    main += '  family = local.a\n  container_definitions = jsonencode([{ name = "a" }])\n}\n'
    assert tasks(tmp_path, main)[0].family == "<local.a>"
