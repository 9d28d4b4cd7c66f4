"""Sockets on which inputs get datagrams: UDP, and unix sockets such as /dev/log."""

import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from pyrolens.inputs._refusals import QUIET, Refusals
from pyrolens.inputs._server import LAST_READS, ServerNet, cannot_listen, unix_socket

LARGEST = 256 * 1024
"""Bytes of a datagram: UDP carries 64 KiB, a unix socket what its sender's buffer holds."""
AT_ONCE = 256
"""Datagrams of one batch."""
RXQ_OVFL = 40 if sys.platform == "linux" else 0
"""SO_RXQ_OVFL: the kernel tells with a datagram how many it has thrown away since the socket was opened."""

NOT_DATAGRAMS = MappingProxyType(
    {
        "net.backlog": "datagrams have no connections",
        "net.io_timeout": "datagrams have no connections",
        "net.accept_timeout": "datagrams have no connections",
        "net.accept_timeout_log_error": "datagrams have no connections",
        "net.keepalive": "datagrams have no connections",
    }
)
"""For `ignored` of inputs that get datagrams only."""

Datagram = tuple[bytes, Any]
"""(data, address of the sender)"""


class Datagrams:
    """Hands over what came since the last time, as a list. While it is paused, datagrams wait in the kernel, and those
    that find no room there are counted."""

    def __init__(self, refuse: Refusals, take: Callable[[list[Datagram]], None]) -> None:
        self.who = refuse.env.name
        self.env = refuse.env
        self.take = take
        self.paused = False
        self.address: tuple[str, int] | None = None
        self.path: str | None = None
        self.place: tuple[str, int] | str = ""
        """Where it was told to listen."""
        self._from: Datagrams | None = None
        self._socket: socket.socket | None = None
        self._reading = False
        self._lost = 0
        """Of which the kernel has told."""
        self._said_at = -QUIET
        self._unsaid = 0

    async def listen_udp(self, host: str, port: int, net: ServerNet, room: int = 0) -> None:
        """`room`: bytes of the kernel's buffer, 0 for what it gives. Raises: ConfigError."""
        if self._from is not None:
            self._take_over(self._from, room)
            return
        self.place = host, port
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host or None, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
            )
        except OSError as why:
            raise cannot_listen(self.who, where, why) from None
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            if net.share_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if RXQ_OVFL:
                sock.setsockopt(socket.SOL_SOCKET, RXQ_OVFL, 1)
            sock.bind(address)
        except OSError as why:
            sock.close()
            raise cannot_listen(self.who, where, why) from None
        name = sock.getsockname()
        self.address = (name[0], name[1])
        self._start(sock, room)

    async def listen_unix(self, path: str, mode: int | None, room: int = 0) -> None:
        """Raises: ConfigError."""
        if self._from is not None:
            self._take_over(self._from, room)
            if mode is not None:
                with contextlib.suppress(OSError):  # someone has removed it
                    os.chmod(path, mode)
            return
        self.place = path
        sock = unix_socket(self.who, path, socket.SOCK_DGRAM, mode)
        self.path = path
        self._start(sock, room)

    def inherit(self, old: "Datagrams", place: tuple[str, int] | str) -> bool:
        """Listen with the socket of the other one, if that is where it listens."""
        if old._socket is None or old.place != place:
            return False
        self._from = old
        return True

    def _take_over(self, old: "Datagrams", room: int) -> None:
        self._from = None
        old._rest()
        sock, old._socket = old._socket, None
        assert sock is not None
        self.place, self.address, self.path, self._lost = old.place, old.address, old.path, old._lost
        old.path = None
        self._start(sock, room)

    def _start(self, sock: socket.socket, room: int) -> None:
        if room:
            make_room(sock, room, self.env.log.warning)
        self._socket = sock
        self._read()

    def _read(self) -> None:
        if self._socket is not None and not self._reading and not self.paused:
            asyncio.get_running_loop().add_reader(self._socket, self._ready)
            self._reading = True

    def _rest(self) -> None:
        if self._socket is not None and self._reading:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._reading = False

    def pause(self) -> None:
        self.paused = True
        self._rest()

    def resume(self) -> None:
        self.paused = False
        self._read()

    async def stop(self) -> None:
        """Take what the kernel has, and close."""
        self._rest()
        sock = self._socket
        if sock is None:
            return
        for _ in range(LAST_READS):
            if not self._ready():
                break
        self._socket = None
        sock.close()
        if self._unsaid:
            self._say()
        if self.path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def _ready(self) -> int:
        """Hand over what is there. Gives the number of datagrams."""
        sock = self._socket
        assert sock is not None
        found: list[Datagram] = []
        ancillary: list[Any] = []
        receive, space = sock.recvmsg, 64 if self.path is None and RXQ_OVFL else 0
        try:
            while len(found) < AT_ONCE:
                data, ancillary, _, address = receive(LARGEST, space)
                found.append((data, address))
                if ancillary:
                    self._dropped(ancillary)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as why:  # such as a refusal of something that we never sent
            self.env.log.debug("cannot read a datagram", reason=why.strerror)
        if found:
            self.take(found)
        return len(found)

    def _dropped(self, ancillary: list[Any]) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == RXQ_OVFL and len(data) >= 4:
                (total,) = struct.unpack("=I", data[:4])
                lost = (total - self._lost) & 0xFFFFFFFF
                if lost:
                    self._lost = total
                    self.env.count("kernel_dropped_datagrams", lost)
                    self._unsaid += lost
                    if self.env.now() - self._said_at >= QUIET:
                        self._say()

    def _say(self) -> None:
        self._said_at = self.env.now()
        self.env.log.warning(
            "datagrams were lost: the kernel had no room for them", number=self._unsaid, room=self._room()
        )
        self._unsaid = 0

    def _room(self) -> int:
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) if self._socket else 0


def make_room(sock: socket.socket, room: int, warn: Callable[..., None]) -> None:
    """Ask for a buffer of so many bytes in the kernel."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(room, 0x3FFFFFFF))
    except OSError as why:
        warn("receive_buffer_size cannot be set", reason=why.strerror)
        return
    given = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // (2 if sys.platform == "linux" else 1)
    if given < room:
        warn("receive_buffer_size is more than the kernel allows (net.core.rmem_max)", wanted=room, given=given)
