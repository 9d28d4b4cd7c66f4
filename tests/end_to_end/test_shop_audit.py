"""What is printed is in CloudWatch Logs and nowhere else, what is written to the audit log in S3 and nowhere else."""

import asyncio
import json
import re
import signal
from pathlib import Path
from typing import Any

from tests.end_to_end.running import Up, example

INNER = {"action": "create", "auditable": {"id": 123, "type": "Hat"}, "user": None}
AUDITS: list[dict[str, Any]] = [
    {"timestamp": "2025-09-11T15:46:18.182+09:00", "record": INNER},
    # as text: what Decode_Field_As is for
    {"timestamp": "2025-09-11T15:46:19.250+09:00", "record": json.dumps(INNER)},
]
WEB = """web=echo 'GET / 200'; cat lines > "$AUDIT_DIR/audit-1.log"; exec 2>/dev/null; while :; do sleep 0.1; done"""


async def audited(task: Path) -> Up:
    """A run that is stopped once the router has shown every line of the audit log."""
    run = await Up.start(task, "--exec", WEB)
    for line in AUDITS:
        await run.until(f'"timestamp"=>"{line["timestamp"]}"')
    run.process.send_signal(signal.SIGINT)
    assert await run.end() == 0, run.shown
    return run


def test_the_audit_log_is_in_s3_and_what_is_printed_in_cloudwatch(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    task = example("shop-audit", tmp_path, AUDIT_DIR=str(volume))
    (task.parent / "lines").write_text("".join(f"{json.dumps(line)}\n" for line in AUDITS))
    run = asyncio.run(audited(task))
    assert run.rows() == {"CloudWatch Logs /ecs/shop/app": (1, 1), "S3, through Firehose shop-audit": (2, 2)}
    assert "Every one of 1 lines is accounted for." in run.shown
    assert "2 records came from tail.0 and not from a container" in run.shown
    assert (volume / "offsets.db").exists()
    sample = re.search(r"One record of S3, through Firehose shop-audit: *\n(.*)", run.shown)
    assert sample
    assert json.loads(sample[1])["record"] == INNER
