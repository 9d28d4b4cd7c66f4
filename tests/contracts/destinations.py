"""One destination of one output, which takes records and fails once in one way.

Every record holds a text such as no-07-yes; what a destination takes is the numbers of these.
"""

import asyncio
import base64
import datetime
import gzip
import hashlib
import json
import re
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote_plus

import msgpack

from tests.net.servers import Request, answer

NUMBER = re.compile(rb"no-(\d\d)-yes")
CODED = re.compile(rb'"Data":"([^"]*)"')


def numbers(body: bytes) -> list[int]:
    """Of the records in a body, in order."""
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    plain = CODED.sub(lambda found: base64.b64decode(found[1]), body)
    return [
        int(found) for found in NUMBER.findall(plain if b"%22" not in plain else unquote_plus(plain.decode()).encode())
    ]


@dataclass(frozen=True)
class Fault:
    """What a destination does instead of taking the records, and what is to be seen of it."""

    name: str
    said: str
    """Regular expression: what the log says about it."""
    reply: bytes | None = None
    """The answer; None: there is none."""
    cut: bool = False
    """The connection is reset in the middle of the body."""
    silent: bool = False
    """There is no answer, and the connection stays open."""
    doubles: bool = False
    """The destination may have taken the records all the same, so that they come again."""
    options: str = ""
    """More lines of the output's section."""
    tls: bool = False
    wait: float = 0.0
    """Seconds before the records may come again."""
    down: bool = False
    """Nobody listens until the log has said so."""
    for_ever: bool = False
    """It does not end, and the records are given up."""
    key: bool = False
    """The first access key that comes is refused, always."""
    skew: float = 0.0
    """Seconds by which the clock of the destination is ahead; what is signed for another time is refused."""
    taken: frozenset[int] = frozenset()
    """The numbers of those that are taken from the very request which fails."""
    refused: frozenset[int] = frozenset()
    """And of those that are refused for good."""


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, destination: "Destination") -> None:
        self.destination = destination

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.destination.take(numbers(data))


