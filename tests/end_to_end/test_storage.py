"""The options of storage, each as a user sees what it does."""

import asyncio
import json
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

from tests.end_to_end.test_nothing_lost import FlakySink, config, connect, router_of, sink_open
from tests.ports import free_port
from tests.running import Router, message, until
from tests.service.test_http_api import request

STORED = "storage.type filesystem"


def with_sink(test: Callable[[FlakySink], Awaitable[None]]) -> None:
    async def main() -> None:
        async with sink_open() as sink:
            sink.failing = 1.0
            await test(sink)

    asyncio.run(main())


async def send(folder: Path, first: int, last: int, size: int = 100) -> None:
    """With a tag for each hundred, and so a chunk."""
    writer = await connect(folder)
    writer.write(b"".join(message(f"app.{n // 100}", {"n": n, "log": "x" * size}) for n in range(first, last)))
    await writer.drain()
    writer.close()


async def stored(folder: Path, number: int) -> None:
    """Wait until the record of that number is on disk."""
    mark = json.dumps({"n": number})[1:-1].encode()  # as an output has it, or as it came in
    packed = msgpack.packb("n") + msgpack.packb(number)

    def there() -> bool:
        found = [path.read_bytes() for path in (folder / "store").rglob("*.seg")]
        return any(packed in data or mark in data for data in found)

    await until(there, f"record {number} is on disk")


async def crashed(folder: Path, sink: FlakySink, records: int, **options: Any) -> None:
    """A router took so many records, in several batches, and was killed before it sent any."""
    text = config(sink.port, **options).replace("Flush 0.1", "Flush 60")
    async with router_of(folder, text) as router:
        for first in range(0, records, 20):
            await send(folder, first, min(first + 20, records))
            await stored(folder, min(first + 20, records) - 1)
        await router.stop(signal.SIGKILL)


def tally(router: Router) -> dict[str, int]:
    (line,) = re.findall("stopped; since the signal: .*", router.said())
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


def books(folder: Path) -> Any:
    return json.loads((folder / "books.json").read_text())


@pytest.mark.parametrize(
    ("options", "output", "service"),
    [
        ("storage.type memrb\n    Mem_Buf_Limit 100k", "", ""),
        (STORED, "storage.total_limit_size 60k", "storage.max_chunks_up 1\n    memory_limit 100k"),
        ("", "storage.total_limit_size 60k", ""),
    ],
    ids=["memrb", "total_limit_size", "total_limit_size_memory"],
)
@pytest.mark.parametrize("dead", [False, True])
def test_the_oldest_go_and_are_counted(tmp_path: Path, options: str, output: str, service: str, dead: bool) -> None:
    letters = tmp_path / "dead" / "out.jsonl"
    output += "\n    dead_letter {dir}/dead/" if dead else ""

    async def test(sink: FlakySink) -> None:
        text = config(sink.port, options, service, output).replace("Grace 1", "Grace 20")
        async with router_of(tmp_path, text, PYROLENS_FINAL_METRICS=str(tmp_path / "books.json")) as router:
            for first in range(0, 6000, 200):
                await send(tmp_path, first, first + 200)
                await asyncio.sleep(0.01)
            await until(lambda: "the oldest chunk goes" in router.said(), "some go")
            sink.failing = 0.0
            assert await router.stop() == 0
        got, kept = sink.numbers(), books(tmp_path)
        dropped = kept["outputs"]["out"]["dropped_records"]
        assert kept["inputs"]["forward.0"]["records"] == 6000
        assert max(got.values()) == 1
        assert 0 < dropped == 6000 - len(got)
        assert min(got) > 0, "it is the oldest that go"
        assert kept["outputs"]["out"]["counters"]["evicted_chunks"] > 0
        if dead:
            gone = [json.loads(line)["record"]["n"] for line in letters.read_text().splitlines()]
            assert sorted([*gone, *got]) == list(range(6000))
        assert list((tmp_path / "store").rglob("*.seg")) == []

    with_sink(test)


