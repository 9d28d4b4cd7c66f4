"""A small HTTP/1.1 server: GET, HEAD, POST; bounded in everything a client could make large."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from pyrolens.net.requests import (
    Answer,
    Request,
    RequestError,
    RequestReader,
    answer_bytes,
    is_loopback,
    stream_head,
)
from pyrolens.problems import ConfigError, Problem

HEAD_LIMIT = 16 * 1024
"""Bytes of the request line and headers."""
BODY_LIMIT = 64 * 1024
IDLE_SECONDS = 30.0
CONNECTIONS = 64

__all__ = ["Answer", "HttpServer", "Request", "Streamed"]


class Streamed(Protocol):
    """An answer that goes on until it says so, or the client goes. It ends with the connection."""

    @property
    def content_type(self) -> str: ...

    async def next(self) -> bytes:
        """The next part, asked for when the client has room for it; nothing: that was all."""

    def close(self) -> None:
        """It is not read any more. Called in any case, perhaps twice."""


Handler = Callable[[Request], Answer | Streamed | Awaitable[Answer]]
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

    async def streams_end(self, seconds: float) -> None:
        """Wait until those have ended that have said so, but no longer than that."""
        if tasks := [c.task for c in self.connections if c.streamed and c.task]:
            await asyncio.wait(tasks, timeout=seconds)

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
        self.streamed: Streamed | None = None
        """The answer that goes on."""
        self._room: asyncio.Future[None] | None = None
        """Of a client that does not take what there is; done when it does."""

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
        if self.streamed:
            self.streamed.close()
            if self.task:
                self.task.cancel()

    def pause_writing(self) -> None:
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._room and not self._room.done():
            self._room.set_result(None)
        self._room = None

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
            if self.streamed is None:
                self._restart()

    def _handle(self, request: Request) -> None:
        try:
            answer = self.server.handler(request)
        except Exception as error:
            answer = self._defect(error)
        if isinstance(answer, Answer):
            self._answer(answer, head=request.method == "HEAD", close=not request.keep)
        elif isinstance(answer, Awaitable):
            self.task = asyncio.ensure_future(self._answer_later(answer, not request.keep))
        else:
            self.streamed = answer
            self.task = asyncio.ensure_future(self._stream(answer))

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

    async def _stream(self, streamed: Streamed) -> None:
        """Without a length, so the end of the connection is the end of the answer."""
        loop = asyncio.get_running_loop()
        self.transport.write(stream_head(streamed.content_type))
        try:
            while part := await streamed.next():
                self.transport.write(part)
                self._restart()  # so who takes nothing for too long is dropped
                if self._room:
                    await self._room
                if self.timer:
                    self.timer.cancel()
        except Exception as error:
            loop.call_exception_handler({"message": self.server.who, "exception": error})
        finally:
            streamed.close()
        self._restart()
        self.transport.close()

    def _answer(self, answer: Answer, *, head: bool, close: bool) -> None:
        self.transport.write(answer_bytes(answer, head=head, close=close))
        if close:
            self.transport.close()
