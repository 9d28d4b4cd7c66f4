"""pyrolens check: files in, findings out."""

import io
import json
import shutil
import time
from pathlib import Path

import pytest

from pyrolens.cli import main

GOOD = "[INPUT]\n    Name dummy\n    Tag app\n[OUTPUT]\n    Name stdout\n    Match *\n"
BAD = "[INPUT]\n    Name dummy\n    Tag app\n[OUTPUT]\n    Name stdout\n    Match ap\n"
DOUBTFUL = "[SERVICE]\n    Flsh 1\n" + GOOD
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str]:
    status = main(["check", *args])
    return status, capsys.readouterr().out


def test_a_finding_is_shown_with_its_line_and_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.conf").write_text(BAD)
    status, out = check(capsys, "a.conf")
    assert status == 1
    assert out == (
        "a.conf:3:9: error[CF113]: what input dummy reads, with the tag 'app', reaches no output\n"
        "        Tag app\n"
        "            ^^^\n"
        "  hint: send it to an output, or to the output null if nobody needs it\n"
        "a.conf:6:11: error[CF112]: output stdout sees nothing: no record has a tag like 'ap'\n"
        "        Match ap\n"
        "              ^^\n"
        "  hint: did you mean 'app'?\n"
        "2 errors, 0 warnings\n"
    )


@pytest.mark.parametrize(
    ("text", "args", "status"),
    [(GOOD, [], 0), (BAD, [], 1), (DOUBTFUL, [], 0), (DOUBTFUL, ["--strict"], 1), (GOOD, ["--strict"], 0),
     (BAD, ["--ignore", "CF112,cf113"], 0), (BAD, ["--ignore", "CF112"], 1), (BAD, ["none.conf"], 2)],
)  # fmt: skip
def test_the_exit_status(text: str, args: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.conf").write_text(text)
    assert check(capsys, "a.conf", *args)[0] == status


def test_a_comment_above_or_the_settings_leave_a_finding_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.conf").write_text(BAD.replace("    Tag", "    # pyrolens: ignore CF113\n    Tag"))
    assert "CF113" not in check(capsys, "a.conf")[1]
    Path("pyrolens.toml").write_text('[check]\nignore = ["CF113"]\n[check.files]\n"a.*" = ["CF112"]\n')
    assert check(capsys, "a.conf") == (0, "nothing is wrong\n")
    Path("b.conf").write_text(BAD)
    assert check(capsys)[0] == 1
    Path("pyrolens.toml").write_text('[check]\nignores = ["CF113"]\n')
    assert main(["check", "a.conf"]) == 2
    assert "did you mean 'ignore'?" in capsys.readouterr().err


def test_a_comment_leaves_a_finding_out_in_yaml_and_the_settings_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "pipeline:\n  inputs:\n    - name: dummy\n      tag: app\n  outputs:\n    - name: stdout\n      match: 'ap'@\n"
    )
    Path("a.yaml").write_text(text.replace("@", "").replace("      tag", "      # pyrolens: ignore CF113\n      tag"))
    assert check(capsys, "a.yaml")[0] == 1
    Path("a.yaml").write_text(
        text.replace("@", "  # pyrolens: ignore").replace("tag: app", "tag: app # pyrolens: ignore CF113")
    )
    assert check(capsys, "a.yaml") == (0, "nothing is wrong\n")
    Path("task.json").write_text(TASK.replace('"fluentbit"', '"fluent-bit"'))
    assert check(capsys, "task.json")[0] == 1
    Path("pyrolens.toml").write_text('[check.files]\n"task.json" = ["TD004"]\n')
    assert check(capsys, "task.json")[0] == 0
    Path("task.yaml").write_text(
        "family: shop\ncontainerDefinitions:\n  - name: app\n    image: x:1\n    logConfiguration:\n"
        "      # pyrolens: ignore TD001\n      logDriver: awsfirelens\n"
    )
    assert check(capsys, "task.yaml") == (0, "nothing is wrong\n")
    Path("task.yaml").write_text(Path("task.yaml").read_text().replace("TD001", "TD002"))
    assert check(capsys, "task.yaml")[0] == 1


