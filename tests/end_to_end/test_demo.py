"""`pyrolens up` as a user runs it, on the example and on tasks that must not come out well."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "color-app" / "task-definition.json"


def up(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pyrolens", "up", *arguments]


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


ENVIRONMENT = {**os.environ, "COLUMNS": "250", "NO_COLOR": "1"}


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        up(*arguments), capture_output=True, text=True, timeout=120, env={**ENVIRONMENT, **environment}, check=False
    )
    return done.returncode, done.stdout + done.stderr


def row(shown: str, title: str) -> tuple[int, int]:
    """(expected, arrived) of a destination in the table."""
    found = re.search(rf"^ *{re.escape(title)} +(\d+) +(\d+) +\d+ +read back", shown, re.MULTILINE)
    assert found, shown
    return int(found[1]), int(found[2])


def test_the_example_errors_to_cloudwatch_everything_to_s3_and_no_health_checks() -> None:
    status, shown = run(str(EXAMPLE), "--demo", AWS_ACCESS_KEY_ID="real", AWS_SECRET_ACCESS_KEY="keys")
    assert status == 0, shown
    # 3 rounds of 4 health checks, 5 pages, 2 errors with an error line each, 1 page that is not there; start and end
    assert row(shown, "CloudWatch Logs /ecs/color-app/errors") == (15, 15)
    assert row(shown, "S3, through Firehose color-app-logs") == (32, 32)
    assert "grep.0 12" in words(shown)
    assert words(shown)[-1] == "Every one of 44 lines is accounted for."
    made = [line.removeprefix("• ") for line in words(shown) if line.startswith("• Made")]
    assert made == [
        "Made log group /ecs/color-app/errors (us-east-1)",
        "Made bucket color-app-logs-123456789012",
        "Made delivery stream color-app-logs to that bucket (us-east-1)",
    ]
    errors = [line for line in words(shown) if "→ cloudwatch_logs.0, kinesis_firehose.0" in line]
    assert len(errors) == 15
    assert all(" 500 " in line or " 404 " in line or "ERROR" in line for line in errors)
    sample = json.loads(words(shown)[words(shown).index("One record of CloudWatch Logs /ecs/color-app/errors:") + 1])
    assert sorted(sample) == ["ecs_task_definition", "log"]


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task whose app prints a few lines and ends; its router sends to CloudWatch Logs."""
    file = tmp_path / "task.json"
    options = {"Name": "cloudwatch_logs", "log_group_name": "/app", "log_stream_name": "s", "exclude-pattern": "DEBUG"}
    definition = {
        "family": "small",
        "networkMode": "host",
        "containerDefinitions": [
            {
                "name": "app",
                "command": ["sh", "-c", "echo one; echo DEBUG two >&2; echo; printf three"],
                "logConfiguration": {"logDriver": "awsfirelens", "options": options},
            },
            {"name": "router", "firelensConfiguration": {"type": "fluentbit"}},
        ],
    }
    file.write_text(json.dumps(definition))
    return file


def test_a_task_that_ends_by_itself(task: Path) -> None:
    status, shown = run(str(task), "--cluster", "shop")
    assert status == 0, shown
    assert row(shown, "CloudWatch Logs /app") == (3, 3)
    assert "• Ended container 'app', with status 0; the task stops" in words(shown)
    assert words(shown)[-1] == "Every one of 4 lines is accounted for."


LONG = (
    """app=python3 -c 'import json; print(json.dumps({"level": "error", "text": "é" * 20000}, ensure_ascii=False))'"""
)


@pytest.mark.parametrize(("switch", "records"), [(None, 1), ("off", 3)])
def test_a_line_of_40_kb_arrives_whole(task: Path, switch: str | None, records: int) -> None:
    definition = json.loads(task.read_text())
    if switch:
        router = definition["containerDefinitions"][1]
        router["environment"] = [{"name": "PYROLENS_JOIN_PARTIAL_MESSAGES", "value": switch}]
        task.write_text(json.dumps(definition))
    status, shown = run(str(task), "--exec", LONG)
    assert status == 0, shown
    assert row(shown, "CloudWatch Logs /app") == (records, records)
    assert words(shown)[-1] == "Every one of 3 lines is accounted for."
    assert shown.count("… held until more of it comes") == 3 - records
    size = re.search(rf"CloudWatch Logs /app +{records} +{records} +(\d+)", shown)
    assert size
    assert int(size[1]) > 40_000


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        up(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT
    )


