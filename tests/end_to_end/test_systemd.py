"""A router that reads the journal is killed while its destination fails: no entry is lost, and none is sent twice that
was known to be delivered."""

import asyncio
import json
import signal
from pathlib import Path

from tests.inputs.journals import entry, needs_journal, write
from tests.running import HttpSink, running, until

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