def test_formats_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.conf").write_text(BAD.replace("Match ap", "Match *").replace("stdout", "stdot"))
    (one,) = json.loads(check(capsys, "a.conf", "--format", "json")[1])
    assert (one["code"], one["file"], one["line"], one["column"], one["length"]) == ("CF109", "a.conf", 5, 10, 5)
    (run,) = json.loads(check(capsys, "a.conf", "--format", "sarif")[1])["runs"]
    assert run["results"][0]["ruleId"] == run["tool"]["driver"]["rules"][0]["id"] == "CF109"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"], region["endColumn"]) == (5, 10, 15)
    assert check(capsys, "a.conf", "--format", "github")[1].startswith(
        "::error file=a.conf,line=5,col=10,endColumn=15,title=CF109::there is no output 'stdot'"
    )


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = check(capsys, "--explain", "cf117")
    assert (status, out.split("\n", 1)[0]) == (0, "# CF117: rewrite_tag filters in a circle")
    assert main(["check", "--explain", "CF999"]) == 2


def test_a_secret_is_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "[OUTPUT]\n    Name datadog\n    Match *\n    apikey s3cr3t s3cr3t\n    tlss On\n"
    Path("a.conf").write_text(GOOD + secret)
    Path("b.conf").write_text("[SERVICE]\n    http_token s3cr3t\n[SERVICE]\n    http_token s3cr3t2\n" + GOOD)
    assert "CF106" in check(capsys, "b.conf")[1]
    for form in ("text", "json", "sarif", "github"):
        assert "s3cr3t" not in check(capsys, "--format", form)[1]


TASK = """{"family": "shop", "networkMode": "awsvpc", "containerDefinitions": [
  {"name": "app", "image": "x:1", "logConfiguration": {"logDriver": "awsfirelens"}},
  {"name": "log_router", "image": "router:1.0", "logConfiguration": {"logDriver": "none"},
   "firelensConfiguration": {"type": "fluentbit",
     "options": {"config-file-type": "file", "config-file-value": "/extra.conf"}}}]}
"""


def test_a_task_is_looked_at_with_the_files_of_its_image(capsys: pytest.CaptureFixture[str]) -> None:
    Path("task.json").write_text(TASK)
    Path("extra.conf").write_text("[OUTPUT]\n    Name stdout\n    Match web-firelens-*\n")
    Path("Dockerfile").write_text("FROM router\nCOPY extra.conf /extra.conf\n")
    status, out = check(capsys)
    assert status == 1
    assert "extra.conf:3:11: error[CF112]" in out
    assert "task.json:2:69: error[CF113]: what container 'app' logs reaches no output" in out
    assert "2 errors, 0 warnings" in out, "the extra file is not looked at a second time by itself"
    Path("extra.conf").write_text("[OUTPUT]\n    Name stdout\n    Match app-firelens-*\n")
    assert check(capsys) == (0, "nothing is wrong\n")


def test_a_file_that_is_only_a_part_says_nothing_about_tags(capsys: pytest.CaptureFixture[str]) -> None:
    Path("extra.conf").write_text("[OUTPUT]\n    Name stdout\n    Match web-firelens-*\n")
    assert check(capsys) == (0, "nothing is wrong\n")


def test_what_the_environment_gives_is_not_guessed_to_be_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    http = "[OUTPUT]\n    Name http\n    Match *\n    Host ${HOST_X}\n    Port ${PORT_X}\n    Retry_Limit 5\n"
    Path("a.conf").write_text(GOOD + http)
    assert check(capsys) == (0, "nothing is wrong\n")


def test_the_examples_have_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    out = check(capsys, str(ROOT / "examples"), "--format", "json")[1]
    found = sorted((Path(one["file"]).parent.name, one["code"]) for one in json.loads(out))
    assert [one for one in found if one[1] != "PL208"] == [
        ("shop-config", "PL217"),
        ("shop-datadog", "TD030"),
        ("shop-events", "CF122"),
        ("shop-events", "TD033"),
        ("shop-levels", "CF122"),
        ("shop-search", "TD037"),
    ]


