"""A router between records and a server: what it counts and says in the end."""

import asyncio
import json
import signal
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

from tests.running import Router, running

SERVICE = """
[SERVICE]
    Flush 0.1
    Grace 30
    scheduler.base 1
    scheduler.cap 1
[INPUT]
    Name forward
    Unix_Path {dir}/in.sock
"""
TIME = 1_780_000_000
"""Of the first record: 2026-05-28T20:26:40Z. Each further one is a second later."""


@dataclass
class Delivered:
    outputs: dict[str, dict[str, Any]]
    """The counters of each output by its alias."""
    log: str

    def counted(self, alias: str) -> tuple[int, int]:
        """Records delivered and dropped."""
        return self.outputs[alias]["records"], self.outputs[alias]["dropped_records"]


def output(name: str, alias: str, lines: str, match: str | None = None) -> str:
    text = f"Name {name}\nAlias {alias}\nMatch {match or alias}\n{lines}"
    return "[OUTPUT]\n" + "".join(f"    {line.strip()}\n" for line in text.strip().splitlines())


async def send(path: Path, tag: str, records: list[dict[str, Any]]) -> None:
    _, writer = await asyncio.open_unix_connection(str(path))
    writer.write(msgpack.packb([tag, [[TIME + n, record] for n, record in enumerate(records)]]))
    await writer.drain()
    writer.close()


async def deliver(
    folder: Path,
    outputs: str,
    records: dict[str, list[dict[str, Any]]],
    meanwhile: Callable[[Router], Awaitable[None]] | None = None,
) -> Delivered:
    """Send these records by tag, and stop once `meanwhile` is over; what waits then is still delivered."""
    books = folder / "books.json"
    async with running(folder, SERVICE + outputs, PYROLENS_FINAL_METRICS=str(books)) as router:
        for tag, each in records.items():
            await send(folder / "in.sock", tag, each)
        if meanwhile:
            await meanwhile(router)
        await router.stop(signal.SIGTERM)
        return Delivered(json.loads(books.read_text())["outputs"], router.said())


@dataclass
class Cutter:
    """A proxy of TCP which resets the first connection on which an answer comes, in place of handing it on."""

    to: int
    port: int = 0
    cut: int = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", self.to)
            asking = asyncio.create_task(copy(reader, requests))
            try:
                while data := await answers.read(65536):
                    if not self.cut:
                        self.cut += 1
                        sock = writer.get_extra_info("socket")
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        writer.transport.abort()
                        return
                    writer.write(data)
            finally:
                asking.cancel()
                requests.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        to.write(data)


@asynccontextmanager
async def cutting(to: int) -> AsyncIterator[Cutter]:
    cutter = Cutter(to)
    server = await asyncio.start_server(cutter.connected, "127.0.0.1", 0)
    cutter.port = server.sockets[0].getsockname()[1]
    try:
        yield cutter
    finally:
        server.close()
