"""What records that wait cost in memory: one account for all outputs of a router."""

from collections.abc import Callable, Sequence
from sys import getsizeof
from typing import Any, Protocol

ITEM = 100
"""Bytes of an item besides its own: the object's head, its place in a list, and what the allocator rounds up.
Measured: 65 to 115."""
RECEIPT = 800
"""Bytes of a receipt, with what hangs on it. Measured: 230 of a batch in memory, 680 of one that is to be acknowledged,
770 of one that is stored."""
PLACE = 16
"""Bytes of one more mention of a receipt."""


class Waiting(Protocol):
    """A chunk, or a buffer."""

    @property
    def items(self) -> Sequence[Any]: ...
    @property
    def size(self) -> int: ...
    @property
    def receipts(self) -> Sequence[Any]: ...
    @property
    def origins(self) -> Sequence[Any] | None: ...
    @property
    def origin_size(self) -> int: ...


def cost(part: Waiting) -> int:
    """Bytes."""
    if part.origins:
        # each item was added by itself, so their batches are mentioned again and again
        each = ITEM + PLACE + part.origin_size
        return part.size + each * len(part.items) + RECEIPT
    return part.size + ITEM * len(part.items) + RECEIPT * len(part.receipts)


def weight(value: Any) -> int:
    """Bytes that a value takes, with all that is in it. Keys are counted, too, though many records may share them."""
    size = getsizeof(value)
    if isinstance(value, dict):
        return size + sum(weight(key) + weight(inner) for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return size + sum(map(weight, value))
    return size


class Memory:
    """The account. `low` and `eased` are set by who waits for it to fall."""

    __slots__ = ("eased", "low", "spooling", "used")

    def __init__(self) -> None:
        self.used = 0
        """Bytes."""
        self.low = -1
        """Below it `eased` is called; -1: never."""
        self.eased: Callable[[], None] = lambda: None
        self.spooling: set[object] = set()
        """The spools in which something waits."""

    def add(self, size: int) -> None:
        """A negative size takes away."""
        self.used += size
        if size < 0 and self.used <= self.low:
            self.eased()

    def spools(self, spool: object, does: bool) -> None:
        if does != (spool in self.spooling):
            (self.spooling.add if does else self.spooling.discard)(spool)
            if not self.spooling:
                self.eased()
