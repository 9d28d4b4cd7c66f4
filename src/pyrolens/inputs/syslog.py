"""input syslog: messages of RFC 3164 and RFC 5424, over TCP, UDP or a unix socket.

Source: Fluent Bit 5.1.1 plugins/in_syslog (syslog_conf.c, syslog_prot.c, syslog_conn.c); RFC 6587.
"""

import asyncio
import re
import socket
import struct
import sys
from collections.abc import Iterable
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pyrolens.api import Event, Input, InputEnv, ParserName, Record, Size, Source, group, opt, plugin
from pyrolens.inputs._datagrams import Datagram, Datagrams, make_room
from pyrolens.inputs._payload import peer_url
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._server import NET_NOT_SERVER, Connection, Server, ServerNet, is_mode
from pyrolens.inputs._text import find_parser, text_of
from pyrolens.inputs._tls import TLS_NOT_SERVER, ServerTls, server_context, tls_print
from pyrolens.options import Kind

COUNT = re.compile(rb"([0-9]{1,9}) ")
COUNTS = frozenset({"octet_counting", "octet"})
LINE_END = re.compile(rb"[\n\0]")


def doubt_format(text: str) -> str:
    known = text.lower() in COUNTS | {"newline"}
    return "" if known else "newline or octet_counting is expected here, so this counts as newline"


Framing = Annotated[str, Kind("newline or octet_counting", str.lower, doubt=doubt_format)]


@plugin("syslog")
class Syslog(Input):
    """Receive syslog messages over TCP, UDP or a unix socket such as /dev/log."""

    ignored = MappingProxyType(
        {"workers": "one loop reads all connections", **NET_NOT_SERVER, **TLS_NOT_SERVER},
    )
    differs = (
        "a last message without a line end is a record; Fluent Bit throws it away",
        "a datagram is taken whole; Fluent Bit cuts it at buffer_chunk_size",
        "without an octet count where one must be, the connection is closed; in Fluent Bit it hangs",
        "while the buffer is full the connections wait; Fluent Bit closes them",
        "what does not fit the parser is counted (refused_records) and logged now and then; Fluent Bit logs each",
        "datagrams that the kernel had no room for are counted (kernel_dropped_datagrams) and logged",
        "tls with datagrams is refused; Fluent Bit receives them in plain text",
    )

    mode: Literal["unix_udp", "unix_tcp", "udp", "tcp"] = opt("Kind of socket.", default="unix_udp")
    listen: str = opt("Address to listen on, with udp and tcp.", default="0.0.0.0")
    port: int = opt("Port to listen on, with udp and tcp.", default=5140, low=0, high=65535, last_wins=True)
    path: str | None = opt("Path of the unix socket.", default=None)
    unix_perm: str = opt("Permissions of the unix socket, an octal number.", default="0644")
    parser: ParserName | None = opt(
        "Parser of a message; else syslog-rfc5424 with udp and tcp, syslog-rfc3164-local with unix sockets.",
        default=None,
    )
    format: Framing = opt(
        "What ends a message of a stream: newline, or octet_counting, where its length stands before it (RFC 6587).",
        default="newline",
    )
    buffer_chunk_size: Size = opt(
        "Bytes of the largest message of a stream, if buffer_max_size is less.", default=32768
    )
    buffer_max_size: Size = opt("Bytes of the largest message of a stream.", default=0)
    receive_buffer_size: Size = opt("Bytes that the kernel keeps until they are read; 0: what it likes.", default=0)
    raw_message_key: str | None = opt("Put the whole message into this field.", default=None)
    source_address_key: str | None = opt("Put the address of the sender into this field.", default=None)
    net: ServerNet = group(ServerNet, "net.")
    tls: bool = opt("Speak TLS, with tcp and unix_tcp.", default=False)
    tls_options: ServerTls = group(ServerTls, "tls.")

    def check(self) -> Iterable[tuple[str, str]]:
        if not self.over_network and not self.path:
            yield "path", f"mode {self.mode} needs path, the path of its socket"
        if not is_mode(self.unix_perm):
            yield "unix_perm", f"unix_perm is '{self.unix_perm}': expected an octal number such as 0666"
        if self.tls and not self.streams:
            yield "tls", f"tls cannot be combined with mode {self.mode}"

    @property
    def over_network(self) -> bool:
        return not self.mode.startswith("unix_")

    @property
    def streams(self) -> bool:
        return self.mode.endswith("tcp")

    @property
    def most(self) -> int:
        """Bytes of the largest message of a stream."""
        return max(self.buffer_chunk_size, self.buffer_max_size)

    def open(self, env: InputEnv) -> Source:
        return SyslogSource(self, env)


