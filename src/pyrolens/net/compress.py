"""Compression of what is sent. The libraries are imported when they are first needed."""

import struct
import zlib
from collections.abc import Callable

Compress = Callable[[bytes], bytes]


GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""No time, no name, and no system: equal data are equal bytes, as Fluent Bit's are."""


def gzip(data: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    tail = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return b"".join((GZIP_HEAD, deflate.compress(data), deflate.flush(), tail))


def _zstd() -> Compress:
    import cramjam

    return lambda data: bytes(cramjam.zstd.compress(data))


def _snappy() -> Compress:
    import cramjam

    return lambda data: bytes(cramjam.snappy.compress_raw(data))


COMPRESSORS: dict[str, Callable[[], Compress]] = {"gzip": lambda: gzip, "zstd": _zstd, "snappy": _snappy}


def compressor(name: str) -> Compress:
    """What compresses. Raises: KeyError for a name that is not in COMPRESSORS."""
    return COMPRESSORS[name]()
