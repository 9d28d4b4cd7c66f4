"""What a container prints, as the messages that Docker hands to a log driver, and the records that the driver fluentd
makes of them.

Source: moby 25, daemon/logger/copier.go and daemon/logger/fluentd/fluentd.go. A line is cut at 16 KiB; its
parts share one time and one id. What has no line end when the output closes is a part without a last one. An empty line
is a message.
"""

import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

MOST = 16 * 1024
"""Bytes of a line before it is cut."""


class Partial(NamedTuple):
    """Which part of a long line a message is."""

    id: str
    ordinal: int
    """Counts from 1."""
    last: bool


class Message(NamedTuple):
    ns: int
    source: str
    """stdout or stderr"""
    line: bytes
    partial: Partial | None = None


def random_id() -> str:
    """64 hex digits, as Docker names containers and long lines."""
    return secrets.token_hex(32)


def record_of(message: Message, container_id: str, container_name: str) -> dict[str, str]:
    """All values are text, the parts' numbers too. Bytes that are not UTF-8 stay what they are on the wire."""
    record = {
        "container_id": container_id,
        "container_name": f"/{container_name}",
        "source": message.source,
        "log": message.line.decode("utf-8", "surrogateescape"),
    }
    if message.partial:
        record["partial_message"] = "true"
        record["partial_id"] = message.partial.id
        record["partial_ordinal"] = str(message.partial.ordinal)
        record["partial_last"] = "true" if message.partial.last else "false"
    return record


class Copier:
    """Of one output of a container. Bytes go in as they are read."""

    def __init__(
        self, source: str, now: Callable[[], int] = time.time_ns, new_id: Callable[[], str] = random_id
    ) -> None:
        self.source = source
        self._now, self._new_id = now, new_id
        self._rest = b""
        self._id, self._ordinal, self._ns = "", 0, 0
        """Of the long line that is under way; no id: none is."""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now."""
        out: list[Message] = []
        buffer, at = self._rest + data, 0
        while True:
            end = buffer.find(b"\n", at, at + MOST)
            if end >= 0:
                out.append(self._line(buffer[at:end]))
                at = end + 1
            elif len(buffer) - at >= MOST:
                out.append(self._part(buffer[at : at + MOST]))
                at += MOST
            else:
                self._rest = buffer[at:]
                return out

    def end(self) -> list[Message]:
        """What is left when the output closes."""
        rest, self._rest = self._rest, b""
        return [self._part(rest)] if rest else []

    def _line(self, line: bytes) -> Message:
        if not self._id:
            return Message(self._now(), self.source, line)
        part = Message(self._ns, self.source, line, Partial(self._id, self._ordinal, True))
        self._id = ""
        return part

    def _part(self, part: bytes) -> Message:
        if not self._id:
            self._id, self._ordinal, self._ns = self._new_id(), 1, self._now()
        message = Message(self._ns, self.source, part, Partial(self._id, self._ordinal, False))
        self._ordinal += 1
        return message
