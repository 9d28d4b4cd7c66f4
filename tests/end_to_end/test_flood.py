"""A flood, and a destination that is dead: what half an hour of it would bring comes at once, and the router takes no
more memory than it may."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.running import HttpSink, Router, running, until

MB = 1 << 20
LIMIT = 16 * MB
ABOVE = 14 * MB
"""Bytes besides what waits: what is being read, encoded and sent, and what the allocator keeps."""
RECORDS = 90_000
"""Of 300 bytes: nearly twice what may wait."""
KEPT = 36_000
"""Of which each is kept as a record, too: much more than that."""

CONFIG = """
[SERVICE]
    Flush 0.2
    Grace 20
    scheduler.base 1
    scheduler.cap 1
    memory_limit {limit}
    {service}
[INPUT]
    Name forward
    unix_path {{dir}}/in.sock
    {input}
[OUTPUT]
    Name http
    Match *
    Host 127.0.0.1
    Port {port}
    Format json_lines
    Retry_Limit no_limits
    {output}
"""

WRITER = """
import socket, sys
from tests.running import message
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
start, end = int(sys.argv[2]), int(sys.argv[3])
made = [message(f"app.{tag}", {"log": "x" * 250, "n": 2**31}).partition((2**31).to_bytes(4, "big")) for tag in range(7)]
for n in range(start, end, 500):
    batch = [(i, *made[i // 50 % 7]) for i in range(n, n + 500)]
    peer.sendall(b"".join(head + (2**31 + i).to_bytes(4, "big") + rest for i, head, _, rest in batch))
peer.close()
"""


class Counting:
    """How many records have arrived."""

    def __init__(self, sink: HttpSink, most: int) -> None:
        self.sink, self.most, self.seen, self.records = sink, most, 0, 0

    def __call__(self) -> bool:
        new = self.sink.bodies[self.seen :]
        self.seen += len(new)
        self.records += sum(body.count(b'"n":') for body in new)
        return self.records >= self.most


def memory(router: Router, what: str = "VmRSS") -> int:
    """Bytes."""
    for line in Path(f"/proc/{router.pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {what}")


async def flood(router: Router, records: int) -> list[asyncio.subprocess.Process]:
    """Four containers that write as fast as they may."""
    part = records // 4
    return [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(router.folder / "in.sock"), str(n * part), str((n + 1) * part),
            cwd=Path(__file__).parents[2],
        )
        for n in range(4)
    ]  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not say what a process takes")
@pytest.mark.parametrize(
    ("service", "options", "output", "records"),
    [
        ("", "", "", RECORDS),
        ("", "", "dead_letter {dir}/dead/", KEPT),
        ("storage.path {dir}/store", "storage.type filesystem", "", RECORDS),
    ],
    ids=["memory", "dead_letters", "spooled"],
)
def test_a_flood_stays_within_its_memory(tmp_path: Path, service: str, options: str, output: str, records: int) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        sink.status = 503
        config = CONFIG.format(limit=LIMIT, service=service, input=options, output=output, port=sink.port)
        async with running(tmp_path, config) as router:
            before = memory(router)
            writers = await flood(router, records)
            if service:
                # all of it goes to disk
                for writer in writers:
                    assert await writer.wait() == 0
            else:
                await until(lambda: "memory_limit is reached" in router.said(), "the inputs wait")
                await until(lambda: sink.requests > 5, "some retries")
                assert any(writer.returncode is None for writer in writers)
            sink.status = 200
            await until(Counting(sink, records), "all has arrived")
            for writer in writers:
                assert await writer.wait() == 0
            peak = memory(router, "VmHWM")
            print(f"\nbefore {before / MB:.0f} MB, peak {peak / MB:.0f} MB, of which {LIMIT / MB:.0f} MB may wait")
            assert await router.stop() == 0
            assert "lost=0" in router.said()
        assert sorted(json.loads(line)["n"] - 2**31 for line in sink.lines()) == list(range(records))
        assert peak - before < LIMIT + ABOVE
        await sink.close()

    asyncio.run(main())
