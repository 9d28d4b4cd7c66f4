"""Events as MessagePack, and the messages of the forward protocol.

Source: Forward Protocol Specification v1; plugins/out_forward/forward_format.c (Fluent Bit 5.1.1).
"""

import struct
from typing import Any

import msgpack
import msgspec

from pyrolens.records.event import SECOND, Event, metadata_of

encode = msgspec.msgpack.Encoder().encode
STAMP = struct.Struct(">4sIIB")
EVENT_TIME = b"\xd7\x00"
"""fixext 8, type 0: seconds and nanoseconds, 32 bits each."""


def pack(value: Any) -> bytes:
    """Any value. Text that is not UTF-8 keeps its bytes."""
    try:
        return encode(value)
    except (UnicodeEncodeError, OverflowError, TypeError, RecursionError):
        packed: bytes = msgpack.packb(value, use_bin_type=True, unicode_errors="surrogateescape", default=_other)
        return packed


def _other(value: Any) -> Any:
    if isinstance(value, msgspec.msgpack.Ext):
        return msgpack.ExtType(value.code, bytes(value.data))
    if isinstance(value, int):
        return float(value)
    return str(value)


def event_time(ns: int) -> bytes:
    seconds, rest = divmod(ns, SECOND)
    return EVENT_TIME + struct.pack(">II", seconds & 0xFFFFFFFF, rest)


def pack_entry(ns: int, record: dict[Any, Any]) -> bytes:
    """[[EventTime, metadata], record]"""
    return b"\x92\x92" + event_time(ns) + pack(metadata_of(ns)) + pack(record)


def pack_entries(events: list[Event]) -> bytes:
    """[[EventTime, metadata], record] of each event, one after the other: how Fluent Bit keeps and sends events."""
    stamp = STAMP.pack
    try:
        if not [ns for ns, _ in events if ns.__class__ is not int]:
            return b"".join(
                [stamp(b"\x92\x92\xd7\x00", ns // SECOND, ns % SECOND, 0x80) + encode(r) for ns, r in events]
            )
    except (UnicodeEncodeError, OverflowError, TypeError, RecursionError, struct.error):
        pass
    return b"".join([pack_entry(ns, r) for ns, r in events])


def pack_entries_without_metadata(events: list[Event]) -> bytes:
    """[EventTime, record] of each event."""
    return b"".join([b"\x92" + event_time(ns) + pack(r) for ns, r in events])


def pack_entries_integer_time(events: list[Event]) -> bytes:
    """[seconds, record] of each event: for Fluentd up to 0.12."""
    return b"".join([b"\x92" + encode(ns // SECOND) + pack(r) for ns, r in events])


def array_header(n: int) -> bytes:
    if n < 16:
        return bytes([0x90 | n])
    return b"\xdc" + n.to_bytes(2, "big") if n < 1 << 16 else b"\xdd" + n.to_bytes(4, "big")


def forward_message(
    tag: str, entries: bytes, count: int, options: dict[str, Any] | None, *, packed: bool = False
) -> bytes:
    """A message of entries: Forward mode, or PackedForward where `packed` (then options may say "compressed").

    `count` is the number of entries. Without options there are two elements, with them three."""
    head = b"\x92" if options is None else b"\x93"
    body = [pack(entries)] if packed else [array_header(count), entries]
    return b"".join([head, pack(tag), *body, b"" if options is None else pack(options)])
