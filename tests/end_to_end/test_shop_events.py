"""Events in another account, everything else in ours; and the router answers its health check."""

import asyncio
import re
import shlex
import sys
from pathlib import Path

from tests.end_to_end.running import example, up
from tests.ports import free_port

EVENTS, LOG = "kinesis_firehose.0", "cloudwatch.0"
LINES = {
    '{"logClass":"EVENT_LOG","event":"bought","hats":3}': EVENTS,
    '{"logClass":"EVENT_LOG","event":"left"}': EVENTS,
    '{"logClass":"EVENT_LOG_OF_OLD","event":"came"}': LOG,
    '{"logClass":"APP_LOG","level":"warn","about":"EVENT_LOG"}': LOG,
    "no JSON, and no EVENT_LOG": LOG,
}
ASK = """
import urllib.request
with urllib.request.urlopen("http://127.0.0.1:{port}/api/v1/health", timeout=10) as answer:
    print("health", answer.status, answer.read().decode().strip())
"""


def test_events_go_to_the_other_account_and_nothing_else_does(tmp_path: Path) -> None:
    port = free_port()
    task = example("shop-events", tmp_path, HEALTH_PORT=str(port))
    (tmp_path / "lines").write_text("".join(f"{line}\n" for line in LINES))
    (tmp_path / "ask.py").write_text(ASK.format(port=port))
    command = f"cat {shlex.quote(str(tmp_path / 'lines'))}; {sys.executable} {shlex.quote(str(tmp_path / 'ask.py'))}"
    run = asyncio.run(up(task, "--exec", f"web={command}"))
    ways = dict(re.findall(r"^ *web │ \S+ (.*?) +→ (.*?) *$", run.shown, re.MULTILINE))
    assert ways == {**LINES, "health 200 ok": LOG}
    # what has arrived is compared with these ways, record by record
    assert run.rows() == {"S3, through Firehose shop-events": (2, 2), "CloudWatch Logs /ecs/shop/app": (4, 4)}
    assert "Every one of 6 lines is accounted for." in run.shown
    made = re.findall(r"^• Made (.*?) *$", run.shown, re.MULTILINE)
    assert made == [
        "bucket shop-events-210987654321",
        "delivery stream shop-events to that bucket (ap-northeast-1, account 210987654321)",
        "log group /ecs/shop/app (eu-west-1)",
    ]
    assert "/fluent-bit/parsers/parsers.conf is not needed: its parsers are always there" in run.shown
