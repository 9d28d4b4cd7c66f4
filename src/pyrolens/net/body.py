"""Bodies of requests: bytes, or a file that is read piece by piece while it is sent."""

import hashlib
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

PIECE = 256 * 1024
"""Bytes."""


class FileBody:
    """The beginning of a file; what becomes of its name meanwhile does not matter."""

    def __init__(self, path: Path, size: int, sha256: str | None = None) -> None:
        """sha256: in hex, where it is known already. Raises: OSError."""
        self.sha256 = sha256
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._size = size
        weakref.finalize(self, os.close, self._descriptor)

    def __len__(self) -> int:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        """Raises: OSError, where the file is shorter than it should be."""
        at = 0
        while at < self._size:
            piece = os.pread(self._descriptor, min(PIECE, self._size - at), at)
            if not piece:
                raise OSError(f"the file ends after {at} of {self._size} bytes")
            at += len(piece)
            yield piece


Body = bytes | FileBody


def pieces(body: Body) -> Iterator[bytes | memoryview]:
    if isinstance(body, FileBody):
        yield from body.pieces()
        return
    view = memoryview(body)
    for start in range(0, len(view), PIECE):
        yield view[start : start + PIECE]


def sha256(body: Body) -> str:
    """In hex."""
    known = known_sha256(body)
    return checksum(body, hashlib.sha256()).hexdigest() if known is None else known


def known_sha256(body: Body) -> str | None:
    """None: all of it has to be read."""
    return body.sha256 if isinstance(body, FileBody) else None


def checksum(body: Body, made: "hashlib._Hash") -> "hashlib._Hash":
    """`made`, with all of the body in it."""
    if isinstance(body, FileBody):
        for piece in body.pieces():
            made.update(piece)
    else:
        made.update(body)
    return made
