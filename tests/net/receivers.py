"""Receivers of protocols without answers, for tests: on a free port of the loopback, in the test's own event loop."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field


@dataclass
class Receiver:
    """What came over each connection."""

    until: int | None
    """Bytes after which it reads no more of a connection."""
    port: int = 0
    count: int = 0
    """Connections."""
    accepted: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: with until=0, read on."""
    got: dict[int, asyncio.Future[bytes]] = field(default_factory=dict)

    async def connection(self, number: int) -> bytes:
        """All that came over it; returns once it is over."""
        return await self._future(number)

    def _future(self, number: int) -> "asyncio.Future[bytes]":
        if number not in self.got:
            self.got[number] = asyncio.get_running_loop().create_future()
        return self.got[number]

    def done(self, number: int, data: bytes) -> None:
        self._future(number).set_result(data)


@asynccontextmanager
async def receiving(
    until: int | None = None, *, reset: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """until: bytes after which it closes a connection; 0: it does not read before it is released. reset: closing is
    done the rude way."""
    receiver = Receiver(until)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = receiver.count
        receiver.count += 1
        receiver.accepted.set()
        data = b""
        try:
            if until == 0:
                await receiver.release.wait()
            parts = []
            size = 0
            while (receiver.until is None or size < receiver.until) and (part := await reader.read(65536)):
                parts.append(part)
                size += len(part)
            data = b"".join(parts)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            if reset:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            writer.close()
            receiver.done(number, data)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, limit=1024)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.release.set()
        server.close()


@contextmanager
def datagrams(path: str | None = None) -> Iterator[socket.socket]:
    """A socket that datagrams come to."""
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(path or ("127.0.0.1", 0))
        sock.settimeout(30)
        yield sock


def received(sock: socket.socket) -> list[bytes]:
    """Those that are there."""
    sock.setblocking(False)
    out = []
    try:
        while True:
            out.append(sock.recv(1 << 17))
    except BlockingIOError:
        return out
