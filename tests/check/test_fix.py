"""check --fix: what was certainly meant, and nothing else in the file."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pyrolens.check.catalogue import RULES
from pyrolens.check.mends import distance, sole
from pyrolens.cli import main
from tests.check.test_recorded import CASES as ALL_RECORDED

IN = "[INPUT]\n    Name dummy\n    Tag app\n"
OUT = "[OUTPUT]\n    Name stdout\n    Match *\n"
YAML = "pipeline:\n  inputs:\n    - name: dummy\n      tag: app\n  outputs:\n    - name: stdout\n      match: '*'\n"
SEARCH = "    Match *\n    Port 443\n    tls On\n    AWS_Auth On\n    AWS_Region us-east-1\n    Host "
AWS = "public.ecr.aws/aws-observability/aws-for-fluent-bit:init-2.32.0"
AOSS = "a1.us-east-1.aoss.amazonaws.com"


RECORDED = [found for found in ALL_RECORDED if not found.case.get("refused")]


def task(options: str = '"Name": "null"', firelens: str = '"type": "fluentbit"', more: str = "", head: str = "") -> str:
    log = f'"logConfiguration": {{"logDriver": "awsfirelens", "options": {{{options}}}}}'
    return (
        f'{{"family": "shop", {head}"networkMode": "awsvpc", "containerDefinitions": [\n'
        f'  {{"name": "app", "image": "x:1",\n   {log}}},\n'
        f'  {{"name": "log_router", "image": "r:1.0"{more}, "logConfiguration": {{"logDriver": "none"}},\n'
        f'   "firelensConfiguration": {{{firelens}}}}}]}}\n'
    )


S3 = task('"Name": "s3", "region": "us-east-1", "bucket": "b", "use_put_object": "On", @')
ROUTER = task(firelens='"type": "fluentbit", "options": {@}')
FILTER = "[FILTER]\n    Name multiline\n    Match *\n    multiline.key_content log\n    Mode @\n"
EXEC = "[INPUT]\n    Name exec\n    Command true\n    Parser @\n"
SERVERLESS = f'"Name": "es", "Host": "{AOSS}", "Port": "443", "tls": "On", "AWS_Auth": "On", "AWS_Region": "us-east-1"'
DOMAIN = "a1.us-east-1.es.amazonaws.com\n"
PORT = "    Port 443\n"
FARGATE = '"requiresCompatibilities": ["FARGATE"], '
HTTP = "[OUTPUT]\n    Name http\n"
CASES: list[tuple[str, str, str, str, str | None]] = [
    ("CF101", "a.conf", IN + "[@]" + OUT[8:], "OUPTUT", "OUTPUT"),
    ("CF103", "a.conf", EXEC + OUT, "jsno", "json"),
    ("CF104", "a.conf", IN + OUT + "    @ json\n", "Fromat", "Format"),
    ("CF104", "a.conf", IN + OUT.replace("Match", "@"), "Match:", "Match"),
    ("CF104", "a.conf", IN + OUT + "    Format json\n    @ msgpack\n", "Fromat", None),
    ("CF104", "a.yaml", YAML + "      @: json # why\n", "fromat", "format"),
    ("CF104", "task.json", S3, '"buckte": "a"', None),
    ("CF104", "task.json", S3, '"sotrage_class": "X"', '"storage_class": "X"'),
    ("CF105", "a.conf", "[SERVICE]\n    @ 1\n" + IN + OUT, "FLSH", "FLUSH"),
    ("CF107", "a.conf", IN + "[OUTPUT@" + OUT[8:], "", "]"),
    ("CF107", "a.conf", IN + OUT.replace("Match *", "Match@*"), "\t\t", " "),
    ("CF107", "a.conf", IN + OUT.replace("Match *", "Match@*"), "=", " "),
    ("CF107", "a.conf", IN + OUT.replace("    Match", "@Match"), "  ", "    "),
    ("CF107", "a.conf", IN + OUT.replace("    Match", "@Match"), "\t", "    "),
    ("CF107", "a.conf", IN + "@" + OUT, " ", ""),
    ("CF107", "a.conf", "@" + IN + OUT, "\ufeff", ""),
    ("CF109", "a.conf", IN + OUT.replace("stdout", "@"), "sdtout", "stdout"),
    ("CF109", "a.conf", IN + OUT.replace("stdout", "@"), '"stdout"', "stdout"),
    ("CF109", "a.yaml", YAML.replace("stdout", "@"), "stdotu", "stdout"),
    ("CF109", "task.json", task('"Name": "@"'), "nul", "null"),
    ("CF135", "a.conf", IN + OUT + "@", "    Match *\n", ""),
    ("CF135", "a.conf", IN + OUT + "@", "    Match app\n", None),
    ("CF136", "a.conf", IN + OUT + "    Format json\n@", "    Format json\n", ""),
    ("CF136", "a.conf", IN + OUT + "    Format json\n@", "    Format msgpack\n", None),
    ("CF137", "a.conf", IN + OUT.replace("Name", "@"), "Name:", "Name"),
    ("CF141", "a.conf", IN + OUT.replace("*", "@*"), "= ", ""),
    ("CF141", "a.conf", IN + OUT.replace("*", "*@"), " # all", None),
    ("CF142", "a.conf", IN + FILTER + OUT, "partial_mesage", "partial_message"),
    ("PL224", "a.conf", IN + "[OUTPUT]\n    Name es\n@    Logstash_Format On\n    Match *\n", "    Index x\n", ""),
    ("PL224", "task.json", task('"Name": "es", @"Logstash_Format": "On"'), '"Index": "x", ', ""),
    (
        "PL225",
        "a.conf",
        IN + "[OUTPUT]\n    Name es\n@" + SEARCH + AOSS + "\n",
        "",
        "    AWS_Service_Name aoss\n",
    ),
    ("PL225", "task.json", task("@" + SERVERLESS), "", '"AWS_Service_Name": "aoss", '),
    ("PL229", "a.conf", IN + "[OUTPUT]\n    Name s3\n    Match *\n    bucket b\n    s3_key_format @a/%Y\n", "", "/"),
    ("PL229", "task.json", S3.replace("@", '"s3_key_format": "@a/%Y"'), "", "/"),
    ("PL239", "a.conf", IN + HTTP + "    Match *\n    net.dns.@ LEGACY\n", "mode", "resolver"),
    ("PL249", "a.conf", IN + HTTP + "@    Match *\n    Port 443\n", "", "    tls On\n"),
    ("PL249", "a.yaml", YAML.replace("stdout\n", "http\n@") + "      port: 443\n", "", "      tls: On\n"),
    (
        "PL250",
        "a.conf",
        IN + "[OUTPUT]\n    Name es\n@    tls On\n    Match *\n    Host " + DOMAIN,
        "",
        "    Port 443\n",
    ),
    ("TD004", "task.json", task(firelens='"type": "@"'), "fluent-bit", "fluentbit"),
    ("TD011", "task.json", ROUTER.replace("@", '"enable-ecs-log-metadata": "@"'), "yes", "true"),
    ("TD012", "task.json", ROUTER.replace("@", '"@": "true"'), "enable_ecs-log-metadata", "enable-ecs-log-metadata"),
    ("TD013", "task.json", task('"@": "null"'), "name", "Name"),
    (
        "TD039",
        "task.json",
        task(more=', "environment": [{"name": "@", "value": "arn:aws:s3:::b/a.conf"}]').replace("r:1.0", AWS),
        "AWS_FLUENT_BIT_INIT_S3_1",
        "aws_fluent_bit_init_s3_1",
    ),
    (
        "TD050",
        "task.json",
        task(more=', "stopTimeout": @', head='"requiresCompatibilities": ["FARGATE"], '),
        "300",
        "120",
    ),
]


def codes(file: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    main(["check", file, "--format", "json"])
    return [one["code"] for one in json.loads(capsys.readouterr().out)]


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)])
def test_it_is_mended_and_all_else_stays_byte_for_byte(
    case: tuple[str, str, str, str, str | None],
    ends: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, file, text, wrong, right = case
    before = text.replace("@", wrong).replace("\n", ends).encode()
    Path(file).write_bytes(before)
    assert code in codes(file, capsys)
    main(["check", "--diff", file])
    shown = capsys.readouterr().out
    assert Path(file).read_bytes() == before
    main(["check", "--fix", "--diff", file])
    assert (capsys.readouterr().out, Path(file).read_bytes()) == (shown, before)
    main(["check", "--fix", file])
    after = Path(file).read_bytes()
    capsys.readouterr()
    if right is None:
        assert after == before
        return
    assert shown.startswith(f"--- a/{file}\n+++ b/{file}\n")
    assert after.decode() == text.replace("@", right).replace("\n", ends)
    assert code not in codes(file, capsys)
    main(["check", "--fix", file])
    assert Path(file).read_bytes() == after
    assert main(["check", "--diff", file]) == 0


TERRAFORM = """resource "aws_ecs_task_definition" "shop" {
  family = "shop"
  container_definitions = jsonencode([
    {
      name  = "app" # the shop
      image = "x:1"
      logConfiguration = {
        logDriver = "awsfirelens"
        options = {
          Name   = "@cloudwatch_log@"
          region = "us-east-1"
          @log_grop_name@     = "/app"
          log_stream_prefix = "a-"
        }
      }
    },
    { name = "log_router", image = "r:1", logConfiguration = { logDriver = "none" }
      firelensConfiguration = { type = "@fluent-bit@" } }
  ])
}
"""
CLOUDFORMATION = """Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: shop
      ContainerDefinitions:
        - Name: app # the shop
          Image: x:1
          LogConfiguration:
            LogDriver: awsfirelens
            Options:
              Name: @cloudwatch_log@
              region: us-east-1
              @log_grop_name@: /app
              log_stream_prefix: a-
        - {Name: log_router, Image: "r:1", LogConfiguration: {LogDriver: none},
           FirelensConfiguration: {Type: @fluent-bit@, Options: {config-file-type: file, config-file-value: /e.conf}}}
