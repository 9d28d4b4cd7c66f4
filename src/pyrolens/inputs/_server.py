"""Sockets that inputs listen on, and what is the same for all of their connections."""

import asyncio
import contextlib
import os
import re
import resource
import socket
import ssl
import stat
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from pyrolens.api import ConfigError, Problem, Seconds, opt
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._tls import ServerTls, load_certificate

READ = 256 * 1024
"""Bytes of one read."""
LAST_READS = 64
"""Reads for what a peer had sent before the stop: 16 MiB, more than a socket's buffers hold."""
SILENCE = 0.05
"""Seconds without data after which nothing more is in the sockets of peers that speak TLS."""
LAST_WORDS = 1.0
"""Seconds that they may go on for, at most."""


@dataclass(frozen=True, kw_only=True)
class ServerNet:
    """Options of inputs that listen, below `net.`"""

    share_port: bool = opt("Let other processes listen on the same port (SO_REUSEPORT).", default=False)
    backlog: int = opt("Connections that may wait to be accepted.", default=1024, low=1)
    io_timeout: Seconds = opt("Seconds without data after which a connection is closed; 0: none.", default=0.0)
    accept_timeout: Seconds = opt("Seconds that the TLS handshake may take; 0: as long as it likes.", default=10.0)
    accept_timeout_log_error: bool = opt("Whether a handshake that took too long is a line in the log.", default=True)


NET_NOT_SERVER: Mapping[str, str] = MappingProxyType(
    {"net.keepalive": "a connection is open for as long as its client keeps it open"}
)
"""For `ignored` of inputs with ServerNet that do not speak HTTP."""


def is_mode(text: str) -> bool:
    """Whether it is the permissions of a file."""
    return re.fullmatch("[0-7]{1,5}", text.strip()) is not None


