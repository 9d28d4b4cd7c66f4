"""Connections that are only written to: of protocols that have no answers."""

import array
import asyncio
import contextlib
import fcntl
import socket
import termios
from typing import cast

from pyrolens.net.connect import Place, connect
from pyrolens.net.errors import NetError
from pyrolens.net.tls import context

ESTABLISHED, CLOSE_WAIT = 1, 8
"""States of a connection on which the other side has acknowledged what it was sent (linux/tcp.h)."""
LONGEST_WAIT = 0.05
"""Seconds between two looks at what is not acknowledged yet."""


class Stream(asyncio.Protocol):
    """One connection. What the other side says is not listened to."""

    def __init__(self, tls: bool) -> None:
        self.uses = 0
        self.ended = False
        """The other side sends no more, so it may not listen any more either."""
        self.idle: asyncio.TimerHandle | None = None
        self._tls = tls
        self._lost: str | None = None
        self._room: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # so that pause_writing means: not all is with the kernel (with 0, TLS would pause without anything to send)
        self._transport.set_write_buffer_limits(high=1, low=0)

    def eof_received(self) -> bool:
        self.ended = True
        return not self._tls  # False closes the connection before we know what became of the last bytes

    def connection_lost(self, why: Exception | None) -> None:
        said = getattr(why, "strerror", None) or str(why or "") or "the other side closed the connection"
        self._lost = said[:1].lower() + said[1:]
        self.resume_writing()

    def pause_writing(self) -> None:
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._room and not self._room.done():
            self._room.set_result(None)
        self._room = None

    @property
    def usable(self) -> bool:
        return not (self.ended or self._lost or self._transport.is_closing())

    async def send(self, data: bytes, still: float) -> None:
        """Returns when the machine at the other end has acknowledged all of it.

        `still`: seconds without progress after which it fails; 0: never. Raises: NetError."""
        loop = asyncio.get_running_loop()
        self.uses += 1
        self._transport.write(data)
        least, since, wait, clear = len(data) + 1, loop.time(), 0.0, 0
        # twice with a round of the event loop between: below TLS there is a buffer that cannot be asked
        while clear < 2:
            left = self._left()
            if left == 0:
                clear += 1
                await asyncio.sleep(0)
                continue
            clear = 0
            if left < least:
                least, since = left, loop.time()
            elif still and loop.time() - since >= still:
                raise NetError(f"takes nothing for {still:g} seconds")
            if self._room:
                await asyncio.wait([self._room], timeout=still or None)
            else:
                await asyncio.sleep(wait)
                wait = min(wait * 2 or 0.001, LONGEST_WAIT)

    def _left(self) -> int:
        """Bytes that are still here, or on their way. Raises: NetError when nobody will ever know."""
        if self._lost is not None:
            raise NetError(self._lost)
        left = self._transport.get_write_buffer_size()
        sock = self._transport.get_extra_info("socket")
        if left or sock is None or not hasattr(socket, "TCP_INFO"):
            return left
        queued = array.array("i", [0])
        try:
            fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, queued)
            state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        except OSError:
            raise NetError("the connection was closed") from None
        if state not in (ESTABLISHED, CLOSE_WAIT):
            # a reset empties the queue, too
            raise NetError("the other side reset the connection")
        return queued[0]

    def abort(self) -> None:
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()


class Streams:
    """Sends to one place. As many connections as there are calls under way; idle ones close by themselves."""

    def __init__(self, place: Place) -> None:
        """Raises: ConfigError for TLS options that cannot be."""
        if place.tls:
            context(place.tls)
        self.place = place
        self._idle: list[Stream] = []

    async def send(self, data: bytes) -> None:
        """On one connection, to the end. Raises: NetError; then nobody knows how much of it has arrived."""
        stream = self._take()
        if stream is None:
            _, stream = await connect(self.place, lambda: Stream(self.place.tls is not None))
        try:
            await stream.send(data, self.place.net.io_timeout)
        except NetError as why:
            stream.abort()
            raise NetError(f"{self.place.address}: {why}") from None
        except BaseException:
            stream.abort()
            raise
        self._give(stream)

    def _take(self) -> Stream | None:
        while self._idle:
            stream = self._idle.pop()
            if stream.idle:
                stream.idle.cancel()
            if stream.usable:
                return stream
            stream.close()
        return None

    def _give(self, stream: Stream) -> None:
        net = self.place.net
        spent = net.keepalive_max_recycle and stream.uses >= net.keepalive_max_recycle
        if not stream.usable or not net.keepalive or spent:
            stream.close()
            return
        self._idle.append(stream)
        if net.keepalive_idle_timeout:
            loop = asyncio.get_running_loop()
            stream.idle = loop.call_later(net.keepalive_idle_timeout, self._drop, stream)

    def _drop(self, stream: Stream) -> None:
        with contextlib.suppress(ValueError):
            self._idle.remove(stream)
        stream.close()

    async def close(self) -> None:
        """Close what is idle."""
        while (stream := self._take()) is not None:
            stream.close()
