"""Datagrams to one place: UDP, or a unix socket such as /dev/log."""

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pyrolens.net.connect import addresses
from pyrolens.net.errors import NetError
from pyrolens.plugin import Net

RESOLVE_SECONDS = 60.0
"""After so long the name is looked up again, for nobody tells a sender of datagrams that its target has moved."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of messages: the indexes of those to send again with the reason, and of those that are too large."""

    again: list[int] = field(default_factory=list)
    reason: str = ""
    too_large: list[int] = field(default_factory=list)


class Datagrams:
    """Opened when first needed."""

    def __init__(self, host: str, port: int, net: Net, path: str | None = None) -> None:
        """path: of a unix socket, instead of host and port."""
        self.host, self.port, self.net, self.path = host, port, net, path
        self.address = path or (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        self._socket: socket.socket | None = None
        self._nearby = False
        """The target is on this machine, so a refusal is there before the next datagram."""
        self._opened = 0.0
        self._turn = asyncio.Lock()

    async def send(self, messages: Sequence[Sequence[bytes]]) -> Sent:
        """Each message is one datagram or several."""
        async with self._turn:  # an error must be about our own messages
            try:
                sock = await self._open()
            except NetError as why:
                return Sent(list(range(len(messages))), str(why))
            too_large: list[int] = []
            at, error = 0, 0
            for at, message in enumerate(messages):
                try:
                    for datagram in message:
                        await _send(sock, datagram)
                except OSError as why:
                    if why.errno == errno.EMSGSIZE:
                        too_large.append(at)
                        continue
                    error = why.errno or errno.EIO
                    break
            else:
                at = len(messages)
                error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not error:
                return Sent(too_large=too_large)
            self.close()
            first = self._first_lost(error, at)
            reason = "nobody listens" if error == errno.ECONNREFUSED else _said(error)
            return Sent(
                [n for n in range(first, len(messages)) if n not in too_large], f"{self.address}: {reason}", too_large
            )

    def _first_lost(self, error: int, at: int) -> int:
        """The first message that may not have arrived, when the error came while sending that one. Over UDP a refusal
        is told at the next datagram: on this machine it is about the one before, from elsewhere about any."""
        if error != errno.ECONNREFUSED or self.path:
            return at
        return max(at - 1, 0) if self._nearby else 0

    async def _open(self) -> socket.socket:
        """Raises: NetError."""
        loop = asyncio.get_running_loop()
        if self._socket and (self.path or loop.time() - self._opened < RESOLVE_SECONDS):
            return self._socket
        found: list[tuple[socket.AddressFamily, Any]]
        if self.path:
            found = [(socket.AF_UNIX, self.path)]
        else:
            found = [*await addresses(self.host, self.port, self.net, socket.SOCK_DGRAM)]
        self.close()
        error = 0
        for family, address in found:
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            try:
                if self.net.source_address and not self.path:
                    sock.bind((self.net.source_address, 0))
                sock.connect(address)
            except OSError as why:
                sock.close()
                error = why.errno or errno.EIO
                continue
            self._socket, self._opened = sock, loop.time()
            self._nearby = not self.path and ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
            return sock
        raise NetError(f"{self.address}: {_said(error) if error else 'the name has no address'}")

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None


def _said(error: int) -> str:
    said = os.strerror(error)
    return said[:1].lower() + said[1:]


async def _send(sock: socket.socket, datagram: bytes) -> None:
    """Waits while the kernel has no room. Raises: OSError."""
    while True:
        try:
            sock.send(datagram)
            return
        except BlockingIOError:
            await _writable(sock)


async def _writable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sock, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_writer(sock)
