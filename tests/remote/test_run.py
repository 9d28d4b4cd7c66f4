"""A router whose config is in S3, as its own process."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pyrolens.local.embedded_aws import KEYS, EmbeddedAws
from tests.net.servers import serving
from tests.remote.aws import embedded, put_object
from tests.running import HttpSink, until

CONFIG = """
[SERVICE]
    Flush      0.1
    Hot_Reload On
[INPUT]
    Name  dummy
    Tag   t
    Dummy {{"from": "{}"}}
[OUTPUT]
    Name   http
    Match  *
    Port   {}
    Format json_lines
"""


@asynccontextmanager
async def router(log: Path, *arguments: str, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    with open(log, "wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pyrolens", *arguments), env={**os.environ, **environ}, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def reloaded(aws: EmbeddedAws, log: Path) -> None:
    sink = HttpSink()
    await sink.open()

    def came(value: str) -> bool:
        return any(json.loads(line)["from"] == value for line in sink.lines())

    put_object(aws, "conf", "main.conf", CONFIG.format("one", sink.port))
    async with router(log, "run", "-c", "s3://conf/main.conf", **aws.environment) as process:
        await until(lambda: came("one") or process.returncode is not None, "a record of the first config")
        put_object(aws, "conf", "main.conf", "[INPUT]\n    Name dumy\n")
        process.send_signal(signal.SIGHUP)
        await until(lambda: "everything stays" in log.read_text(), "a bad config is refused")
        assert "s3://conf/main.conf:2:10: error" in log.read_text()
        put_object(aws, "conf", "main.conf", CONFIG.format("two", sink.port))
        process.send_signal(signal.SIGHUP)
        await until(lambda: came("two"), "a record of the new config")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    await sink.close()


def test_a_reload_fetches_the_config_again(tmp_path: Path) -> None:
    with embedded() as aws:
        asyncio.run(reloaded(aws, tmp_path / "log"))


def test_a_stop_ends_it_while_it_waits_for_a_config(tmp_path: Path) -> None:
    """Nobody answers, as when a route to S3 is missing. A router that were process 1 would ignore the signal."""

    async def stopped(*arguments: str) -> int:
        def silent(request: object) -> bytes:
            raise asyncio.CancelledError

        async with serving(silent) as server:
            environ = {**KEYS, "AWS_ENDPOINT_URL": server.url, "AWS_REGION": "eu-west-1"}
            async with router(tmp_path / "log", *arguments, **environ) as process:
                await until(lambda: bool(server.requests) or process.returncode is not None, "it asks for the config")
                process.send_signal(signal.SIGTERM)
                return await asyncio.wait_for(process.wait(), 30)

    assert asyncio.run(stopped("run", "-c", "s3://b/x.conf")) == 143
    os.environ["AWS_FLUENT_BIT_INIT_S3_1"] = "s3://b/x.conf"
    try:
        assert asyncio.run(stopped("init", "--dir", str(tmp_path / "init"))) == 143
    finally:
        del os.environ["AWS_FLUENT_BIT_INIT_S3_1"]
