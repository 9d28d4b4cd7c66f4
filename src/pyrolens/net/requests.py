"""HTTP/1.1 as bytes, as a server sees it: requests read piece by piece, and answers. No sockets here.

Source: RFC 9110, RFC 9112. What two readers might understand differently is refused: both a length and chunks, two
lengths, folded lines, blanks before a colon.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    409: "Conflict", 413: "Content Too Large", 415: "Unsupported Media Type", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable", 505: "HTTP Version Not Supported",
}  # fmt: skip
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
NO_TEXT = re.compile(r"[\0-\x08\n-\x1f\x7f]")
CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?")
LONGEST_LINE = 1024
"""Bytes of the line that begins a chunk."""
MOST_HEADERS = 256
ONCE = frozenset({"content-length", "transfer-encoding", "host"})
"""Headers of which a request has one."""


class RequestError(Exception):
    """What came is no request that can be taken. `status`: of the answer. `reason`: one of few, for logs. `detail`:
    more for the client."""

    def __init__(self, status: int, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.detail = detail

    @property
    def text(self) -> str:
        return f"error: {self}: {self.detail}\n" if self.detail else f"error: {self}\n"


@dataclass(slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case; of a repeated header, the last. Bytes that are not ASCII are as in Latin-1."""
    keep: bool
    """The connection can be used for another request after it."""
    body: bytes = b""
    path: str = ""
    """Without scheme, host and query."""
    query: str = ""
    peer: Any = None
    """The address of the client, as sockets give it."""

    @property
    def local(self) -> bool:
        """It comes from this machine."""
        return self.peer is not None and is_loopback(self.peer)


def is_loopback(peer: object) -> bool:
    """Of the address of a peer."""
    host = peer[0] if isinstance(peer, tuple) and peer else ""
    return isinstance(host, str) and (host.startswith(("127.", "::ffff:127.")) or host in ("::1", ""))


