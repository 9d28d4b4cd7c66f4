"""The HTTP server of inputs: http, opentelemetry, elasticsearch and splunk.

Source: Fluent Bit 5.1.1 src/http_server (options, 413, keep-alive).
"""

import asyncio
import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, cast

from pyrolens.api import Event, InputEnv, Seconds, Size, opt
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._server import Connection, Server, ServerNet, ServerSource
from pyrolens.inputs._tls import ServerTls, server_context, tls_print
from pyrolens.net.decompress import DECOMPRESSORS, TooLargeError
from pyrolens.net.requests import CONTINUE, Answer, Request, RequestError, RequestReader, answer_bytes
from pyrolens.options import TRUE, Kind, read_bool

HEAD_LIMIT = 32 * 1024
"""Bytes of the request line and headers."""
PROGRESS = 4096
"""Bytes of a request that must come within the idle timeout, if it is not whole by then."""
WAIT = 5.0
"""Seconds that a request waits while the buffer is full, before it is answered 503."""
LINGER = 2.0
"""Seconds that what a refused client still sends is thrown away, so that it can read the answer."""

KEEPING = 30.0
"""Seconds that an answer waits for what ack_on says, before it is 503."""

Take = Callable[[str, list[Event], int], None]
"""Hands over a batch that a request brought: tag, events, bytes."""
Handle = Callable[[Request, Take], Answer]


def doubt_http2(text: str) -> str:
    return "HTTP/1.1 is spoken here, and no HTTP/2" if text.strip().lower() in TRUE else ""


NoHttp2 = Annotated[bool, Kind("boolean", read_bool, doubt=doubt_http2)]


@dataclass(frozen=True, kw_only=True)
class HttpOptions:
    """Options of inputs that speak HTTP."""

    buffer_max_size: Size = opt(
        "Bytes of the largest request; a larger one is answered 413.",
        default=4_000_000,
        aliases=["http_server.buffer_max_size"],
    )
    decompressed_max_size: Size = opt(
        "Bytes of the largest body once it is decompressed, if buffer_max_size is less. Not in Fluent Bit.",
        default=20_000_000,
    )
    max_connections: Size = opt(
        "Connections at once; 0: as many as there may be open files.",
        default=0,
        aliases=["http_server.max_connections"],
    )
    idle_timeout: Seconds = opt(
        "Seconds without a request, or without the rest of one, after which a connection is closed; 0: none.",
        default=10.0,
        name="http_server.idle_timeout",
    )
    ack_on: Literal["received", "stored", "delivered"] | None = opt(
        "When a request is answered with success: when its records are received; when they are on disk; or when all"
        " outputs have them, and until then the client has them itself, so they are not put on disk here. What takes"
        " more than 30 seconds is answered 503. stored with storage.type filesystem, else received. Not in Fluent Bit.",
        default=None,
    )
    http2: NoHttp2 = opt("HTTP/2 is not spoken here.", default=False, aliases=["http_server.http2"])

    def decoded(self, request: Request) -> bytes:
        """The body without its Content-Encoding. Raises: RequestError."""
        body, limit = request.body, max(self.decompressed_max_size, self.buffer_max_size)
        codings = request.headers.get("content-encoding", "")
        for coding in reversed(codings.lower().split(",")) if codings else ():
            coding = coding.strip()
            if coding in ("", "identity"):
                continue
            decompress = DECOMPRESSORS.get(coding)
            if decompress is None:
                raise RequestError(415, "unknown 'Content-Encoding'", coding[:20])
            try:
                body = decompress(body, limit)
            except TooLargeError:
                reason = f"a body is larger than {limit} bytes once it is decompressed (decompressed_max_size)"
                raise RequestError(413, reason) from None
            except ValueError as why:
                raise RequestError(400, f"a body cannot be decompressed as {coding}", str(why)) from None
        return body


@dataclass(frozen=True, kw_only=True)
class HttpNet(ServerNet):
    """Options of inputs that speak HTTP, below `net.`"""

    keepalive: bool = opt("Use a connection for several requests.", default=True)


ONE_LOOP = "one loop reads all connections"
HTTP_IGNORED: Mapping[str, str] = MappingProxyType(
    {
        "workers": ONE_LOOP,
        "http_server.workers": ONE_LOOP,
        "http_server.ingress_queue_event_limit": ONE_LOOP,
        "http_server.ingress_queue_byte_limit": ONE_LOOP,
        "buffer_chunk_size": "the buffer grows as it needs to, up to buffer_max_size",
        "http_server.buffer_chunk_size": "the buffer grows as it needs to, up to buffer_max_size",
    }
)
"""For `ignored` of inputs with HttpOptions."""
HTTP_DIFFERS = (
    "HTTP/1.1 only: HTTP/2 is answered 505, and http2 on is a warning",
    "a body may have the encodings deflate, zlib and x-gzip, too, and one that is not known is answered 415",
    "a decompressed body larger than decompressed_max_size is answered 413; Fluent Bit has no limit",
    "requests one after the other without waiting (pipelining) are taken one by one; Fluent Bit loses them",
    "an error is one answer; Fluent Bit sends two for a missing body or a wrong Content-Type",
    "Connection: close is honoured, and 100-continue is answered",
    "while the buffer is full requests wait, and after 5 s are answered 503 with Retry-After; Fluent Bit closes them",
)
"""For `differs` of inputs with HttpOptions."""


