"""Small HTTP servers for tests, on a free port of the loopback, in the test's own event loop."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """Number of the connection, from 0."""
    lines: list[str] = field(default_factory=list)
    """The headers as they came."""


Answer = bytes | None
"""The whole answer, or None to close the connection without one."""


def answer(status: int = 200, body: bytes = b"ok", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


@dataclass
class Server:
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    closed: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(respond: Callable[[Request], Answer], tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """`respond` may raise asyncio.CancelledError to leave the request without an answer."""
    server = Server()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = server.connections
        server.connections += 1
        server.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ", 2)
                headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:-2]}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = Request(method, target, headers, body, number, head[1:-2])
                server.requests.append(request)
                if method == "CONNECT":
                    await tunnel(reader, writer, target)
                    return
                said = respond(request)
                if said is None:
                    return
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            server.closed += 1
            writer.close()

    # where many connect at once, none has to knock again, seconds later
    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, backlog=1024)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in server.writers:
            writer.close()


async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
    """What a proxy does after CONNECT."""
    host, _, port = target.rpartition(":")
    there, here = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
        except ConnectionError:
            pass
        finally:
            sink.close()

    await asyncio.gather(copy(reader, here), copy(there, writer))
