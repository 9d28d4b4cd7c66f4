"""What filters wait for."""

import asyncio
from typing import Any

from pyrolens.pipeline.tasks import Tasks


def test_a_start_waits_for_what_there_is() -> None:
    async def check() -> None:
        tasks, done = Tasks(), []

        async def work() -> None:
            await asyncio.sleep(0.01)
            done.append(1)

        tasks.add(work)
        tasks.add(work)
        assert done == []
        await tasks.start()
        assert done == [1, 1]
        tasks.add(work)
        assert done == [1, 1], "later it runs beside everything else"
        await tasks.stop()
        assert done == [1, 1, 1]

    asyncio.run(check())


def test_what_takes_too_long_is_cancelled_at_the_end(monkeypatch: Any) -> None:
    monkeypatch.setattr("pyrolens.pipeline.tasks.LAST", 0.01)
    monkeypatch.setattr("pyrolens.pipeline.tasks.PATIENCE", 0.01)

    async def check() -> None:
        tasks, ended = Tasks(), []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(1)

        tasks.add(work)
        await tasks.start()
        assert ended == []
        await tasks.stop()
        assert ended == [1]

    asyncio.run(check())


def test_a_failure_is_told_and_stops_nothing() -> None:
    async def check() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        tasks, done = Tasks(), []

        async def wrong() -> None:
            raise RuntimeError("no")

        async def right() -> None:
            done.append(1)

        tasks.add(wrong)
        tasks.add(right)
        await tasks.start()
        await asyncio.sleep(0)
        assert done == [1]
        assert [str(context["exception"]) for context in told] == ["no"]

    asyncio.run(check())