@dataclass
class Destination:
    output: str
    fault: Fault
    ok: Callable[[list[int]], bytes] = lambda found: answer()
    """The answer to a request that is well."""
    carries: Callable[[Request], bool] = lambda request: True
    """Whether the request is one that sends records."""
    protocol: str = "http"
    shared_key: str = ""
    port: int = 0
    taken: list[int] = field(default_factory=list)
    doubtful: Counter[int] = field(default_factory=Counter)
    """Those that came in requests of which the sender cannot know whether they were taken."""
    calls: int = 0
    """Requests that sent records, or for streams connections."""
    failed_at: float = 0.0
    came_again_at: float = 0.0
    refused_key: str = ""
    sock: socket.socket | None = None
    server: asyncio.Server | asyncio.DatagramTransport | None = None
    secrets: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"{self.output}-{self.fault.name}"

    # -- open and closed --------------------------------------------------------------------------------------

    def bind(self) -> None:
        """Take a port, without listening on it. One for datagrams cannot be taken so, and is only found."""
        if self.protocol == "datagram":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
                found.bind(("127.0.0.1", 0))
                self.port = found.getsockname()[1]
            return
        self.sock = socket.socket()
        if self.protocol == "stream" and self.fault.cut:
            # so little that the sender's kernel keeps most of what is not read
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    async def listen(self, tls: ssl.SSLContext | None) -> None:
        if self.protocol == "datagram":
            loop = asyncio.get_running_loop()
            self.server, _ = await loop.create_datagram_endpoint(
                lambda: Datagrams(self), local_addr=("127.0.0.1", self.port)
            )
            return
        serve = {"http": self._http, "forward": self._forward, "stream": self._stream}[self.protocol]

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                pass
            finally:
                writer.close()

        self.server = await asyncio.start_server(
            connected, sock=self.sock, ssl=tls if self.fault.tls else None, limit=1 << 20
        )

    def close(self) -> None:
        if self.server:
            self.server.close()
        elif self.sock:
            self.sock.close()

    # -- faults -----------------------------------------------------------------------------------------------

    def fails(self) -> bool:
        """Whether this call is the one that fails. It is counted."""
        fault = self.fault
        self.calls += 1
        now = asyncio.get_running_loop().time()
        if self.calls == 2:
            self.came_again_at = now
        once = fault.reply is not None or fault.cut or fault.silent
        if self.calls == 1 and once:
            self.failed_at = now
            return True
        return False

    def take(self, found: list[int]) -> None:
        self.taken += found

    def reset(self, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    # -- protocols --------------------------------------------------------------------------------------------

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:-2]}
            self.secrets |= {headers[h] for h in ("x-amz-security-token",) if h in headers}
            size = int(headers.get("content-length", 0))
            request = Request(method, target, headers, b"", 0)
            if not self.carries(request):
                await reader.readexactly(size)
                writer.write(self.ok([]))
                continue
            failing = self.fails()
            if failing and self.fault.cut:
                await reader.readexactly(size // 2)
                self.reset(writer)
                return
            found = numbers(await reader.readexactly(size))
            if self.fault.key and self._wrong_key(headers.get("authorization", "")):
                assert self.fault.reply is not None
                writer.write(echoing(self.fault.reply, headers))
                continue
            if self.fault.skew and self._wrong_time(headers.get("x-amz-date", "")):
                assert self.fault.reply is not None
                date = formatdate(time.time() + self.fault.skew, usegmt=True)
                writer.write(echoing(self.fault.reply, headers).replace(b"{date}", date.encode()))
                continue
            if not failing or self.fault.key or self.fault.skew:
                self.take(found)
                writer.write(self.ok(found))
                continue
            self.take([n for n in found if n in self.fault.taken])
            if self.fault.doubles:
                self.doubtful.update(found)
            if self.fault.silent:
                await reader.read(1)  # until the other side has had enough
                return
            if not self.fault.reply:
                self.reset(writer)
                return
            writer.write(echoing(self.fault.reply, headers))

    def _wrong_key(self, authorization: str) -> bool:
        found = re.search("Credential=([^/]*)/", authorization)
        assert found, authorization
        self.refused_key = self.refused_key or found[1]
        return found[1] == self.refused_key

    def _wrong_time(self, stamp: str) -> bool:
        signed = datetime.datetime.strptime(f"{stamp}+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
        return abs(time.time() + self.fault.skew - signed) > 300

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        unpacker = msgpack.Unpacker(unicode_errors="surrogateescape", max_buffer_size=0)
        nonce, secret = b"n" * 16, self.shared_key.encode()
        writer.write(msgpack.packb(["HELO", {"nonce": nonce, "auth": b"", "keepalive": True}]))
        begun = failing = False
        while data := await reader.read(4096):
            unpacker.feed(data)
            for message in unpacker:
                if message[0] == "PING":
                    digest = hashlib.sha512(message[2].encode() + b"server" + nonce + secret).hexdigest()
                    writer.write(msgpack.packb(["PONG", True, "", "server", digest]))
                    continue
                failing, begun = self.fails() if not begun else failing, False
                found = numbers(msgpack.packb(message, unicode_errors="surrogateescape"))
                if not failing:
                    self.take(found)
                    writer.write(msgpack.packb({"ack": message[-1]["chunk"]}))
                    continue
                self.doubtful.update(found)
                if self.fault.silent:
                    await reader.read(1)
                    return
                if not self.fault.reply:
                    self.reset(writer)
                    return
                writer.write(self.fault.reply)
            if NUMBER.search(data) and not begun and self.fault.cut:
                begun = True
                failing = self.fails()
                if failing:
                    self.reset(writer)
                    return

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fails():
            self.doubtful.update(numbers(await reader.read(4096)))
            self.reset(writer)
            return
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        rest = b""
        while data := await reader.read(1 << 16):
            found = list(NUMBER.finditer(rest := rest + data))
            self.take([int(match[1]) for match in found])
            rest = rest[found[-1].end() :] if found else rest[-20:]


def echoing(reply: bytes, headers: dict[str, str]) -> bytes:
    """The answer with the request's headers in place of {headers}: the rudest way to let secrets into a log."""
    head, _, body = reply.partition(b"\r\n\r\n")
    body = body.replace(b"{headers}", json.dumps(json.dumps(headers))[1:-1].encode())
    return re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) + b"\r\n\r\n" + body


def json_answer(status: int, value: Any, **headers: str) -> bytes:
    return answer(status, json.dumps(value).encode(), **headers)