"""
RIGHT = {"@cloudwatch_log@": "cloudwatch_logs", "@log_grop_name@": "log_group_name", "@fluent-bit@": "fluentbit"}


@pytest.mark.parametrize(("file", "text"), [("main.tf", TERRAFORM), ("template.yaml", CLOUDFORMATION)])
def test_forms_of_task_definitions_and_the_files_of_their_images(
    file: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(file).write_text(text.replace("@", ""))
    Path("e.conf").write_text("[FILTER]\n    Name grep\n    Match *\n    Exclud log x # why\n")
    Path("Dockerfile").write_text("FROM r\nCOPY e.conf /e.conf\n")
    main(["check", "--fix", file])
    wanted = text
    for wrong, right in RIGHT.items():
        wanted = wanted.replace(wrong, right)
    assert Path(file).read_text() == wanted
    mended = file == "template.yaml"  # the other one names no extra file
    assert ("Exclude log x # why" in Path("e.conf").read_text()) is mended


def test_what_fluent_bit_starts_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the recorded configs, but for a = that can only have been meant otherwise."""
    changed = set()
    for found in RECORDED[::6]:
        folder = tmp_path / found.id
        folder.mkdir()
        monkeypatch.chdir(folder)
        files = {name: text.encode() for name, text in found.case["files"].items() if not name.startswith("/")}
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(text)
        main(["check", "--fix", found.case["main"]])
        if any(Path(name).read_bytes() != text for name, text in files.items()):
            changed.add(found.id)
    capsys.readouterr()
    assert changed <= {"cl-key-equals-spaced"}


