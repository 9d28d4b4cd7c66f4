"""Configs in S3, fetched by the init process: the guide shows what the example holds, and the example works."""

import asyncio
import json
import re
import signal
import textwrap
from pathlib import Path

import pytest

from tests.end_to_end.running import EXAMPLES, Up, example

GUIDE = EXAMPLES.parent / "docs" / "guides" / "multi-config.md"
AUDIT = {"timestamp": "2025-09-11T15:46:18.182+09:00", "record": json.dumps({"action": "create"})}
WEB = """web=echo 'GET / 200'; cat lines > "$AUDIT_DIR/audit-1.log"; exec 2>/dev/null; while :; do sleep 0.1; done"""


async def audited(task: Path) -> Up:
    run = await Up.start(task, "--exec", WEB)
    await run.until(f'"timestamp"=>"{AUDIT["timestamp"]}"')
    run.process.send_signal(signal.SIGINT)
    assert await run.end() == 0, run.shown
    return run


def test_what_the_init_process_fetches_routes_the_audit_log(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    task = example("shop-config", tmp_path, AUDIT_DIR=str(volume))
    (task.parent / "lines").write_text(f"{json.dumps(AUDIT)}\n")
    run = asyncio.run(audited(task))
    assert run.rows() == {"CloudWatch Logs /ecs/shop/app": (1, 1), "S3, through Firehose shop-audit": (1, 1)}
    assert "a file is fetched source=arn:aws:s3:::shop-config/router/audit.conf" in run.shown
    # as the guide says
    size = (EXAMPLES / "shop-config" / "audit.conf").stat().st_size
    shown = " ".join(GUIDE.read_text().replace('"', "").split())
    for said in (f"bytes={size} file=", "holds=1 parser, 1 input, 2 filters use=included, and parsers"):
        assert said in run.shown
        assert said in shown
    sample = re.search(r"One record of S3, through Firehose shop-audit: *\n(.*)", run.shown)
    assert sample
    record = json.loads(sample[1])
    assert (record["record"], record["family"]) == ({"action": "create"}, "shop")


@pytest.mark.parametrize("name", ["audit.conf", "firehose.yaml"])
def test_the_guide_shows_the_files(name: str) -> None:
    text = (EXAMPLES / "shop-config" / name).read_text()
    assert textwrap.indent(text, "    ") in GUIDE.read_text()


def test_the_guide_shows_the_container() -> None:
    shown = re.search(r"The router's container:\n\n((?:    .*\n)+)", GUIDE.read_text())
    assert shown
    members = json.loads(f"{{{shown[1].rstrip().rstrip(',')}}}")
    definition = json.loads((EXAMPLES / "shop-config" / "task-definition.json").read_text())
    router = definition["containerDefinitions"][1]
    assert {key: router[key] for key in members} == members