class SyslogSource:
    def __init__(self, plan: Syslog, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.refuse = Refusals(env)
        name = plan.parser or ("syslog-rfc5424" if plan.over_network else "syslog-rfc3164-local")
        self.parse = find_parser(env, name)
        self.misfit = f"does not fit the parser '{name}'"
        self.tls = server_context(plan.tls_options) if plan.tls else None
        self.tls_print = tls_print(plan.tls_options if plan.tls else None)
        kind = CountedConnection if plan.format in COUNTS else LineConnection
        self.server = Server(self.refuse, lambda server: kind(server, self), plan.net)
        self.datagrams = Datagrams(self.refuse, self.received)

    async def start(self) -> None:
        plan = self.plan
        mode, room = int(plan.unix_perm, 8), plan.receive_buffer_size
        if not plan.streams:
            if plan.path and not plan.over_network:
                await self.datagrams.listen_unix(plan.path, mode, room)
            else:
                await self.datagrams.listen_udp(plan.listen, plan.port, plan.net, room)
        elif plan.path and not plan.over_network:
            await self.server.listen_unix(plan.path, mode, self.tls)
        else:
            await self.server.listen_tcp(plan.listen, plan.port, self.tls)
            if room:
                for listening in self.server.sockets:
                    make_room(listening, room, self.env.log.warning)

    def inherit(self, old: "SyslogSource") -> bool:
        plan, before = self.plan, old.plan
        place = plan.path if plan.path and not plan.over_network else (plan.listen, plan.port)
        if not plan.streams:
            return not before.streams and self.datagrams.inherit(old.datagrams, place)
        same = (plan.format in COUNTS) is (before.format in COUNTS)
        certificate = plan.tls_options if plan.tls else None
        return self.tls_print == old.tls_print and self.server.inherit(
            old.server, place, peers=same, certificate=certificate
        )

    def hear(self, data: bytes | None, at: str) -> None:
        if events := self.events([data or b""], None):
            self.env.ingest(self.env.tag, events, len(data or b""))

    def pause(self) -> None:
        self.server.pause()
        self.datagrams.pause()

    def resume(self) -> None:
        self.server.resume()
        self.datagrams.resume()

    @property
    def peers(self) -> int:
        return self.server.peers

    async def stop(self) -> None:
        await self.server.stop()
        await self.datagrams.stop()

    def received(self, found: list[Datagram]) -> None:
        key = self.plan.source_address_key
        scheme = "udp" if self.plan.over_network else "unix"
        messages = [data for data, _ in found]
        peers = [{key: peer_url(scheme, address or "unavailable")} for _, address in found] if key else None
        events = self.events(messages, peers)
        if events:
            self.env.ingest(self.env.tag, events, sum(map(len, messages)))

    def events(self, messages: list[bytes], peers: list[Record] | None) -> list[Event]:
        """The events of those that fit the parser. `peers`: more fields for each."""
        now, parse, key = self.env.now(), self.parse, self.plan.raw_message_key
        out: list[Event] = []
        misfits = 0
        for n, message in enumerate(messages):
            if not message:
                continue
            found = parse(text_of(message))
            if found is None:
                misfits += 1
                continue
            record, ns = found
            if key:
                record = {**record, key: message}
            if peers:
                record = {**record, **peers[n]}
            out.append((now if ns is None else ns, record))
        if misfits:
            self.refuse(self.misfit, misfits)
        return out


class StreamConnection(Connection):
    """Keeps what is no whole message yet."""

    def __init__(self, server: Server, source: SyslogSource) -> None:
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
        if key:
            over_network = self.source.plan.over_network
            peer = self.transport.get_extra_info("peername") if over_network else _process(self.transport)
            self.peer = {key: peer_url("tcp" if over_network else "unix", peer)}

    def received(self, data: bytes) -> None:
        self._take(self.rest + data, last=False)
        if len(self.rest) > self.source.plan.most:
            self._close(f"a message is larger than {self.source.plan.most} bytes (buffer_max_size)")

    def inherit(self, old: "StreamConnection") -> bool:
        self.rest = old.rest
        self._know_peer()
        return True

    def _close(self, reason: str) -> None:
        self.rest = b""
        self.source.refuse.closed(reason)
        self.transport.close()

    def finish(self) -> None:
        if not self.ended:
            self.ended = True
            if self.rest:
                self._take(self.rest, last=True)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.finish()

    def _take(self, data: bytes, last: bool) -> None:
        """Hand over the whole messages of the data, and keep what is none yet."""
        messages = self.messages(data, last)
        events = self.source.events(messages, [self.peer] * len(messages) if self.peer else None)
        if events:
            self.source.env.ingest(self.source.env.tag, events, len(data) - len(self.rest))

    def messages(self, data: bytes, last: bool) -> list[bytes]:
        """The whole messages. What is left is in `rest`."""
        raise NotImplementedError


class LineConnection(StreamConnection):
    def messages(self, data: bytes, last: bool) -> list[bytes]:
        *found, self.rest = LINE_END.split(data) if b"\0" in data else data.split(b"\n")
        if last:
            found.append(self.rest)
            self.rest = b""
        most = self.source.plan.most
        if len(data) > most and any(len(message) > most for message in found):
            good = [message for message in found if len(message) <= most]
            self.source.refuse(f"a message is larger than {most} bytes (buffer_max_size)", len(found) - len(good))
            return good
        return found


class CountedConnection(StreamConnection):
    def messages(self, data: bytes, last: bool) -> list[bytes]:
        found: list[bytes] = []
        at, wrong = 0, ""
        while at < len(data) and not self.transport.is_closing():
            count = COUNT.match(data, at)
            if count is None:
                if len(data) - at > 9 or not data[at:].isdigit():
                    wrong = "there is no octet count before a message"
                break
            start, length = count.end(), int(count[1])
            if length > self.source.plan.most:
                wrong = f"a message is larger than {self.source.plan.most} bytes (buffer_max_size)"
                break
            if start + length > len(data):
                break
            found.append(data[start : start + length])
            at = start + length
            if data[at : at + 1] == b"\n":
                at += 1
        self.rest = data[at:]
        if wrong:
            self._close(wrong)
        elif last and self.rest:
            self.rest = b""
            self.source.refuse("the connection ended in the middle of a message")
        return found


def _process(transport: asyncio.BaseTransport) -> Any:
    """pid_NUMBER of who is at the other end of a unix socket."""
    sock = transport.get_extra_info("socket")
    if sock is None or sys.platform != "linux":
        return "unavailable"
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return f"pid_{struct.unpack('3i', credentials)[0]}"
