import json
from pathlib import Path

import pytest

from pyrolens.tools import render

TASK = {
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
