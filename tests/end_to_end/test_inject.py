"""Developers describe a container, the platform adds the router: what comes out runs, and no line is lost."""

import asyncio
import json
from pathlib import Path

import pytest

from pyrolens.tools import inject
from tests.end_to_end.running import up

CONFIG = """\
[SERVICE]
    Flush 0.2
[OUTPUT]
    Name              cloudwatch_logs
    Match             app-firelens-*
    region            eu-west-1
    log_group_name    /shop/app
    log_stream_prefix s-
"""


@pytest.mark.parametrize("where", ["/etc/platform.conf", "s3://platform/router/platform.conf"])
def test_a_task_with_an_injected_router_runs(where: str, tmp_path: Path) -> None:
    app = {"name": "app", "image": "app:1", "command": ["sh", "-c", "echo one; echo two"]}
    (tmp_path / "developer.json").write_text(json.dumps({"family": "shop", "containerDefinitions": [app]}))
    (tmp_path / "platform.conf").write_text(CONFIG)
    task = tmp_path / "task.json"
    arguments = ["--image", "pyrolens:init", "--config", where, "--rate", "100KB/s", "--health", "-o", str(task)]
    assert inject.main([str(tmp_path / "developer.json"), *arguments]) == 0
    run = asyncio.run(up(task))
    assert run.rows() == {"CloudWatch Logs /shop/app": (2, 2)}
