"""The whole of it: a process with a metadata endpoint and an S3 that are real HTTP servers."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyrolens.ecs.init import Plan
from pyrolens.local.embedded_aws import EmbeddedAws
from pyrolens.service.log import Logs
from pyrolens.tools import init
from pyrolens.tools.init import command_of
from tests.ecs.test_metadata import TASK
from tests.net.servers import answer, serving
from tests.remote.aws import embedded, put_object
from tests.running import HttpSink, until

GENERATED = """
[INPUT]
    Name   dummy
    Tag    app-firelens-1
    Dummy  {"log": "{\\"level\\": \\"error\\"}"}
    Samples 1
"""
PIPELINE = """
[PARSER]
    Name   own
    Format json
[FILTER]
    Name     parser
    Match    *
    Key_Name log
    Parser   own
"""
OUT = """
[SERVICE]
    Flush 0.2
[FILTER]
    Name   record_modifier
    Match  *
    Record family ${ECS_FAMILY}
    Record zone ${AWS_AVAILABILITY_ZONE}
[OUTPUT]
    Name   http
    Match  *
    Host   127.0.0.1
    Port   ${SINK}
    Format json_lines
    json_date_key false
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with embedded() as made:
        yield made


def test_it_fetches_and_becomes_the_router(aws: EmbeddedAws, tmp_path: Path) -> None:
    put_object(aws, "conf", "a/x.conf", PIPELINE)
    put_object(aws, "conf", "b/x.conf", OUT)
    generated = tmp_path / "fluent-bit.conf"
    generated.write_text(GENERATED)
    log = tmp_path / "log"

    async def test() -> int:
        sink = HttpSink()
        await sink.open()
        async with serving(lambda request: answer(200, json.dumps(TASK).encode())) as endpoint:
            environ = {
                **os.environ,
                **aws.environment,
                "AWS_REGION": "us-east-1",
                "ECS_CONTAINER_METADATA_URI_V4": endpoint.url,
                "SINK": str(sink.port),
                "aws_fluent_bit_init_s3_2": "arn:aws:s3:::conf/b/x.conf",
                "aws_fluent_bit_init_S3_1": "arn:aws:s3:::conf/a/x.conf",
            }
            arguments = ["init", "--dir", str(tmp_path / "init"), "--config", str(generated)]
            with open(log, "wb") as out:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "pyrolens", *arguments, "--", "-w", str(tmp_path), "-p", "x=s3cret"),
                    env=environ, stdout=out, stderr=out,
                )  # fmt: skip
            try:
                await until(lambda: bool(sink.lines()) or process.returncode is not None, "a record has arrived")
                assert sink.lines(), log.read_text()
                assert json.loads(sink.lines()[0]) == {"level": "error", "family": "web", "zone": "eu-west-1a"}
                # the same process: signals reach the router
                process.send_signal(signal.SIGTERM)
                return await asyncio.wait_for(process.wait(), 30)
            finally:
                if process.returncode is None:
                    process.kill()
                await sink.close()

    assert asyncio.run(test()) == 0
    said = log.read_text()
    for part in (
        "a variable is set name=AWS_REGION value=eu-west-1 instead_of=us-east-1",
        "a file is fetched source=arn:aws:s3:::conf/a/x.conf bytes=",
        "by=aws_fluent_bit_init_S3_1",
        "the config is written file=",
        "the router starts command=",
    ):
        assert part in said
    assert "s3cret" not in said.partition("the router starts")[2].partition("\n")[0]
    config = (tmp_path / "init" / "fluent-bit-init.conf").read_text()
    assert [Path(line.split()[1]).name for line in config.splitlines()] == ["fluent-bit.conf", "2-x.conf", "2-x.conf"]


def test_what_is_missing_keeps_the_router_from_starting(aws: EmbeddedAws, tmp_path: Path) -> None:
    async def test() -> tuple[int, str]:
        environ = {**os.environ, **aws.environment, "aws_fluent_bit_init_s3_1": "s3://none/x.conf"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pyrolens", "init", "--dir", str(tmp_path), "--config", str(tmp_path / "no.conf")),
            env=environ, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await process.communicate()
        return process.returncode or 0, said.decode()

    status, said = asyncio.run(test())
    assert status == 1
    (line,) = [line for line in said.splitlines() if "the router is not started" in line]
    assert 'reason="aws_fluent_bit_init_s3_1: s3://none/x.conf cannot be read: NoSuchBucket' in line
    assert "hint=" in line


def test_files_go_elsewhere_where_the_folder_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As in a container whose root is read-only."""
    monkeypatch.setattr(init, "ELSEWHERE", str(tmp_path / "elsewhere"))
    generated = tmp_path / "g.conf"
    generated.write_text(GENERATED)
    (tmp_path / "file").write_text("")
    plan, _ = init.ready(str(tmp_path / "file" / "init"), str(generated), {}, Logs().of("init"))
    assert plan.config == str(tmp_path / "elsewhere" / "fluent-bit-init.conf")
    assert "files go elsewhere" in capfd.readouterr().err


def test_the_command_of_the_router() -> None:
    plan = Plan("/init/x.conf", ["/a", "/b"])
    given = ["-c", "/init/x.conf", "-R", "/a", "-R", "/b"]
    assert command_of(plan, ["--", "-v"]) == [sys.executable, "-m", "pyrolens", "run", *given, "-v"]
    assert command_of(plan, ["--", "/bin/fluent-bit", "-v"]) == ["/bin/fluent-bit", *given, "-v"]
