"""Chunks that are ready to be sent, in a lane for each key. Pure: who sends them is not known here."""

from collections import deque
from collections.abc import Hashable, Iterator

from pyrolens.delivery.outcome import Chunk


class Lanes:
    """Of one key, chunks go in order, at most `calls_per_key` at once; keys take turns."""

    def __init__(self, calls_per_key: int) -> None:
        self.calls_per_key = calls_per_key
        self._lanes: dict[Hashable, deque[Chunk]] = {}
        self._free: dict[Hashable, None] = {}
        """Keys, in turn, with something in their lane that may be sent now."""
        self._busy: dict[Hashable, int] = {}
        """Chunks that were taken and are not done, by key."""
        self._held: set[Hashable] = set()

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def __iter__(self) -> Iterator[Chunk]:
        return (chunk for lane in self._lanes.values() for chunk in lane)

    @property
    def open(self) -> bool:
        """There is a chunk that may be sent now."""
        return bool(self._free)

    def add(self, chunk: Chunk, *, first: bool = False) -> None:
        lane = self._lanes.setdefault(chunk.key, deque())
        (lane.appendleft if first else lane.append)(chunk)
        self._list(chunk.key)

    def take(self) -> Chunk:
        """The next one that may be sent. Only where one is open."""
        key = next(iter(self._free))
        chunk = self._lanes[key][0]
        self._busy[key] = self._busy.get(key, 0) + 1
        self.remove(chunk)
        return chunk

    def done(self, chunk: Chunk) -> None:
        """A chunk that was taken is under way no more."""
        left = self._busy.pop(chunk.key) - 1
        if left:
            self._busy[chunk.key] = left
        self._list(chunk.key)

    def remove(self, chunk: Chunk) -> None:
        lane = self._lanes[chunk.key]
        lane.remove(chunk) if lane[0] is not chunk else lane.popleft()
        if not lane:
            del self._lanes[chunk.key]
        self._free.pop(chunk.key, None)
        self._list(chunk.key)

    def hold(self, key: Hashable) -> None:
        """Nothing of this key goes before it is let go, as a chunk waits for its retry that must not be overtaken."""
        self._held.add(key)
        self._free.pop(key, None)

    def let_go(self, key: Hashable) -> None:
        self._held.discard(key)
        self._list(key)

    def clear(self) -> None:
        self._lanes.clear()
        self._free.clear()
        self._held.clear()

    def _list(self, key: Hashable) -> None:
        """Put the key among the free ones, at their end, if it has something to send and may make one more call."""
        may = key not in self._held and self._busy.get(key, 0) < self.calls_per_key
        if may and key in self._lanes and key not in self._free:
            self._free[key] = None
