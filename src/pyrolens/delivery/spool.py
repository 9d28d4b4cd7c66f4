"""The spool of an output: chunks that wait on disk, first in, first out, until they have settled.

A chunk in the spool is safe from the end of the process, so what it came from has nothing to wait for any more. What of
it has not settled comes again in the next run, in the same order and before anything new.
"""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from time import monotonic

from pyrolens.delivery.memory import weight
from pyrolens.delivery.outcome import Chunk
from pyrolens.delivery.receipt import Receipt
from pyrolens.store.codec import pack, unpack
from pyrolens.store.log import At, Log

CHUNK, THEIRS = 3, 4
"""Kinds of its frames. THEIRS: nothing in it is acknowledged, so after a crash who sent it sends it again."""
PASSING = frozenset({THEIRS})
"""The kinds that are nothing to a later run."""

FROM_DISK = "s"
"""The ids of chunks that were on disk begin with it."""

_number = count(1)


class Spool:
    """`trouble` is told when the disk takes nothing, and with None when it does again. Meanwhile chunks wait behind
    the others, in memory."""

    def __init__(self, log: Log, trouble: Callable[[OSError | None], None] = lambda why: None) -> None:
        """`log` reads its own, and forgets what is PASSING."""
        self.log = log
        self._trouble = trouble
        self.unwritten: deque[tuple[Chunk, float]] = deque()
        self._firm: dict[At, list[Receipt]] = {}
        """Receipts that only settle once their chunk is delivered."""
        self._born: deque[float] = deque()
        """Of the chunks on disk that came in this run, which are behind all others."""
        self._opened = monotonic()

    @property
    def waits(self) -> bool:
        return bool(self.log.unread or self.unwritten)

    @property
    def chunks(self) -> int:
        """Those on disk, as the next two."""
        return self.log.unread

    @property
    def records(self) -> int:
        return self.log.unread_records

    @property
    def size(self) -> int:
        """Bytes."""
        return self.log.unread_bytes

    @property
    def oldest(self) -> float | None:
        """When the oldest that waits came, on the monotonic clock; those of earlier runs when this one began. None:
        nothing waits."""
        if self.chunks:
            return self._opened if self.chunks > len(self._born) else self._born[0]
        return self.unwritten[0][0].born if self.unwritten else None

    def put(self, chunk: Chunk, due: float = 0.0) -> bool:
        """Take over a chunk. True: it is on disk, and its receipts are released; else it waits in memory still.
        `due`: seconds since the epoch, before which it is not sent again. Raises: TypeError, if it is no plain data."""
        if not self.unwritten:
            try:
                self._write(chunk, due)
                return True
            except OSError as why:
                self._trouble(why)
        self.unwritten.append((chunk, due))
        return False

    def retry(self) -> Iterator[Chunk]:
        """Try again to write what waits in memory. Yields what is on disk now."""
        while self.unwritten:
            chunk, due = self.unwritten[0]
            try:
                self._write(chunk, due)
            except OSError as why:
                self._trouble(why)
                return
            self.unwritten.popleft()
            yield chunk
            if not self.unwritten:
                self._trouble(None)

    def _write(self, chunk: Chunk, due: float) -> None:
        body = pack([*what_it_is(chunk), due])
        at = self.log.append(THEIRS if theirs(chunk) else CHUNK, chunk.records, body)
        self._born.append(chunk.born)
        firm = []
        for receipt in chunk.receipts:
            if receipt.firm:
                firm.append(receipt)
            else:
                receipt.release()
        if firm:
            self._firm[at] = firm

    def take(self) -> tuple[Chunk, float] | None:
        """The oldest chunk, and when it is due. Raises: OSError, ValueError: there is one less now."""
        born = self.oldest
        frame = self.log.next()
        while len(self._born) > self.chunks:
            self._born.popleft()
        if frame is None:
            if not self.unwritten:
                return None
            found = self.unwritten.popleft()
            if not self.unwritten:
                self._trouble(None)
            return found
        at = frame.at
        on_disk = Receipt(0, lambda _: self.log.settle(at))
        on_disk.theirs = frame.kind == THEIRS
        receipts = [on_disk, *self._firm.pop(at, ())]
        try:
            key, items, records, size, attempt, weights, origins, due = unpack(frame.body)
        except (ValueError, TypeError):
            self.log.settle(at)
            raise ValueError(f"{frame.records} records on disk cannot be understood") from None
        return Chunk(
            key,
            items,
            records,
            size,
            f"{FROM_DISK}{next(_number):x}",
            attempt,
            receipts,
            weights,
            origins,
            weight(origins[0]) if origins else 0,
            monotonic() if born is None else born,
        ), due

    def waiting(self) -> list[Chunk]:
        """Take out what waits in memory."""
        found = [chunk for chunk, _ in self.unwritten]
        self.unwritten.clear()
        return found

    def park(self, chunks: list[Chunk]) -> list[Chunk]:
        """Keep chunks in front of all others, for the next run, and wait for the disk to confirm all that is there.
        Gives those that could not be kept."""
        left = [*chunks, *self.waiting()]
        lost: list[Chunk] = []
        self.log.to_front()
        for chunk in left:
            try:
                self._write(chunk, 0.0)
            except (OSError, TypeError):
                lost.append(chunk)
        self.log.flush()
        return lost

    def close(self) -> None:
        self.log.close()


def theirs(chunk: Chunk) -> bool:
    """Who sent it has all of it still."""
    return bool(chunk.receipts) and all(receipt.theirs for receipt in chunk.receipts)


def what_it_is(chunk: Chunk) -> list[object]:
    """What is kept of a chunk."""
    return [chunk.key, chunk.items, chunk.records, chunk.size, chunk.attempt, chunk.weights, chunk.origins]
