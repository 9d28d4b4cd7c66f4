"""Compressed bodies, and those that become too large."""

import gzip
import zlib
from collections.abc import Callable

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.net.decompress import DECOMPRESSORS, TooLargeError, unzstd

DATA = b"some lines of a log\n" * 5000


def streamed(data: bytes) -> bytes:
    """zstd as programs write it that do not know the size in the beginning."""
    compressor = cramjam.zstd.Compressor()
    compressor.compress(data)
    return bytes(compressor.finish())


CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:]) + b"\0\0"),
    ("deflate", zlib.compress),
    ("deflate", lambda data: zlib.compress(data)[2:-4]),
    ("zlib", zlib.compress),
    ("zstd", lambda data: bytes(cramjam.zstd.compress(data))),
    ("zstd", streamed),
    ("zstd", lambda data: bytes(cramjam.zstd.compress(data[:7])) + streamed(data[7:])),
    ("snappy", lambda data: bytes(cramjam.snappy.compress_raw(data))),
    ("snappy", lambda data: bytes(cramjam.snappy.compress(data))),
]


@pytest.mark.parametrize(("name", "compress"), CODINGS)
def test_up_to_the_limit(name: str, compress: Callable[[bytes], bytes]) -> None:
    compressed = compress(DATA)
    assert DECOMPRESSORS[name](compressed, len(DATA)) == DATA
    with pytest.raises(TooLargeError):
        DECOMPRESSORS[name](compressed, len(DATA) - 1)


@pytest.mark.parametrize(("name", "compress"), CODINGS)
def test_nothing_is_nothing(name: str, compress: Callable[[bytes], bytes]) -> None:
    compressed = compress(b"")
    assert not compressed or DECOMPRESSORS[name](compressed, 10) == b""


@pytest.mark.parametrize(("name", "compress"), CODINGS)
def test_what_is_damaged(name: str, compress: Callable[[bytes], bytes]) -> None:
    compressed = compress(DATA)
    for bad in (b"", b"no", compressed[: len(compressed) // 2], compressed[:-9], b"\0" * 50 + compressed):
        with pytest.raises((ValueError, TooLargeError)):
            DECOMPRESSORS[name](bad, len(DATA))


def test_more_after_the_end() -> None:
    with pytest.raises(ValueError, match="something after"):
        DECOMPRESSORS["gzip"](gzip.compress(b"a") + b"more", 100)


def test_a_frame_that_wants_much_memory_is_not_begun() -> None:
    window = bytes((0b11110_000,))  # 2 TiB
    with pytest.raises(TooLargeError):
        unzstd(b"\x28\xb5\x2f\xfd\x00" + window + b"\x01\x00\x00", 1000)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(DECOMPRESSORS)), st.binary(max_size=60), st.booleans())
def test_no_bytes_break_it(name: str, data: bytes, magic: bool) -> None:
    heads = {"zstd": b"\x28\xb5\x2f\xfd", "snappy": b"\xff\x06\x00\x00sNaPpY", "gzip": b"\x1f\x8b\x08\0"}
    try:
        assert len(DECOMPRESSORS[name](heads.get(name, b"") * magic + data, 1000)) <= 1000
    except (ValueError, TooLargeError):
        pass
