"""One connection of the forward output: opened, authenticated, written to, and its acks read.

Source: Forward Protocol Specification v1.5; Fluent Bit 5.1.1 plugins/out_forward/forward.c."""

import asyncio
import hmac
import secrets
from hashlib import sha512
from typing import Any

import msgpack

from pyrolens.api import Net
from pyrolens.net import NetError
from pyrolens.net.connect import Place, connect
from pyrolens.outputs._forward_peer import Peer
from pyrolens.records.codecs import pack

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer: they are short."""
ANSWER_SECONDS = 190.0
"""To wait for an ack where net.io_timeout says nothing: as long as Fluentd waits."""


class Link:
    """Raises: NetError from everything; then the link is of no more use."""

    def __init__(self, peer: Peer, net: Net, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer, self.net, self.reader, self.writer = peer, net, reader, writer
        self.seconds = net.io_timeout or ANSWER_SECONDS
        self.uses = 0
        self.idle_since = 0.0
        self.keepalive = net.keepalive
        self._answers = msgpack.Unpacker(raw=True, max_buffer_size=ANSWER_LIMIT)

    @staticmethod
    async def open(peer: Peer, net: Net) -> "Link":
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=ANSWER_LIMIT, loop=loop)

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(reader, loop=loop)

        if peer.unix_path:
            try:
                async with asyncio.timeout(net.connect_timeout or None):
                    transport, made = await loop.create_unix_connection(protocol, peer.unix_path)
            except TimeoutError:
                raise NetError(f"{peer.name}: no connection in {net.connect_timeout:g} seconds") from None
            except OSError as why:
                raise NetError(f"{peer.name}: cannot connect: {why.strerror or why}") from None
        else:
            transport, made = await connect(Place(peer.host, peer.port, net, peer.tls), protocol)
        # drain() then returns when all is with the kernel, not when little enough is left
        transport.set_write_buffer_limits(high=0)
        link = Link(peer, net, reader, asyncio.StreamWriter(transport, made, reader, loop))
        if peer.shared_key is not None:
            try:
                await link._handshake(peer.shared_key)
            except BaseException:
                link.abort()
                raise
        return link

    @property
    def usable(self) -> bool:
        """Still open, as far as one can know, and not used or idle for too long."""
        net = self.net
        return (
            self.keepalive
            and not self.reader.at_eof()
            and self.reader.exception() is None
            and not self.writer.is_closing()
            and (not net.keepalive_max_recycle or self.uses < net.keepalive_max_recycle)
            and asyncio.get_running_loop().time() - self.idle_since < net.keepalive_idle_timeout
        )

    async def send(self, data: bytes) -> None:
        """Returns when all of it is with the kernel."""
        try:
            self.writer.write(data)
            async with asyncio.timeout(self.net.io_timeout or None):
                await self.writer.drain()
        except TimeoutError:
            raise NetError(f"{self.peer.name}: takes nothing for {self.net.io_timeout:g} seconds") from None
        except OSError as why:
            raise NetError(f"{self.peer.name}: {why.strerror or why or 'the connection was closed'}") from None

    async def acked(self, chunk: str) -> None:
        """Returns when the receiver has acknowledged that chunk."""
        answer = await self._answer("an ack")
        ack = answer.get(b"ack") if isinstance(answer, dict) else None
        if ack != chunk.encode():
            shown = ack.decode(errors="replace")[:60] if isinstance(ack, bytes) else type(answer).__name__
            raise NetError(f"{self.peer.name}: acknowledged {shown} instead of {chunk}")

    async def _answer(self, what: str) -> Any:
        try:
            async with asyncio.timeout(self.seconds):
                while True:
                    try:
                        return self._answers.unpack()
                    except msgpack.OutOfData:
                        pass
                    data = await self.reader.read(4096)
                    if not data:
                        raise NetError(f"{self.peer.name}: closed the connection instead of sending {what}")
                    self._answers.feed(data)
        except TimeoutError:
            raise NetError(f"{self.peer.name}: did not send {what} in {self.seconds:g} seconds") from None
        except OSError as why:
            raise NetError(f"{self.peer.name}: {why.strerror or why}") from None
        except (ValueError, msgpack.UnpackException) as why:
            raise NetError(f"{self.peer.name}: sent no msgpack instead of {what} ({type(why).__name__})") from None

    async def _handshake(self, key: str) -> None:
        """HELO, PING, PONG: both sides show that they know the key."""
        peer = self.peer
        helo = await self._answer("HELO")
        if not (isinstance(helo, list) and len(helo) >= 2 and helo[0] == b"HELO" and isinstance(helo[1], dict)):
            raise NetError(f"{peer.name}: did not begin with HELO; does it use a shared key?")
        nonce, auth = helo[1].get(b"nonce"), helo[1].get(b"auth")
        if not isinstance(nonce, bytes):
            raise NetError(f"{peer.name}: HELO without a nonce")
        if helo[1].get(b"keepalive") is False:
            self.keepalive = False
        salt = secrets.token_hex(8)
        digest = _digest(salt.encode(), peer.self_hostname.encode(), nonce, key.encode())
        user = password = ""
        if isinstance(auth, bytes):
            user = peer.username
            password = _digest(auth, peer.username.encode(), peer.password.encode())
        await self.send(pack(["PING", peer.self_hostname, salt, digest, user, password]))
        pong = await self._answer("PONG")
        if not (isinstance(pong, list) and len(pong) == 5 and pong[0] == b"PONG"):
            raise NetError(f"{peer.name}: answered PING with something else than PONG")
        if pong[1] is not True:
            reason = pong[2].decode(errors="replace") if isinstance(pong[2], bytes) else ""
            raise NetError(f"{peer.name}: refuses us: {reason[:100]}")
        theirs = _digest(salt.encode(), pong[3], nonce, key.encode()) if isinstance(pong[3], bytes) else ""
        if not (isinstance(pong[4], bytes) and hmac.compare_digest(theirs.encode(), pong[4])):
            raise NetError(f"{peer.name}: does not know the shared key")

    def abort(self) -> None:
        self.writer.transport.abort()

    async def close(self, seconds: float = 1.0) -> None:
        """Let the receiver read to the end: closing with its unread words would make the kernel drop ours."""
        try:
            async with asyncio.timeout(seconds):
                if self.writer.can_write_eof():
                    self.writer.write_eof()
                    while await self.reader.read(4096):
                        pass
                self.writer.close()
                await self.writer.wait_closed()
        except (OSError, TimeoutError):
            self.abort()


def _digest(*parts: bytes) -> str:
    return sha512(b"".join(parts)).hexdigest()
