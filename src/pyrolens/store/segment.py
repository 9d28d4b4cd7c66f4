"""A segment: a file of frames, one behind the other, each with its own checksums.

A frame is a head of 32 bytes and a body:

    mark (4)  kind (1)  0 (3)  number (4)  records (4)  length (4)  checksum of the body (8)  checksum of the head (4)

all little-endian. Numbers count from 0 within the segment. The checksum of the head is seeded by the name of the file,
so that nothing which a body holds can pass for a head. Where a head is damaged the next good one is looked for; where
only a body is, its frame alone is lost.

Beside a segment stands its journal: eight bytes for each frame that has settled, the number and the number again with
some bits turned, so that neither zeros nor a torn write settle anything.
"""

import os
import struct
from pathlib import Path
from typing import NamedTuple

from xxhash import xxh3_64_intdigest, xxh32_intdigest

from pyrolens.store.disk import Disk

MARK = b"\xf5Ly\x01"
"""The last byte is the version of the format."""
FIELDS = struct.Struct("<4sBxxxIIIQ")
CHECK = struct.Struct("<I")
HEAD = FIELDS.size + CHECK.size
SETTLED = struct.Struct("<II")
TURNED = 0xA5C396E1
SEGMENT, JOURNAL = ".seg", ".done"


class Head(NamedTuple):
    kind: int
    number: int
    records: int
    length: int
    """Bytes of the body."""
    sum: int
    at: int
    """Where in the file the frame begins."""

    @property
    def end(self) -> int:
        return self.at + HEAD + self.length


class Segment:
    def __init__(self, path: Path, disk: Disk, *, old: bool = False) -> None:
        """`old`: of an earlier run; nothing is added to it. Raises: OSError."""
        self.path = path
        self.disk = disk
        self.old = old
        self.seed = int(path.stem) & 0xFFFFFFFF
        self.fd = disk.open(path) if old else disk.create(path)
        self.size = os.fstat(self.fd).st_size if old else 0
        """Bytes: of an old one, of the file; else of its whole frames."""
        self.frames = 0
        """Written by this run."""
        self.pending = 0
        """Frames that are not settled."""
        self.unread = 0
        """Of them those that are still to be read; their records, and their bytes."""
        self.unread_records = 0
        self.unread_bytes = 0
        self.full = old
        """It takes no more."""
        self.damaged = 0
        """Bytes that cannot be read."""
        self.torn = 0
        """Bytes at its end of a frame that was not written to its end."""
        self.broken = False
        """What stands behind `size` could not be taken back."""
        self.at = 0
        """Where the next frame to be read begins."""
        self.done: set[int] = set()
        """Frames settled in earlier runs, while the segment is read."""
        self._settled: list[bytes] = []
        """For the journal."""

    @property
    def journal(self) -> Path:
        return self.path.with_suffix(JOURNAL)

    # -- writing ----------------------------------------------------------------------------------------------

    def append(self, kind: int, records: int, body: bytes) -> int:
        """The number of the new frame. Raises: OSError; then nothing of it is there."""
        number = self.frames
        fields = FIELDS.pack(MARK, kind, number, records, len(body), xxh3_64_intdigest(body))
        try:
            self.disk.append(self.fd, [fields + CHECK.pack(xxh32_intdigest(fields, self.seed)), body])
        except OSError:
            try:
                os.ftruncate(self.fd, self.size)
            except OSError:
                # what stands there is no frame for a reader, but nothing must stand behind it
                self.broken = self.full = True
            raise
        self.size += HEAD + len(body)
        self.frames = number + 1
        self.pending += 1
        return number

    def settle(self, number: int) -> None:
        self.pending -= 1
        self._settled.append(SETTLED.pack(number, number ^ TURNED))

    def write_journal(self) -> None:
        """What has settled since the last time. Raises: OSError; then it is still to be written."""
        if not self._settled:
            return
        fd = self.disk.extend(self.journal)
        try:
            if rest := os.fstat(fd).st_size % SETTLED.size:
                # of a write that did not come to its end
                os.ftruncate(fd, os.fstat(fd).st_size - rest)
            self.disk.append(fd, [b"".join(self._settled)])
        finally:
            os.close(fd)
        self._settled = []

    # -- reading ----------------------------------------------------------------------------------------------

    def settled_before(self) -> set[int]:
        """The frames that its journal names."""
        try:
            data = self.journal.read_bytes()
        except OSError:
            return set()
        whole = memoryview(data)[: len(data) // SETTLED.size * SETTLED.size]
        return {number for number, turned in SETTLED.iter_unpack(whole) if number ^ turned == TURNED}

    def head(self, at: int) -> Head | None:
        """That of the frame which begins there, or of the next one that is good. None: there is none any more; what
        stands there is counted as torn or damaged. Raises: OSError."""
        raw = self.disk.read(self.fd, HEAD, at)
        found = self._head(raw, at)
        if found is not None and found.end <= self.size:
            return found
        if not raw:
            return None
        rest = self.disk.read(self.fd, self.size - at, at)
        if found is not None or len(raw) < HEAD or not rest.strip(b"\0"):
            self.torn = len(rest)
            return None
        start = 0
        while (start := rest.find(MARK, start + 1)) >= 0:
            found = self._head(rest[start : start + HEAD], at + start)
            if found is not None and found.end <= self.size:
                self.damaged += start
                return found
        self.damaged += len(rest)
        return None

    def _head(self, raw: bytes, at: int) -> Head | None:
        if len(raw) < HEAD or raw[:4] != MARK:
            return None
        (check,) = CHECK.unpack_from(raw, FIELDS.size)
        if check != xxh32_intdigest(raw[: FIELDS.size], self.seed):
            return None
        _, kind, number, records, length, total = FIELDS.unpack_from(raw)
        return Head(kind, number, records, length, total, at)

    def body(self, head: Head) -> bytes | None:
        """None: it is damaged. Raises: OSError."""
        body = self.disk.read(self.fd, head.length, head.at + HEAD)
        if len(body) == head.length and xxh3_64_intdigest(body) == head.sum:
            return body
        self.damaged += HEAD + head.length
        return None

    # -- the end ----------------------------------------------------------------------------------------------

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def remove(self) -> None:
        """Raises: OSError."""
        self.close()
        # a segment without its journal would be read again; a journal alone is nothing
        self.path.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)
