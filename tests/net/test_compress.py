import gzip as standard
from collections.abc import Callable

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.net.compress import COMPRESSORS, compressor, gzip

UNDO: dict[str, Callable[[bytes], bytes]] = {
    "gzip": standard.decompress,
    "zstd": lambda data: bytes(cramjam.zstd.decompress(data)),
    "snappy": lambda data: bytes(cramjam.snappy.decompress_raw(data)),
}


@pytest.mark.parametrize("name", sorted(COMPRESSORS))
@given(data=st.binary())
def test_undone_is_the_same(name: str, data: bytes) -> None:
    assert UNDO[name](compressor(name)(data)) == data


def test_gzip_has_no_time() -> None:
    assert gzip(b"x" * 1000)[:10] == bytes.fromhex("1f8b08000000000000ff")
