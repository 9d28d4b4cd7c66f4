"""An HTTP/1.1 client for one server: connections are kept and used again, one request at a time on each."""

import asyncio
from collections.abc import Callable
from typing import cast

from pyrolens.net.body import PIECE, Body, pieces
from pyrolens.net.connect import Place, connect
from pyrolens.net.errors import NetError
from pyrolens.net.tls import context
from pyrolens.net.wire import Answer, Headers, Response, request_head


def header_names(headers: Headers) -> set[str]:
    """In lower case."""
    return {name.lower() for name, _ in headers}


class Connection(asyncio.Protocol):
    """One connection. Between requests it only watches for the server closing it."""

    def __init__(self, forget: "Callable[[Connection], None]") -> None:
        self.uses = 0
        self.free_since = 0.0
        self.closed = False
        self._forget = forget
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._waiter: asyncio.Future[Response] | None = None
        self._room: asyncio.Future[None] | None = None
        self._moved = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done() or self._answer is None:
            self.close()  # it speaks though nobody asked
            return
        self._moved = self._waiter.get_loop().time()
        try:
            answer = self._answer.feed(data)
        except NetError as why:
            self._waiter.set_exception(why)
            self.close()
            return
        if answer:
            self._waiter.set_result(answer)

    def eof_received(self) -> bool:
        self._end(None)
        return False

    def connection_lost(self, why: Exception | None) -> None:
        self._end(why)

    def pause_writing(self) -> None:
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._room and not self._room.done():
            self._room.set_result(None)
        self._room = None
        self._moved = asyncio.get_running_loop().time()

    def close(self) -> None:
        self.closed = True
        if self._transport:
            self._transport.close()
        self._forget(self)

    def abort(self) -> None:
        self.closed = True
        if self._transport:
            self._transport.abort()
        self._forget(self)

    def _end(self, why: Exception | None) -> None:
        self.closed = True
        self._forget(self)
        if self._room and not self._room.done():
            self._room.set_result(None)
        if self._waiter and not self._waiter.done():
            answer = self._answer.eof() if self._answer else None
            if answer:
                self._waiter.set_result(answer)
            else:
                started = bool(self._answer and self._answer.started)
                said = "in the middle of an answer" if started else "without an answer"
                self._waiter.set_exception(NetError(f"connection closed {said}", unanswered=not started))

    async def exchange(self, head: bytes, body: Body, still: float) -> tuple[Response, bool]:
        """Send, and wait for the answer and whether the connection can be used again.

        `still`: seconds without progress after which it fails; 0: never. Raises: NetError."""
        transport = self._transport
        assert transport is not None
        loop = asyncio.get_running_loop()
        self.uses += 1
        self._answer = Answer()
        waiter = self._waiter = loop.create_future()
        watch = self._watch(loop, still) if still else None
        sent = False
        try:
            if isinstance(body, bytes) and len(body) <= PIECE:
                transport.write(head + body)
            else:
                transport.write(head)
                for piece in pieces(body):
                    transport.write(piece)
                    # the next piece waits until the kernel has taken most of it
                    if self._room:
                        await self._room
                    if waiter.done():
                        break  # an answer before the end of the request: an error, or the connection is gone
            sent = not waiter.done()
            answer = await waiter
            return answer, self._answer.keep and sent and not self.closed
        finally:
            if watch:
                watch()
            if not waiter.done():
                waiter.cancel()
            self._waiter = self._answer = None

    def _watch(self, loop: asyncio.AbstractEventLoop, still: float) -> Callable[[], None]:
        """Fail the request when nothing moves for so long. Returns what ends the watch."""
        self._moved = loop.time()
        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer
            left = self._moved + still - loop.time()
            if left > 0:
                timer = loop.call_later(left, look)
            elif self._waiter and not self._waiter.done():
                self._waiter.set_exception(NetError(f"nothing moved for {still:g} seconds"))
                self.abort()

        def stop() -> None:
            timer.cancel()  # the latest one

        timer = loop.call_later(still, look)
        return stop


class Client:
    """Requests to one place. As many connections as there are requests under way; idle ones close by themselves."""

    def __init__(self, place: Place, *, target_prefix: str = "", again_when_closed: bool = False) -> None:
        """target_prefix: before each target, for a plain proxy (http://host:port).
        again_when_closed: a request on a used connection that the server closed without a byte of an answer is
        sent again at once on a new one. Only for calls that may arrive twice.
        Raises: ConfigError for TLS options that cannot be."""
        if place.tls:
            context(place.tls)
        self.place = place
        self.prefix = target_prefix
        self._again = again_when_closed
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        default = 443 if place.tls else 80
        host = f"[{place.host}]" if ":" in place.host else place.host
        self.host = host if place.port == default else f"{host}:{place.port}"
        """Value of the Host header."""

    async def request(
        self, method: str, target: str, headers: Headers = (), body: Body = b"", *, timeout: float = 0.0
    ) -> Response:
        """The answer, whatever its status. `timeout`: seconds for all of it; 0: none. Raises: NetError."""
        lines = list(headers)
        if "host" not in header_names(lines):
            lines.insert(0, ("Host", self.host))
        lines.append(("Content-Length", str(len(body))))
        if self.place.net.keepalive:
            lines.append(("Connection", "keep-alive"))
        head = request_head(method, self.prefix + target, lines)
        try:
            async with asyncio.timeout(timeout or None):
                return await self._send(head, body)
        except TimeoutError:
            raise NetError(f"{self.place.address}: no answer in {timeout:g} seconds") from None

    async def _send(self, head: bytes, body: Body) -> Response:
        connection = self._take()
        if connection is not None:
            try:
                return await self._exchange(connection, head, body)
            except NetError as why:
                if not (self._again and why.unanswered):
                    raise
        _, connection = await connect(self.place, lambda: Connection(self._forget))
        return await self._exchange(connection, head, body)

    async def _exchange(self, connection: Connection, head: bytes, body: Body) -> Response:
        self._busy.add(connection)
        try:
            answer, keep = await connection.exchange(head, body, self.place.net.io_timeout)
        except NetError as why:
            connection.abort()
            raise NetError(f"{self.place.address}: {why}", unanswered=why.unanswered) from None
        except BaseException:
            connection.abort()
            raise
        finally:
            self._busy.discard(connection)
        self._give(connection, keep)
        return answer

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return None

    def _give(self, connection: Connection, keep: bool) -> None:
        net = self.place.net
        spent = net.keepalive_max_recycle and connection.uses >= net.keepalive_max_recycle
        if not keep or not net.keepalive or spent:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.free_since = loop.time()
        self._idle.append(connection)
        if self._sweep is None and net.keepalive_idle_timeout:
            self._sweep = loop.call_later(net.keepalive_idle_timeout, self._close_idle)

    def _close_idle(self) -> None:
        """Close what has been idle for too long, and look again when the next one will have been."""
        self._sweep = None
        loop = asyncio.get_running_loop()
        limit = self.place.net.keepalive_idle_timeout
        for connection in [c for c in self._idle if loop.time() - c.free_since >= limit]:
            connection.close()
        if self._idle:
            self._sweep = loop.call_later(self._idle[0].free_since + limit - loop.time(), self._close_idle)

    def _forget(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    async def close(self) -> None:
        """Close every connection; requests under way fail."""
        if self._sweep:
            self._sweep.cancel()
            self._sweep = None
        for connection in [*self._idle, *self._busy]:
            connection.abort() if connection in self._busy else connection.close()
