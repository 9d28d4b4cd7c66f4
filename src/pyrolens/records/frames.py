"""Streams of MessagePack: where messages end, and how to decode many of them at once.

Finding the ends first (text is skipped, not read) and then decoding all whole messages with one call of msgspec
is faster than any streaming decoder, because no Python runs per value.

Source: Forward Protocol Specification v1; src/flb_log_event_decoder.c (Fluent Bit 5.1.1).
"""

import io
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgpack
import msgspec

from pyrolens.records.event import SECOND, Event, Record, Stamp

Ext = msgspec.msgpack.Ext

APART = (1 << 32) - SECOND
"""An EventTime is a number with seconds in its upper half; each second makes it so much larger than the ns are."""

CANNOT = (msgspec.MsgspecError, ValueError, TypeError, AttributeError, RecursionError, struct.error)
"""What decoding raises for a message that is not of the expected shape."""

TOO_DEEP = 200
"""Levels of nesting that a value may have."""


MOST_CONTAINERS = 1_000_000
"""Maps and arrays of one message: an empty one is one byte, and some hundred in memory."""
NO_CONTAINERS = bytes(n for n in range(256) if not (0x80 <= n <= 0x9F or 0xDC <= n <= 0xDF))
"""The bytes that begin no map and no array."""

TOO_LARGE = "a message is larger than"


class Whole(NamedTuple):
    """Whole messages: their bytes, and where each of them ends in these."""

    data: bytes
    ends: list[int]

    def each(self) -> Iterator[bytes]:
        """The bytes of each message."""
        at = 0
        for end in self.ends:
            yield self.data[at:end]
            at = end


NOTHING = Whole(b"", [])


class Frames:
    """Cuts a stream into whole messages. What is not whole yet is kept until the rest comes."""

    __slots__ = ("_done", "_limit", "_rest", "_skip", "_tell", "_unpacker", "broken", "waiting")

    def __init__(self, limit: int) -> None:
        """`limit`: bytes of the largest message; 0: none."""
        self._limit = limit
        self.broken = ""
        """Why nothing that follows can be understood, once that is so."""
        self.start()

    def start(self) -> None:
        """A message begins with the next byte."""
        self._unpacker = msgpack.Unpacker(max_buffer_size=0, read_size=1)
        self._skip, self._tell = self._unpacker.skip, self._unpacker.tell
        self._rest: list[bytes] = []
        self._done = 0
        """Where in the stream the last whole message ended."""
        self.waiting = 0
        """Bytes of the message that is not whole yet."""

    def bound(self, limit: int) -> None:
        """From now on this is the limit."""
        self._limit = limit
        if self.broken.startswith(TOO_LARGE) and (not limit or self.waiting <= limit):
            self.broken = ""

    def take(self, data: bytes) -> Whole:
        """The messages that are whole now."""
        skip, tell = self._skip, self._tell
        ends: list[int] = []
        add = ends.append
        self._unpacker.feed(data)
        try:
            while True:
                skip()
                add(tell())
        except msgpack.OutOfData:
            pass
        except (ValueError, msgpack.UnpackException) as why:
            self.broken = "a message is nested too deeply" if isinstance(why, msgpack.StackError) else "not MessagePack"
        if not ends:
            self._keep(data)
            return NOTHING
        if self._rest:
            data = b"".join([*self._rest, data])
            self._rest, self.waiting = [], 0
        start, last = self._done, ends[-1]
        self._done = last
        if start:
            ends = [end - start for end in ends]
        if last - start < len(data):
            self._keep(data[last - start :])
            data = data[: last - start]
        return Whole(data, ends)

    def _keep(self, data: bytes) -> None:
        self._rest.append(data)
        self.waiting += len(data)
        if 0 < self._limit < self.waiting and not self.broken:
            self.broken = f"{TOO_LARGE} {self._limit} bytes"


def crowded(data: bytes) -> bool:
    """Whether there are more than MOST_CONTAINERS maps and arrays in it, of which values would take a hundred times its
    size."""
    if len(data) <= MOST_CONTAINERS or len(data.translate(None, NO_CONTAINERS)) <= MOST_CONTAINERS:
        return False
    # what may begin one may be text as well, so it has to be read; nothing is kept
    left = [MOST_CONTAINERS]

    def count(_: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise _CrowdedError

    try:
        for _ in msgpack.Unpacker(
            io.BytesIO(data), raw=True, strict_map_key=False, list_hook=count, object_pairs_hook=count,
            ext_hook=lambda code, inner: None,
        ):  # fmt: skip
            pass
    except _CrowdedError:
        return True
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError):
        pass  # who decodes it says why
    return False


class _CrowdedError(Exception):
    pass


def cut(data: bytes) -> tuple[Whole, str]:
    """The values that stand one after the other in a payload, and what is wrong behind them ("" if nothing is)."""
    frames = Frames(0)
    whole = frames.take(data)
    return whole, frames.broken or ("cut off" if frames.waiting else "")


# -- the shapes that nearly all events have -------------------------------------------------------------------


