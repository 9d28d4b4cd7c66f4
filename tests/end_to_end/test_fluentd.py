"""A task whose router is of type fluentd: its generated config, with a file that it includes, to AWS and back."""

import asyncio
import json
import re
import shlex
from pathlib import Path

from tests.end_to_end.running import up

TASK = {
    "family": "shop",
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {
            "name": "router",
            "image": "router",
            "firelensConfiguration": {
                "type": "fluentd",
                "options": {"config-file-type": "file", "config-file-value": "/extra.conf"},
            },
        },
        {
            "name": "web",
            "image": "web",
            "logConfiguration": {
                "logDriver": "awsfirelens",
                "options": {
                    "@type": "cloudwatch_logs",
                    "region": "us-east-1",
                    "log_group_name": "/ecs/web",
                    "use_tag_as_stream": "true",
                    "auto_create_stream": "true",
                    "exclude-pattern": "^GET /health",
                    "flush_interval": "1s",
                },
            },
        },
    ],
}
EXTRA = """
<filter web-firelens-**>
  @type parser
  key_name log
  reserve_data true
  emit_invalid_record_to_error false
  <parse>
    @type json
  </parse>
</filter>
<match web-firelens-**>
  @type rewrite_tag_filter
  <rule>
    key level
    pattern /^error$/
    tag errors
    label @ERRORS
  </rule>
  <rule>
    key log
    pattern /./
    tag ${tag}
    label @WEB
  </rule>
</match>
<label @ERRORS>
  <match **>
    @type cloudwatch_logs
    region us-east-1
    log_group_name /ecs/${tag}
    log_stream_name all
    auto_create_stream true
    message_keys about
    <buffer tag>
    </buffer>
  </match>
</label>
<label @WEB>
  <match **>
    @type kinesis_firehose
    region us-east-1
    delivery_stream_name web
  </match>
</label>
"""
ERRORS, OTHERS, DROPPED = "cloudwatch_logs.1", "kinesis_firehose.0", "dropped by grep.0"
LINES = {
    '{"level":"error","about":"the till"}': ERRORS,
    '{"level":"info","about":"a sale"}': OTHERS,
    "no JSON": OTHERS,
    "GET /health": DROPPED,
}


def test_each_line_takes_its_way(tmp_path: Path) -> None:
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    (tmp_path / "extra.conf").write_text(EXTRA)
    (tmp_path / "lines").write_text("".join(f"{line}\n" for line in LINES))
    command = f"cat {shlex.quote(str(tmp_path / 'lines'))}"
    file = f"/extra.conf={tmp_path / 'extra.conf'}"
    run = asyncio.run(up(tmp_path / "task.json", "--file", file, "--exec", f"web={command}"))
    ways = dict(re.findall(r"^ *web │ \S+ (.*?) +[→✗] (.*?) *$", run.shown, re.MULTILINE))
    assert ways == LINES
    assert "Every one of 4 lines is accounted for." in run.shown
    assert "One record of CloudWatch Logs" in run.shown
    assert run.rows()["S3, through Firehose web"] == (2, 2)
