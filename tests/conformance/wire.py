"""Events in and out, in Fluent's forward protocol."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgpack

Json = Any
Got = list[dict[str, Json]]
"""What came out of the router: {"tag", "time_ns", "record"} in order of arrival."""


START = 30.0
"""Seconds that a router may take to listen; the machine may be busy."""
LATE = 15.0
"""Seconds that a busy router may take for what must still come."""


async def connect(socket: Path) -> asyncio.StreamWriter:
    """A connection to a router whose socket is there. It may not listen on it yet. Raises: ConnectionError."""
    until = time.monotonic() + START
    while True:
        try:
            return (await asyncio.open_unix_connection(str(socket)))[1]
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(0.05)


def pack(events: Iterable[dict[str, Json]], together: bool) -> bytes:
    """The messages for some events: one each, or one for neighbours of the same tag."""
    out = []
    for tag, run in itertools.groupby(events, key=lambda event: event["tag"]):
        entries = [[_stamp(event["time"]), _bytes(event["record"])] for event in run]
        messages = [[tag, entries]] if together else [[tag, *entry] for entry in entries]
        out += [msgpack.packb(message, use_bin_type=True) for message in messages]
    return b"".join(out)


def _stamp(time: int | float) -> object:
    if isinstance(time, int):
        return time
    seconds = int(time)
    nanoseconds = round((time - seconds) * 1e9)
    return msgpack.ExtType(0, seconds.to_bytes(4, "big") + nanoseconds.to_bytes(4, "big"))


def _bytes(value: Json) -> Json:
    """{"$bytes": hex} stands for bytes, {"$float": text} for what is no number."""
    if isinstance(value, dict):
        if set(value) == {"$bytes"}:
            return bytes.fromhex(value["$bytes"])
        if set(value) == {"$float"}:
            return float(value["$float"])
        return {key: _bytes(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_bytes(inner) for inner in value]
    return value


def _unpacker() -> Any:
    return msgpack.Unpacker(raw=False, strict_map_key=False, unicode_errors="surrogateescape", max_buffer_size=0)


class Collector(asyncio.Protocol):
    """A connection that takes what the router's forward output sends."""

    def __init__(self, got: Got) -> None:
        self.got = got
        self.unpacker = _unpacker()

    def data_received(self, data: bytes) -> None:
        self.unpacker.feed(data)
        for message in self.unpacker:
            if isinstance(message[1], bytes | str):
                inner = _unpacker()
                packed = message[1]
                inner.feed(packed.encode("utf-8", "surrogateescape") if isinstance(packed, str) else packed)
                entries = list(inner)
            elif isinstance(message[1], list):
                entries = message[1]
            else:
                entries = [message[1:3]]
            for when, record in entries:
                self.got.append({"tag": plain(message[0]), "time_ns": _ns(when), "record": plain(record)})


def _ns(time: Any) -> int:
    if isinstance(time, msgpack.ExtType):
        return int.from_bytes(time.data[:4], "big") * 10**9 + int.from_bytes(time.data[4:8], "big")
    if isinstance(time, msgpack.Timestamp):
        return int(time.to_unix_nano())
    if isinstance(time, list):
        return _ns(time[0])
    return int(time * 10**9)


def plain(value: Any) -> Json:
    """Written in JSON, with {"$bytes": hex} for what is not UTF-8."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"$bytes": value.hex()}
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return {"$bytes": value.encode("utf-8", "surrogateescape").hex()}
        return value
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {"$float": repr(value)}
    if isinstance(value, dict):
        return {str(plain(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, msgpack.ExtType):
        return {"$ext": value.code, "data": value.data.hex()}
    return value


def typed(value: Json) -> Json:
    """A form in which 1, 1.0 and true differ."""
    if isinstance(value, bool) or value is None:
        return ["b", value]
    if isinstance(value, int):
        return ["i", value]
    if isinstance(value, float):
        return ["f", value]
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return value


def shown(records: Json) -> str:
    return json.dumps(records, ensure_ascii=False)[:1500]
