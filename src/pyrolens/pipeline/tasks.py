"""What filters wait for: before the inputs start, and beside everything else."""

import asyncio
from collections.abc import Awaitable, Callable

Work = Callable[[], Awaitable[None]]

PATIENCE = 5.0
"""Seconds that a start waits for it."""
LAST = 2.0
"""Seconds that a stop waits."""


class Tasks:
    def __init__(self) -> None:
        self._first: list[Work] = []
        self._running: set[asyncio.Task[None]] = set()
        self._started = self._stopped = False

    def add(self, work: Work) -> None:
        """Run it: now, or as soon as there is a loop. Nothing is begun once it was stopped."""
        if self._stopped:
            return
        if self._started:
            self._run(work)
        else:
            self._first.append(work)

    async def start(self) -> None:
        """Begin with what there is, and wait for it."""
        self._started = True
        for work in self._first:
            self._run(work)
        await self._wait(PATIENCE)

    async def stop(self) -> None:
        """Wait for what is under way, and cancel what takes too long."""
        await self._wait(LAST)
        self._stopped = True
        for task in list(self._running):
            task.cancel()
        await self._wait(LAST)

    async def _wait(self, seconds: float) -> None:
        if self._running:
            await asyncio.wait(list(self._running), timeout=seconds)

    def _run(self, work: Work) -> None:
        async def do() -> None:
            await work()

        task = asyncio.get_running_loop().create_task(do())
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            what = {"message": "what a filter waited for has failed", "exception": error}
            task.get_loop().call_exception_handler(what)
