"""What a task takes from AWS, taken from files of this machine: a config, variables, secrets."""

import asyncio
import json
import re
from pathlib import Path

from tests.end_to_end.running import up

EXTRA = """\
[SERVICE]
    Flush 0.2
[FILTER]
    Name   record_modifier
    Match  app-*
    Record token ${extra_user_agent_0}
"""
KEY = "arn:aws:ssm:eu-west-1:123456789012:parameter/key"


def task(folder: Path) -> Path:
    options = {"Name": "cloudwatch_logs", "region": "eu-west-1", "log_group_name": "/g", "log_stream_prefix": "s"}
    app = {
        "name": "app",
        "image": "app:1",
        "command": ["sh", "-c", 'echo "$FROM_FILE $BOTH $KEY"'],
        "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::conf/app.env"}],
        "environment": [{"name": "BOTH", "value": "definition"}],
        "secrets": [{"name": "KEY", "valueFrom": KEY}],
        "logConfiguration": {
            "logDriver": "awsfirelens",
            "options": options,
            "secretOptions": [{"name": "extra_user_agent", "valueFrom": "/token"}],
        },
    }
    external = {"config-file-type": "s3", "config-file-value": "arn:aws:s3:::conf/router/extra.conf"}
    router = {"name": "router", "image": "r:1", "firelensConfiguration": {"type": "fluentbit", "options": external}}
    file = folder / "task.json"
    file.write_text(json.dumps({"family": "f", "networkMode": "bridge", "containerDefinitions": [app, router]}))
    (folder / "app.env").write_text("FROM_FILE=file\nBOTH=file\n")
    (folder / "mine.conf").write_text(EXTRA)
    (folder / "secrets").write_text(f"{KEY}=kkk\nextra_user_agent_0=ttt\n")
    return file


def test_config_variables_and_secrets_come_from_files(tmp_path: Path) -> None:
    file = task(tmp_path)
    arn = "arn:aws:s3:::conf/router/extra.conf"
    run = asyncio.run(up(file, "--file", f"{arn}={tmp_path}/mine.conf", "--secrets", str(tmp_path / "secrets")))
    assert run.rows() == {"CloudWatch Logs /g": (1, 1)}
    sample = re.search(r"One record of CloudWatch Logs /g: *\n(.*)", run.shown)
    assert sample
    record = json.loads(sample[1])
    assert (record["log"], record["token"]) == ("file definition kkk", "ttt")
