"""Errors and everything else to places of their own: by stream tasks and by rewrite_tag, to the same end."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from tests.end_to_end.running import EXAMPLES, example, up

ERRORS, OTHERS = "cloudwatch_logs.0", "kinesis_firehose.0"
LINES = {
    '{"level":"error","about":"the till"}': ERRORS,
    '{"level":"info","status":503}': ERRORS,
    '{"level":"info","status":200}': OTHERS,
    '{"level":"warn","about":"an error"}': OTHERS,
    "no JSON, and no error": OTHERS,
}
GUIDE = Path(__file__).parents[2] / "docs/guides/split-streams.md"


@pytest.mark.parametrize("config", ["extra.conf", "rewrite.conf"])
def test_each_record_is_in_one_place(config: str, tmp_path: Path) -> None:
    task = example("shop-levels", tmp_path)
    (tmp_path / "lines").write_text("".join(f"{line}\n" for line in LINES))
    command = f"cat {shlex.quote(str(tmp_path / 'lines'))}"
    run = asyncio.run(up(task, "--file", f"/extra.conf={task.parent / config}", "--exec", f"web={command}"))
    ways = dict(re.findall(r"^ *web │ \S+ (.*?) +→ (.*?) *$", run.shown, re.MULTILINE))
    assert ways == LINES
    # what has arrived is compared with these ways, record by record
    assert run.rows() == {"CloudWatch Logs /ecs/shop/errors": (2, 2), "S3, through Firehose shop-logs": (3, 3)}
    assert "Every one of 5 lines is accounted for." in run.shown


@pytest.mark.parametrize("file", ["extra.conf", "streams.conf", "rewrite.conf"])
def test_the_guide_shows_what_is_run(file: str) -> None:
    shown = re.findall(r"```ini\n# \S+\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    text = (EXAMPLES / "shop-levels" / file).read_text()
    sections = [re.sub(r"^#.*\n?", "", part, flags=re.MULTILINE).strip() for part in text.split("\n\n")]
    wanted = [part for part in sections if part]
    assert any(all(part in block for part in wanted) for block in shown), file
