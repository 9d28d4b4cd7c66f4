"""A router as its own process, and destinations to receive from it: for tests from outside."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgpack

SECONDS = 30
"""No wait in a test is longer."""


class Router:
    """`pyrolens run` on a config. The text may name {dir}, the folder of the test."""

    def __init__(self, folder: Path, config: str, config_name: str = "router.conf") -> None:
        self.folder = folder
        self.config = folder / config_name
        self.config.write_text(config.replace("{dir}", str(folder)))
        self.log = folder / "router.log"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *args: str, env: dict[str, str] | None = None) -> None:
        with open(self.log, "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "pyrolens", "run", "-c", str(self.config), *args),
                stdout=log, stderr=log, cwd=self.folder, env={**os.environ, **(env or {})},
            )  # fmt: skip

    async def ready(self) -> None:
        await until(lambda: " started " in self.said() or self.ended is not None, "the router is ready")
        assert self.ended is None, self.said()

    @property
    def ended(self) -> int | None:
        assert self.process is not None
        return self.process.returncode

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            # send_signal looks first whether it has ended, and then the loop never learns with which status
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
        return await asyncio.wait_for(self.process.wait(), SECONDS)


@asynccontextmanager
async def running(folder: Path, config: str, *, config_name: str = "router.conf", **env: str) -> AsyncIterator[Router]:
    """A router that is ready, and is killed at the end if it still runs."""
    router = Router(folder, config, config_name)
    await router.start(env=env)
    try:
        await router.ready()
        yield router
    finally:
        if router.ended is None:
            await router.stop(signal.SIGKILL)


async def until(true: Callable[[], bool], what: str) -> None:
    """Raises: AssertionError when it does not become true in time."""
    ends = asyncio.get_running_loop().time() + SECONDS
    while not true():
        assert asyncio.get_running_loop().time() < ends, f"waited in vain until {what}"
        await asyncio.sleep(0.02)


def message(tag: str, record: dict[str, Any], seconds: int = 1_780_000_000, ns: int = 0) -> bytes:
    """A message of the forward protocol as Docker's log driver sends it."""
    time = msgpack.ExtType(0, seconds.to_bytes(4, "big") + ns.to_bytes(4, "big"))
    packed: bytes = msgpack.packb([tag, time, record, {}])
    return packed


class HttpSink:
    """An HTTP server that takes bodies of JSON lines. `status`, `delay` and `reply` say how it answers."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status = 200
        self.delay = 0.0
        self.reply = b""
        self.requests = 0
        self.port = 0
        self.server: asyncio.Server | None = None

    async def open(self, port: int = 0) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self.server:
            self.server.close()

    def lines(self) -> list[bytes]:
        return [line for body in self.bodies for line in body.splitlines()]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(size)
                self.requests += 1
                await asyncio.sleep(self.delay)
                if self.status == 200:
                    self.bodies.append(body)
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (self.status, len(self.reply)))
                writer.write(self.reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
