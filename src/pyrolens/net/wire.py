"""HTTP/1.1 as bytes: the head of a request, and answers read piece by piece. No sockets here."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyrolens.net.errors import NetError

Headers = Iterable[tuple[str, str]]

MAX_HEAD = 256 * 1024
MAX_BODY = 64 * 1024 * 1024
"""Bytes. Answers are read whole; a server that sends more than this is not a log destination."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case; of a repeated header, the last."""
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait; None for none, and for a date."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdecimal() else None


def request_head(method: str, target: str, headers: Headers) -> bytes:
    """The first line and the headers. Line breaks in a value would let data speak HTTP, so they become blanks."""
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    clean = [line.replace("\r", " ").replace("\n", " ") for line in lines]
    return "\r\n".join([*clean, "", ""]).encode("utf-8", "surrogateescape")


class Answer:
    """Reads one answer. `feed` gives it once it is complete; `keep` then says if the connection can be used again."""

    __slots__ = ("_body", "_buffer", "_headers", "_left", "_mode", "_status", "keep", "started")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._body: list[bytes] = []
        self._mode = "head"
        self._status = 0
        self._headers: dict[str, str] = {}
        self._left = 0
        self.keep = True
        self.started = False
        """A byte of it has come."""

    def feed(self, data: bytes) -> Response | None:
        """Raises: NetError if this is not HTTP."""
        self.started = True
        buffer = self._buffer
        buffer += data
        while True:
            if self._mode == "head":
                end = buffer.find(b"\r\n\r\n")
                if end < 0:
                    if len(buffer) > MAX_HEAD:
                        raise NetError("the answer's headers never end")
                    return None
                head = bytes(buffer[:end])
                del buffer[: end + 4]
                self._read_head(head)
            elif self._mode == "length":
                if len(buffer) < self._left:
                    return None
                self._body.append(bytes(buffer[: self._left]))
                del buffer[: self._left]
                return self._done()
            elif self._mode == "chunks":
                if not self._read_chunk():
                    return None
                if self._mode == "done":
                    return self._done()
            else:
                if len(buffer) > MAX_BODY:
                    raise NetError("the answer is too long")
                return None

    def eof(self) -> Response | None:
        """The connection was closed. The answer, if closing is how it ends, else None."""
        if self._mode != "close":
            return None
        self._body.append(bytes(self._buffer))
        return self._done()

    def _read_head(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
            raise NetError(f"the answer is not HTTP: {lines[0][:60]!r}")
        self._status = int(words[1])
        if 100 <= self._status < 200 and self._status != 101:
            return  # 100 Continue and 103 Early Hints come before the answer
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        self._headers = headers
        connection = headers.get("connection", "").lower()
        self.keep = "close" not in connection and (words[0] != "HTTP/1.0" or "keep-alive" in connection)
        if self._status in (204, 304):
            self._mode, self._left = "length", 0
        elif "chunked" in headers.get("transfer-encoding", "").lower():
            self._mode = "chunks"
        elif "content-length" in headers:
            if not headers["content-length"].isdecimal() or int(headers["content-length"]) > MAX_BODY:
                raise NetError(f"the answer's length is {headers['content-length'][:30]!r}")
            self._mode, self._left = "length", int(headers["content-length"])
        else:
            self._mode, self.keep = "close", False

    def _read_chunk(self) -> bool:
        """Move one chunk from the buffer to the body. False: more bytes are needed."""
        buffer = self._buffer
        line_end = buffer.find(b"\r\n")
        if line_end < 0:
            return False
        size_text = bytes(buffer[:line_end]).split(b";")[0].strip()
        try:
            size = int(size_text, 16)
        except ValueError:
            raise NetError(f"the answer has a chunk of length {size_text[:20]!r}") from None
        if size < 0 or size + sum(map(len, self._body)) > MAX_BODY:
            raise NetError("the answer is too long")
        if size == 0:
            trailer_end = line_end if buffer[line_end : line_end + 4] == b"\r\n\r\n" else buffer.find(b"\r\n\r\n")
            if trailer_end < 0:
                return False
            del buffer[: trailer_end + 4]
            self._mode = "done"
            return True
        if len(buffer) < line_end + 2 + size + 2:
            return False
        self._body.append(bytes(buffer[line_end + 2 : line_end + 2 + size]))
        del buffer[: line_end + 2 + size + 2]
        return True

    def _done(self) -> Response:
        if self._buffer:
            self.keep = False  # bytes that nobody asked for
        return Response(self._status, self._headers, b"".join(self._body))