class Connection(asyncio.Protocol):
    """A connection of a Server. Subclasses take what comes in `received`."""

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.heard = 0.0
        """When data came last, by the loop's clock."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.heard = asyncio.get_running_loop().time()
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
        self.heard = self.server.loop.time()
        self.server.heard += 1
        if not self.transport.is_closing():
            self.received(data)

    def received(self, data: bytes) -> None:
        raise NotImplementedError

    def pause(self) -> None:
        self.transport.pause_reading()

    def resume(self) -> None:
        self.heard = self.server.loop.time()
        self.transport.resume_reading()

    def overdue(self, now: float) -> str:
        """Why the connection is to be closed, if it has been silent for too long."""
        timeout = self.server.net.io_timeout
        if self.server.paused or now - self.heard < timeout:
            return ""
        return f"nothing came for {timeout:g} s (net.io_timeout)"

    @property
    def busy(self) -> bool:
        """Whether its peer may be in the middle of something: nobody knows, where there are no requests."""
        return True

    @property
    def owes(self) -> bool:
        """It is still to answer, and closes by itself once it has."""
        return False

    def finish(self) -> None:
        """Called once after the last data of a server that stops."""

    def inherit(self, old: Any) -> bool:
        """Go on with the peer of another connection of the class: take from it what is not whole yet. False: that
        cannot be, and the peer is to connect again."""
        return False


class Door:
    """Where those come in who connect, whichever server has the socket now."""

    def __init__(self, server: "Server") -> None:
        self.server = server

    def __call__(self) -> asyncio.Protocol:
        return self.server.accept()


class Server:
    """Listens, keeps its connections, and makes them all wait while it is paused."""

    def __init__(self, refuse: Refusals, connect: Callable[["Server"], Connection], net: ServerNet) -> None:
        self.who = refuse.env.name
        self.refuse = refuse
        self.net = net
        self.connect = connect
        self.connections: set[Connection] = set()
        self.most = most_connections()
        self.heard = 0
        """How often data came."""
        self.paused = False
        self.stopped = False
        self.path: str | None = None
        self.address: tuple[str, int] | None = None
        """Where it listens, with the port that the system chose if 0 was asked for."""
        self.loop: asyncio.AbstractEventLoop = cast(asyncio.AbstractEventLoop, None)
        self.place: tuple[str, int] | str = ""
        """Where it was told to listen."""
        self._door = Door(self)
        self._from: Server | None = None
        self._with_peers = False
        self._certificate: ServerTls | None = None
        self._context: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._tls = False
        self.handshakes: weakref.WeakSet[ssl.SSLObject] = weakref.WeakSet()
        """Those that are not finished yet."""
        self._sweep: asyncio.TimerHandle | None = None

    async def listen_unix(self, path: str, mode: int | None, tls: ssl.SSLContext | None = None) -> None:
        """`mode`: permissions of the socket, else what the umask leaves. Raises: ConfigError."""
        if self._from is not None:
            self._take_over(self._from)
            if mode is not None:
                with contextlib.suppress(OSError):  # someone has removed it
                    os.chmod(path, mode)
            return
        self.place = path
        sock = unix_socket(self.who, path, socket.SOCK_STREAM, mode)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_unix_server(
                self._door, sock=sock, backlog=self.net.backlog, **self._secured(tls)
            )
        except OSError as why:
            sock.close()
            raise cannot_listen(self.who, path, why) from None
        self.path = path
        self._started()

    async def listen_tcp(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Raises: ConfigError."""
        if self._from is not None:
            self._take_over(self._from)
            return
        self.place = host, port
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._door,
                host,
                port,
                backlog=self.net.backlog,
                reuse_address=True,
                reuse_port=self.net.share_port or None,
                **self._secured(tls),
            )
        except OSError as why:
            raise cannot_listen(self.who, f"{host}:{port}", why) from None
        found = self._server.sockets[0].getsockname()
        self.address = (found[0], found[1])
        self._started()

    def _secured(self, tls: ssl.SSLContext | None) -> dict[str, Any]:
        """For what makes servers."""
        self.loop = asyncio.get_running_loop()
        if tls is None:
            return {}
        self._tls, self._context = True, tls
        tls.sslobject_class = _watched(self._door)
        return {"ssl": tls, "ssl_handshake_timeout": self.net.accept_timeout or None}

    def _started(self) -> None:
        if self.net.io_timeout:
            self._close_idle()

    def accept(self) -> asyncio.Protocol:
        if len(self.connections) + len(self.handshakes) >= self.most:
            self.refuse.closed(f"there are {self.most} connections already")
            return _Turned()
        return self.connect(self)

    def inherit(
        self, old: "Server", place: tuple[str, int] | str, *, peers: bool, certificate: ServerTls | None = None
    ) -> bool:
        """Listen with the socket of the other one, if that is where it listens. `peers`: also go on with those who
        are connected; else they are closed. `certificate`: which one new peers are shown."""
        if old._server is None or old.place != place:
            return False
        self._from, self._with_peers, self._certificate = old, peers, certificate
        return True

    def _take_over(self, old: "Server") -> None:
        self._from = None
        self.loop = asyncio.get_running_loop()
        self._server, self._door, self.path = old._server, old._door, old.path
        self.place, self.address, self._tls, self.handshakes = old.place, old.address, old._tls, old.handshakes
        self._context = old._context
        if self._certificate is not None and self._context is not None:
            # a loop takes the context of a server once, but what is in it may change
            load_certificate(self._context, self._certificate)
        old._server = old.path = None
        self._door.server = self
        for before in list(old.connections) if self._with_peers else ():
            connection = self.connect(self)
            connection.transport, connection.heard = before.transport, before.heard
            if not before.transport.is_closing() and connection.inherit(before):
                old.connections.discard(before)
                self.connections.add(connection)
                before.transport.set_protocol(connection)
                if old.paused:
                    before.transport.resume_reading()
        self._started()

    def _close_idle(self) -> None:
        """Closes those that have been silent for net.io_timeout, and looks again a little later."""
        now = self.loop.time()
        for connection in list(self.connections):
            if reason := connection.overdue(now):
                self.refuse.closed(reason)
                connection.transport.close()
        self._sweep = self.loop.call_later(self.net.io_timeout / 4, self._close_idle)

    def pause(self) -> None:
        self.paused = True
        for connection in self.connections:
            connection.pause()

    def resume(self) -> None:
        self.paused = False
        for connection in list(self.connections):
            if self.paused:  # one of them had enough to fill the buffer again
                connection.pause()
            else:
                connection.resume()

    @property
    def sockets(self) -> Sequence[socket.socket]:
        """Those that it listens on."""
        return self._server.sockets if self._server else ()

    @property
    def peers(self) -> int:
        """Connections on which something may still come."""
        return sum(connection.busy for connection in self.connections)

    async def stop(self) -> None:
        """Accept no more, read what peers had sent before, and close."""
        if self._sweep:
            self._sweep.cancel()
        if self._server is not None:
            await asyncio.sleep(0)  # those that wait to be accepted
            self._server.close()
        self.stopped = True
        if self._tls:
            for connection in [] if self.paused else self.connections:
                connection.transport.resume_reading()  # those that are left alone for a moment
            await self._last_words()
        for connection in list(self.connections):
            self._last_reads(connection)
        for connection in list(self.connections):
            connection.finish()
            if not connection.owes:
                connection.transport.close()
        if self.path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    async def _last_words(self) -> None:
        """What is in the sockets is encrypted, so the transports read it, until nothing more is there."""
        ends = self.loop.time() + LAST_WORDS
        while self.connections and not self.paused and self.loop.time() < ends:
            heard = self.heard
            await asyncio.sleep(SILENCE)
            if self.heard == heard:
                return

    def _last_reads(self, connection: Connection) -> None:
        transport = connection.transport
        if transport.is_closing():
            return
        transport.pause_reading()
        if self._tls:
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


