import hashlib
import os
from pathlib import Path

import pytest

from pyrolens.net.body import PIECE, FileBody, checksum, pieces


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2 * PIECE + 5))
    return path


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 2 * PIECE + 5])
def test_pieces_are_all_of_it(file: Path, size: int) -> None:
    data = file.read_bytes()[:size]
    body = FileBody(file, size)
    file.unlink()
    for one in (body, data):
        found = list(pieces(one))
        assert (len(one), b"".join(found)) == (size, data)
        assert max(map(len, found), default=0) <= PIECE
        assert checksum(one, hashlib.sha256()).hexdigest() == hashlib.sha256(data).hexdigest()


def test_a_file_that_became_shorter_is_an_error(file: Path) -> None:
    body = FileBody(file, 2 * PIECE + 5)
    os.truncate(file, PIECE)
    with pytest.raises(OSError, match="the file ends after 262144 of 524293 bytes"):
        list(body.pieces())


def test_it_is_closed_when_it_is_not_needed_any_more(file: Path) -> None:
    body = FileBody(file, 1)
    descriptor = body._descriptor
    os.fstat(descriptor)
    del body
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