def test_a_reload_hands_over_segments_and_what_waits(tmp_path: Path) -> None:
    async def test(sink: FlakySink) -> None:
        port = free_port()
        api = f"http_server on\n    http_listen 127.0.0.1\n    http_port {port}"
        text = config(sink.port, STORED, f"hot_reload on\n    memory_limit 60k\n    {api}")
        async with router_of(tmp_path, text) as router:

            async def again(new: str) -> None:
                router.config.write_text(new.replace("{dir}", str(tmp_path)))
                status, _, _ = await request(port, b"POST /api/v2/reload HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert status == 200

            await send(tmp_path, 0, 1000)
            await until(lambda: any(tmp_path.glob("store/outputs/*/*.seg")), "some waits in the spool")
            # another delivery beside the old one, in a folder beside its
            await again(text.replace("Retry_Limit no_limits", "Retry_Limit 1000"))
            await send(tmp_path, 1000, 2000)
            # the input stores no more, and then again
            await again(text.replace(STORED, ""))
            await send(tmp_path, 2000, 2200)
            await again(text)
            await send(tmp_path, 2200, 3000)
            sink.failing = 0.0
            await until(lambda: len(sink.numbers()) >= 3000, "all has arrived")
            assert await router.stop() == 0
            said = router.said()
        assert sorted(sink.numbers().elements()) == list(range(3000))
        assert "unexpected" not in said
        assert list((tmp_path / "store").rglob("*.seg")) == []

    with_sink(test)


def test_what_one_config_stored_the_next_run_of_another_brings(tmp_path: Path) -> None:
    """Killed after a reload: what waits for both deliveries of an output comes again, and into one folder."""

    async def test(sink: FlakySink) -> None:
        text = config(sink.port, "", "hot_reload on\n    memory_limit 60k")
        async with router_of(tmp_path, text) as router:
            await send(tmp_path, 0, 1000)
            await until(lambda: len(list(tmp_path.glob("store/outputs/*"))) == 1, "it waits in the spool")
            new = text.replace("Retry_Limit no_limits", "Retry_Limit 1000")
            router.config.write_text(new.replace("{dir}", str(tmp_path)))
            assert router.process
            router.process.send_signal(signal.SIGHUP)
            await until(lambda: "the config is loaded again" in router.said(), "reloaded")
            await send(tmp_path, 1000, 2000)
            await until(lambda: len(list(tmp_path.glob("store/outputs/*"))) == 2, "some waits in the other spool")
            assert await router.stop() == 0
            assert tally(router)["lost"] == 0
        sink.failing = 0.0
        async with router_of(tmp_path, text) as router:
            assert len(list(tmp_path.glob("store/outputs/*"))) == 1
            await until(lambda: len(sink.numbers()) >= 2000, "all has arrived")
            assert await router.stop() == 0
        assert sorted(sink.numbers().elements()) == list(range(2000))

    with_sink(test)


@pytest.mark.parametrize("flush", [True, False])
def test_a_stop_sends_what_earlier_runs_left_where_it_is_asked_to(tmp_path: Path, flush: bool) -> None:
    service = "storage.backlog.mem_limit 1k\n    storage.backlog.flush_on_shutdown " + ("on" if flush else "off")

    async def test(sink: FlakySink) -> None:
        await crashed(tmp_path, sink, 200, options=STORED)
        sink.failing = 0.0
        sink.delay = 0.0
        text = config(sink.port, STORED, service).replace("Grace 1", "Grace 20")
        async with router_of(tmp_path, text) as router:
            # of a batch that is on its way nothing arrives before the next flush, so more is left
            assert await router.stop() == 0
        left = 200 - len(sink.numbers())
        assert left == 0 if flush else left >= 100
        async with router_of(tmp_path, text) as router:
            await until(lambda: len(sink.numbers()) == 200, "all has arrived")
            assert await router.stop() == 0
        assert sorted(sink.numbers().elements()) == list(range(200))

    with_sink(test)


def test_what_earlier_runs_left_is_read_as_there_is_room(tmp_path: Path) -> None:
    port = free_port()
    service = f"storage.backlog.mem_limit 10k\n    http_server on\n    http_listen 127.0.0.1\n    http_port {port}"

    async def chunks() -> tuple[Any, Any]:
        _, _, body = await request(port, b"GET /api/v1/storage HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found = json.loads(body)
        return found["storage_layer"]["chunks"], found["input_chunks"]["storage_backlog.1"]["chunks"]

    async def test(sink: FlakySink) -> None:
        await crashed(tmp_path, sink, 400, options=STORED)
        async with router_of(tmp_path, config(sink.port, STORED, service)) as router:
            await until(lambda: sink.requests > 1, "a call that fails")
            layer, backlog = await chunks()
            assert backlog["total"] == 20
            assert 2 <= backlog["up"] <= 8
            assert (layer["fs_chunks"], layer["fs_chunks_down"], layer["mem_chunks"]) == (20, backlog["down"], 0)
            sink.failing = 0.0
            await until(lambda: len(sink.numbers()) == 400, "all has arrived")
            layer, backlog = await chunks()
            assert layer["total_chunks"] == backlog["total"] == 0
            assert await router.stop() == 0
        assert sorted(sink.numbers().elements()) == list(range(400))

    with_sink(test)


def test_an_input_may_wait_for_its_outputs(tmp_path: Path) -> None:
    async def test(sink: FlakySink) -> None:
        options = f"{STORED}\n    storage.pause_on_chunks_overlimit on"
        text = config(sink.port, options, "memory_limit 100k\n    storage.max_chunks_up 1")
        async with router_of(tmp_path, text) as router:
            await send(tmp_path, 0, 1000)
            await until(lambda: any(tmp_path.glob("store/outputs/*/*.seg")), "some waits in the spool")
            late = asyncio.ensure_future(send(tmp_path, 1000, 4000, 1000))
            await until(lambda: "has more waiting than storage.max_chunks_up" in router.said(), "it waits")
            await until(lambda: sink.requests > 2, "some retries")
            assert not late.done()
            sink.failing = 0.0
            await until(lambda: len(sink.numbers()) == 4000, "all has arrived")
            await late
            assert "resumed" in router.said()
            assert await router.stop() == 0
        assert sorted(sink.numbers().elements()) == list(range(4000))

    with_sink(test)


@pytest.mark.parametrize("delete", [True, False])
def test_damage_is_put_aside_or_removed(tmp_path: Path, delete: bool) -> None:
    service = "storage.checksum on\n    storage.delete_irrecoverable_chunks " + ("on" if delete else "off")

    async def test(sink: FlakySink) -> None:
        await crashed(tmp_path, sink, 60, options=STORED)
        (path,) = tmp_path.rglob("*.seg")
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF  # in the second of three batches
        path.write_bytes(data)
        sink.failing = 0.0
        async with router_of(tmp_path, config(sink.port, STORED, service)) as router:
            await until(lambda: len(sink.numbers()) == 40 and "is damaged" in router.said(), "the rest has arrived")
            assert await router.stop() == 0
            assert ("to=removed" in router.said()) is delete
        aside = tmp_path / "store" / "damaged"
        assert [p.name for p in aside.glob("*")] == ([] if delete else [f"inputs-forward.0-{path.name}"])
        assert list((tmp_path / "store" / "inputs").rglob("*.seg")) == []

    with_sink(test)


def test_delivered_and_stored_come_from_one_place_after_a_crash(tmp_path: Path) -> None:
    """With ack_on delivered the sender has its records until they are delivered, so the disk need not have them."""

    async def test(sink: FlakySink) -> None:
        text = config(sink.port, f"{STORED}\n    ack_on delivered", "memory_limit 60k\n    storage.max_chunks_up 1")

        def asks(n: int) -> bytes:
            entries = [[n * 10 + i, {"n": n * 10 + i, "log": "x" * 300}] for i in range(10)]
            packed: bytes = msgpack.packb([f"app.{n // 20}", entries, {"chunk": str(n)}])
            return packed

        async with router_of(tmp_path, text) as router:
            await send(tmp_path, 5000, 5100)  # from one who does not ask
            await stored(tmp_path, 5099)
            writer = await connect(tmp_path)
            writer.write(b"".join(map(asks, range(200))))
            await until(lambda: any(tmp_path.glob("store/outputs/*/*.seg")), "some waits in the spool")
            inputs = b"".join(path.read_bytes() for path in tmp_path.glob("store/inputs/*/*.seg"))
            assert msgpack.packb(5099) in inputs
            assert msgpack.packb("n") + msgpack.packb(255) not in inputs
            await router.stop(signal.SIGKILL)
        sink.failing = 0.0
        async with router_of(tmp_path, text) as router:
            await until(lambda: len(sink.numbers()) >= 100, "the disk brings what it was asked to keep")
            writer = await connect(tmp_path)
            writer.write(b"".join(map(asks, range(200))))
            await until(lambda: len(sink.numbers()) >= 2100, "the sender brings the rest")
            assert await router.stop() == 0
        assert sorted(sink.numbers().elements()) == [*range(2000), *range(5000, 5100)]

    with_sink(test)


def test_a_stop_leaves_to_its_sender_what_is_not_acknowledged(tmp_path: Path) -> None:
    async def test(sink: FlakySink) -> None:
        async with router_of(tmp_path, config(sink.port, "ack_on delivered")) as router:
            writer = await connect(tmp_path)
            writer.write(msgpack.packb(["app", [[1, {"n": 1}], [2, {"n": 2}]], {"chunk": "a"}]))
            await until(lambda: sink.requests > 0, "a call that fails")
            assert await router.stop() == 0
            assert {k: v for k, v in tally(router).items() if v} == {"unacknowledged": 2}
            assert "so who sent it sends it again" in router.said()
        assert list((tmp_path / "store").rglob("*.seg")) == []

    with_sink(test)
