"""What `pyrolens init` makes of files is in Fluent Bit's language, so that it may be its init process, too."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.running import until

MIXED = """\
[SERVICE]
    Flush 0.2
    Grace 1
[PARSER]
    Name   own
    Format json
[FILTER]
    Name     parser
    Match    *
    Key_Name log
    Parser   own
[STREAM_TASK]
    Name t
    Exec CREATE STREAM s WITH (tag='made') AS SELECT level FROM TAG:'app';
[FILTER]
    Name   record_modifier
    Match  made
    Record from task
[OUTPUT]
    Name   file
    Match  *
    Path   {folder}
    File   out
    Format plain
"""
GENERATED = """\
[INPUT]
    Name    dummy
    Tag     app
    Samples 1
    Dummy   {"log": "{\\"level\\": \\"error\\"}"}
"""


def test_both_routers_do_the_same_with_a_mixed_file(tmp_path: Path) -> None:
    peer = os.environ.get("PYROLENS_PEER")
    if not peer:
        pytest.skip("PYROLENS_PEER names no Fluent Bit")
    wanted = ['{"level":"error","from":"task"}', '{"level":"error"}']
    assert [asyncio.run(done(tmp_path / who, router)) for who, router in (("we", []), ("they", [peer]))] == [wanted] * 2


async def done(folder: Path, router: list[str]) -> list[str]:
    """The records that arrived, sorted."""
    folder.mkdir()
    out = folder / "out"
    (folder / "generated.conf").write_text(GENERATED)
    (folder / "mixed.conf").write_text(MIXED.replace("{folder}", str(folder)))
    environ = {**os.environ, "aws_fluent_bit_init_file_1": str(folder / "mixed.conf")}
    arguments = ["init", "--dir", str(folder / "init"), "--config", str(folder / "generated.conf"), "--", *router]
    with open(folder / "log", "wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pyrolens", *arguments), env=environ, stdout=log, stderr=log
        )
    try:
        await until(lambda: out.exists() and out.read_text().count("\n") >= 2, "both records are there")
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
    return sorted(line.replace(", ", ",").replace(": ", ":") for line in out.read_text().splitlines())