def test_it_is_fast(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(200):
        text = (ROOT / "examples/color-app/extra.conf").read_text()
        Path(f"{number}.conf").write_text(f"{text}# {number}\n")
    check(capsys)
    began = time.process_time()
    assert check(capsys, "--ignore", "PL208") == (0, "nothing is wrong\n")
    assert time.process_time() - began < 2


def test_standard_input_holds_either(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(BAD + "[INPUT]\n    Name dummy\n    Tag ap\n"))
    status, out = check(capsys, "-")
    assert (status, out.splitlines()[0]) == (
        1,
        "standard input:3:9: error[CF113]: what input dummy reads, with the tag 'app', reaches no output",
    )
    monkeypatch.setattr("sys.stdin", io.StringIO(TASK.replace('"fluentbit"', '"fluent-bit"')))
    assert check(capsys, "-")[1].startswith("standard input:4:38: error[TD004]")


def test_a_role_that_a_plan_does_not_know_yet_is_not_missed(capsys: pytest.CaptureFixture[str]) -> None:
    secret = '{"name": "apikey", "valueFrom": "x"}'
    log = f'{{"logDriver": "awsfirelens", "options": {{"Name": "datadog", "TLS": "on"}}, "secretOptions": [{secret}]}}'
    text = TASK.replace('{"logDriver": "awsfirelens"}', log).replace(
        ',\n     "options": {"config-file-type": "file", "config-file-value": "/extra.conf"}', ""
    )
    Path("task.json").write_text(text)
    assert "TD021" in check(capsys, "task.json")[1]
    containers = text.partition('"containerDefinitions": ')[2].rstrip()[:-1]
    values = f'{{"family": "shop", "network_mode": "awsvpc", "container_definitions": {json.dumps(containers)}}}'
    resource = f'{{"type": "aws_ecs_task_definition", "address": "aws_ecs_task_definition.shop", "values": {values}}}'
    Path("plan.json").write_text(f'{{"planned_values": {{"root_module": {{"resources": [{resource}]}}}}}}')
    Path("task.json").unlink()
    assert check(capsys, "plan.json", "--ignore", "PL208") == (0, "nothing is wrong\n")


def test_tests_beside_a_config_are_no_config(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.conf").write_text(GOOD)
    Path("a.pyrolens.yaml").write_text("# logConfiguration\npipeline:\n")
    assert check(capsys) == (0, "nothing is wrong\n")


def test_a_variable_that_is_not_set_is_told_once_with_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    Path("task.json").write_text(TASK)
    Path("extra.conf").write_text(
        "[OUTPUT]\n    Name kinesis_streams\n    Match *\n    region us-east-1\n    stream ${STREAM}\n"
        "    Retry_Limit 5\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n    Format ${FORMAT}\n"
    )
    found = json.loads(check(capsys, "task.json", "--format", "json")[1])
    assert [(p["code"], p["severity"], p["line"], p["column"]) for p in found] == [
        ("CF137", "error", 5, 12),
        ("CF110", "warning", 10, 12),
    ]
    assert found[0]["hint"].startswith("variable ${STREAM} is not set")


OPEN = """
resource "aws_ecs_task_definition" "app" {
  family                = "shop"
  network_mode          = "awsvpc"
  execution_role_arn    = aws_iam_role.start.arn
  container_definitions = jsonencode([
    {
      name      = "app"
      image     = "shop:1"
      dependsOn = [{ containerName = "log_router", condition = "HEALTHY" }]
      logConfiguration = {
        logDriver = "awsfirelens"
        options   = { Name = "stdout", Format = "$${FORMAT}" }
      }
    },
    {
      name                   = "log_router"
      image                  = var.router
      essential              = false
      environment            = var.environment
      mountPoints            = var.mounts
      healthCheck            = var.check
      logConfiguration       = var.log
      readonlyRootFilesystem = true
      firelensConfiguration  = {
        type    = "fluentbit"
        options = { config-file-type = "file", config-file-value = "/extra.conf" }
      }
    },
    var.sidecar
  ])
}
"""


def test_of_what_only_a_deployment_knows_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("ecs.tf").write_text(OPEN)
    tail = "[INPUT]\n    Name tail\n    Tag files\n    Path /var/log/x/*.log\n    DB /var/lib/x.db\n"
    Path("extra.conf").write_text(tail + "    Skip_Long_Lines On\n[OUTPUT]\n    Name null\n    Match files\n")
    assert check(capsys, "ecs.tf") == (0, "nothing is wrong\n")
    known = OPEN
    for name in ("environment", "mounts", "check", "log", "sidecar"):
        known = "\n".join(line for line in known.splitlines() if not line.rstrip().endswith(f"var.{name}"))
    Path("ecs.tf").write_text(known)
    codes = {p["code"] for p in json.loads(check(capsys, "ecs.tf", "--format", "json")[1])}
    assert codes == {"TD030", "TD032", "TD053", "TD056", "TD057", "CF110"}


def test_each_task_definition_of_a_file_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    task = json.loads(TASK)
    router = {**task["containerDefinitions"][1], "firelensConfiguration": {"type": "fluentbit"}}
    app = {
        **task["containerDefinitions"][0],
        "logConfiguration": {"logDriver": "awsfirelens", "options": {"name": "x"}},
    }
    resources = {
        name: {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {"Family": name, "ContainerDefinitions": [app, router]},
        }
        for name in ("A", "B")
    }
    upper = json.dumps({"Resources": resources}, indent=1)
    for word in ("name", "image", "logConfiguration", "logDriver", "options", "firelensConfiguration", "type"):
        upper = upper.replace(f'"{word}"', f'"{word[0].upper()}{word[1:]}"')
    Path("stack.json").write_text(upper.replace('"Name": "x"', '"name": "x"'))
    found = json.loads(check(capsys, "stack.json", "--format", "json")[1])
    assert [p["code"] for p in found if p["severity"] == "error"] == ["TD013", "TD013"]
    assert len({p["line"] for p in found if p["severity"] == "error"}) == 2


def test_the_logs_of_the_router_itself_have_a_tag(capsys: pytest.CaptureFixture[str]) -> None:
    own = '{"logDriver": "awsfirelens", "options": {"Name": "stdout"}}'
    text = TASK.replace('{"logDriver": "none"}', own).replace('"config-file-type": "file", ', "")
    Path("task.json").write_text(text)
    codes = {p["code"] for p in json.loads(check(capsys, "task.json", "--format", "json")[1])}
    assert codes & {"TD031", "CF112"} == {"TD031"}


def test_what_only_looks_like_a_task_definition_is_left_out_of_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    Path("locals.tf").write_text('locals {\n  log = { logConfiguration = { logDriver = "awsfirelens" } }\n}\n')
    Path("part.json").write_text('{"logConfiguration": {"logDriver": "awsfirelens"}}')
    Path("template.json").write_text(TASK.replace('"x:1"', "${image}"))
    assert check(capsys) == (0, "nothing is wrong\n")
    assert "TD064" in check(capsys, "template.json")[1]


def test_a_file_of_the_image_is_shown_by_its_path_there(capsys: pytest.CaptureFixture[str]) -> None:
    Path("task.json").write_text(TASK.replace("/extra.conf", "/fluent-bit/configs/minimize-log-loss.conf"))
    assert "TD049" not in check(capsys, "task.json")[1]
    Path("task.json").write_text(TASK.replace("/extra.conf", "/fluent-bit/configs/parse-json.conf"))
    found = json.loads(check(capsys, "task.json", "--format", "json")[1])
    assert [p["file"] for p in found if p["code"] == "CF122"] == ["/fluent-bit/configs/parse-json.conf"]


COPILOT = """\
name: frontend
type: Load Balanced Web Service
image: {location: "app:1", port: 8080}
logging:
  image: public.ecr.aws/aws-observability/aws-for-fluent-bit:3.4.10
  destination:
    Name: cloudwatch
    region: us-west-2
    log_group_name: /copilot/${COPILOT_ENVIRONMENT_NAME}
    log_stream_prefix: copilot/
    Retry_Limit: 5
    %s
"""


def test_a_manifest_of_copilot(capsys: pytest.CaptureFixture[str]) -> None:
    Path("manifest.yml").write_text(COPILOT % "log_key: log")
    assert check(capsys) == (0, "nothing is wrong\n")
    Path("manifest.yml").write_text(COPILOT % "log_kye: log")
    assert "manifest.yml:12:5: error[CF104]" in check(capsys, "manifest.yml")[1]


@pytest.mark.parametrize(
    ("match", "wrong"),
    [("*-firelens-*", False), ("color-firelens-*", False), ("*-firelense-*", True), ("colour-firelens-*", True)],
)
def test_a_tag_that_no_container_has(
    match: str, wrong: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where loggers may send any tag, and where the filter itself would make others of it."""
    shutil.copytree(ROOT / "examples" / "color-app", tmp_path, dirs_exist_ok=True)
    extra = tmp_path / "extra.conf"
    extra.write_text(extra.read_text().replace("*-firelens-*", match))
    _, out = check(capsys, "task-definition.json")
    found = [line for line in out.splitlines() if "CF112" in line]
    places = [line.partition(": ")[0] for line in found]
    assert places == (["extra.conf:12:13", "extra.conf:19:11"] if wrong else [])
    assert all(f"no record has a tag like '{match}'" in line for line in found)
