"""Inputs that read metrics now and then."""

import asyncio
from collections.abc import Awaitable, Callable

from pyrolens.api import InputEnv


class Scraping:
    """A source that calls `scrape` at every interval, in the time of the loop; while it is paused, it does not."""

    def __init__(
        self, env: InputEnv, interval: float, scrape: Callable[[], Awaitable[None]], first: float | None = None
    ) -> None:
        """first: seconds until the first call, if not the interval."""
        self.env = env
        self.interval = interval
        self.first = interval if first is None else first
        self.scrape = scrape
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def pause(self) -> None:
        self._may_read.clear()

    def resume(self) -> None:
        self._may_read.set()

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self.first
        while True:
            await asyncio.sleep(due - loop.time())
            await self._may_read.wait()
            await self.scrape()
            due = max(due + self.interval, loop.time())
