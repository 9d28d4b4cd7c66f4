"""What rules about task definitions find besides their examples, and what they are silent about."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.check.catalogue import RULES, findings
from pyrolens.check.reading import Reader
from pyrolens.check.rule import BEGIN, unmarked
from pyrolens.check.structure import OUT
from pyrolens.check.tasks.example import CHECK, FARGATE, FILE, HEALTH, LOGS, ON, ROLES, USES, task
from tests.check.test_rules import found, marked

EXTRA = FILE % '"/extra.conf"'
AWS = ', "image": "public.ecr.aws/aws-observability/aws-for-fluent-bit:%s"'
ENVIRONMENT = ', "environment": [%s]'
S3_1 = '{"name": %s, "value": "arn:aws:s3:::shop/one.conf"}'
CHECKED = HEALTH.replace('"healthCheck"', '«"healthCheck"»')
LOGGED = '{"logDriver": "awsfirelens", "options": {"Name": "null", "log-driver-buffer-limit": %s}}'
ASSUMES = (
    '{"logDriver": "awsfirelens", "options": {"Name": "kinesis_firehose", "region": "us-east-1",\n'
    '    "delivery_stream": "logs", %s: "%s"}}'
)
READ_ONLY = ', "readonlyRootFilesystem": true'
DISK = "[INPUT]\n    Name dummy\n    Tag app\n    storage.type filesystem\n"
TAIL = "[INPUT]\n    Name tail\n    Tag files\n    DB /tmp/files.db\n    Path %s\n" + OUT
MOUNT = ',\n   "mountPoints": [{"sourceVolume": "logs", "containerPath": "/logs"%s}]'
VOLUMES = '"volumes": [{"name": "logs"%s}],\n '
INPUT = "[INPUT]\n    Name tcp\n    Tag tcp\n    Listen 127.0.0.1\n    Port 5170\n    Mem_Buf_Limit %s\n" + OUT


def extra(text: str) -> str:
    return f"==> extra.conf <==\n{text}"


def service(text: str) -> str:
    return extra(f"[SERVICE]\n    {text}\n{OUT}")


FOUND = [
    ("TD027", task(LOGGED % '«"3000000"»', head=ROLES + FARGATE)),
    ("TD035", task(firelens=EXTRA, router=CHECKED % (CHECK % "uptime")) + service("HTTP_Port 2020")),
    (
        "TD035",
        task(firelens=EXTRA, router=CHECKED % (CHECK % "uptime")) + service("HTTP_Server On\n    HTTP_Port 2021"),
    ),
    (
        "TD035",
        task(firelens=EXTRA, router=', "essential": false' + CHECKED % (CHECK % "health")) + service("HTTP_Server On"),
    ),
    ("TD035", task(router=CHECKED % "pyrolens health")),
    ("TD039", task(app=ENVIRONMENT % (S3_1 % '«"aws_fluent_bit_init_s3_1"»'))),
    ("TD039", task(router=ENVIRONMENT % (S3_1 % '«"fluent_bit_init_s3_1"»'))),
    ("TD039", task(router=AWS % "init-2.32.0" + ENVIRONMENT % (S3_1 % '«"aws_fluent_bit_init_ssm_1"»'))),
    (
        "TD044",
        task(firelens=FILE % '«"/extra.yaml"»', router=AWS % "3.4.10")
        + "==> extra.yaml <==\npipeline:\n  outputs: []\n",
    ),
    ("TD049", task(router=', "stopTimeout": «90»')),
    ("TD049", task(firelens=EXTRA, router=', "stopTimeout": 20') + service("Grace «25»")),
    ("TD056", task(firelens=EXTRA, router=READ_ONLY) + extra(f"[SERVICE]\n    storage.path «/var/store»\n{DISK}{OUT}")),
    (
        "TD056",
        task(firelens=EXTRA, router=READ_ONLY) + extra(TAIL.replace("/tmp/files.db", "«/tmp/files.db»") % "/proc/x"),
    ),
    (
        "TD056",
        task(
            '{"logDriver": "awsfirelens", "options": {«"Name"»: "s3", "region": "us-east-1", "bucket": "b",\n'
            '    "s3_key_format": "/%Y/$UUID"}}',
            router=READ_ONLY,
        ),
    ),
    ("TD057", task(firelens=EXTRA, router=MOUNT % "", head=VOLUMES % "") + extra(TAIL % "«/logs/*.log»")),
    ("TD047", task(firelens=EXTRA, head=ROLES + FARGATE) + extra(INPUT % "«250MB»")),
    ("TD059", task(router=', «"restartPolicy"»: {"enabled": true}').replace("awsvpc", "bridge")),
    ("TD061", task(firelens=EXTRA, head=ROLES + FARGATE) + extra(f"[FILTER]\n    Name «ecs»\n    Match *\n{OUT}")),
    ("TD025", task(ASSUMES % ('«"role_arn"»', "arn:aws:iam::123456789012:policy/logs"))),
    ("TD016", task('{"logDriver": "awsfirelens", "options": {"Name": "stdout", «"Format json"»: "x"}}')),
    ("TD014", task('{"logDriver": "awsfirelens", "options": {«"Name"»: "stdout"}}', '{"type": "fluentd"}')),
]


@pytest.mark.parametrize(("code", "example"), FOUND)
def test_it_is_found(code: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = found(example, tmp_path, monkeypatch)
    places = [
        (p.place.file, p.place.line, p.place.column, p.place.length) for p in problems if p.code == code and p.place
    ]
    assert places == [marked(example)], "\n".join(map(str, problems))


SILENT = [
    ("TD027", task(LOGGED % '"3000000"')),
    ("TD035", task(router=HEALTH % "true")),
    ("TD035", task(router=ON + HEALTH % "pyrolens health")),
    ("TD035", task(router=', "command": ["-H"]' + HEALTH % (CHECK % "uptime"))),
    (
        "TD035",
        task(firelens=EXTRA, router=HEALTH % (CHECK % "health")) + service("HTTP_Server On\n    Health_Check On"),
    ),
    ("TD036", task(router=', "image": "fluent/fluent-bit:4.2.0-debug"' + HEALTH % "true")),
    (
        "TD038",
        task(router=', "image": "mine/aws-for-fluent-bit:3"' + ENVIRONMENT % (S3_1 % '"aws_fluent_bit_init_s3_1"')),
    ),
    ("TD039", task(router=AWS % "init-2.32.2" + ENVIRONMENT % (S3_1 % '"AWS_FLUENT_BIT_INIT_S3_1"'))),
    (
        "TD042",
        task(router=ENVIRONMENT % (S3_1 % '"aws_fluent_bit_init_s3_1"'))
        + "==> one.conf <==\n[PARSER]\n    Name a\n    Format json\n"
        + OUT,
    ),
    ("TD044", task(firelens=FILE % '"/extra.yaml"') + "==> extra.yaml <==\npipeline:\n  outputs: []\n"),
    ("TD046", task(router=', "memoryReservation": 128, "memory": 200')),
    ("TD047", task(firelens=EXTRA, router=', "image": "pyrolens:1", "memory": 128') + extra(INPUT % "100MB")),
    ("TD047", task(firelens=EXTRA, router=', "memory": 128') + extra(OUT)),
    ("TD049", task(router=', "stopTimeout": 20')),
    (
        "TD056",
        task(
            firelens=EXTRA, router=READ_ONLY + ', "linuxParameters": {"tmpfs": [{"containerPath": "/tmp", "size": 9}]}'
        )
        + extra(TAIL % "/proc/x"),
    ),
    (
        "TD057",
        task(firelens=EXTRA, router=MOUNT % "", head=VOLUMES % ', "host": {"sourcePath": "/var/log"}')
        + extra(TAIL % "/logs/a"),
    ),
    (
        "TD057",
        task(firelens=EXTRA, router=MOUNT % "", app=MOUNT % "", head=VOLUMES % "") + extra(TAIL % "/*/a.log,/logs/b"),
    ),
    (
        "TD057",
        task(firelens=EXTRA)
        + extra(TAIL % "/tmp/out/app" + "[OUTPUT]\n    Name file\n    Match x\n    Path /tmp/out\n"),
    ),
    ("TD057", task(firelens=EXTRA, router=', "volumesFrom": [{"sourceContainer": "app"}]') + extra(TAIL % "/logs/a")),
    ("TD059", task(router=', "restartPolicy": {"enabled": true}')),
    ("TD061", task(firelens=EXTRA) + extra(f"[FILTER]\n    Name aws\n    Match *\n{OUT}")),
    ("TD025", task(ASSUMES % ('"role_arn"', "${ROLE}"))),
    ("TD024", task(head=ROLES, router=ENVIRONMENT % (S3_1 % '"aws_fluent_bit_init_s3_1"'))),
    ("TD064", task(USES, logs=LOGS)),
]


@pytest.mark.parametrize(("code", "example"), SILENT)
def test_it_is_silent(code: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert BEGIN not in example
    problems = found(example, tmp_path, monkeypatch)
    assert [str(p) for p in problems if p.code == code] == []


def test_a_list_of_containers_does_not_say_its_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    router = ', "portMappings": [{"containerPort": 24224}], "restartPolicy": {"enabled": true}'
    whole = task(router=router).replace("awsvpc", "bridge")
    assert {"TD054", "TD059"} <= {p.code for p in found(whole, tmp_path, monkeypatch)}
    alone = json.dumps(json.loads(whole)["containerDefinitions"])
    reader = Reader()
    codes = {p.code for p in findings(reader.file("list.json", alone, "task"), reader)}
    assert not codes & {"TD054", "TD059"}


def test_what_is_fetched_needs_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = task(router=ENVIRONMENT % (S3_1 % '«"aws_fluent_bit_init_s3_1"»')) + "==> one.conf <==\n" + OUT
    for action, told in (("s3:PutObject", 1), ("s3:Get*", 0)):
        policy = json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})
        problems = [p for p in found(example, tmp_path, monkeypatch, policy) if p.code == "TD024"]
        places = [(p.place.file, p.place.line, p.place.column, p.place.length) for p in problems if p.place]
        assert places == [marked(example)] * told


ODD = st.sampled_from(
    [
        "",
        " ",
        "0",
        "-1",
        "²",
        "9" * 40,
        "1.5",
        "true",
        "${X}",
        "<x>",
        "$TAG",
        "a\nb",
        "*",
        "/",
        "arn:",
        "\\",
        "[",
        "]]",
        "{",
        "é",
    ]
)
EXAMPLES = [rule.bad for rule in RULES.values() if rule.bad.startswith("{")]
VALUE = re.compile(r'(?<=: )(?:"[^"\n]*"|\d+|true|false)|(?<=\[)"[^"\n]*"')


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_odd_values_are_told_and_end_nothing(
    data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = unmarked(data.draw(st.sampled_from(EXAMPLES)))
    for _ in range(data.draw(st.integers(1, 4))):
        spots = list(VALUE.finditer(example))
        spot = data.draw(st.sampled_from(spots))
        odd: object = data.draw(ODD | st.integers(-1, 2**70) | st.none() | st.just([]) | st.just({}))
        example = example[: spot.start()] + json.dumps(odd) + example[spot.end() :]
    for problem in found(example, tmp_path, monkeypatch):
        assert problem.message