def test_every_mend_has_a_case() -> None:
    assert {code for code, rule in RULES.items() if rule.mend} == {case[0] for case in CASES}


def test_what_a_comment_leaves_out_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = IN + OUT + "    Fromat json\n    # pyrolens: ignore CF104\n    Alais a\n"
    Path("a.conf").write_text(text)
    main(["check", "--fix", "a.conf"])
    assert Path("a.conf").read_text() == text.replace("Fromat", "Format")
    assert capsys.readouterr().err == "mended 1 finding in 1 file\n"


def test_standard_input_is_not_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(IN + OUT + "    Fromat json\n"))
    assert main(["check", "--fix", "-"]) == 1
    assert "CF104" in capsys.readouterr().out


WORDS = st.text("abcd", max_size=7)


@given(WORDS, WORDS)
def test_the_distance_is_a_distance(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


def test_a_word_near_two_names_is_none_of_them() -> None:
    assert sole("hostt", ["host", "hosts"]) is None
    assert sole("formt", ["format", "match"]) == "format"
    assert sole("prot", ["port", "path"]) == "port"
    assert sole("x", ["y"]) is None


GOOD = """[SERVICE]
    Flush             1
    Log_Level         info
@SET a=b
[INPUT]
    Name              tail
    Tag               app.web
    Path              /var/log/*.log
    Skip_Long_Lines   On
    DB                /x.db

[FILTER]
    Name              modify
    Match             app.*
    Rename            log message

# where it goes
[OUTPUT]
    Name              cloudwatch_logs
    Match             *
    region            us-east-1
    log_group_name    /app
    log_stream_prefix web-
    auto_create_group On
    Retry_Limit       5
"""


IN_YAML = """# the shop
service:
  flush: 1
  log_level: info
pipeline:
  inputs:
    - name: tail
      tag: app.web
      path: /var/log/*.log # all of them
      skip_long_lines: on
      db: /x.db
  filters:
    - name: modify
      match: app.*
      rename: log message
  outputs:
    - name: "cloudwatch_logs"
      match: '*'
      region: us-east-1
      log_group_name: /app
      log_stream_prefix: web-
      auto_create_group: on
      retry_limit: 5
"""
IN_JSON = task(
    '"Name": "cloudwatch_logs",\n    "region": "us-east-1", "log_group_name": "/app", "log_stream_prefix": "web-",\n'
    '    "auto_create_group": "On", "Retry_Limit": "5"'
)
FORMS = {
    "a.conf": (GOOD, r"(?m)^    ([A-Za-z]\w*)(?= )|(?<=Name              )(\w+)"),
    "a.yaml": (IN_YAML, r"(?m)^ +(?:- )?(\w+)(?=: \S)|(?<= name: )\"?(\w+)"),
    "task.json": (IN_JSON, r'(?<=")(region|log_\w+|auto_\w+|Retry_Limit)(?=")|(?<="Name": ")(\w+)'),
}


@st.composite
def broken(draw: st.DrawFn) -> tuple[str, str, str]:
    """A file with a good config, with comments and blanks here and there, and with one or two words misspelt."""
    file = draw(st.sampled_from(list(FORMS)))
    text, pattern = FORMS[file]
    lines = []
    for line in text.splitlines():
        blanks = draw(st.sampled_from(["", "", "", " ", "  "])) if line and line[0] == " " else ""
        lines += [line + blanks]
        if draw(st.integers(0, 6)) == 0 and file != "task.json":
            lines += [draw(st.sampled_from(["", "# a Nmae comment", "    # Match", "    "]))]
    good = "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))
    good = good.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    words = list(re.finditer(pattern, good))
    chosen = draw(st.sets(st.integers(0, len(words) - 1), min_size=1, max_size=2))
    bad = good
    for number in sorted(chosen, reverse=True):
        word = words[number]
        start, end = word.span(1) if word[1] else word.span(2)
        bad = bad[:start] + draw(misspelt(good[start:end])) + bad[end:]
    return file, good, bad


@st.composite
def misspelt(draw: st.DrawFn, word: str) -> str:
    at = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from("aeinrst"))
    ways = [word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :]]
    ways += [word[:at] + word[at + 1] + word[at] + word[at + 2 :]] if at + 1 < len(word) else []
    return draw(st.sampled_from(ways)) or word


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(broken())
def test_a_misspelt_config_becomes_the_one_that_it_was_or_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], texts: tuple[str, str, str]
) -> None:
    file, good, bad = texts
    assume(good != bad)
    path = tmp_path / file
    path.write_bytes(bad.encode())
    left = main(["check", "--fix", str(path)])
    after = path.read_bytes().decode()
    pieces = list(zip(good.splitlines(), bad.splitlines(), after.splitlines(), strict=True))
    for right, wrong, now in pieces:
        assert now.lower() in (right.lower(), wrong.lower())
        assert wrong == right or now == wrong or now.lower() == right.lower()
    if after.lower() == good.lower():
        assert left == 0, capsys.readouterr().out
    main(["check", "--fix", str(path)])
    assert path.read_bytes().decode() == after
