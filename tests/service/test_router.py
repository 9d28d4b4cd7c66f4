"""The running router from outside: back pressure, retries, the drain at the end, refused starts."""

import asyncio
import json
import socket
from pathlib import Path

from tests.running import HttpSink, Router, message, running, until

CONFIG = """
[SERVICE]
    Flush 0.2
    Grace 10
    scheduler.base 1
    scheduler.cap 1
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
"""


def numbers(sink: HttpSink) -> list[int]:
    return [json.loads(line)["n"] for line in sink.lines()]


async def connect(router: Router) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(router.folder / "in.sock"))


def test_what_is_under_way_at_sigterm_is_delivered(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        sink.delay = 0.5
        books = tmp_path / "books.json"
        config = CONFIG.format(input="", port=sink.port)
        async with running(tmp_path, config, PYROLENS_FINAL_METRICS=str(books)) as router:
            _, writer = await connect(router)
            writer.write(b"".join(message("app", {"n": n}) for n in range(1000)))
            await writer.drain()
            writer.close()
            assert await router.stop() == 0
        assert numbers(sink) == list(range(1000))
        kept = json.loads(books.read_text())
        assert kept["inputs"]["forward.0"]["records"] == 1000
        assert kept["outputs"]["http.0"]["records"] == 1000
        await sink.close()

    asyncio.run(main())


def test_what_grace_does_not_suffice_for_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        sink.status = 503
        config = CONFIG.format(input="", port=sink.port).replace("Grace 10", "Grace 1")
        async with running(tmp_path, config) as router:
            _, writer = await connect(router)
            writer.write(b"".join(message("app", {"n": n}) for n in range(7)))
            await until(lambda: sink.requests > 0, "the first call")
            writer.close()
            assert await router.stop() == 0
            assert "not delivered within Grace, and lost records=7" in router.said()
        await sink.close()

    asyncio.run(main())


def test_a_dead_destination_stops_the_reading_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        sink.status = 503
        config = CONFIG.format(input="Mem_Buf_Limit 200k", port=sink.port)
        async with running(tmp_path, config) as router:
            _, writer = await connect(router)
            total = 20_000
            data = b"".join(message("app", {"n": n, "log": "x" * 100}) for n in range(total))
            writer.write(data)
            sent = asyncio.ensure_future(writer.drain())
            await until(lambda: "Mem_Buf_Limit is reached" in router.said(), "the input pauses")
            await until(lambda: sink.requests >= 2, "a retry")
            assert not sent.done()
            sink.status = 200
            await until(lambda: len(sink.lines()) >= total, "all is delivered")
            writer.close()
            assert await router.stop() == 0
            # a chunk that waited for its retry comes behind later ones
            assert sorted(numbers(sink)) == list(range(total))
            assert "resumed" in router.said()
        await sink.close()

    asyncio.run(main())


def test_an_output_that_hangs_does_not_hold_up_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        stuck, well = HttpSink(), HttpSink()
        await stuck.open()
        await well.open()
        stuck.delay = 3600
        both = CONFIG.format(input="", port=stuck.port).replace("Grace 10", "Grace 1")
        both += "[OUTPUT]" + CONFIG.format(input="", port=well.port).split("[OUTPUT]")[1]
        async with running(tmp_path, both) as router:
            _, writer = await connect(router)
            for n in range(5):
                writer.write(message("app", {"n": n}))
                await writer.drain()
                await until(lambda n=n: numbers(well) == list(range(n + 1)), f"record {n}")  # type: ignore[misc]
            writer.close()
            assert await router.stop() == 0
            assert "[output:http:http.0] not delivered within Grace" in router.said()
        await stuck.close()
        await well.close()

    asyncio.run(main())


def test_a_port_in_use_refuses_the_start_and_says_which(tmp_path: Path) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            router = Router(
                tmp_path,
                "[INPUT]\n  Name forward\n  unix_path {dir}/in.sock\n"
                f"[INPUT]\n  Name forward\n  Listen 127.0.0.1\n  Port {port}\n[OUTPUT]\n  Name null\n  Match *\n",
            )
            await router.start()
            assert router.process is not None
            assert await asyncio.wait_for(router.process.wait(), 60) == 1
            assert str(port) in router.said()
            assert "Traceback" not in router.said()
            assert not (tmp_path / "in.sock").exists()

    asyncio.run(main())


def test_secrets_never_show_in_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        sink.status = 500
        sink.reply = b"no such password: correct-horse-battery"
        config = CONFIG.format(input="", port=sink.port) + "    http_User me\n    http_Passwd ${SECRET}\n"
        config = config.replace("Flush 0.2", "Flush 0.2\n    Log_Level trace")
        async with running(tmp_path, config, SECRET="correct-horse-battery") as router:
            _, writer = await connect(router)
            writer.write(message("app", {"log": "x"}))
            await until(lambda: "retry" in router.said(), "a retry")
            writer.close()
            await router.stop()
            assert "correct-horse" not in router.said()
            assert "***" in router.said()
        await sink.close()

    asyncio.run(main())
