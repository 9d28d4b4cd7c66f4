"""A router that reads the journal is killed while its destination fails: no entry is lost, and none is sent twice that
was known to be delivered."""

import asyncio
import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.filters.test_ecs import Agent
from tests.inputs.journals import entry, needs_journal, write
from tests.net.servers import serving
from tests.running import HttpSink, Router, running, until

CONFIG = """\
[SERVICE]
    Flush          0.1
    scheduler.base 1
[INPUT]
    Name           systemd
    Path           {{dir}}/j
    Tag            host.*
    DB             {{dir}}/journal.db
    Systemd_Filter _SYSTEMD_UNIT=web.service
[OUTPUT]
    Name           http
    Match          host.web.service
    Host           127.0.0.1
    Port           {port}
    Format         json_lines
"""


def numbers(sink: HttpSink) -> list[int]:
    return [int(json.loads(line)["MESSAGE"].split()[1]) for line in sink.lines()]


@needs_journal
def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        sink = HttpSink()
        await sink.open()
        config = CONFIG.format(port=sink.port)
        write(tmp_path / "j", *[entry(n) for n in range(10)], entry(1000, unit="db.service"))
        async with running(tmp_path, config) as router:
            await until(lambda: len(sink.lines()) == 10, "the first ones are delivered")
            await until(lambda: (tmp_path / "journal.db").stat().st_size > 8000, "the place is saved")
            assert await router.stop() == 0
        sink.status = 500
        write(tmp_path / "j", *[entry(n) for n in range(10, 20)])
        async with running(tmp_path, config) as router:
            await until(lambda: sink.requests >= 2, "the next ones are refused")
            await router.stop(signal.SIGKILL)
        sink.status = 200
        write(tmp_path / "j", *[entry(n) for n in range(20, 30)])
        async with running(tmp_path, config) as router:
            await until(lambda: len(sink.lines()) >= 30, "all are delivered")
            assert await router.stop() == 0
        assert numbers(sink) == list(range(30))
        await sink.close()

    asyncio.run(check())


RELOADED = """\
[SERVICE]
    Flush          0.1
    Hot_Reload     on
    Log_Level      info
[INPUT]
    Name           systemd
    Path           {{dir}}/j
    Tag            host.*
{more}
[INPUT]
    Name           fluentbit_logs
    Tag            internal
[INPUT]
    Name           kmsg
    Tag            kernel
    Prio_Level     {level}
[FILTER]
    Name           ecs
    Match          host.*
    Add            cluster $ClusterName
    ecs_meta_port  {port}
[OUTPUT]
    Name           file
    Match          host.*
    File           {{dir}}/out
    Format         plain
[OUTPUT]
    Name           file
    Match          kernel
    File           {{dir}}/kernel
    Format         plain
[OUTPUT]
    Name           file
    Match          internal
    File           {{dir}}/internal
    Format         plain
"""


def written(folder: Path, name: str) -> list[Any]:
    path = folder / name
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []


def counted(router: Router, text: str, number: int) -> bool:
    return router.said().count(text) == number


@needs_journal
@pytest.mark.skipif(not os.access("/dev/kmsg", os.R_OK), reason="/dev/kmsg is not there, or not to be read")
def test_a_reload_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Without a DB: only the old source knows how far the journal was read. The filter asks before the switch."""

    async def check() -> None:
        agent = Agent()
        async with serving(agent) as server:
            write(tmp_path / "j", *[entry(n) for n in range(50)])
            config = RELOADED.format(port=server.port, more="", level=7)
            async with running(tmp_path, config) as router:
                await until(lambda: len(written(tmp_path, "out")) == 50, "the journal is read")
                kernel = len(written(tmp_path, "kernel"))
                for turn in range(1, 4):
                    more = "    Lowercase on" if turn % 2 else ""
                    text = RELOADED.format(port=server.port, more=more, level=7 - turn)
                    router.config.write_text(text.replace("{dir}", str(tmp_path)))
                    write(tmp_path / "j", *[entry(n) for n in range(50 * turn, 50 * turn + 25)])
                    os.kill(router.pid, signal.SIGHUP)
                    write(tmp_path / "j", *[entry(n) for n in range(50 * turn + 25, 50 * turn + 50)])
                    said = "the config is loaded again"
                    await until(partial(counted, router, said, turn), said)
                await until(lambda: len(written(tmp_path, "out")) >= 200, "all of the journal is read")
                assert await router.stop() == 0
                assert "[error]" not in router.said(), router.said()
            assert agent.asked.count("/v1/metadata") == 4
        found = [record.get("MESSAGE") or record["message"] for record in written(tmp_path, "out")]
        assert found == [f"line {n}" for n in range(200)]
        assert {record["cluster"] for record in written(tmp_path, "out")} == {"shop"}
        sequences = [record["sequence"] for record in written(tmp_path, "kernel")]
        assert len(sequences) == len(set(sequences)) >= kernel, "the kernel's log does not begin again"
        told = [record["message"] for record in written(tmp_path, "internal")]
        assert sum("loaded again" in message for message in told) == 3

    asyncio.run(check())
