"""A small HTTP/1.1 server: GET, HEAD, POST; bounded in everything a client could make large."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from pyrolens.problems import ConfigError, Problem

HEAD_LIMIT = 16 * 1024
"""Bytes of the request line and headers."""
BODY_LIMIT = 64 * 1024
IDLE_SECONDS = 30.0
CONNECTIONS = 64
REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout",
    413: "Content Too Large", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 503: "Service Unavailable",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    """Without the query."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By their names in lower case."""
    local: bool = False
    """It comes from this machine."""
    query: str = ""
    """What stands behind the question mark."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Answer | Awaitable[Answer]]
"""An answer that takes a while is awaited; the requests after it wait."""


def is_loopback(peer: object) -> bool:
    """Of the address of a peer."""
    host = peer[0] if isinstance(peer, tuple) and peer else ""
    return isinstance(host, str) and (host.startswith(("127.", "::ffff:127.")) or host in ("::1", ""))


class HttpServer:
    def __init__(self, handler: Handler, who: str = "the HTTP API") -> None:
        """who: as in messages."""
        self.handler = handler
        self.who = who
        self.connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    async def start(self, host: str, port: int) -> None:
        """Raises: ConfigError when nothing can listen there."""
        try:
            self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), host, port)
        except (OSError, OverflowError) as why:
            number = getattr(why, "errno", None)
            said = os.strerror(number) if number else str(why)
            raise ConfigError(
                [Problem("cannot-listen", f"{self.who} cannot listen on {host}:{port}: {said}")]
            ) from None

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            for connection in list(self.connections):
                connection.drop()
            await self._server.wait_closed()
            self._server = None


class _Connection(asyncio.Protocol):
    """Requests of one client, one after the other."""

    transport: asyncio.Transport

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.data = bytearray()
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        """An answer that takes a while."""
        self.heard = 0.0
        """When the last request came, by the loop's clock."""
        self.local = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by class
        self.local = is_loopback(self.transport.get_extra_info("peername"))
        others = self.server.connections
        if len(others) >= CONNECTIONS:
            # who only holds connections does not keep others away, such as the health check
            min(others, key=lambda c: (c.local, c.task is not None, c.heard)).drop()
        others.add(self)
        self._restart()

    def connection_lost(self, why: Exception | None) -> None:
        self.server.connections.discard(self)
        if self.timer:
            self.timer.cancel()

    def drop(self) -> None:
        self.server.connections.discard(self)
        self.transport.abort()

    def _restart(self) -> None:
        if self.timer:
            self.timer.cancel()
        loop = asyncio.get_running_loop()
        self.heard = loop.time()
        self.timer = loop.call_later(IDLE_SECONDS, self.drop)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self.data += data
        if self.task is None:
            self._requests()
        elif len(self.data) > HEAD_LIMIT + BODY_LIMIT:
            self.drop()

    def _requests(self) -> None:
        while self.task is None and not self.transport.is_closing() and self._request():
            self._restart()

    def _request(self) -> bool:
        """Answer the next request, if it is there in full."""
        end = self.data.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_LIMIT:
            if len(self.data) > HEAD_LIMIT:
                self._answer(Answer(431), head=False, close=True)
            return False
        line, *lines = self.data[:end].decode("latin-1").split("\r\n")
        words = line.split(" ")
        headers = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in lines)}
        length = headers.get("content-length", "0")
        twice = len([x for x in lines if x.partition(":")[0].strip().lower() in ("content-length", "host")]) > 2
        if (
            len(words) != 3
            or not words[2].startswith("HTTP/1.")
            or not length.isascii()
            or not length.isdigit()
            or twice
        ):
            self._answer(Answer(400), head=False, close=True)
            return False
        if "transfer-encoding" in headers:
            self._answer(Answer(501), head=False, close=True)
            return False
        if int(length) > BODY_LIMIT:
            self._answer(Answer(413), head=False, close=True)
            return False
        if len(self.data) < end + 4 + int(length):
            return False
        del self.data[: end + 4 + int(length)]
        connection = headers.get("connection", "").lower()
        close = connection == "close" or (words[2] == "HTTP/1.0" and connection != "keep-alive")
        path, _, query = words[1].partition("?")
        request = Request(words[0], path, headers, self.local, query)
        try:
            answer = self.server.handler(request)
        except Exception as error:
            answer = self._defect(error)
        if isinstance(answer, Answer):
            self._answer(answer, head=words[0] == "HEAD", close=close)
        else:
            self.task = asyncio.ensure_future(self._answer_later(answer, close))
        return True

    def _defect(self, error: Exception) -> Answer:
        """A bug of ours; the loop's handler logs it, and the client hears of it."""
        asyncio.get_running_loop().call_exception_handler({"message": self.server.who, "exception": error})
        return Answer(500)

    async def _answer_later(self, coming: Awaitable[Answer], close: bool) -> None:
        try:
            answer = await coming
        except Exception as error:
            answer = self._defect(error)
        self.task = None
        if not self.transport.is_closing():
            self._answer(answer, head=False, close=close)
            self._restart()
            self._requests()

    def _answer(self, answer: Answer, *, head: bool, close: bool) -> None:
        lines = [f"HTTP/1.1 {answer.status} {REASONS[answer.status]}", "Server: Pyrolens"]
        if answer.content_type:
            lines.append(f"Content-Type: {answer.content_type}")
        lines.append(f"Content-Length: {len(answer.body)}")
        lines += [f"{k}: {v}" for k, v in answer.headers.items()]
        if close:
            lines.append("Connection: close")
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + (b"" if head else answer.body))
        if close:
            self.transport.close()
