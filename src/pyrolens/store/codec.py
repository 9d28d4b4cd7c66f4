"""What is kept, as bytes: batches of events, and whatever else is plain data. MessagePack; never code (no pickle)."""

from typing import Any

import msgpack
import msgspec

from pyrolens.records.event import Event, Stamp

Ext = msgspec.msgpack.Ext

FAST, PLAIN = 1, 2
"""Kinds of bodies: (tag, events) as msgspec writes it, and as pack() does."""

TUPLE, EXT, LONG, STAMP = 1, 2, 3, 4
"""Ext types of pack(). All that is an Ext itself stands within an EXT, so these are never mistaken."""
TIMES = (b"\xd6\xff", b"\xd7\xff", b"\xc7\x0c\xff")
"""How MessagePack's own timestamps begin, which msgspec would make datetimes of."""

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(tuple[str, list[tuple[int, dict[str, Any]]]]).decode
CANNOT = (TypeError, UnicodeEncodeError, OverflowError, RecursionError, msgspec.MsgspecError)


def pack(value: Any) -> bytes:
    """Plain data: None, bool, int, float, str, bytes, list, tuple, dict, Ext and Stamp.
    Raises: TypeError for anything else."""
    packed: bytes = msgpack.packb(
        value, use_bin_type=True, strict_types=True, unicode_errors="surrogateescape", default=_other
    )
    return packed


def _other(value: Any) -> msgpack.ExtType:
    kind = type(value)
    if kind is tuple:
        return msgpack.ExtType(TUPLE, pack(list(value)))
    if kind is int:
        return msgpack.ExtType(LONG, b"%d" % value)
    if kind is Ext:
        return msgpack.ExtType(EXT, pack([value.code, bytes(value.data)]))
    if kind is Stamp:
        return msgpack.ExtType(STAMP, pack([int(value), value.metadata, *([value.group] if value.group else [])]))
    raise TypeError(f"{kind.__name__} is no plain data")


def unpack(data: bytes) -> Any:
    """What pack() was given. Raises: ValueError."""
    try:
        return msgpack.unpackb(
            data, raw=False, strict_map_key=False, unicode_errors="surrogateescape", ext_hook=_ext, use_list=True
        )
    except (msgpack.UnpackException, TypeError) as why:
        raise ValueError(f"it cannot be unpacked: {why!r}") from None


def _ext(code: int, data: bytes) -> Any:
    if code == TUPLE:
        return tuple(unpack(data))
    if code == LONG:
        return int(data)
    if code == EXT:
        return Ext(*unpack(data))
    if code == STAMP:
        return Stamp(*unpack(data))
    raise ValueError(f"there is no ext type {code}")


def pack_batch(tag: str, events: list[Event]) -> tuple[int, bytes]:
    """The kind of the body, and the body. Raises: TypeError, ValueError when an event holds what none may hold."""
    try:
        return FAST, encode((tag, events))
    except CANNOT:
        return PLAIN, pack([tag, [[ns, record] for ns, record in events]])


def unpack_batch(kind: int, body: bytes) -> tuple[str, list[Event]]:
    """Raises: ValueError."""
    if kind == PLAIN:
        value = unpack(body)
        try:
            tag, events = value
            return tag, [(ns, record) for ns, record in events]
        except TypeError:
            raise ValueError("it is no batch") from None
    if kind != FAST:
        raise ValueError(f"there is no kind of batch {kind}")
    if not any(mark in body for mark in TIMES):
        try:
            return decode(body)
        except CANNOT:
            pass
    try:
        tag, events = _times(msgpack.unpackb(body, raw=False, strict_map_key=False, ext_hook=Ext))
        return tag, [(ns, record) for ns, record in events]
    except (msgpack.UnpackException, TypeError) as why:
        raise ValueError(f"it cannot be unpacked: {why!r}") from None


def _times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _times(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_times(inner) for inner in value]
    if isinstance(value, msgpack.Timestamp):
        return Ext(-1, value.to_bytes())
    return value
