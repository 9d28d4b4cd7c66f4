"""A small HTTP/1.1 server: GET, HEAD, POST; bounded in everything a client could make large."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import cast

from pyrolens.net.requests import Answer, Request, RequestError, RequestReader, answer_bytes, is_loopback
from pyrolens.problems import ConfigError, Problem

HEAD_LIMIT = 16 * 1024
"""Bytes of the request line and headers."""
BODY_LIMIT = 64 * 1024
IDLE_SECONDS = 30.0
CONNECTIONS = 64

__all__ = ["Answer", "HttpServer", "Request"]

Handler = Callable[[Request], Answer | Awaitable[Answer]]
"""An answer that takes a while is awaited; the requests after it wait."""


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
        self.reader = RequestReader(HEAD_LIMIT, BODY_LIMIT)
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        """An answer that takes a while."""
        self.heard = 0.0
        """When the last request came, by the loop's clock."""
        self.peer: object = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by class
        self.peer = self.transport.get_extra_info("peername")
        others = self.server.connections
        if len(others) >= CONNECTIONS:
            # who only holds connections does not keep others away, such as the health check
            min(others, key=lambda c: (is_loopback(c.peer), c.task is not None, c.heard)).drop()
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
        self.reader.feed(data)
        if self.task is None:
            self._requests()
        elif self.reader.size > HEAD_LIMIT + BODY_LIMIT:
            self.drop()

    def _requests(self) -> None:
        """Answer the requests that are there in full."""
        while self.task is None and not self.transport.is_closing():
            try:
                request = self.reader.next()
            except RequestError as why:
                self._answer(Answer(why.status), head=False, close=True)
                return
            if request is None:
                return
            request.peer = self.peer
            self._handle(request)
            self._restart()

    def _handle(self, request: Request) -> None:
        try:
            answer = self.server.handler(request)
        except Exception as error:
            answer = self._defect(error)
        if isinstance(answer, Answer):
            self._answer(answer, head=request.method == "HEAD", close=not request.keep)
        else:
            self.task = asyncio.ensure_future(self._answer_later(answer, not request.keep))

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
        self.transport.write(answer_bytes(answer, head=head, close=close))
        if close:
            self.transport.close()
