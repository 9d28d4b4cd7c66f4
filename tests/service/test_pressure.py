"""What makes inputs wait: the container's memory, memory_limit, Mem_Buf_Limit, and a disk that takes nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pyrolens.delivery.memory import Memory
from pyrolens.pipeline.pipeline import Pipeline, Route
from pyrolens.service.clock import SYSTEM
from pyrolens.service.envs import Lent
from pyrolens.service.intake import OWN_LIMIT, InputRuntime
from pyrolens.service.metrics import InputMetrics
from pyrolens.service.pressure import DISK, LEAST, MEMORY, Pressure, limit_of_container, memory_limit, resident
from tests.said import Said

MB = 1 << 20


@pytest.mark.parametrize(
    ("group", "found", "limit"),
    [
        # v2, as a container sees it
        ("0::/\n", {"memory.max": "67108864\n"}, 64 * MB),
        ("0::/\n", {"memory.max": "max\n"}, 0),
        # v2 without a namespace of its own: the smallest of the groups above counts
        (
            "0::/ecs/task/router\n",
            {"ecs/task/router/memory.max": "max", "ecs/task/memory.max": "134217728", "ecs/memory.max": "268435456"},
            128 * MB,
        ),
        # v1
        ("7:memory:/docker/abc\n6:cpu:/x\n", {"memory/docker/abc/memory.limit_in_bytes": "52428800\n"}, 50 * MB),
        ("7:memory:/docker/abc\n", {"memory/memory.limit_in_bytes": "52428800\n"}, 50 * MB),
        ("3:cpu,memory:/a\n", {"memory/a/memory.limit_in_bytes": "9223372036854771712\n"}, 0),
        # both, where v2 manages other things
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "1048576"}, MB),
        # none, or nothing that makes sense
        ("0::/\n", {}, 0),
        ("", {}, 0),
        ("0::/../../etc\n", {"memory.max": "garbage"}, 0),
    ],
)
def test_the_limit_of_the_container(tmp_path: Path, group: str, found: dict[str, str], limit: int) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    own.write_text(group)
    for name, text in found.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    assert limit_of_container(root, own) == limit


def test_where_there_are_no_control_groups(tmp_path: Path) -> None:
    assert limit_of_container(tmp_path / "none", tmp_path / "neither") == 0


@pytest.mark.parametrize(
    ("said", "container", "baseline", "limit"),
    [
        (None, 0, 30 * MB, 0),
        (None, 100 * MB, 30 * MB, 50 * MB),
        (None, 40 * MB, 30 * MB, LEAST),
        (12 * MB, 100 * MB, 30 * MB, 12 * MB),
        (0, 100 * MB, 30 * MB, 0),
    ],
)
def test_what_may_wait(said: int | None, container: int, baseline: int, limit: int) -> None:
    assert memory_limit(said, container, baseline) == limit


def test_this_process_takes_memory() -> None:
    assert 5 * MB < resident() < 4096 * MB


class Reader:
    """A source that is told when to read."""

    reading = True

    def pause(self) -> None:
        self.reading = False

    def resume(self) -> None:
        self.reading = True


class Kept:
    """Parsers of nothing."""

    multiline_limit = 0


class Run:
    """Inputs whose batches go to one place, which takes memory until it is emptied."""

    def __init__(self, limit: int, *own: int) -> None:
        """`own`: Mem_Buf_Limit of each input."""
        self.memory = Memory()
        self.waiting: list[Any] = []
        pipeline = Pipeline([], [Route(lambda tag: True, lambda tag: self.take)], Said())
        self.pressure = Pressure(self.memory, limit, Said())
        self.inputs: list[Any] = []
        for number, buffer in enumerate(own):
            metrics = InputMetrics(f"i.{number}")
            parsers: Any = Kept()
            lent = Lent(parsers, lambda _: None, SYSTEM)
            env: Any = InputRuntime("t", 1.0, buffer, pipeline, [], metrics, metrics.name, Said(), metrics, lent)
            env.source, env.press, metrics.limit = Reader(), self.pressure, buffer
            self.inputs.append(env)
        self.pressure.begin(self.inputs, {})

    def take(self, events: Any, receipt: Any) -> None:
        receipt.hold()
        self.waiting.append(receipt)
        self.memory.add(receipt.size)

    async def empty(self, batches: int | None = None) -> None:
        gone = self.waiting[:batches]
        del self.waiting[:batches]
        for receipt in gone:
            self.memory.add(-receipt.size)
            receipt.release()
        await asyncio.sleep(0)

    @property
    def reading(self) -> list[bool]:
        return [env.source.reading for env in self.inputs]


def test_who_has_more_than_his_part_waits_first_and_at_the_limit_all_do() -> None:
    async def main() -> None:
        run = Run(1000, 0, 0)
        loud, quiet = run.inputs
        quiet.ingest("t", [(1, {})], 50)
        loud.ingest("t", [(1, {})], 650)
        assert run.reading == [True, True]
        loud.ingest("t", [(1, {})], 100)
        assert run.reading == [False, True]
        assert run.pressure.full
        quiet.ingest("t", [(1, {})], 50)
        assert run.reading == [False, True], "it has less than half of what waits"
        quiet.ingest("t", [(1, {})], 200)
        assert run.reading == [False, False]
        await run.empty(1)
        assert run.reading == [False, False]
        await run.empty(1)
        assert run.reading == [True, True], "below three fifths all go on"
        assert not run.pressure.full

    asyncio.run(main())


def test_mem_buf_limit_stops_its_own_input_and_memory_limit_any() -> None:
    async def main() -> None:
        run = Run(1000, 300, 0)
        small, free = run.inputs
        small.ingest("t", [(1, {})], 300)
        assert run.reading == [False, True]
        assert list(small._reasons) == [OWN_LIMIT]
        free.ingest("t", [(1, {})], 700)
        assert run.reading == [False, False]
        assert list(small._reasons) == [OWN_LIMIT, MEMORY]
        await run.empty(1)
        assert list(small._reasons) == [MEMORY], "its own limit is not the reason any more"
        assert run.reading == [False, False]
        await run.empty()
        assert run.reading == [True, True]

    asyncio.run(main())


def test_without_a_limit_nobody_waits_for_memory() -> None:
    async def main() -> None:
        run = Run(0, 0)
        run.inputs[0].ingest("t", [(1, {})], 1 << 40)
        assert run.reading == [True]
        assert not run.pressure.full

    asyncio.run(main())


def test_a_disk_that_takes_nothing_stops_all_until_it_does() -> None:
    async def main() -> None:
        run = Run(0, 0, 0)
        no_space = OSError(28, "No space left on device")
        run.pressure.trouble("input a", no_space)
        run.pressure.trouble("output b", no_space)
        assert run.reading == [False, False]
        assert run.pressure.full
        run.pressure.trouble("input a", None)
        assert run.reading == [False, False]
        assert list(run.inputs[0]._reasons) == [DISK]
        run.pressure.trouble("output b", None)
        assert run.reading == [True, True]
        said: Any = run.pressure.log
        assert [level for level, _, _ in said.lines] == ["error"], "once"

    asyncio.run(main())
