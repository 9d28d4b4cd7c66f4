"""Compressed bodies, with a limit on what becomes of them. The libraries are imported when they are first needed."""

import zlib
from typing import Any

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
WINDOW = 8 << 20
"""Bytes that a decoder of zstd must be ready to remember (RFC 8878, 3.1.1.1.2)."""


class TooLargeError(Exception):
    """The limit is reached."""


def gunzip(data: bytes, limit: int) -> bytes:
    """Of several members, all. Raises: ValueError, TooLargeError."""
    out: list[bytes] = []
    left = limit
    while True:
        part, data = _inflate(data, 31, left)
        out.append(part)
        left -= len(part)
        if not data.strip(b"\0"):
            return b"".join(out)
        if not data.startswith(GZIP):
            raise ValueError("there is something after the gzip data")


def inflate(data: bytes, limit: int) -> bytes:
    """deflate, with the head of zlib or without. Raises: ValueError, TooLargeError."""
    try:
        return _inflate(data, 15, limit)[0]
    except ValueError:
        return _inflate(data, -15, limit)[0]


def _inflate(data: bytes, bits: int, limit: int) -> tuple[bytes, bytes]:
    """What was compressed, and what follows it."""
    inflater = zlib.decompressobj(bits)
    try:
        out = inflater.decompress(data, limit + 1)
    except zlib.error as why:
        raise ValueError(f"{str(why).rpartition(': ')[2]}") from None
    if len(out) > limit:
        raise TooLargeError
    if not inflater.eof:
        raise ValueError("the data end in the middle")
    return out, inflater.unused_data


def unzstd(data: bytes, limit: int) -> bytes:
    """Raises: ValueError, TooLargeError."""
    import cramjam

    size, window = zstd_sizes(data)
    if (size is not None and size > limit) or window > max(limit, WINDOW):
        raise TooLargeError
    # frames that do not say their size, and more than one of them, are tried with more and more room
    room = size if size is not None else min(limit, 16 * len(data) + 1024)
    while True:
        out = bytearray(room)
        try:
            return bytes(memoryview(out)[: cramjam.zstd.decompress_into(data, out)])
        except cramjam.DecompressionError as why:
            if "whole buffer" not in str(why):
                raise ValueError(str(why)) from None
        if room >= limit:
            raise TooLargeError
        room = min(limit, max(room, 1024) * 4)


def zstd_sizes(data: bytes) -> tuple[int | None, int]:
    """Of the first frame, the bytes that become of it, if it says so, and those that the decoder must remember.

    Raises: ValueError if it is none. Source: RFC 8878, 3.1.1.1."""
    if not data.startswith(ZSTD) or len(data) < 6:
        raise ValueError("this is no zstd data")
    described = data[4]
    single, kind = described & 0x20, described >> 6
    window = 0
    if not single:
        base = 1 << (10 + (data[5] >> 3))
        window = base + (base >> 3) * (data[5] & 7)
    at = 5 + (0 if single else 1) + (0, 1, 2, 4)[described & 3]
    length = (1 if single else 0, 2, 4, 8)[kind]
    if not length or len(data) < at + length:
        return None, window
    return int.from_bytes(data[at : at + length], "little") + (256 if kind == 1 else 0), window


def unsnappy(data: bytes, limit: int) -> bytes:
    """The raw format, or that with frames. Raises: ValueError, TooLargeError."""
    import cramjam

    try:
        if data.startswith(b"\xff\x06\x00\x00sNaPpY"):
            return _unframed(cramjam, data, limit)
        if cramjam.snappy.decompress_raw_len(data) > limit:
            raise TooLargeError
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as why:
        raise ValueError(str(why)) from None


def _unframed(cramjam: Any, data: bytes, limit: int) -> bytes:
    room = min(limit, 16 * len(data) + 1024)
    while True:
        out = bytearray(room)
        try:
            return bytes(memoryview(out)[: cramjam.snappy.decompress_into(data, out)])
        except cramjam.DecompressionError as why:
            if "whole buffer" not in str(why):
                raise
        if room >= limit:
            raise TooLargeError
        room = min(limit, room * 4)


DECOMPRESSORS = {
    "gzip": gunzip,
    "x-gzip": gunzip,
    "deflate": inflate,
    "zlib": inflate,
    "zstd": unzstd,
    "snappy": unsnappy,
}
"""By the name that a Content-Encoding gives. (data, most bytes of the result) -> the result."""
