import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pyrolens.tools import render
from tests.remote.aws import embedded, put_object

TASK: dict[str, Any] = {
    "family": "web",
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {"name": "app", "logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "stdout"}}},
        {"name": "router", "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "0"}}},
    ],
}


@pytest.fixture
def task(tmp_path: Path) -> str:
    file = tmp_path / "task.json"
    file.write_text(json.dumps(TASK))
    return str(file)


def test_prints_config_driver_options_environment_and_mounts(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert render.main([task, "--task-id", "abc"]) == 0
    assert (
        capsys.readouterr().out
        == """\
# config of the router 'router': /fluent-bit/etc/fluent-bit.conf

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

[OUTPUT]
    Name null
    Match firelens-healthcheck

[OUTPUT]
    Name stdout
    Match app-firelens*

# container 'app': log driver fluentd
fluentd-address=unix:///var/lib/ecs/data/firelens/abc/socket/fluent.sock
fluentd-async=true
fluentd-sub-second-precision=true
tag=app-firelens-abc

# container 'app': environment
FLUENT_HOST=127.0.0.1
FLUENT_PORT=24224

# container 'router': mounts
/var/lib/ecs/data/firelens/abc/config/fluent.conf:/fluent-bit/etc/fluent-bit.conf
/var/lib/ecs/data/firelens/abc/socket/:/var/run/

# start order: router, app; the stop goes the other way round
"""
    )


def test_the_same_as_json(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert render.main([task, "--json", "--cluster", "shop", "--region", "eu-west-1", "--account", "1"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["task_arn"] == "arn:aws:ecs:eu-west-1:1:task/shop/0123456789abcdef0123456789abcdef"
    assert printed["start_order"] == ["router", "app"]
    assert printed["include"] is None
    assert printed["containers"]["app"] == {
        "log_driver": {
            "type": "fluentd",
            "options": {
                "fluentd-address": "unix:///var/lib/ecs/data/firelens/0123456789abcdef0123456789abcdef/socket/fluent.sock",
                "fluentd-async": "true",
                "fluentd-sub-second-precision": "true",
                "tag": "app-firelens-0123456789abcdef0123456789abcdef",
            },
        },
        "environment": {"FLUENT_HOST": "127.0.0.1", "FLUENT_PORT": "24224"},
        "mounts": [],
        "depends_on": [{"container": "router", "condition": "START"}],
        "health_check": None,
    }


def test_each_line_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.json"
    log = {"logDriver": "awsfirelens", "options": {"Name": "datadog", "log-driver-buffer-limit": "9"}}
    secret = {"secretOptions": [{"name": "apikey", "valueFrom": "/dd"}]}
    router = {"name": "router", "memory": 64, "firelensConfiguration": {"type": "fluentbit"}}
    health = {"healthCheck": {"command": ["CMD", "pyrolens", "health"], "startPeriod": 5}}
    containers = [{"name": "app", "logConfiguration": {**log, **secret}}, {**router, **health}]
    text = json.dumps({"family": "web", "networkMode": "awsvpc", "containerDefinitions": containers}, indent=0)
    file.write_text(text)
    assert render.main([str(file), "--explain", "--task-id", "abc"]) == 0
    printed = capsys.readouterr().out.replace(str(file), "t.json")
    found = dict(re.split(" +# ", line, maxsplit=1) for line in printed.splitlines() if "  # " in line)
    assert {
        "    Mem_Buf_Limit 32MB": "half of the router's memory 64 (t.json:23:11)",
        "    Listen 127.0.0.1": "network mode awsvpc: all containers share the loopback (t.json:3:16)",
        "    apikey ${apikey_0}": "secret log option of container 'app', which ECS puts into apikey_0 (t.json:15:9)",
        "apikey_0=<secret /dd>": "a secret log option; ECS fetches its value with the execution role",
        "router START": "added by the ECS agent: log driver awsfirelens",
        "FLUENT_PORT=24224": "its port",
    }.items() <= found.items(), printed
    assert "CMD pyrolens health\nevery 30 s, 5 s to answer, unhealthy after 3 failures, not counted in the" in printed
    assert "Fargate" not in printed
    file.write_text(text.replace('"networkMode"', '"requiresCompatibilities": ["FARGATE"], "networkMode"'))
    assert render.main([str(file), "--explain"]) == 0
    assert "ecs_cluster may be the cluster's ARN" in capsys.readouterr().out
    file.write_text(text)
    # without the reasons it is the config itself
    config = "\n".join(line.partition("  # ")[0].rstrip() for line in printed.splitlines())
    assert render.main([str(file), "--task-id", "abc"]) == 0
    plain = capsys.readouterr().out
    assert config.startswith(plain[: plain.index("# container")].rstrip("\n"))
    assert render.main([str(file), "--explain", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["explained"]
    assert [ln["why"] for ln in lines if "Mem_Buf" in ln["line"]] == ["half of the router's memory 64"]


def test_what_an_init_process_adds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variables = {"aws_fluent_bit_init_s3_10": "s3://b/last", "aws_fluent_bit_init_file_2": "/first.conf"}
    task = copy.deepcopy(TASK)
    task["containerDefinitions"][1]["environment"] = [{"name": n, "value": v} for n, v in variables.items()]
    (tmp_path / "task.json").write_text(json.dumps(task))
    assert render.main([str(tmp_path / "task.json")]) == 0
    assert "# an init process adds, in this order:\n/first.conf\ns3://b/last\n" in capsys.readouterr().out


def with_file(kind: str, value: str) -> str:
    task = copy.deepcopy(TASK)
    options = {"config-file-type": kind, "config-file-value": value}
    task["containerDefinitions"][1]["firelensConfiguration"] = {"type": "fluentbit", "options": options}
    return json.dumps(task)


def test_the_extra_file_is_printed_from_its_local_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "task.json").write_text(with_file("file", "/extra.conf"))
    (tmp_path / "mine.conf").write_text("[SERVICE]\n    Flush 1\n")
    (tmp_path / "Dockerfile").write_text("FROM x\nCOPY mine.conf /extra.conf\n")
    assert render.main([str(tmp_path / "task.json"), "--files"]) == 0
    assert "# /extra.conf\n\n[SERVICE]\n    Flush 1\n" in capsys.readouterr().out
    (tmp_path / "Dockerfile").unlink()
    assert render.main([str(tmp_path / "task.json"), "--files"]) == 1
    assert "--file /extra.conf=" in capsys.readouterr().err
    assert render.main([str(tmp_path / "task.json"), "--files", "--file", f"/extra.conf={tmp_path}/mine.conf"]) == 0


def test_the_extra_file_is_downloaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "task.json").write_text(with_file("s3", "arn:aws:s3:::conf/x.conf"))
    with embedded() as aws:
        for name, value in aws.environment.items():
            monkeypatch.setenv(name, value)
        assert render.main([str(tmp_path / "task.json"), "--files"]) == 1
        err = capsys.readouterr().err
        assert "task.json:1:" in err
        assert "NoSuch" in err
        put_object(aws, "conf", "x.conf", "[SERVICE]\n    Flush 1\n")
        assert render.main([str(tmp_path / "task.json"), "--files", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["include"] == {
        "path": "/fluent-bit/etc/external.conf",
        "s3": "arn:aws:s3:::conf/x.conf",
        "text": "[SERVICE]\n    Flush 1\n",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"family": "f", "containerDefinitions": [{"name": "a"}]}', "this task does not use FireLens"),
        ('{"family": "f", "containerDefinitions": [', "error[json-syntax]"),
        (
            json.dumps({**TASK, "containerDefinitions": TASK["containerDefinitions"][:1]}),
            "but no container has a firelensConfiguration",
        ),
    ],
)
def test_what_ecs_refuses_is_told_and_nothing_printed(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "task.json").write_text(text)
    assert render.main([str(tmp_path / "task.json")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render.main([str(tmp_path / "nothing.json")]) == 1
    assert "nothing.json: No such file or directory" in capsys.readouterr().err
