"""input tcp: JSON, or any text cut at a separator, over TCP.

Source: Fluent Bit 5.1.1 plugins/in_tcp/tcp_conn.c, tcp_config.c.
"""

import asyncio
from collections.abc import Iterable
from types import MappingProxyType

from pyrolens.api import Input, InputEnv, Record, Source, group, opt, plugin
from pyrolens.inputs._payload import Payload, peer_url
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._server import NET_NOT_SERVER, Connection, Server, ServerNet, ServerSource
from pyrolens.inputs._text import unescaped
from pyrolens.inputs._tls import TLS_NOT_SERVER, ServerTls, server_context, tls_print

DEFAULT_BUFFER = 32 * 1024
KIB = 1024


@plugin("tcp")
class Tcp(Input):
    """Receive JSON records, or lines of text, over TCP."""

    ignored = MappingProxyType(
        {
            "workers": "one loop reads all connections",
            **NET_NOT_SERVER,
            **TLS_NOT_SERVER,
        }
    )
    differs = (
        "what is not JSON is refused up to the end of its line; Fluent Bit throws away all that came with it",
        "empty lines are skipped; Fluent Bit stops at them until more data comes",
        "text without a separator at the end of a connection is a record; Fluent Bit throws it away",
        "while the buffer is full the connections wait; Fluent Bit closes them",
    )

    listen: str = opt("Address to listen on.", default="0.0.0.0")
    port: int = opt("Port to listen on.", default=5170, low=0, high=65535, last_wins=True)
    payload: Payload = group(Payload)
    chunk_size: int | None = opt("KiB of the buffer of a connection.", default=None, low=1)
    buffer_size: int | None = opt("KiB of the largest record; else chunk_size.", default=None, low=1)
    source_address_key: str | None = opt("Put the address of the peer into this field.", default=None)
    net: ServerNet = group(ServerNet, "net.")
    tls: bool = opt("Speak TLS.", default=False)
    tls_options: ServerTls = group(ServerTls, "tls.")

    def check(self) -> Iterable[tuple[str, str]]:
        if not unescaped(self.payload.separator):
            yield "separator", "separator is empty"

    @property
    def most(self) -> int:
        """Bytes of the largest record."""
        return KIB * (self.buffer_size or self.chunk_size or 0) or DEFAULT_BUFFER

    def open(self, env: InputEnv) -> Source:
        return TcpSource(self, env)


class TcpSource(ServerSource):
    def __init__(self, plan: Tcp, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.refuse = Refusals(env)
        self.take = plan.payload.take(env, self.refuse)
        self.tls = server_context(plan.tls_options) if plan.tls else None
        self.tls_print = tls_print(plan.tls_options if plan.tls else None)
        self.server = Server(self.refuse, lambda server: TcpConnection(server, self), plan.net)

    async def start(self) -> None:
        await self.server.listen_tcp(self.plan.listen, self.plan.port, self.tls)

    def hear(self, data: bytes | None, at: str) -> None:
        payload = self.plan.payload
        end = unescaped(payload.separator) if payload.parser or payload.format == "none" else b"\n"
        events, _ = self.take((data or b"") + end, True, {})
        if events:
            self.env.ingest(self.env.tag, events, len(data or b""))

    def inherit(self, old: "TcpSource") -> bool:
        plan = self.plan
        certificate = plan.tls_options if plan.tls else None
        return self.tls_print == old.tls_print and self.server.inherit(
            old.server, (plan.listen, plan.port), peers=True, certificate=certificate
        )


class TcpConnection(Connection):
    """Keeps what is no whole record yet."""

    def __init__(self, server: Server, source: TcpSource) -> None:
        super().__init__(server)
        self.source = source
        self.rest = b""
        self.ended = False
        self.peer: Record = {}
        """The field of source_address_key."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._know_peer()

    def _know_peer(self) -> None:
        key = self.source.plan.source_address_key
        peer = self.transport.get_extra_info("peername")
        if key and peer:
            self.peer = {key: peer_url("tcp", peer)}

    def received(self, data: bytes) -> None:
        self._take(self.rest + data, last=False)
        if len(self.rest) > self.source.plan.most:
            self.rest = b""
            self.source.refuse.closed(f"a record is larger than {self.source.plan.most} bytes (buffer_size)")
            self.transport.close()

    def inherit(self, old: "TcpConnection") -> bool:
        self.rest = old.rest
        self._know_peer()
        return True

    def finish(self) -> None:
        if not self.ended:
            self.ended = True
            if self.rest:
                self._take(self.rest, last=True)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.finish()

    def _take(self, data: bytes, last: bool) -> None:
        """Hand over the whole records of the data, and keep what is none yet."""
        events, self.rest = self.source.take(data, last, self.peer)
        if events:
            self.source.env.ingest(self.source.env.tag, events, len(data) - len(self.rest))
