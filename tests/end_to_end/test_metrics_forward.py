"""Metrics by the forward protocol, from one router to another."""

import asyncio
from pathlib import Path

import pytest

from tests.running import running, until

TAKES = """
[SERVICE]
    Flush 0.2
[INPUT]
    Name      forward
    unix_path {dir}/in.sock
[OUTPUT]
    Name  file
    Match *
    path  {dir}
    file  out
"""
SENDS = """
[SERVICE]
    Flush 0.2
[INPUT]
    Name            fluentbit_metrics
    Tag             own
    scrape_interval 1
[OUTPUT]
    Name      forward
    Match     *
    unix_path {there}/in.sock
    {options}
"""


@pytest.mark.parametrize("options", ["", "require_ack_response on", "compress gzip"])
def test_metrics_by_forward(tmp_path: Path, options: str) -> None:
    async def main() -> None:
        there, here = tmp_path / "there", tmp_path / "here"
        there.mkdir()
        here.mkdir()
        async with running(there, TAKES) as taker:
            sends = SENDS.replace("{there}", str(there)).replace("{options}", options)
            async with running(here, sends) as sender:
                out = there / "out"
                await until(lambda: out.exists() and "fluentbit_uptime" in out.read_text(), "metrics have come")
                assert await sender.stop() == 0
            assert await taker.stop() == 0
            assert "warning" not in taker.said() + sender.said()
            assert 'fluentbit_input_metrics_scrapes_total{name="fluentbit_metrics.0"} = 1' in out.read_text()

    asyncio.run(main())
