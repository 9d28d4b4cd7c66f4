"""What records that wait cost in memory: one account for all outputs of a router."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

ITEM = 60
"""Bytes of an item besides its own: the object's head, its place in a list, and what the allocator rounds up."""
RECEIPT = 600
"""Bytes of a receipt, with what hangs on it."""


class Waiting(Protocol):
    """A chunk, or a buffer."""

    @property
    def items(self) -> Sequence[Any]: ...
    @property
    def size(self) -> int: ...
    @property
    def receipts(self) -> Sequence[Any]: ...


def cost(part: Waiting) -> int:
    """Bytes."""
    return part.size + ITEM * len(part.items) + RECEIPT * len(part.receipts)


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
