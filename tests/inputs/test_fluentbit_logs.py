"""The router's own log as records: shape, bounds, and that a line never makes another."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from pyrolens.api import LogLine
from pyrolens.inputs.fluentbit_logs import MOST, FluentbitLogs, LogSource
from tests.inputs.lent import Lent, run
from tests.running import HttpSink, running, until

HTTP = "output:http:http.0"


def line(text: str, name: str = "engine", level: str = "info", repeats: bool = False) -> LogLine:
    return LogLine(7_000_000_001, level, name, text, repeats)


async def begun(env: Lent) -> LogSource:
    source = FluentbitLogs().open(env)
    assert isinstance(source, LogSource)
    await source.start()
    return source


def test_a_line_is_a_record() -> None:
    """As recorded from Fluent Bit."""

    async def check() -> None:
        env = Lent("fluentbit_logs.0", "logs")
        source = FluentbitLogs().open(env)
        await source.start()
        env.listeners[0](line("of the router itself", ""))
        env.listeners[0](line("retry", "output:http:http.1", "warn"))
        await source.stop()
        assert env.listeners == []
        assert env.events == [
            ("logs", 7_000_000_001, {"level": "info", "message": "of the router itself"}),
            ("logs", 7_000_000_001, {"level": "warn", "message": "[output:http:http.1] retry"}),
        ]

    run(check())


def test_what_handing_over_says_is_no_record() -> None:
    async def check() -> None:
        env = Lent("fluentbit_logs.0")
        source = await begun(env)
        env.on_ingest = lambda: source.take(line("the filter failed", "filter:lua:lua.0", "error"))
        source.take(line("one"))
        await env.until_events(1)
        source.take(line("two"))
        await env.until_events(2)
        await source.stop()
        assert [record["message"] for record in env.records] == ["[engine] one", "[engine] two"]

    run(check())


def test_what_the_own_input_says_is_no_record() -> None:
    async def check() -> None:
        env = Lent("logs")
        source = await begun(env)
        source.take(line("resumed", "input:fluentbit_logs:logs"))
        source.take(line("resumed", "input:tail:tail.0"))
        await env.until_events(1)
        await source.stop()
        assert [record["message"] for record in env.records] == ["[input:tail:tail.0] resumed"]

    run(check())


def test_what_delivery_says_is_no_record_while_records_are_under_way() -> None:
    async def check() -> None:
        env = Lent("fluentbit_logs.0")
        env.outputs = {"http.0"}
        source = await begun(env)
        source.take(line("refused", HTTP, "error"))
        await env.until_events(1)
        source.take(line("refused again, of that record", HTTP, "error"))
        source.take(line("of another output", "output:s3:s3.0", "error"))
        await env.until_events(2)
        for settled in env.settle:
            settled()
        source.take(line("said just after it was settled", HTTP, "error"))
        for _ in range(3):
            await asyncio.sleep(0)
        source.take(line("refused (repeated 9 times)", HTTP, "error", repeats=True))
        source.take(line("of other records", HTTP, "error"))
        await env.until_events(3)
        await source.stop()
        assert [record["message"] for record in env.records] == [
            f"[{HTTP}] refused", "[output:s3:s3.0] of another output", f"[{HTTP}] of other records",
        ]  # fmt: skip

    run(check())


def test_what_waits_is_bounded() -> None:
    async def check() -> None:
        env = Lent("fluentbit_logs.0")
        source = await begun(env)
        source.pause()
        for n in range(MOST + 5):
            source.take(line(f"{n}"))
        source.take(line("x" * 5000))
        assert env.counts == {"left_out_lines": 6}
        source.resume()
        await env.until_events(MOST + 1)
        assert env.records[-1]["level"] == "warn"
        assert env.records[-1]["message"].endswith("6 lines before this were left out")
        source.take(line("x" * 5000))
        await env.until_events(MOST + 2)
        assert len(env.records[-1]["message"]) == 4000 + len("[engine]  ...")
        await source.stop()

    run(check())


CONFIG = """\
[SERVICE]
    Flush          0.1
    scheduler.base 1
    scheduler.cap  2
[INPUT]
    Name           fluentbit_logs
    Tag            internal
[INPUT]
    Name           dummy
    Tag            app
    Samples        1
[INPUT]
    Name           dummy
    Tag            clock
    Rate           20
[OUTPUT]
    Name           http
    Match_Regex    ^(internal|app)$
    Host           127.0.0.1
    Port           {port}
    Format         json_lines
    json_date_key  off
    Retry_Limit    {limit}
[OUTPUT]
    Name           file
    Match          internal
    File           {{dir}}/internal
    Format         plain
[OUTPUT]
    Name           file
    Match          clock
    File           {{dir}}/clock
    Format         plain
"""


@pytest.mark.parametrize(("status", "limit"), [(400, "no_limits"), (500, "no_limits"), (500, "no_retries")])
def test_an_output_that_fails_makes_no_flood(tmp_path: Path, status: int, limit: str) -> None:
    """All goes to a destination that takes nothing. Fluent Bit makes a record of each failure, which fails, too."""

    async def check() -> None:
        sink = HttpSink()
        await sink.open()
        sink.status = status
        async with running(tmp_path, CONFIG.format(port=sink.port, limit=limit)) as router:
            await until(lambda: sink.requests >= 2 and (tmp_path / "clock").exists(), "some requests failed")
            before = sink.requests
            ticks = len((tmp_path / "clock").read_text().splitlines())
            # some flushes later, each of which would make more of them
            await until(lambda: len((tmp_path / "clock").read_text().splitlines()) > ticks + 20, "a second has passed")
            if limit == "no_retries" or status == 400:
                assert sink.requests - before <= 1
            await router.stop()
            said = router.said()
        written = [json.loads(text) for text in (tmp_path / "internal").read_text().splitlines()]
        assert {"level", "message"} == set(written[0])
        assert any("started" in record["message"] for record in written)
        of_http = [record for record in written if "[output:http:" in record["message"]]
        assert len(of_http) <= 2
        assert len(re.findall(r"\[output:http:", said)) >= len(of_http)
        await sink.close()

    asyncio.run(check())
