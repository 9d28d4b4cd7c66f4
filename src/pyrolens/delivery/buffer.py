"""Encoded records wait here until they fill a call, or until the next flush: one buffer for each key."""

from bisect import bisect_right
from collections.abc import Hashable, Iterator
from itertools import accumulate, count
from time import monotonic
from typing import Any

from pyrolens.delivery.memory import weight
from pyrolens.delivery.outcome import Chunk, Limits, Origin, Parcel
from pyrolens.delivery.receipt import Receipt

_number = count(1)


def new_id() -> str:
    """Of a chunk."""
    return f"{next(_number):x}"


class Buffer:
    """The open chunk of one key. Never holds more than a call may carry, but for a single item that is larger."""

    __slots__ = ("born", "items", "key", "limits", "origin_size", "origins", "receipts", "records", "size", "weights")

    def __init__(self, key: Hashable, limits: Limits) -> None:
        self.key = key
        self.limits = limits
        self._clear()

    def _clear(self) -> None:
        self.items: list[Any] = []
        self.born = 0.0
        self.receipts: list[Receipt] = []
        self.records = 0
        self.size = 0
        self.weights: list[int] | None = None
        self.origins: list[Origin] | None = None
        self.origin_size = 0

    def add(self, parcel: Parcel, receipt: Receipt) -> Iterator[Chunk]:
        """Take a parcel in; yields the chunks that became full."""
        limits = self.limits
        size = parcel.size + limits.per_item * len(parcel.items)
        if self.size + size <= limits.size and (
            limits.items is None or len(self.items) + len(parcel.items) <= limits.items
        ):
            self._take(parcel.items, parcel.records, size, receipt, parcel.origins)
            return
        sizes = parcel.sizes or list(map(len, parcel.items))
        records = 1 if len(parcel.items) == parcel.records else parcel.records
        ends = list(accumulate([each + limits.per_item for each in sizes]))
        start = before = 0
        while start < len(ends):
            end = bisect_right(ends, before + limits.size - self.size, start)
            if limits.items is not None:
                end = min(end, start + limits.items - len(self.items))
            if end == start and not self.items:
                end += 1  # larger than a call may be, so it is one by itself
            if end > start:
                taken = ends[end - 1] - before
                self._take(parcel.items[start:end], records * (end - start), taken, receipt, parcel.origins)
                start, before = end, ends[end - 1]
            if end < len(ends):
                yield self.cut()

    def _take(self, items: list[Any], records: int, size: int, receipt: Receipt, origins: list[Origin] | None) -> None:
        if not items:
            return
        if not self.items:
            self.born = monotonic()
        if self.weights is not None or records != len(items):
            # items that stand for several records each: rare, and one item a parcel
            weights = self.weights if self.weights is not None else [1] * len(self.items)
            self.weights = weights + ([1] * len(items) if records == len(items) else [records])
        if origins:
            # where they are kept, each parcel is made of a single record
            if self.origins is None:
                self.origins, self.origin_size = [], weight(origins[0])
            self.origins += origins[:1] * len(items)
        self.items += items
        self.records += records
        self.size += size
        receipt.hold()
        self.receipts.append(receipt)

    def cut(self) -> Chunk:
        """What is there, as a chunk; the buffer is empty after it."""
        chunk = Chunk(
            self.key,
            self.items,
            self.records,
            self.size,
            new_id(),
            0,
            self.receipts,
            self.weights,
            self.origins,
            self.origin_size,
            self.born,
        )
        self._clear()
        return chunk