class ServerSource:
    """A Source all of whose peers come to its `server`."""

    server: Server

    def pause(self) -> None:
        self.server.pause()

    def resume(self) -> None:
        self.server.resume()

    @property
    def peers(self) -> int:
        return self.server.peers

    async def stop(self) -> None:
        await self.server.stop()


class _Turned(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


def _watched(door: Door) -> type[ssl.SSLObject]:
    """The handshakes of a server. Event loops drop one that fails without a word."""

    class Watched(ssl.SSLObject):
        begun = False

        def do_handshake(self) -> None:
            server = door.server
            if not self.begun:
                self.begun = True
                server.handshakes.add(self)
                if server.net.accept_timeout:
                    itself: weakref.ref[ssl.SSLObject] = weakref.ref(self)
                    server.loop.call_later(server.net.accept_timeout, _late, server, itself)
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as why:
                server.handshakes.discard(self)
                server.refuse.closed(f"no TLS handshake: {_reason(why)}")
                raise
            server.handshakes.discard(self)

    return Watched


def _late(server: Server, handshake: "weakref.ref[ssl.SSLObject]") -> None:
    found = handshake()
    if found is not None and found in server.handshakes:
        server.handshakes.discard(found)
        server.refuse.env.count("closed_connections")
        if server.net.accept_timeout_log_error:
            server.refuse.say("closed a connection", f"no TLS handshake within {server.net.accept_timeout:g} s")


def _reason(why: ssl.SSLError) -> str:
    if isinstance(why, ssl.SSLCertVerificationError):
        return f"the client's certificate: {why.verify_message}"
    return why.reason.replace("_", " ").lower() if why.reason else str(why)


def most_connections() -> int:
    """Of one server, so that files are left for everything else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 65536 if files == resource.RLIM_INFINITY else max(files * 3 // 4, 16)


def cannot_listen(who: str, where: str, why: OSError) -> ConfigError:
    reason = os.strerror(why.errno) if why.errno and why.errno > 0 else str(why)
    if where.startswith("/") and isinstance(why, FileNotFoundError):
        return refused_start(f"{who} cannot listen on {where}: {reason}", "the folder must exist")
    return refused_start(f"{who} cannot listen on {where}: {reason[:1].lower()}{reason[1:]}")


def refused_start(message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem("cannot-listen", message, hint=hint)])


def unix_socket(who: str, path: str, kind: int, mode: int | None) -> socket.socket:
    """A socket bound there, in place of one that nobody removed. Raises: ConfigError."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise refused_start(f"{who} {path} exists and is not a socket")
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as why:
        raise refused_start(f"{who} cannot remove the old socket {path}: {why.strerror}") from None
    sock = socket.socket(socket.AF_UNIX, kind)
    try:
        sock.setblocking(False)
        sock.bind(path)
        if mode is not None:
            os.chmod(path, mode)
    except OSError as why:
        sock.close()
        raise cannot_listen(who, path, why) from None
    return sock
