"""The shutdown of a task: its containers write until they end, and the router is told to stop at the same time."""

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

from tests.ports import free_port
from tests.running import HttpSink, Router, message, running, until

RUNS = int(os.environ.get("SHUTDOWN_RUNS", "10"))
LINES = 10_000

CONFIG = """
[SERVICE]
    Flush 0.2
    Grace {grace}
[INPUT]
    Name forward
    unix_path {{dir}}/in.sock
[INPUT]
    Name tcp
    Listen 127.0.0.1
    Port {tcp}
[OUTPUT]
    Name http
    Match *
    Host 127.0.0.1
    Port {port}
    Format json_lines
    Retry_Limit no_limits
"""

WRITER = """
import socket, sys
from tests.running import message
path, name, lines = sys.argv[1], sys.argv[2], int(sys.argv[3])
peer = socket.socket(socket.AF_UNIX)
peer.connect(path)
print("writes", flush=True)
for n in range(lines):
    # one write for each line, as Docker's log driver does
    peer.sendall(message("app-firelens-1", {"log": "a line of the application", "container_name": name, "n": n}))
peer.close()
"""


async def writer(router: Router, name: str, lines: int = LINES) -> asyncio.subprocess.Process:
    """A container that writes its lines and ends; it has connected when this returns."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(router.folder / "in.sock"), name, str(lines),
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdout
    assert await process.stdout.readline() == b"writes\n"
    return process


def numbers(sink: HttpSink, name: str) -> list[int]:
    return sorted(r["n"] for r in map(json.loads, sink.lines()) if r.get("container_name") == name)


def config(sink: HttpSink, grace: float = 20, tcp: int = 0) -> str:
    return CONFIG.format(grace=grace, port=sink.port, tcp=tcp)


def stopped(router: Router) -> dict[str, int]:
    """What the last line of the log counts."""
    (line,) = [line for line in router.said().splitlines() if "stopped; since the signal:" in line]
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


def test_short_tasks_lose_no_line(tmp_path: Path) -> None:
    """Fluent Bit loses half of them: it closes its sockets as soon as it is told to stop."""

    async def main() -> None:
        for turn in range(RUNS):
            sink = HttpSink()
            await sink.open()
            async with running(tmp_path, config(sink)) as router:
                containers = [await writer(router, "app"), await writer(router, "sidecar", 1000)]
                await asyncio.sleep(0.02 * (turn % 10))
                assert router.process is not None
                router.process.send_signal(signal.SIGTERM)
                assert [await container.wait() for container in containers] == [0, 0]
                assert await router.stop(signal.SIGCONT) == 0
                said = stopped(router)
                assert said["lost"] == said["dead_letters"] == said["parked"] == 0
            assert numbers(sink, "app") == list(range(LINES)), f"run {turn}"
            assert numbers(sink, "sidecar") == list(range(1000)), f"run {turn}"
            await sink.close()
            router.log.unlink()

    asyncio.run(main())


def test_the_rest_of_grace_is_kept_for_the_delivery(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        async with running(tmp_path, config(sink, grace=2)) as router:
            _, peer = await asyncio.open_unix_connection(str(tmp_path / "in.sock"))
            peer.write(message("app", {"container_name": "app", "n": 0}))
            await until(lambda: numbers(sink, "app") == [0], "the first record")
            started = asyncio.get_running_loop().time()
            assert router.process is not None
            router.process.send_signal(signal.SIGTERM)
            await until(lambda: " stopping " in router.said(), "the stop begins")
            peer.write(message("app", {"container_name": "app", "n": 1}))
            # it never closes
            assert await router.stop(signal.SIGCONT) == 0
            took = asyncio.get_running_loop().time() - started
            assert 0.9 <= took < 10, "a second of two is for those who still write"
            assert "peers are still connected; what they write now is not read peers=1" in router.said()
            assert {key: n for key, n in stopped(router).items() if n} == {"received": 1, "delivered": 1}
            peer.close()
        assert numbers(sink, "app") == [0, 1]
        await sink.close()

    asyncio.run(main())


def test_without_peers_it_stops_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        async with running(tmp_path, config(sink, grace=60)) as router:
            _, peer = await asyncio.open_unix_connection(str(tmp_path / "in.sock"))
            peer.write(message("app", {"container_name": "app", "n": 0}))
            peer.close()
            assert await asyncio.wait_for(router.stop(), 15) == 0
        assert numbers(sink, "app") == [0]
        await sink.close()

    asyncio.run(main())


def test_the_second_signal_ends_it_at_once_with_its_state_saved(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        text = config(sink, grace=600).replace("[OUTPUT]", """[INPUT]
    Name tail
    Tag file
    Path {dir}/app.log
    DB {dir}/offsets.db
    Read_from_Head on
[OUTPUT]
    Name file
    Match file
    Path {dir}
    File out
[OUTPUT]""").replace("Match *\n    Host", "Match app\n    Host")  # fmt: skip
        (tmp_path / "app.log").write_text("one\ntwo\n")
        async with running(tmp_path, text) as router:
            assert router.process is not None
            await until((tmp_path / "out").exists, "the lines of the file")
            sink.status = 503
            _, peer = await asyncio.open_unix_connection(str(tmp_path / "in.sock"))
            peer.write(b"".join(message("app", {"container_name": "app", "n": n}) for n in range(3)))
            await until(lambda: sink.requests > 0, "a call that fails")
            router.process.send_signal(signal.SIGTERM)
            await until(lambda: " stopping " in router.said(), "the stop begins")
            router.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(router.process.wait(), 15) == 0
            assert stopped(router)["lost"] == 3
            peer.close()
        router.log.unlink()
        (tmp_path / "app.log").write_text("one\ntwo\nthree\n")
        async with running(tmp_path, text) as router:
            await until(lambda: "three" in (tmp_path / "out").read_text(), "the new line")
            await router.stop()
        told = [line.partition('"log":')[2].split('"')[1] for line in (tmp_path / "out").read_text().splitlines()]
        assert told == ["one", "two", "three"]
        await sink.close()

    asyncio.run(main())


def test_an_idle_http_client_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        text = (
            config(sink, grace=60).replace("Name tcp", "Name http").replace("Port 0", f"Port {(port := free_port())}")
        )
        async with running(tmp_path, text) as router:
            reader, peer = await asyncio.open_connection("127.0.0.1", port)
            peer.write(b'POST /t HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"n":0}')
            assert b" 201 " in await reader.readline()
            assert await asyncio.wait_for(router.stop(), 15) == 0
            peer.close()
        assert [json.loads(line)["n"] for line in sink.lines()] == [0]
        await sink.close()

    asyncio.run(main())