def until(process: "subprocess.Popen[str]", text: str) -> str:
    """What it prints, up to the line that holds the text."""
    shown = ""
    while text not in shown and process.stdout and (line := process.stdout.readline()):
        shown += line
    return shown


# some shells say on stderr that their child was terminated
ENDLESS = "app=trap 'echo bye; exit 0' TERM; echo up; exec 2>/dev/null; while :; do sleep 0.1; done"


def test_another_command_and_ctrl_c(task: Path) -> None:
    process = start(str(task), "--exec", ENDLESS)
    shown = until(process, "→ cloudwatch_logs.0")
    process.send_signal(signal.SIGINT)
    shown += process.communicate(timeout=60)[0]
    assert process.returncode == 0, shown
    assert row(shown, "CloudWatch Logs /app") == (2, 2)


def test_what_the_router_does_can_be_looked_at(task: Path) -> None:
    port = free_port()
    extra = task.parent / "extra.conf"
    extra.write_text(f"[SERVICE]\n    HTTP_Server On\n    HTTP_Port {port}\n")
    definition = json.loads(task.read_text())
    options = {"config-file-type": "file", "config-file-value": "/extra.conf"}
    definition["containerDefinitions"][1]["firelensConfiguration"]["options"] = options
    task.write_text(json.dumps(definition))
    process = start(str(task), "--file", f"/extra.conf={extra}", "--exec", "app=while :; do echo up; sleep 0.1; done")
    shown = until(process, "→ cloudwatch_logs.0")
    assert f"HTTP API to look into the router: pyrolens top --host 127.0.0.1 --port {port}" in " ".join(words(shown))
    command = [sys.executable, "-m", "pyrolens", "tap", "--port", str(port), "-n", "1", "output:*"]
    tapped = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert (tapped.returncode, process.returncode) == (0, 0)
    assert '"log": "up"' in tapped.stdout


def test_who_asks_twice_does_not_wait(task: Path) -> None:
    process = start(str(task), "--exec", "app=trap '' TERM; echo $$; exec 2>/dev/null; while :; do sleep 0.1; done")
    shown = until(process, "→ cloudwatch_logs.0")
    process.send_signal(signal.SIGINT)
    until(process, "Stopping")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode != 0
    app = re.search(r"app │ \S+ (\d+) ", shown)
    assert app
    with pytest.raises(ProcessLookupError):
        os.kill(int(app[1]), 0)


def test_a_router_that_dies_is_no_good_end(task: Path) -> None:
    process = start(str(task), "--exec", ENDLESS)
    shown = until(process, "→ cloudwatch_logs.0")
    router = re.search(r"• Router process (\d+)", shown)
    assert router
    os.kill(int(router[1]), signal.SIGKILL)
    shown += process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "- the router left no books: it did not end as it should" in words(shown)
    assert "- the router ended by itself, with status -9" in words(shown)


def test_a_line_that_no_output_takes_is_not_accounted_for(task: Path) -> None:
    definition = json.loads(task.read_text())
    definition["containerDefinitions"][0]["logConfiguration"]["options"] = {}
    task.write_text(json.dumps(definition))
    status, shown = run(str(task))
    assert status == 1
    assert "- 4 lines came through the filters and matched no output" in words(shown)


def test_mistakes_are_told_and_nothing_starts(task: Path) -> None:
    definition = json.loads(task.read_text())
    del definition["containerDefinitions"][0]["command"]
    task.write_text(json.dumps(definition))
    status, shown = run(str(task), "--demo", "--exec", "web=true")
    assert status == 1
    assert re.findall(r"error\[[\w-]+\]: (.*)", shown) == [
        "--exec web: the task has no such container",
        "container 'app' has no command, and its image '' cannot run here: say what to start with --exec app='…'",
        "--demo needs a container with a portMapping",
    ]
