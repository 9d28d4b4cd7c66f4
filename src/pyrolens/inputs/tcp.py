"""input tcp: JSON, or any text cut at a separator, over TCP.

Source: Fluent Bit 5.1.1 plugins/in_tcp/tcp_conn.c, tcp_config.c.
"""

import asyncio
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from pyrolens.api import Event, Input, InputEnv, Record, Source, group, opt, plugin
from pyrolens.inputs._json import take_values
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._server import Connection, Server
from pyrolens.inputs._text import find_parser, parsed, text_of, unescaped
from pyrolens.inputs._tls import TLS_NOT_SERVER, ServerTls, server_context

DEFAULT_BUFFER = 32 * 1024
KIB = 1024

decode_lines = msgspec.json.Decoder(dict[str, Any]).decode_lines


@plugin("tcp")
class Tcp(Input):
    """Receive JSON records, or lines of text, over TCP."""

    ignored = MappingProxyType(
        {
            "workers": "one loop reads all connections",
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
    format: Literal["json", "none"] = opt(
        "json: JSON objects one after the other. none: text, in the field `log`.", default="json"
    )
    separator: str = opt(r"What separates records with the format none; \n, \t, \x00 are understood.", default=r"\n")
    parser: str | None = opt("Parse each record with this parser; makes the format none.", default=None)
    chunk_size: int | None = opt("KiB of the buffer of a connection.", default=None, low=1)
    buffer_size: int | None = opt("KiB of the largest record; else chunk_size.", default=None, low=1)
    source_address_key: str | None = opt("Put the address of the peer into this field.", default=None)
    tls: bool = opt("Speak TLS.", default=False)
    tls_options: ServerTls = group(ServerTls, "tls.")

    def check(self) -> Iterable[tuple[str, str]]:
        if not unescaped(self.separator):
            yield "separator", "separator is empty"

    @property
    def most(self) -> int:
        """Bytes of the largest record."""
        return KIB * (self.buffer_size or self.chunk_size or 0) or DEFAULT_BUFFER

    def open(self, env: InputEnv) -> Source:
        return TcpSource(self, env)


class TcpSource:
    def __init__(self, plan: Tcp, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.refuse = Refusals(env)
        self.parse = find_parser(env, plan.parser) if plan.parser else None
        self.separator = unescaped(plan.separator)
        self.tls = server_context(plan.tls_options) if plan.tls else None
        kind = JsonConnection if plan.format == "json" and not plan.parser else TextConnection
        self.server = Server(env.name, lambda server: kind(server, self))

    async def start(self) -> None:
        await self.server.listen_tcp(self.plan.listen, self.plan.port, self.tls)

    def pause(self) -> None:
        self.server.pause()

    def resume(self) -> None:
        self.server.resume()

    @property
    def peers(self) -> int:
        return self.server.peers

    async def stop(self) -> None:
        await self.server.stop()


class TcpConnection(Connection):
    """Keeps what is no whole record yet."""

    def __init__(self, server: Server, source: TcpSource) -> None:
        super().__init__(server)
        self.source = source
        self.rest = b""
        self.ended = False
        self.address: Record = {}
        """The field of source_address_key."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        key = self.source.plan.source_address_key
        peer = transport.get_extra_info("peername")
        if key and peer:
            host, port = peer[:2]
            self.address = {key: f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"}

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        self.rest = self.take(data, last=False)
        if len(self.rest) > self.source.plan.most:
            self.rest = b""
            self.source.refuse.closed(f"a record is larger than {self.source.plan.most} bytes (buffer_size)")
            self.transport.close()

    def finish(self) -> None:
        if not self.ended:
            self.ended = True
            if self.rest:
                self.take(self.rest, last=True)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.finish()

    def ingest(self, events: list[Event], size: int) -> None:
        if events:
            self.source.env.ingest(self.source.env.tag, events, size)

    def take(self, data: bytes, last: bool) -> bytes:
        """Hand over the whole records of the data, and give back what is none yet."""
        raise NotImplementedError


class JsonConnection(TcpConnection):
    def take(self, data: bytes, last: bool) -> bytes:
        now = self.source.env.now()
        if not self.address and data.endswith(b"\n"):
            try:
                # one object a line, as nearly everybody sends them
                self.ingest([(now, r) for r in decode_lines(data)], len(data))
                return b""
            except (msgspec.MsgspecError, ValueError, RecursionError):
                pass
        taken = take_values(data, last)
        events: list[Event] = []
        for value in taken.values:
            self._add(value, now, events)
        if taken.refused:
            self.source.refuse("not JSON", taken.refused)
        self.ingest(events, len(data) - len(taken.rest))
        return taken.rest

    def _add(self, value: Any, now: int, events: list[Event]) -> None:
        if isinstance(value, list):
            value = {"msg": value}
        if isinstance(value, dict):
            events.append((now, {**value, **self.address} if self.address else value))
        else:
            self.source.refuse("JSON that is not an object")


class TextConnection(TcpConnection):
    def take(self, data: bytes, last: bool) -> bytes:
        *lines, rest = data.split(self.source.separator)
        if last:
            lines, rest = [*lines, rest], b""
        now, parse = self.source.env.now(), self.source.parse
        texts = [text_of(line) for line in lines if line]
        if parse is None:
            events: list[Event] = [(now, {"log": text}) for text in texts]
        else:
            events = [parsed(parse, text, now) or (now, {"log": text}) for text in texts]
            if self.address:
                events = [(ns, {**record, **self.address}) for ns, record in events]
        self.ingest(events, len(data) - len(rest))
        return rest
