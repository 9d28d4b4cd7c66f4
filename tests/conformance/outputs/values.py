"""Values that JSON cannot write: how they stand in a case, in MessagePack, and in what was captured."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgpack

Json = Any

LONG_TEXT, LONG_LIST = 2000, 24


@dataclass(frozen=True)
class Packed:
    """A value that is MessagePack already."""

    data: bytes


@dataclass(frozen=True)
class Text:
    """Bytes to be packed as str though they may not be UTF-8."""

    data: bytes


@dataclass(frozen=True)
class Pairs:
    """A map that may hold a key twice."""

    pairs: list[tuple[Any, Any]]

    def get(self, key: str) -> Any:
        return next((value for name, value in self.pairs if name == key), None)


def expand(value: Json) -> Any:
    """{"$repeat": [text, n, end?]}, {"$bytes": hex}, {"$bin": hex}, {"$rawmp": hex}, {"$cat": [...]},
    {"$float": text}, {"$hex": [seed, n]}, {"$pairs": [[k, v], ...]}, {"$ext": code, "data": hex}: the value meant."""
    if isinstance(value, list):
        return [expand(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if "$repeat" in value:
        text, times, *end = value["$repeat"]
        return text * times + "".join(end)
    if "$bytes" in value:
        return Text(bytes.fromhex(value["$bytes"]))
    if "$bin" in value:
        return bytes.fromhex(value["$bin"])
    if "$rawmp" in value:
        return Packed(bytes.fromhex(value["$rawmp"]))
    if "$cat" in value:
        return "".join(expand(inner) for inner in value["$cat"])
    if "$float" in value:
        return float(value["$float"])
    if "$hex" in value:
        return _digits(*value["$hex"])
    if "$pairs" in value:
        return Pairs([(expand(key), expand(inner)) for key, inner in value["$pairs"]])
    if "$ext" in value:
        data = bytes.fromhex(value["data"])
        return Packed(bytes([0xC7, len(data), value["$ext"] & 255]) + data)
    return {key: expand(inner) for key, inner in value.items()}


def _digits(seed: str, length: int) -> str:
    """Hexadecimal digits that do not compress well."""
    text = ""
    while len(text) < length:
        text += hashlib.sha256((seed + str(len(text))).encode()).hexdigest()
    return text[:length]


def pack(value: Any) -> bytes:
    packer = msgpack.Packer(use_bin_type=True)
    if isinstance(value, Packed):
        return value.data
    if isinstance(value, Text):
        size = len(value.data)
        if size < 32:
            return bytes([0xA0 | size]) + value.data
        return (b"\xd9" + bytes([size]) if size < 256 else b"\xdb" + size.to_bytes(4, "big")) + value.data
    if isinstance(value, Pairs | dict):
        pairs = value.pairs if isinstance(value, Pairs) else list(value.items())
        return bytes(packer.pack_map_header(len(pairs))) + b"".join(pack(k) + pack(v) for k, v in pairs)
    if isinstance(value, list):
        return bytes(packer.pack_array_header(len(value))) + b"".join(map(pack, value))
    return bytes(packer.pack(value))


def pack_events(events: list[Json], split: bool) -> bytes:
    """Messages in Forward mode: one for neighbours of the same tag, or one each."""
    messages: list[tuple[str, list[bytes]]] = []
    for tag, stamp, metadata, record in _events(events):
        time = stamp if metadata is None else b"\x92" + stamp + pack(expand(metadata))
        if not messages or messages[-1][0] != tag or split:
            messages.append((tag, []))
        messages[-1][1].append(b"\x92" + time + record)
    return b"".join(
        b"\x92" + pack(tag) + b"\xdd" + len(run).to_bytes(4, "big") + b"".join(run) for tag, run in messages
    )


def _events(events: list[Json]) -> Iterator[tuple[str, bytes, Json, bytes]]:
    """(tag, packed time, metadata or None, packed record). {"$events": {count, tag, time, step_ns, record}} stands for
    many, {i} in its strings for the number."""
    for event in events:
        if "$events" not in event:
            yield event["tag"], _stamp(event["time"]), event.get("meta"), pack(expand(event["record"]))
            continue
        many = event["$events"]
        first, text = _ns(many["time"]), json.dumps(many["record"])
        for i in range(many["count"]):
            ns = first + i * many.get("step_ns", 0)
            yield many["tag"], _event_time(ns), None, pack(expand(json.loads(text.replace("{i}", str(i)))))


def _ns(time: str) -> int:
    seconds, _, fraction = str(time).partition(".")
    return int(seconds) * 10**9 + int((fraction + "000000000")[:9])


def _event_time(ns: int) -> bytes:
    return b"\xd7\x00" + (ns // 10**9).to_bytes(4, "big") + (ns % 10**9).to_bytes(4, "big")


def _stamp(time: Json) -> bytes:
    return pack(time["$int"]) if isinstance(time, dict) else _event_time(_ns(time))


def load_pairs(text: str) -> Any:
    return json.loads(text, object_pairs_hook=Pairs)


def unpack_all(data: bytes) -> list[Any]:
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False, object_pairs_hook=_pairs, max_buffer_size=0)
    unpacker.feed(data)
    return [texts(value) for value in unpacker]


def _pairs(pairs: Iterable[tuple[Any, Any]]) -> Pairs:
    return Pairs(list(pairs))


def texts(value: Any) -> Any:
    """With str for all bytes that are UTF-8."""
    if isinstance(value, bytes):
        text = text_of(value)
        return value if text is None else text
    if isinstance(value, Pairs):
        return Pairs([(texts(key), texts(inner)) for key, inner in value.pairs])
    if isinstance(value, msgpack.ExtType | msgpack.Timestamp):
        return value
    if isinstance(value, list | tuple):
        return [texts(inner) for inner in value]
    return value


def text_of(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def decompressed(data: bytes) -> tuple[str, bytes] | None:
    """(gzip or zlib, the bytes) of what is compressed so, else None."""
    try:
        if data[:2] == b"\x1f\x8b":
            out = b""
            while data[:2] == b"\x1f\x8b":
                member = zlib.decompressobj(31)
                out += member.decompress(data) + member.flush()
                data = member.unused_data
            return "gzip", out
        if data[:4] == b"\x28\xb5\x2f\xfd":
            return "zstd", _cramjam("zstd", data)
        if data[:1] == b"\x78":
            return "zlib", zlib.decompress(data)
    except (zlib.error, ValueError):
        pass
    return None


def _cramjam(codec: str, data: bytes) -> bytes:
    import cramjam

    return bytes(getattr(cramjam, codec).decompress(data))


def unsnappy(data: bytes) -> bytes:
    import cramjam

    for decompress in (cramjam.snappy.decompress_raw, cramjam.snappy.decompress):
        try:
            return bytes(decompress(data))
        except cramjam.DecompressionError:
            pass
    return data


def short(value: Any) -> Json:
    """As a case writes it: long texts as {"$str": …}, long lists as {"$list": …} with a digest of the whole, bytes as
    {"$bytes": …}, EventTime as {"$eventtime": …}, maps that hold a key twice as {"$pairs": …}."""
    if isinstance(value, str):
        return _short_text(value)
    if isinstance(value, bytes):
        return short_bytes(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {"$float": repr(value)}
    if isinstance(value, Pairs):
        if len({repr(key) for key, _ in value.pairs}) != len(value.pairs):
            return {"$pairs": [[short(key), short(inner)] for key, inner in value.pairs]}
        return {_key(key): short(inner) for key, inner in value.pairs}
    if isinstance(value, dict):
        return {_key(key): short(inner) for key, inner in value.items()}
    if isinstance(value, msgpack.ExtType):
        if value.code == 0 and len(value.data) == 8:
            seconds, ns = int.from_bytes(value.data[:4], "big"), int.from_bytes(value.data[4:], "big")
            return {"$eventtime": f"{seconds}.{ns:09d}"}
        return {"$ext": value.code, "data": value.data.hex()}
    if isinstance(value, msgpack.Timestamp):
        return {"$timestamp": f"{value.seconds}.{value.nanoseconds:09d}"}
    if isinstance(value, list | tuple):
        items = [short(inner) for inner in value]
        if len(items) <= LONG_LIST:
            return items
        digest = hashlib.sha256(json.dumps(items, sort_keys=True).encode()).hexdigest()
        return {"$list": {"len": len(items), "first": items[:3], "last": items[-2:], "sha256": digest}}
    return value


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(short(key))


def _short_text(text: str) -> Json:
    if len(text) <= LONG_TEXT:
        return text
    data = text.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(data).hexdigest()
    return {"$str": {"chars": len(text), "bytes": len(data), "head": text[:100], "tail": text[-100:], "sha256": digest}}


def short_bytes(data: bytes) -> Json:
    text = text_of(data)
    if text is not None:
        return _short_text(text)
    if len(data) <= LONG_TEXT:
        return {"$bytes": data.hex(), "like": data.decode("utf-8", "backslashreplace")}
    digest = hashlib.sha256(data).hexdigest()
    return {"$bytes": {"len": len(data), "head": data[:60].hex(), "tail": data[-60:].hex(), "sha256": digest}}
