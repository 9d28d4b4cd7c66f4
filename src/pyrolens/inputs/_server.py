"""Sockets that inputs listen on, and what is the same for all of their connections."""

import asyncio
import contextlib
import os
import socket
import ssl
import stat
from collections.abc import Callable
from typing import cast

from pyrolens.api import ConfigError, Problem

BACKLOG = 1024
READ = 256 * 1024
"""Bytes of one read."""
LAST_READS = 64
"""Reads for what a peer had sent before the stop: 16 MiB, more than a socket's buffers hold."""


class Connection(asyncio.Protocol):
    """A connection of a Server. Subclasses read what comes in `data_received`."""

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.server.connections.add(self)
        if self.server.paused:
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._stay_paused)

    def _stay_paused(self) -> None:
        """asyncio of Python before 3.11.5 begins to read after connection_made, whatever was asked for there."""
        if self.server.paused and not self.transport.is_closing():
            self.transport.resume_reading()
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        """Called once after the last data of a server that stops."""


class Server:
    """Listens, keeps its connections, and makes them all wait while it is paused."""

    def __init__(self, who: str, connect: Callable[["Server"], Connection]) -> None:
        self.who = who
        self.connect = connect
        self.connections: set[Connection] = set()
        self.paused = False
        self.path: str | None = None
        self.address: tuple[str, int] | None = None
        """Where it listens, with the port that the system chose if 0 was asked for."""
        self._server: asyncio.Server | None = None
        self._tls = False

    async def listen_unix(self, path: str, mode: int | None) -> None:
        """`mode`: permissions of the socket, else what the umask leaves. Raises: ConfigError."""
        try:
            if stat.S_ISSOCK(os.stat(path).st_mode):
                os.unlink(path)
            else:
                raise self._refuse(f"{path} exists and is not a socket")
        except FileNotFoundError:
            pass
        except OSError as why:
            raise self._refuse(f"cannot remove the old socket {path}: {why.strerror}") from None
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.bind(path)
            if mode is not None:
                os.chmod(path, mode)
            self._server = await asyncio.get_running_loop().create_unix_server(self._accept, sock=sock, backlog=BACKLOG)
        except OSError as why:
            sock.close()
            hint = "the folder must exist" if isinstance(why, FileNotFoundError) else ""
            raise self._refuse(f"cannot listen on {path}: {why.strerror or why}", hint) from None
        self.path = path

    async def listen_tcp(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Raises: ConfigError."""
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._accept, host, port, backlog=BACKLOG, reuse_address=True, ssl=tls
            )
        except OSError as why:
            reason = os.strerror(why.errno) if why.errno and why.errno > 0 else str(why)
            raise self._refuse(f"cannot listen on {host}:{port}: {reason.lower()}") from None
        self._tls = tls is not None
        found = self._server.sockets[0].getsockname()
        self.address = (found[0], found[1])

    def _refuse(self, message: str, hint: str = "") -> ConfigError:
        return ConfigError([Problem("cannot-listen", f"{self.who} {message}", hint=hint)])

    def _accept(self) -> Connection:
        return self.connect(self)

    def pause(self) -> None:
        self.paused = True
        for connection in self.connections:
            connection.transport.pause_reading()

    def resume(self) -> None:
        self.paused = False
        for connection in self.connections:
            connection.transport.resume_reading()

    @property
    def peers(self) -> int:
        """Connections that are open."""
        return len(self.connections)

    async def stop(self) -> None:
        """Accept no more, read what peers had sent before, and close."""
        if self._server is None:
            return
        await asyncio.sleep(0)  # those that wait to be accepted
        self._server.close()
        for connection in list(self.connections):
            self._last_reads(connection)
        for connection in list(self.connections):
            connection.finish()
            connection.transport.close()
        if self.path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def _last_reads(self, connection: Connection) -> None:
        transport = connection.transport
        if transport.is_closing():
            return
        transport.pause_reading()
        if self._tls:  # what is in the socket is encrypted
            return
        fd = transport.get_extra_info("socket").fileno()
        for _ in range(LAST_READS):
            try:
                data = os.read(fd, READ)
            except OSError:  # nothing more, or broken
                return
            if not data or transport.is_closing():
                return
            connection.data_received(data)
