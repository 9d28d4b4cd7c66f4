"""The agent's config, byte for byte, in every network mode and of both types. The texts are those of its own rules."""

import json
from pathlib import Path

import pytest

from pyrolens.ecs.firelens import Task, set_up
from pyrolens.ecs.task_definition import read
from pyrolens.problems import Problems

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = {
    "region": "us-west-2",
    "deliver_stream_name": "my-stream",
    "include-pattern": "*failure*",
    "exclude-pattern": "*success*",
    "log-driver-buffer-limit": "1000",
}
S3 = {"config-file-type": "s3", "config-file-value": "arn:aws:s3:::bucket/fluent.conf"}


@pytest.mark.parametrize("mode", ["awsvpc", "bridge", "host", "none"])
@pytest.mark.parametrize(("kind", "key"), [("fluentbit", "Name"), ("fluentd", "@type")])
def test_the_config(kind: str, key: str, mode: str) -> None:
    log = {"logDriver": "awsfirelens", "options": {key: "kinesis_firehose", **OPTIONS}}
    router = {"name": "router", "memory": 100, "firelensConfiguration": {"type": kind, "options": S3}}
    definition = {
        "family": "taskdefinition",
        "revision": 1,
        "networkMode": mode,
        "containerDefinitions": [{"name": "container", "logConfiguration": log}, router],
    }
    task = Task(
        read(json.dumps(definition), "t.json", Problems()),
        id="3de392df",
        cluster="mycluster",
        region="us-east-2",
        account="012345678910",
        instance="i-123456789a",
    )
    assert set_up(task).config == (GOLDEN / f"{kind}-{mode}.conf").read_text()