class Usual(NamedTuple):
    """What requests usually look like, for those of which only the body is known."""

    path: str = "/"
    headers: Mapping[str, str] = MappingProxyType({})
    """Names in lower case."""


USUAL = Usual()


def type_of(body: bytes) -> str:
    """Of a body that is a form or JSON."""
    is_form = FORM.match(body) is not None
    return "application/x-www-form-urlencoded" if is_form else "application/json"


FORM = re.compile(rb"\s*[^\s{}\[\]\"=]+=")


class HttpSource(ServerSource):
    """An input that listens for HTTP. `handle` hands over the records of a request and gives the answer, which is sent
    when they are where ack_on wants them; it may raise RequestError."""

    def __init__(
        self,
        env: InputEnv,
        refuse: Refusals,
        handle: Handle,
        *,
        listen: str,
        port: int,
        http: HttpOptions,
        net: HttpNet,
        tls: ServerTls | None,
        usual: Usual = USUAL,
    ) -> None:
        self.env, self.refuse, self.handle, self.http, self.net = env, refuse, handle, http, net
        self.ack_on = http.ack_on or ("stored" if env.stores else "received")
        self.listen, self.port = listen, port
        self.usual = usual
        self.tls = server_context(tls) if tls else None
        self.certificate, self.tls_print = tls, tls_print(tls)
        idle = dataclasses.replace(net, io_timeout=net.io_timeout or http.idle_timeout)
        self.server = Server(refuse, lambda server: HttpConnection(server, self), idle)
        if http.max_connections:
            self.server.most = min(self.server.most, http.max_connections)

    async def start(self) -> None:
        await self.server.listen_tcp(self.listen, self.port, self.tls)

    def hear(self, data: bytes | None, at: str) -> None:
        if data is None:
            return
        path = at if at.startswith("/") else f"/{at}" if at else self.usual.path
        request = Request("POST", path, {"content-type": type_of(data), **self.usual.headers}, True, data, path)
        try:
            self.handle(request, self.env.ingest)
        except RequestError as why:
            self.refuse(f"{why}: {why.detail}" if why.detail else str(why))

    def inherit(self, old: "HttpSource") -> bool:
        place = self.listen, self.port
        return self.tls_print == old.tls_print and self.server.inherit(
            old.server, place, peers=True, certificate=self.certificate
        )


class Handed:
    """The batches of one request, and the answer that waits for them."""

    __slots__ = ("env", "reply", "waiting", "when")

    def __init__(self, source: HttpSource) -> None:
        self.env, self.when = source.env, source.ack_on
        self.waiting = 1
        """Batches that are not where they must be; one more until the answer is known."""
        self.reply: Callable[[], None] = lambda: None

    def take(self, tag: str, events: list[Event], size: int) -> None:
        if self.when == "received":
            self.env.ingest(tag, events, size)
            return
        self.waiting += 1
        if self.when == "stored":
            self.env.ingest(tag, events, size, stored=self.less)
        else:
            self.env.ingest(tag, events, size, delivered=self.less)

    def less(self) -> None:
        self.waiting -= 1
        if not self.waiting:
            self.reply()