class NoOptions(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The empty options map that Docker sends; any other is read one message at a time."""


class Message(msgspec.Struct, array_like=True, gc=False):
    """[tag, time, record, options]: Message mode."""

    tag: str
    time: Ext | int
    record: dict[str, Any]
    options: NoOptions | None = None


class Entry(msgspec.Struct, array_like=True, gc=False, forbid_unknown_fields=True):
    """[time, record]: what the other modes hold many of."""

    time: Ext | int | float
    record: dict[str, Any]


class Forward(msgspec.Struct, array_like=True, gc=False):
    """[tag, [entry, …], options]: Forward mode."""

    tag: str
    entries: list[Entry]
    options: dict[str, Any] | None = None


MESSAGES = msgspec.msgpack.Decoder(list[Message])
ENTRIES = msgspec.msgpack.Decoder(list[Entry])
MESSAGE = msgspec.msgpack.Decoder(Message)
FORWARD = msgspec.msgpack.Decoder(Forward)


def array_of(whole: Whole) -> bytes:
    """The messages as the elements of one array, so that one call decodes them all."""
    return b"\xdd" + len(whole.ends).to_bytes(4, "big") + whole.data


def decode_messages(whole: Whole) -> list[Message]:
    """Raises: one of CANNOT if any of the messages is not of the usual shape."""
    return MESSAGES.decode(array_of(whole))


def decode_entries(whole: Whole) -> list[Entry]:
    """Raises: one of CANNOT if any of the entries is not of the usual shape."""
    return ENTRIES.decode(array_of(whole))


def events_of(items: list[Any]) -> list[Event]:
    """The events of Messages or Entries. Raises: one of CANNOT for a time that is none."""
    try:
        # another ext type than EventTime (0) makes the text too short
        text = b"".join([m.time.data for m in items if not m.time.code])
        times = struct.unpack(f">{len(items)}Q", text)
        first = times[0] >> 32
        if min(times) >> 32 == first == max(times) >> 32:
            apart = first * APART
            return [(time - apart, m.record) for time, m in zip(times, items, strict=True)]
        return [(time - (time >> 32) * APART, m.record) for time, m in zip(times, items, strict=True)]
    except (AttributeError, IndexError, struct.error):
        return [(time_ns(m.time), m.record) for m in items]


# -- anything else ----------------------------------------------------------------------------------------------


def time_ns(value: Any) -> int:
    """EventTime, MessagePack's timestamp, or seconds since the epoch, in ns. Raises: ValueError."""
    if type(value) is int and value >= 0:
        return value * SECOND
    if isinstance(value, Ext) and len(bytes(value.data)) == 8 and value.code == 0:
        seconds, rest = struct.unpack(">II", value.data)
        return int(seconds * SECOND + rest)
    if isinstance(value, float) and 0 <= value < 1 << 63:
        seconds = int(value)
        return seconds * SECOND + int((value - seconds) * SECOND)
    if isinstance(value, Ext) and value.code == -1:
        return int(msgpack.Timestamp.from_bytes(bytes(value.data)).to_unix_nano())  # ValueError if it is none
    raise ValueError("its time is neither a number nor an EventTime")


def decode_any(frame: bytes) -> Any:
    """One value, however odd: text that is not UTF-8 gets surrogate escapes, keys that are not text become text,
    ext values are Ext. Raises: ValueError with the reason."""
    try:
        value = msgpack.unpackb(
            frame, raw=False, strict_map_key=False, unicode_errors="surrogateescape",
            ext_hook=Ext, object_pairs_hook=_map,
        )  # fmt: skip
    except msgpack.StackError:
        raise ValueError("it is nested too deeply") from None
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as why:
        raise ValueError(f"it cannot be decoded ({type(why).__name__})") from None
    return _plain(value, 0)


def _map(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    return {k if type(k) is str else key_text(k): v for k, v in pairs}


def key_text(key: Any) -> str:
    """A key that is not text, as text, so that every key of a record is."""
    if isinstance(key, bytes):
        return key.decode("utf-8", "surrogateescape")
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return str(key)


def _plain(value: Any, depth: int) -> Any:
    """Raises: ValueError for a value nested too deeply."""
    if depth > TOO_DEEP:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, (dict, list, msgpack.Timestamp)):
                value[key] = _plain(inner, depth + 1)
    elif isinstance(value, list):
        return [_plain(v, depth + 1) if isinstance(v, (dict, list, msgpack.Timestamp)) else v for v in value]
    elif isinstance(value, msgpack.Timestamp):
        return Ext(-1, value.to_bytes())
    return value


def read_entry(entry: Any) -> Event:
    """[time, record] or [[time, metadata], record]. Raises: ValueError with the reason."""
    if not isinstance(entry, list) or len(entry) != 2:
        raise ValueError("an entry is not [time, record]")
    time, record = entry
    metadata: Record = {}
    if isinstance(time, list):
        if len(time) != 2 or not isinstance(time[1], dict):
            raise ValueError("the head of an entry is not [time, metadata]")
        time, metadata = time
    if not isinstance(record, dict):
        raise ValueError("its record is not a map")
    ns = time_ns(time)
    return (Stamp(ns, metadata) if metadata else ns), record
