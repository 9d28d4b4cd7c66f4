"""A receipt stands for one batch that an input handed over, and settles when nothing of it is left to do."""

from collections.abc import Callable, Sequence


class Receipt:
    """Settled when each record of the batch has been delivered, filtered out on purpose, or given up.

    Whoever keeps a part of the batch (a chunk, a filter with memory) calls `hold`, and `release` when it is done."""

    __slots__ = ("_settled", "firm", "owner", "pending", "size", "theirs")

    def __init__(
        self, size: int, settled: Callable[["Receipt"], None], owner: object = None, *, firm: bool = False
    ) -> None:
        self.size = size
        """Bytes as they came in: what counts for Mem_Buf_Limit."""
        self.owner = owner
        """Whose records may be dropped to make room for newer ones of the same owner; None: they may not."""
        self.firm = firm
        """That its records wait on disk for an output is not enough to settle it."""
        self.theirs = firm
        """Until it settles who sent its records has them, and sends them again after a crash: so nothing of it needs
        to outlast this run."""
        self.pending = 1
        self._settled = settled

    def hold(self) -> None:
        self.pending += 1

    def then(self, call: Callable[[], None]) -> None:
        """Call this, too, when it settles."""
        before = self._settled

        def both(receipt: "Receipt") -> None:
            before(receipt)
            call()

        self._settled = both

    def carry(self, other: "Receipt") -> None:
        """Release the other one when this one settles, for its records go the same way from now on."""
        self.firm = self.firm or other.firm
        self.theirs = self.theirs and other.theirs
        self.then(other.release)

    def release(self) -> None:
        self.pending -= 1
        if self.pending == 0:
            self._settled(self)


def united(receipts: Sequence[Receipt]) -> Receipt:
    """One receipt to release for records that came in several batches: none of these settles before it is."""
    for receipt in receipts:
        receipt.hold()
    if len(receipts) == 1:
        return receipts[0]

    def settled(_: Receipt) -> None:
        for receipt in receipts:
            receipt.release()

    one = Receipt(0, settled, firm=any(receipt.firm for receipt in receipts))
    one.theirs = all(receipt.theirs for receipt in receipts)
    return one