class HttpConnection(Connection):
    def __init__(self, server: Server, source: HttpSource) -> None:
        super().__init__(server)
        self.source = source
        self.reader = RequestReader(HEAD_LIMIT, source.http.buffer_max_size)
        self.continued = False
        """The client was told to send the body."""
        self.held: asyncio.TimerHandle | None = None
        """A request waits for room in the buffer."""
        self.progress = 0
        """Bytes of the request under way when it last was fast enough."""
        self.closing = False
        """Nothing more is read."""
        self.stuck = False
        """The client does not read its answers."""
        self.answering = False
        """A request was read and is not answered."""
        self.owing: asyncio.TimerHandle | None = None
        """Its answer waits until its records are kept."""
        self.peer: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.heard = self.server.loop.time()
        self.peer = transport.get_extra_info("peername")
        self.server.connections.add(self)

    @property
    def busy(self) -> bool:
        """Who waits with its next request has the answers of those before, and keeps what it cannot send."""
        return self.reader.begun or self.held is not None

    @property
    def owes(self) -> bool:
        return self.owing is not None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._let_go()
        if self.owing is not None:
            self.owing.cancel()
            self.owing = None

    def inherit(self, old: "HttpConnection") -> bool:
        if (
            old.held
            or old.closing
            or old.answering
            or self.source.http.buffer_max_size != old.source.http.buffer_max_size
        ):
            return False
        self.reader, self.continued, self.progress = old.reader, old.continued, old.progress
        self.peer = old.peer
        return True

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        self.server.heard += 1
        reader, now = self.reader, self.server.loop.time()
        if not reader.begun:
            self.heard, self.progress = now, 0
        reader.feed(data)
        if self.answering:
            self.transport.pause_reading()
            return
        self._go_on()
        size = reader.size
        if size - self.progress >= PROGRESS:
            self.heard, self.progress = now, size
        self.progress = min(self.progress, size)

    def pause_writing(self) -> None:
        self.stuck = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.stuck = False
        if self.held is None and not self.closing and not self.answering:
            self.transport.resume_reading()
            self._go_on()

    def _go_on(self) -> None:
        """Answer the requests that are there."""
        reader = self.reader
        while not (self.closing or self.stuck or self.answering) and self.held is None:
            try:
                if self.server.paused and (head := reader.head()) is not None and head.method in ("POST", "PUT"):
                    self._hold()
                    return
                request = reader.next()
                if request is None:
                    if reader.waits_for_continue and not self.continued:
                        self.continued = True
                        self.transport.write(CONTINUE)
                    return
            except RequestError as why:
                self._turn_away(why)
                return
            self.continued = False
            self._answer(request)
            self.heard, self.progress = self.server.loop.time(), 0

    def _answer(self, request: Request) -> None:
        request.peer = self.peer
        self.answering = True
        handed = Handed(self.source)
        try:
            answer = self.source.handle(request, handed.take)
        except RequestError as why:
            # the request was read to its end, so others may follow
            self.source.refuse.say("refused a request", str(why))
            self.source.env.count("refused_requests")
            answer = Answer(why.status, why.text.encode())
        except Exception as error:
            # a defect of ours: what was not handed over is not acknowledged
            self.server.loop.call_exception_handler({"message": self.server.who, "exception": error})
            answer = Answer(500)
        handed.reply = partial(self._reply, request, answer)
        handed.less()
        if self.answering:
            self.owing = self.server.loop.call_later(KEEPING, self._not_kept)

    def _reply(self, request: Request, answer: Answer) -> None:
        late, self.owing = self.owing, None
        self.answering = False
        if self.closing or self.transport.is_closing():
            return
        keep = request.keep and self.source.net.keepalive and not self.server.stopped
        old = "keep-alive" in request.headers.get("connection", "").lower()
        self.transport.write(answer_bytes(answer, head=request.method == "HEAD", close=not keep, keep=keep and old))
        if not keep:
            self._close()
        if late is not None:
            late.cancel()
            self.heard, self.progress = self.server.loop.time(), 0
            if keep and not self.stuck:
                self.transport.resume_reading()
                self._go_on()

    def _not_kept(self) -> None:
        """What was handed over may still be kept, and then is there twice once the client has sent it again."""
        self.owing = None
        self._busy("the records are not stored yet, please try again later")

    def _turn_away(self, why: RequestError, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer what is no request that can be taken, and close."""
        self.source.env.count("refused_requests")
        self.source.refuse.say("refused a request", str(why))
        answer = Answer(why.status, why.text.encode(), headers=headers)
        self.transport.write(answer_bytes(answer, close=True))
        self._close()

    def _close(self) -> None:
        """Close, but give the client the time to read the answer: an end with data unread would cut it off."""
        self.closing = True
        self._let_go()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.transport.resume_reading()
            self.server.loop.call_later(LINGER, self.transport.close)
        else:
            self.transport.close()

    # -- a buffer that is full ----------------------------------------------------------------------------------------

    def _hold(self) -> None:
        self.transport.pause_reading()
        self.held = self.server.loop.call_later(WAIT, self._give_up)

    def _let_go(self) -> None:
        if self.held is not None:
            self.held.cancel()
            self.held = None

    def _give_up(self) -> None:
        self.held = None
        self._busy()

    def _busy(self, why: str = "the buffer is full, please try again later") -> None:
        self._turn_away(RequestError(503, why), (("Retry-After", f"{WAIT:.0f}"),))

    def pause(self) -> None:
        """Requests that are not there yet wait as soon as their head is, and what answers without taking records,
        such as a health check, goes on."""
        if self.held is None and not self.closing and self.reader.begun:
            self._go_on()

    def resume(self) -> None:
        self.heard = self.server.loop.time()
        if self.held is not None:
            self._let_go()
            if not self.stuck:
                self.transport.resume_reading()
            self._go_on()

    # -- the end -------------------------------------------------------------------------------------------------------

    def overdue(self, now: float) -> str:
        if self.held is not None or self.closing or self.answering:
            return ""
        if now - self.heard < self.server.net.io_timeout:
            return ""
        if self.reader.begun:
            self._turn_away(RequestError(408, f"the rest of a request did not come in {now - self.heard:.0f} s"))
        else:
            self.transport.close()
        return ""

    def finish(self) -> None:
        if self.held is not None:
            self._let_go()
            self._busy()