class RequestReader:
    """Reads the requests of one connection."""

    __slots__ = ("_body", "_buffer", "_chunked", "_left", "_limit", "_taken", "_trailer", "body_limit", "head_limit")

    def __init__(self, head_limit: int, body_limit: int) -> None:
        """In bytes."""
        self.head_limit, self.body_limit = head_limit, body_limit
        self._buffer = bytearray()
        self._taken: Request | None = None
        self._body = bytearray()
        self._chunked = False
        self._left = 0
        """Bytes of the body, or of the chunk, that are still to come; -1: the line that begins a chunk."""
        self._trailer = False
        self._limit = 0

    @property
    def begun(self) -> bool:
        """A part of a request is there."""
        return bool(self._taken or self._buffer)

    @property
    def size(self) -> int:
        """Bytes of that part, without the head if that is whole."""
        return len(self._buffer) + len(self._body)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def head(self) -> Request | None:
        """The request that is under way, once its head is there; the body may not be. Raises: RequestError, after
        which nothing more can be read."""
        if self._taken is None:
            buffer = self._buffer
            while buffer.startswith(b"\r\n"):
                del buffer[:2]
            end = buffer.find(b"\r\n\r\n", 0, self.head_limit + 4)
            if end < 0:
                if len(buffer) > self.head_limit:
                    raise RequestError(431, f"the head of a request is larger than {self.head_limit} bytes")
                return None
            text = buffer[:end].decode("latin-1")
            self._taken = self._begin(text)
            del buffer[: end + 4]
        return self._taken

    def next(self) -> Request | None:
        """The next request that is there in full. Raises: RequestError."""
        request = self.head()
        if request is None:
            return None
        if self._chunked:
            if not self._chunks():
                return None
            request.body = bytes(self._body)
            self._body.clear()
        elif len(self._buffer) < self._left:
            return None
        elif self._left:
            request.body = bytes(memoryview(self._buffer)[: self._left])
            del self._buffer[: self._left]
        self._taken = None
        return request

    @property
    def waits_for_continue(self) -> bool:
        """The client sends the body once it is told to."""
        request = self._taken
        return (
            request is not None
            and not self._buffer
            and not self._body
            and (self._chunked or self._left > 0)
            and request.headers.get("expect", "").lower() == "100-continue"
        )

    def _begin(self, text: str) -> Request:
        line, *lines = text.split("\r\n")
        words = line.split(" ")
        if len(words) != 3 or not TOKEN.fullmatch(words[0]) or not words[1] or not words[2].startswith("HTTP/"):
            raise RequestError(400, "this is no HTTP request")
        if words[2] not in ("HTTP/1.1", "HTTP/1.0"):
            raise RequestError(505, "only HTTP/1.1 is spoken here")
        if len(lines) > MOST_HEADERS:
            raise RequestError(431, f"a request has more than {MOST_HEADERS} headers")
        if NO_TEXT.search(text.replace("\r\n", "")):
            raise RequestError(400, "the head of a request has control characters in it")
        headers: dict[str, str] = {}
        for each in lines:
            name, colon, value = each.partition(":")
            if not colon or not TOKEN.fullmatch(name):
                raise RequestError(400, "a header of a request cannot be read")
            name, value = name.lower(), value.strip(" \t")
            if name in ONCE and headers.get(name, value) != value:
                raise RequestError(400, f"a request has two headers {name}")
            headers[name] = value
        connection = headers.get("connection", "").lower()
        keep = "keep-alive" in connection if words[2] == "HTTP/1.0" else "close" not in connection
        request = Request(words[0], words[1], headers, keep)
        request.path, _, request.query = _origin(words[1]).partition("?")
        self._frame(headers, words[2])
        return request

    def _frame(self, headers: dict[str, str], version: str) -> None:
        """Find out how long the body is."""
        length, coding = headers.get("content-length"), headers.get("transfer-encoding")
        self._chunked = coding is not None
        if coding is not None:
            if length is not None or version == "HTTP/1.0":
                raise RequestError(400, "a request has a length and chunks")
            if coding.lower() != "chunked":
                raise RequestError(501, "a transfer-encoding is not known")
            self._left, self._trailer = -1, False
            return
        if length is None:
            self._left = 0
            return
        if not (length.isascii() and length.isdecimal()) or len(length) > 15:
            raise RequestError(400, "the content-length of a request is no number")
        self._left = int(length)
        if self._left > self.body_limit:
            raise self._too_large()

    def _too_large(self) -> RequestError:
        return RequestError(413, f"the body of a request is larger than {self.body_limit} bytes")

    def _chunks(self) -> bool:
        """Move what is there of the chunks to the body. True: that was the last."""
        buffer = self._buffer
        while True:
            if self._left > 0:
                part = buffer[: self._left]
                self._body += part
                del buffer[: len(part)]
                self._left -= len(part)
                if self._left:
                    return False
                self._left = -2
            if self._left == -2:  # the line end after a chunk
                if len(buffer) < 2:
                    return False
                if not buffer.startswith(b"\r\n"):
                    raise RequestError(400, "a chunk is longer than it says")
                del buffer[:2]
                self._left = -1
            end = buffer.find(b"\r\n", 0, LONGEST_LINE)
            if end < 0:
                if len(buffer) >= LONGEST_LINE:
                    raise RequestError(400, "a line between chunks is too long")
                return False
            if self._trailer:
                del buffer[: end + 2]
                if end == 0:
                    return True
                self._limit += end
                if self._limit > self.head_limit:
                    raise RequestError(431, "the trailer of a request is too large")
                continue
            found = CHUNK.fullmatch(buffer, 0, end)
            if found is None:
                raise RequestError(400, "the size of a chunk cannot be read")
            self._left = int(found[1], 16)
            found = None  # it would keep the buffer from being changed
            del buffer[: end + 2]
            if self._left + len(self._body) > self.body_limit:
                raise self._too_large()
            if self._left == 0:
                self._left, self._trailer, self._limit = -1, True, 0


def _origin(target: str) -> str:
    """The target without scheme and host, which proxies name."""
    if target.startswith("/"):
        return target
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        slash = rest.find("/")
        return rest[slash:] if slash >= 0 else "/"
    return target


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = ""
    headers: Iterable[tuple[str, str]] = field(default_factory=tuple)


def answer_bytes(answer: Answer, *, head: bool = False, close: bool = False, keep: bool = False) -> bytes:
    """`head`: of a HEAD request, so without the body. `keep`: say that the connection stays open (HTTP/1.0)."""
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}", "Server: Pyrolens"]
    if answer.content_type:
        lines.append(f"Content-Type: {answer.content_type}")
    if answer.status != 204:
        lines.append(f"Content-Length: {len(answer.body)}")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if close:
        lines.append("Connection: close")
    elif keep:
        lines.append("Connection: keep-alive")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + (b"" if head else answer.body)


def stream_head(content_type: str) -> bytes:
    """Of an answer whose length is not known: the connection ends with it. Proxies are told to pass it on at once."""
    lines = [
        "HTTP/1.1 200 OK",
        "Server: Pyrolens",
        f"Content-Type: {content_type}",
        "Cache-Control: no-store",
        "X-Accel-Buffering: no",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
