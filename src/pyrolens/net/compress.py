"""Compression of what is sent. The libraries are imported when they are first needed."""

import zlib
from collections.abc import Callable

Compress = Callable[[bytes], bytes]


def gzip(data: bytes) -> bytes:
    """Level 6, and no time in the header, so that equal data are equal bytes."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, 31)
    return deflate.compress(data) + deflate.flush()


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
