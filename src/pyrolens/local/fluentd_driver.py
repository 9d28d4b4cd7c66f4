"""Docker's log driver fluentd: messages of a container go to the router's socket, one forward message each.

Source: moby 25, daemon/logger/fluentd/fluentd.go, and fluent-logger-golang 1.9, fluent/fluent.go and proto_gen.go.
Differs: Docker throws away what still waits when the container ends; here it gets a few seconds to go out, and what
does not is counted as lost.
"""

import asyncio
import fcntl
import struct
import sys
import termios
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import msgpack

from pyrolens.ecs.copier import Message, record_of

DEFAULT_LIMIT = 1024 * 1024
"""Messages that may wait."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between tries to connect."""


@dataclass(frozen=True, slots=True)
class DriverOptions:
    """The log options that `ecs.firelens.log_options` gives."""

    tag: str
    socket: str
    sub_second: bool = False
    limit: int = DEFAULT_LIMIT

    @classmethod
    def read(cls, options: Mapping[str, str]) -> "DriverOptions":
        return cls(
            tag=options["tag"],
            socket=options["fluentd-address"].removeprefix("unix://"),
            sub_second=options.get("fluentd-sub-second-precision") == "true",
            limit=int(options.get("fluentd-buffer-limit", DEFAULT_LIMIT)),
        )


def encode(tag: str, ns: int, record: Mapping[str, str], sub_second: bool = True) -> bytes:
    """[tag, time, record, {}]: the driver always sends an options map, which is empty without acks."""
    seconds, nanoseconds = divmod(ns, 1_000_000_000)
    time = msgpack.ExtType(0, struct.pack(">II", seconds, nanoseconds)) if sub_second else seconds
    packed: bytes = msgpack.packb([tag, time, record, {}], unicode_errors="surrogateescape")
    return packed


class FluentdDriver:
    """Of one container. Messages wait here while the router cannot be reached or does not read."""

    def __init__(self, options: DriverOptions, container_id: str, container_name: str) -> None:
        self.options = options
        self.container_id, self.container_name = container_id, container_name
        self.refused = 0
        """Messages that found the buffer full."""
        self.sent = 0
        self._waiting: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._closing = False
        self._writer: asyncio.StreamWriter | None = None
        self._task = asyncio.create_task(self._run())

    def log(self, message: Message) -> bool:
        """False: the buffer is full, and the message is lost, as in Docker."""
        if len(self._waiting) >= self.options.limit:
            self.refused += 1
            return False
        record = record_of(message, self.container_id, self.container_name)
        self._waiting.append(encode(self.options.tag, message.ns, record, self.options.sub_second))
        self._more.set()
        return True

    async def close(self, within: float) -> int:
        """Send what waits and let the router read it, within so many seconds. Gives how many were not sent."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + within
        self._closing = True
        self._more.set()
        await asyncio.wait([self._task], timeout=within)
        while self._task.done() and _unread(self._writer) and loop.time() < ends:
            await asyncio.sleep(0.005)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._disconnect()
        return len(self._waiting)

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            while self._waiting:
                await self._send()
            if self._closing:
                return
            self._more.clear()

    async def _send(self) -> None:
        """The first message stays until it is written, so a broken connection repeats it and loses none."""
        writer = self._writer or await self._connect()
        try:
            writer.write(self._waiting[0])
            await writer.drain()
        except OSError:
            self._disconnect()
            return
        self._waiting.popleft()
        self.sent += 1

    async def _connect(self) -> asyncio.StreamWriter:
        wait = 0.0
        while True:
            try:
                _, self._writer = await asyncio.open_unix_connection(self.options.socket)
                return self._writer
            except OSError:
                await asyncio.sleep(wait)
                wait = min(max(wait * 1.5, FIRST_WAIT), LONGEST_WAIT)

    def _disconnect(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None


def _unread(writer: asyncio.StreamWriter | None) -> int:
    """Bytes in the socket that the router has not read; 0 where the system does not tell."""
    if writer is None or sys.platform != "linux":
        return 0
    try:
        told = fcntl.ioctl(writer.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(told, sys.byteorder)
