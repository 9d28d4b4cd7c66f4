"""A log: a folder of segments. Frames are appended at its end, settle in any order, and a segment goes once all of its
frames have settled. What had not settled when the last run ended is read again, oldest first."""

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from pyrolens.store.disk import Disk
from pyrolens.store.segment import JOURNAL, SEGMENT, Segment

MOST = 8 * 1024 * 1024
"""Bytes after which a segment takes no more."""
IDLE = 1024 * 1024
"""Bytes from which on a segment of which all has settled makes room for a new one."""


class At(NamedTuple):
    """Where a frame stands: what is needed to settle it."""

    segment: Segment
    number: int


class Frame(NamedTuple):
    kind: int
    records: int
    body: bytes
    at: At


Complain = Callable[[str, OSError], None]
"""(what failed, why): errors that lose nothing, but should be known."""
_number = count()


class Log:
    def __init__(
        self,
        folder: Path,
        complain: Complain,
        disk: Disk | None = None,
        *,
        reads_own: bool = False,
        sync: bool = False,
        most: int = MOST,
        aside: Path | None = None,
        forgets: frozenset[int] = frozenset(),
        later: Callable[[Callable[[], None]], object] = lambda call: call(),
    ) -> None:
        """`reads_own`: what this run appends is given by next(), too. `sync`: for commit(). `aside`: the folder for
        damaged segments; None: they are removed. `forgets`: kinds of frames that are nothing
        to a later run. `later`: puts off the writing of the journal, so that what settles together is written
        together."""
        self.folder = folder
        self.disk = disk or Disk()
        self.reads_own = reads_own
        self.sync = sync
        self.most = most
        self.aside = aside
        self.forgets = forgets
        self._complain = complain
        self._later = later
        self._open: Segment | None = None
        """The one that frames are appended to."""
        self._unread: deque[Segment] = deque()
        self._segments: dict[Path, Segment] = {}
        self._unwritten: dict[Path, Segment] = {}
        """With something for their journal."""
        self.closed = False
        self._scheduled = False
        self._uncommitted: dict[Path, Segment] = {}
        self.unread = 0
        """Frames that next() is still to give; their records, and their bytes."""
        self.unread_records = 0
        self.unread_bytes = 0
        self.damaged: list[tuple[Path, int]] = []
        """Segments that were put aside or removed, and the bytes of them that could not be read."""
        self.torn = 0
        """Bytes at the ends of segments that earlier runs were just writing when they ended."""

    # -- opening ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Find what earlier runs left. Raises: OSError."""
        if not self.folder.is_dir():
            return
        names = sorted(os.listdir(self.folder))
        for name in names:
            path = self.folder / name
            if path.suffix == SEGMENT and path.stem.isdecimal():
                self._found(path)
            elif path.suffix == JOURNAL and f"{path.stem}{SEGMENT}" not in names:
                path.unlink(missing_ok=True)

    def _found(self, path: Path) -> None:
        segment = Segment(path, self.disk, old=True)
        done = segment.settled_before()
        at = 0
        while head := segment.head(at):
            at = head.end
            if head.number not in done and head.kind not in self.forgets:
                self._count(segment, 1, head.records, head.length)
        self.torn += segment.torn
        segment.pending = segment.unread
        segment.close()
        self._segments[path] = segment
        if segment.unread:
            segment.damaged = 0  # it is found again when the segment is read
            self._unread.append(segment)
        else:
            self._tidy(segment)

    def _count(self, segment: Segment, frames: int, records: int, size: int) -> None:
        segment.unread += frames
        segment.unread_records += records
        segment.unread_bytes += size
        self.unread += frames
        self.unread_records += records
        self.unread_bytes += size

    @property
    def empty(self) -> bool:
        return not self._segments

    @property
    def oldest(self) -> str:
        """The name of the segment that next() reads; in the order of time among all logs. "": nothing is unread."""
        return self._unread[0].path.name if self.unread else ""

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(segment.size for segment in self._segments.values())

    # -- writing ----------------------------------------------------------------------------------------------

    def append(self, kind: int, records: int, body: bytes) -> At:
        """Raises: OSError; then nothing of it is stored."""
        segment = self._open
        if segment is None or segment.full:
            segment = self._open = self._new()
        number = segment.append(kind, records, body)
        if segment.size >= self.most:
            segment.full = True
        if self.sync:
            self._uncommitted[segment.path] = segment
        if self.reads_own:
            self._count(segment, 1, records, len(body))
        return At(segment, number)

    def _new(self) -> Segment:
        self.disk.folder(self.folder)
        # later than any other, also when the clock was set back
        newest = max((int(path.stem) for path in self._segments), default=0)
        segment = self._created(max(time.time_ns(), newest + 1))
        if self.reads_own:
            self._unread.append(segment)
        if self._open is not None:
            self._tidy(self._open)
        return segment

    def _created(self, number: int) -> Segment:
        path = self.folder / f"{number:020d}{SEGMENT}"
        segment = Segment(path, self.disk)
        if self.sync:
            try:
                self.disk.sync_folder(self.folder)
            except OSError:
                with suppress(OSError):
                    segment.remove()
                raise
        self._segments[path] = segment
        return segment

    def to_front(self) -> None:
        """What is appended from now on is read before all that is there, in the next run."""
        before = self._open
        self._open = None
        if before is not None:
            before.full = True
            self._tidy(before)
        if self._segments:
            oldest = min(int(path.stem) for path in self._segments)
            with suppress(OSError):
                self._open = self._created(oldest - 1)

    def commit(self) -> None:
        """What was appended outlasts the machine, if `sync` is asked for. Raises: OSError; it is unknown then what of
        it does, and the segments in question take no more."""
        while self._uncommitted:
            path, segment = next(iter(self._uncommitted.items()))
            if segment.fd >= 0:
                try:
                    self.disk.sync(segment.fd)
                except OSError:
                    for each in self._uncommitted.values():
                        each.full = True
                    self._uncommitted.clear()
                    raise
            self._uncommitted.pop(path, None)

    # -- reading ----------------------------------------------------------------------------------------------

    def next(self) -> Frame | None:
        """The oldest frame that has not been read, or None. Raises: OSError; then that segment is left for another
        run."""
        while self._unread:
            segment = self._unread[0]
            try:
                frame = self._next(segment)
            except OSError:
                self._unread.popleft()
                self._count(segment, -segment.unread, -segment.unread_records, -segment.unread_bytes)
                raise
            if frame is not None:
                return frame
            if segment is self._open and not segment.full:
                return None  # there may be more
            self._read_to_its_end(segment)
        return None

    def _next(self, segment: Segment) -> Frame | None:
        if segment.fd < 0:
            segment.fd = self.disk.open(segment.path)
            segment.done = segment.settled_before()
        while segment.unread and (head := segment.head(segment.at)):
            segment.at = head.end
            if head.number in segment.done or (segment.old and head.kind in self.forgets):
                continue
            body = segment.body(head)
            self._count(segment, -1, -head.records, -head.length)
            if body is None:
                segment.pending -= 1
                continue
            if segment.full and not segment.unread:
                self._read_to_its_end(segment)
            return Frame(head.kind, head.records, body, At(segment, head.number))
        return None

    def _read_to_its_end(self, segment: Segment) -> None:
        self._unread.popleft()
        if segment.old:
            # damage is looked for behind the last frame, too
            while head := segment.head(segment.at):
                segment.at = head.end
            segment.close()
        segment.pending -= segment.unread
        self._count(segment, -segment.unread, -segment.unread_records, -segment.unread_bytes)
        segment.done = set()
        self._tidy(segment)

    # -- settling ---------------------------------------------------------------------------------------------

    def settle(self, at: At) -> None:
        """To be called once for each frame, when nothing of it is left to do."""
        segment = at.segment
        segment.settle(at.number)
        if segment.pending == 0 and self._tidy(segment):
            return
        self._unwritten[segment.path] = segment
        if not self._scheduled:
            self._scheduled = True
            self._later(self.write_journals)

    def tend(self) -> None:
        """To be called every now and then: note what could not be noted before."""
        if self._unwritten and not self._scheduled:
            self.write_journals()

    def write_journals(self) -> None:
        self._scheduled = False
        for path, segment in list(self._unwritten.items()):
            try:
                segment.write_journal()
            except OSError as why:
                self._complain("what has settled cannot be noted, so it comes again if the router ends now", why)
            else:
                self._unwritten.pop(path, None)

    def _tidy(self, segment: Segment) -> bool:
        """Remove the segment if nothing in it is needed any more. True: it is gone."""
        if segment is self._open and not segment.full:
            if segment.size < IDLE or segment.pending:
                return False
            segment.full = True
        if segment.pending or segment.unread or segment.path not in self._segments:
            return False
        if segment in self._unread:
            self._unread.remove(segment)
        if segment is self._open:
            self._open = None
        for known in (self._segments, self._unwritten, self._uncommitted):
            known.pop(segment.path, None)
        try:
            self._remove(segment)
        except OSError as why:
            self._complain(f"{segment.path} is not needed any more and cannot be removed", why)
        return True

    def _remove(self, segment: Segment) -> None:
        if not segment.damaged:
            segment.remove()
            return
        self.damaged.append((segment.path, segment.damaged))
        if self.aside is None:
            segment.remove()
            return
        segment.close()
        self.disk.folder(self.aside)
        segment.path.rename(self.aside / self.aside_name(segment.path))
        segment.journal.unlink(missing_ok=True)

    def aside_name(self, path: Path) -> str:
        """What a damaged segment is called when it is put aside."""
        return f"{self.folder.parent.name}-{self.folder.name}-{path.name}"

    # -- the end ----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """All that was appended outlasts the machine, whatever `sync` says. Raises: OSError."""
        for segment in list(self._segments.values()):
            if segment.fd >= 0 and not segment.old:
                self.disk.sync(segment.fd)
        if self._segments:
            self.disk.sync_folder(self.folder)

    def close(self) -> None:
        """Nothing is lost by it; nothing may be appended after it."""
        self.closed = True
        self.write_journals()
        if self._open is not None:
            self._open.full = True
        for segment in list(self._segments.values()):
            if not self._tidy(segment):
                segment.close()
        if not self._segments:
            with suppress(OSError):
                self.folder.rmdir()
