"""The router of a task, as a process of ours or as a container: its start, its log, its books."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyrolens.ecs.copier import Copier
from pyrolens.local.process_runtime import KEPT, ProcessContainer
from pyrolens.local.runtime import Output, Running
from pyrolens.problems import ConfigError, Problem

READY_WITHIN = 20.0
"""Seconds that the router has to listen, and the app of a demo."""

Start = Callable[[Output], Awaitable[Running]]


class Router:
    """`socket`: where it will listen. `books`: gives the file that it leaves at the end. `show`: told each line of its
    log. Once started it is a container as any other."""

    def __init__(self, socket: str, books: Callable[[], bytes], show: Callable[[bytes], None]) -> None:
        self._socket, self._books, self._show = socket, books, show
        self._running: Running | None = None
        self._copiers = {source: Copier(source) for source in ("stdout", "stderr")}
        self._ended: asyncio.Task[int] | None = None

    async def start(self, start: Start) -> None:
        """Gives back when it listens on the task's socket. Raises: ConfigError when it does not."""
        self._running = await start(self._read)
        self._ended = asyncio.create_task(self._running.wait())
        loop = asyncio.get_running_loop()
        ends = loop.time() + READY_WITHIN
        try:
            while not await listens(self._socket):
                if self._ended.done() or loop.time() > ends:
                    await self._running.stop(1.0)
                    raise ConfigError([Problem("router", "the router did not start; its log above says why")])
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            self.kill()
            raise

    def _read(self, source: str, data: bytes) -> None:
        copier = self._copiers[source]
        for message in copier.feed(data) if data else copier.end():
            self._show(message.line)

    @property
    def running(self) -> Running:
        assert self._running
        return self._running

    @property
    def alive(self) -> bool:
        return self._ended is not None and not self._ended.done()

    @property
    def ports(self) -> Mapping[int, int]:
        return self.running.ports

    @property
    def why(self) -> str:
        return self.running.why

    async def wait(self) -> int:
        return await self.running.wait()

    async def healthy(self) -> bool:
        return await self.running.healthy()

    async def unhealthy(self) -> None:
        await self.running.unhealthy()

    async def stop(self, within: float) -> int:
        """SIGTERM, and time for what it holds: its own Grace decides."""
        return await self.running.stop(within)

    def kill(self) -> None:
        if self._running:
            self._running.kill()

    def books(self) -> dict[str, Any] | None:
        try:
            books: dict[str, Any] = json.loads(self._books())
        except (OSError, ValueError):
            return None
        return books


async def start_process(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], output: Output
) -> Running:
    """Our own router, with the Python that runs us."""
    kept = {k: os.environ[k] for k in (*KEPT, "PATH", "PYTHONPATH") if k in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pyrolens", "run", *arguments,
        env={**kept, **environment},
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    return ProcessContainer(process, output, {}, children=False)


async def listens(path: str) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except PermissionError:
        # it belongs to the user of the router's container
        return True
    except OSError:
        return False
    writer.close()
    return True
