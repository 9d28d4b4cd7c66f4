"""An output that hangs, one that crawls, a filter that raises, a record that nobody takes: each costs nobody else
anything, and the books add up."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.running import HttpSink, Router, message, running, until

CONFIG = """
[SERVICE]
    Flush 0.1
    Grace 10
    scheduler.base 1
    scheduler.cap 1
[INPUT]
    Name forward
    unix_path {dir}/in.sock
%s
"""
HTTP = """
[OUTPUT]
    Name http
    Alias %s
    Match %s
    Host 127.0.0.1
    Port %d
    Format json_lines
    Retry_Limit no_limits
    %s
"""


class Refusing(HttpSink):
    """Answers 400 to each call that holds one of these numbers."""

    refuses: frozenset[int] = frozenset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                self.requests += 1
                bad = any(json.loads(line)["n"] in self.refuses for line in body.splitlines())
                if not bad:
                    self.bodies.append(body)
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % (400 if bad else 200))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def numbers(sink: HttpSink) -> list[int]:
    return [json.loads(line)["n"] for line in sink.lines()]


async def send(router: Router, records: list[dict[str, Any]]) -> None:
    _, writer = await asyncio.open_unix_connection(str(router.folder / "in.sock"))
    writer.write(b"".join(message("app", record) for record in records))
    await writer.drain()
    writer.close()


def books_of(folder: Path) -> Any:
    return json.loads((folder / "books.json").read_text())


def test_a_call_that_hangs_is_given_up_and_made_again(tmp_path: Path) -> None:
    async def main() -> None:
        stuck, well = HttpSink(), HttpSink()
        await stuck.open()
        await well.open()
        stuck.delay = 3600
        config = CONFIG % (HTTP % ("stuck", "*", stuck.port, "deliver_timeout 1") + HTTP % ("well", "*", well.port, ""))
        async with running(tmp_path, config, PYROLENS_FINAL_METRICS=str(tmp_path / "books.json")) as router:
            await send(router, [{"n": n} for n in range(50)])
            await until(lambda: numbers(well) == list(range(50)), "the other output has them")
            await until(lambda: stuck.requests > 1, "the call is made again")
            assert "the call was given up after 1 s (deliver_timeout)" in router.said()
            stuck.delay = 0.0
            await until(lambda: sorted(numbers(stuck)) == list(range(50)), "it has them once it answers")
            assert await router.stop() == 0
        assert books_of(tmp_path)["outputs"]["stuck"]["counters"]["timeouts"] >= 1
        assert books_of(tmp_path)["outputs"]["stuck"]["records"] == 50
        await stuck.close()
        await well.close()

    asyncio.run(main())


def test_a_filter_that_raises_loses_no_record(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text("def look(record):\n    return {**record, 'third': 1 / (record['n'] % 3)}\n")

    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        config = CONFIG % (
            "[FILTER]\n    Name python\n    Match *\n    script {dir}/odd.py\n" + HTTP % ("out", "*", sink.port, "")
        )
        async with running(tmp_path, config, PYROLENS_FINAL_METRICS=str(tmp_path / "books.json")) as router:
            await send(router, [{"n": n} for n in range(90)])
            await until(lambda: len(numbers(sink)) == 90, "all arrive")
            assert "ZeroDivisionError" in router.said()
            assert await router.stop() == 0
        records = [json.loads(line) for line in sink.lines()]
        assert [record["n"] for record in records] == list(range(90))
        assert {record["n"] for record in records if "third" not in record} == set(range(0, 90, 3))
        assert sum(f["failed"] for f in books_of(tmp_path)["filters"].values()) == 30
        await sink.close()

    asyncio.run(main())


def test_what_a_destination_never_takes_is_kept_and_holds_up_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        sink = Refusing()
        sink.refuses = frozenset({30, 31, 250})
        await sink.open()
        config = CONFIG % (HTTP % ("out", "*", sink.port, "dead_letter {dir}/dead/"))
        async with running(tmp_path, config, PYROLENS_FINAL_METRICS=str(tmp_path / "books.json")) as router:
            for first in range(0, 300, 20):
                await send(router, [{"n": n} for n in range(first, first + 20)])
                requests = sink.requests
                await until(lambda requests=requests: sink.requests > requests, "it is sent")  # type: ignore[misc]
            await until(lambda: 299 in numbers(sink), "the last has arrived")
            assert await router.stop() == 0
        dead = [json.loads(line)["record"]["n"] for line in (tmp_path / "dead" / "out.jsonl").read_text().splitlines()]
        assert sorted(numbers(sink)) == sorted(set(range(300)) - sink.refuses)
        assert sorted(dead) == sorted(sink.refuses), "and no other that was sent with them"
        kept = books_of(tmp_path)["outputs"]["out"]
        assert (kept["records"], kept["dropped_records"]) == (300 - len(dead), len(dead))
        assert kept["counters"]["dead_letters"] == len(dead)
        await sink.close()

    asyncio.run(main())
