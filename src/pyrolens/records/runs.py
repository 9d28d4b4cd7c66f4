"""Messages of one tag behind each other, as Docker's log driver sends them: counted by what each begins with.

To walk through a message of the forward protocol takes 0.4 to 0.8 us; to search for the bytes that the messages of a
connection begin with (array, tag, kind of time) takes a tenth of that. What is found so may be a part of a text, and is
proved by decoding: values that fill these bytes exactly, and are as many as were counted, are the messages that begin
there, for there is one way only to read MessagePack. Else all is walked through (frames.Frames).
"""

from typing import NamedTuple

from pyrolens.records.frames import CANNOT, MESSAGES, MOST_CONTAINERS, NOTHING, Frames, Message, Whole, cut

LEAST = 32 * 1024
"""Bytes from which on it pays: below 30,000 Python searches in a way that may take longer than walking."""
MISSES = 8
"""Of a connection, after which all is walked through."""
TIMES = (b"\xd7\x00", b"\xce")
"""What an EventTime begins with, and seconds."""
EMPTY = 0x80
"""An empty map, as Docker's options are."""
ROOM = b"\xdd\0\0\0\0"
"""An array of as many elements as the last four bytes say."""


class Run(NamedTuple):
    """Messages that were counted, and the bytes that they are, between ROOM and `end`."""

    messages: list[Message]
    stream: bytearray
    end: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - len(ROOM)

    def walked(self) -> Whole:
        """The same, to be read one by one."""
        return cut(bytes(self.stream[len(ROOM) : self.end]))[0]


class Runs(Frames):
    """Frames of one peer."""

    __slots__ = ("_head", "_misses")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._head = b""
        """What its messages begin with; empty where that is not known."""
        self._misses = 0

    def run(self, data: bytes) -> tuple[Run | None, Whole]:
        """The messages that could be counted, and what is whole behind them."""
        if len(data) < LEAST or self.waiting > len(data):
            # a large message that comes in pieces is not to be copied with each of them
            return None, self.take(data)
        if not self._head:
            whole = self.take(data)
            if self._misses < MISSES:
                self._head = head_of(whole.data)
            return None, whole
        stream = bytearray(ROOM)
        for part in self._rest:
            stream += part
        stream += data
        end = stream.rfind(self._head)
        if end < 0:
            self._head = b""
        elif len(stream) <= MOST_CONTAINERS:
            count = stream.count(self._head, 0, end)
            # most likely the last one is whole, too: it ends with an empty map, and text in ASCII never does
            if stream[-1] == EMPTY and (messages := decoded(stream, len(stream), count + 1)) is not None:
                self._begin()
                return Run(messages, stream, len(stream)), NOTHING
            if count:
                if (messages := decoded(stream, end, count)) is not None:
                    self._begin()
                    return Run(messages, stream, end), self.take(bytes(stream[end:]))
                self._head = b""
                self._misses += 1
        return None, self.take(data)

    def _begin(self) -> None:
        """What waited is done with."""
        if self._rest:
            self.start()


def decoded(stream: bytearray, end: int, count: int) -> list[Message] | None:
    """The messages in ROOM and what follows up to `end`, if they are so many."""
    stream[1 : len(ROOM)] = count.to_bytes(4, "big")
    try:
        return MESSAGES.decode(memoryview(stream)[:end])
    except CANNOT:
        return None


def head_of(data: bytes) -> bytes:
    """What a message of Message mode begins with, up to its time; nothing for others."""
    if data[:1] not in (b"\x93", b"\x94"):
        return b""
    kind = data[1]
    if 0xA0 <= kind <= 0xBF:
        end = 2 + kind - 0xA0
    elif kind == 0xD9:
        end = 3 + data[2]
    else:
        return b""
    return next((data[:end] + time for time in TIMES if data.startswith(time, end)), b"")
